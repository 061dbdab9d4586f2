package bundle

import (
	"bytes"
	"testing"
)

// FuzzOpen: nothing that is not ours opens, nothing panics, and what opens seals
// to the same bytes. The input is a file as it stands, and also a payload that
// is signed here, so that the fuzzer gets past the signature.
func FuzzOpen(f *testing.F) {
	for name := range vectors(f) {
		raw := read(f, name)
		e, err := split(raw)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add(e.payload)
	}
	d := onlineDevice(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, raw := range [][]byte{in, sealAny(t, string(in), d)} {
			_, _, _ = OpenPairing(raw)
			b, err := Open(raw, d.Public())
			if err != nil {
				continue
			}
			if !bytes.Equal(sealAny(t, payloadOf(t, b.Header, b.items), d), raw) {
				t.Fatalf("opened, and seals to other bytes: %x", raw)
			}
			if again, err := Seal(b.Header, b.items, d); err == nil && !bytes.Equal(again, raw) {
				t.Fatalf("Seal gives other bytes: %x", again)
			}
		}
	})
}

// FuzzItems: an item that decodes encodes to the same bytes.
func FuzzItems(f *testing.F) {
	for _, v := range vectors(f) {
		for _, i := range encode(f, v.items...) {
			f.Add(i)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		same(t, in, decode[Request])
		same(t, in, decode[Receipt])
		same(t, in, decode[Wallet])
		same(t, in, decode[Device])
	})
}

func same[T item](t *testing.T, in []byte, read func([]byte) (T, error)) {
	t.Helper()
	v, err := read(in)
	if err != nil {
		return
	}
	if out, err := EncodeItem(v); err != nil || !bytes.Equal(out, in) {
		t.Fatalf("%x decodes to %+v and encodes to %x: %v", in, v, out, err)
	}
}

// FuzzPayload: a payload that parses is the one encoding of what it says.
func FuzzPayload(f *testing.F) {
	for name := range vectors(f) {
		e, err := split(read(f, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(e.payload)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		h, items, err := parse(in)
		if err == nil && payloadOf(t, h, items) != string(in) {
			t.Fatalf("%x parses as %+v, whose encoding differs", in, h)
		}
	})
}
