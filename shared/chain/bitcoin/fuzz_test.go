package bitcoin

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

func seeds(f *testing.F) {
	n := 0
	for _, v := range psbtVectors(f) {
		f.Add(unhex(f, v.Hex))
		n++
	}
	for _, c := range conformanceCases(f) {
		f.Add(c.Unsigned.Payload)
		n++
	}
	rnd := rand.New(rand.NewChaCha8([32]byte{2}))
	for range 10 {
		b, _ := random(f, rnd)
		f.Add(b)
	}
	if n < 60 {
		f.Fatalf("%d seeds", n)
	}
}

// What parses encodes to the same bytes, and so does its transaction.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePacket(b)
		if err != nil {
			return
		}
		if !bytes.Equal(p.encode(), b) {
			t.Fatal("encodes differently")
		}
		raw, _ := p.global.get(globalTx)
		if !bytes.Equal(p.tx.encode(false), raw) {
			t.Fatal("the transaction encodes differently")
		}
		for _, in := range p.in {
			prev, _ := in.get(inPrevTx)
			r := &reader{b: prev}
			if x := r.transaction(true); r.done() && !bytes.Equal(x.encode(true), prev) {
				t.Fatal("a previous transaction encodes differently")
			}
		}
	})
}

// What decodes can be reviewed and sealed, and the two agree.
func FuzzDecode(f *testing.F) {
	seeds(f)
	all := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	f.Fuzz(func(t *testing.T, b []byte) {
		for mask := range 12 {
			ks := all
			if mask > 0 && mask <= len(all) {
				ks = all[mask-1 : mask]
			} else if mask > len(all) {
				ks = []int{6, 2}
			}
			x, err := New().Decode(chain.Unsigned{Network: mainnet, Payload: b, Signers: signers(ks...)})
			if err != nil {
				continue
			}
			if x.Review().Text() == "" || len(x.ToSign()) == 0 {
				t.Fatal("nothing to review or to sign")
			}
			sealed, err := x.Seal(signAll(x))
			if err != nil {
				t.Fatal(err)
			}
			r := &reader{b: sealed.Raw}
			if final := r.transaction(true); !r.done() || final.id().String() != sealed.TxID {
				t.Fatal("the sealed transaction does not parse to its id")
			}
			if _, err := PayloadOrigins(b); err != nil {
				t.Fatal(err)
			}
		}
		wanted, err := Match(b, signers(all...))
		if err != nil || len(wanted) == 0 {
			return
		}
		// A candidate may have told the redeem script of an input that it has signed already.
		x, err := New().Decode(chain.Unsigned{Network: mainnet, Payload: b, Signers: wanted})
		if err != nil && !fault.Is(err, "psbt.redeem-script") {
			t.Fatalf("Match gives signers that Decode refuses: %v", err)
		}
		if err == nil && x.Review().Text() == "" {
			t.Fatal("nothing to review")
		}
	})
}
