package evm

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"

	"github.com/ethereum/go-ethereum/rlp"
)

// FuzzDecode: what decodes is written again identically, and its review and
// digest can be had.
func FuzzDecode(f *testing.F) {
	for _, fields := range []Fields{
		pay(nil), pay(legacy), pay(func(f *Fields) { f.To, f.Data = nil, []byte{1} }),
		pay(func(f *Fields) { f.Data = words("a9059cbb", friend, 5) }),
		pay(func(f *Fields) { f.Data = exec(1, friend) }),
		pay(func(f *Fields) { f.AccessList = []AccessEntry{{usdt, make([][32]byte, 2)}} }),
		pay(func(f *Fields) {
			legacy(f)
			f.Type = Access
		}),
	} {
		b := fields.Encode()
		if b == nil {
			f.Fatal("a seed does not encode")
		}
		f.Add(b)
	}
	codec := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := codec.Decode(chain.Unsigned{Network: "eip155:1", Signers: []chain.PublicKey{key}, Payload: b})
		if err != nil {
			if fault.Code(err) == "internal" || !quote.Plain(err.Error()) {
				t.Fatalf("%q", err)
			}
			return
		}
		if again := got.(*tx).Encode(); !bytes.Equal(again, b) {
			t.Fatalf("%x is written again as %x", b, again)
		}
		if digest := keccak(b); !bytes.Equal(got.ToSign()[0].Message, digest[:]) {
			t.Fatal("another digest")
		}
		if text := got.Review().Text(); !quote.Plain(string(bytes.ReplaceAll([]byte(text), []byte("\n"), nil))) {
			t.Fatalf("review %q", text)
		}
	})
}

// tree reads any RLP item as go-ethereum does: bytes, or a list of items.
func tree(b []byte, depth int) (v any, rest []byte, ok bool) {
	list, body, rest, err := split(b)
	if err != nil || depth > 200 {
		return nil, nil, false
	}
	if !list {
		return body, rest, true
	}
	items := []any{}
	for len(body) > 0 {
		if v, body, ok = tree(body, depth+1); !ok {
			return nil, nil, false
		}
		items = append(items, v)
	}
	return items, rest, true
}

func write(v any) []byte {
	if b, ok := v.([]byte); ok {
		return appendBytes(nil, b)
	}
	var body []byte
	for _, item := range v.([]any) {
		body = append(body, write(item)...)
	}
	return appendList(nil, body)
}

// FuzzRLP: our reader takes exactly what go-ethereum's takes, and both write
// the same bytes again.
func FuzzRLP(f *testing.F) {
	for _, s := range []string{"80", "00", "7f", "8100", "8180", "c0", "c1c0", "b838" + "00", "f838", "b90000", "bfffffffffffffffff", "c20080", "83616263"} {
		f.Add(unhex(s))
	}
	f.Add(append(unhex("b90038"), make([]byte, 56)...))
	f.Add(append(unhex("b837"), make([]byte, 55)...))
	f.Add(append(unhex("f837"), make([]byte, 55)...))
	f.Add(write([]any{bytes.Repeat([]byte{7}, 56), []any{make([]byte, 300), []any{}}}))
	f.Add(pay(legacy).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		v, rest, ok := tree(b, 0)
		ok = ok && len(rest) == 0
		var theirs any
		err := rlp.DecodeBytes(b, &theirs)
		if ok != (err == nil) {
			t.Fatalf("%x: ours %v, go-ethereum's %v", b, ok, err)
		}
		if !ok {
			return
		}
		again, err := rlp.EncodeToBytes(theirs)
		if err != nil || !bytes.Equal(again, b) || !bytes.Equal(write(v), b) {
			t.Fatalf("%x is written again as %x (%x), %v", b, write(v), again, err)
		}
	})
}

// TestGoldens: every golden review belongs to a case, and there are some.
func TestGoldens(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/evm/reviews/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d golden reviews, %v", len(files), err)
	}
	suite, err := os.ReadFile("suite_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := filepath.Base(f)
		if !bytes.Contains(suite, []byte(`"`+name[:len(name)-4]+`"`)) {
			t.Errorf("%s belongs to no case", name)
		}
	}
}
