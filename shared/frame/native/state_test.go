package native

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"coldsign/shared/fault"
)

// A scan that is saved and restored after each frame goes on as if it had not been.
func TestSaveAtEveryFrame(t *testing.T) {
	data, other := noise(1, 2000), noise(2, 3000)
	e, f := encoder(t, data, 104), encoder(t, other, 104)
	d, plain := NewDecoder(Limits{}), NewDecoder(Limits{})
	keep := loss(3, 40)
	var got [][]byte
	for n := uint64(0); len(got) < 2 && n < 200; n++ {
		for _, e := range []*Encoder{e, f} {
			if !keep(n) {
				continue
			}
			p, err := d.Add(e.Frame(n))
			q, _ := plain.Add(e.Frame(n))
			if q.Done && q.Object == nil {
				continue // a finished object is not in the state
			}
			if err != nil || p.Rank != q.Rank || !bytes.Equal(p.Object, q.Object) {
				t.Fatalf("%+v, and without saving %+v: %v", p, q, err)
			}
			if p.Object != nil {
				got = append(got, p.Object)
			}
			state := d.Save()
			if len(state) != cap(state) {
				t.Fatalf("a state of %d bytes took %d", len(state), cap(state))
			}
			d = NewDecoder(Limits{})
			if err := d.Restore(state); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(d.Save(), state) || d.Missing(e.ID()) != plain.Missing(e.ID()) {
				t.Fatal("the restored state is another")
			}
		}
	}
	if len(got) != 2 || !bytes.Equal(got[0], data) || !bytes.Equal(got[1], other) {
		t.Errorf("%d objects", len(got))
	}
}

func sealed(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(bytes.Clone(body), sum[:]...)
}

func TestRestoreRefuses(t *testing.T) {
	e := encoder(t, noise(1, 300), 124)
	d := NewDecoder(Limits{})
	d.Add(e.Frame(0))
	d.Add(e.Frame(1))
	state := d.Save()
	refused := func(b []byte, what string, i int) {
		if err := d.Restore(b); !fault.Is(err, "frame.state") {
			t.Errorf("%s %d was restored: %v", what, i, err)
		}
		if !bytes.Equal(d.Save(), state) {
			t.Fatalf("%s %d: a refused state changes the decoder", what, i)
		}
	}
	for i := range state {
		refused(state[:i], "cut to", i)
		b := bytes.Clone(state)
		b[i] ^= 0x40
		refused(b, "flipped", i)
	}
	body := state[:len(state)-sha256.Size]
	for i := len(stateMagic) + 1; i < len(body); i++ {
		if i == len(stateMagic)+2+124 {
			continue // one whole frame is a state
		}
		refused(sealed(body[:i]), "sealed, cut to", i)
	}
	third := e.Frame(2)
	refused(sealed(append(append(bytes.Clone(body), 0, byte(len(third))), third...)), "a whole object", 3)
	refused(sealed([]byte("coldsign scan v2")), "version", 2)
	if err := NewDecoder(Limits{Memory: 100}).Restore(state); !fault.Is(err, "frame.state") {
		t.Errorf("a state over the limit: %v", err)
	}
	if err := d.Restore(sealed([]byte(stateMagic))); err != nil || len(d.sessions) != 0 {
		t.Errorf("an empty state: %v", err)
	}
}
