package bitcoin

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// What Partial puts into a PSBT, btcd finalizes to the transaction that Seal
// makes, and Signatures takes out again: from the PSBT with signatures, from the
// finalized one, and from the network transaction.
func TestAnswers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		payload, ks := random(t, rnd)
		x := decode(t, payload, ks...)
		u := chain.Unsigned{Network: regtest, Payload: payload, Signers: signers(ks...)}
		sigs := signAll(x)
		sealed, err := x.Seal(sigs)
		if err != nil {
			t.Fatal(err)
		}
		partial, err := Partial(u, sigs)
		if err != nil {
			t.Fatal(err)
		}
		p, err := psbt.NewFromRawBytes(bytes.NewReader(partial), false)
		if err != nil {
			t.Fatalf("btcd does not read it: %v", err)
		}
		for n, i := range x.in { // btcd finalizes no witness input by its previous transaction
			if i.kind != p2pkh {
				p.Inputs[n].WitnessUtxo, p.Inputs[n].NonWitnessUtxo = wire.NewTxOut(int64(i.spent.Amount), i.spent.Script), nil
			}
		}
		if err := psbt.MaybeFinalizeAll(p); err != nil {
			t.Fatalf("btcd does not finalize it: %v", err)
		}
		var final, network bytes.Buffer
		if err := p.Serialize(&final); err != nil {
			t.Fatal(err)
		}
		signed, err := psbt.Extract(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := signed.Serialize(&network); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(network.Bytes(), sealed.Raw) {
			t.Fatalf("btcd makes\n%x\nand we make\n%x", network.Bytes(), sealed.Raw)
		}
		for _, answer := range [][]byte{partial, final.Bytes(), network.Bytes()} {
			got, err := Signatures(u, answer)
			if err != nil {
				t.Fatal(err)
			}
			for n, s := range sigs {
				if !bytes.Equal(got[n], s.Bytes) {
					t.Fatalf("signature %d is %x, was %x", n, got[n], s.Bytes)
				}
			}
			id, err := Unsigned(answer)
			if err != nil || id != x.unsigned.id() {
				t.Fatalf("id %s %v, want %s", id, err, x.unsigned.id())
			}
		}
	}
}

func TestAnswersRefused(t *testing.T) {
	in := kinds[1].input(1, 50_000)
	payload := build(t, 2, 0, []Input{in}, []Output{pay(40_000)})
	other := build(t, 2, 0, []Input{in}, []Output{pay(40_001)})
	u := chain.Unsigned{Network: regtest, Payload: payload, Signers: signers(2)}
	sigs := signAll(decode(t, payload, 2))
	foreign := signAll(decode(t, other, 2))
	good, err := Partial(u, sigs)
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := Partial(chain.Unsigned{Network: regtest, Payload: other, Signers: signers(2)}, foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Partial(u, foreign); !fault.Is(err, "seal.signature") {
		t.Errorf("a signature of another transaction goes in: %v", err)
	}
	sealed, _ := decode(t, payload, 2).Seal(sigs)
	// Every flipped bit of a final answer is refused: it changes the transaction,
	// spoils the signature, or (the key in the witness) is of no account.
	for i := range sealed.Raw {
		b := bytes.Clone(sealed.Raw)
		b[i] ^= 1
		if got, err := Signatures(u, b); err == nil && !bytes.Equal(got[0], sigs[0].Bytes) {
			t.Errorf("byte %d flipped: another signature was taken", i)
		}
	}
	for name, c := range map[string]struct {
		answer []byte
		code   string
	}{
		"other transaction":  {wrong, "psbt.answer"},
		"nothing signed":     {payload, "psbt.answer-signature"},
		"no transaction":     {[]byte("what"), "psbt.answer"},
		"empty":              {nil, "psbt.answer"},
		"cut short":          {good[:len(good)-1], "psbt.malformed"},
		"trailing":           {append(bytes.Clone(good), 0), "psbt.trailing"},
		"too large":          {make([]byte, maxPayload+1), "psbt.limits"},
		"final and trailing": {append(bytes.Clone(sealed.Raw), 0), "psbt.answer"},
	} {
		if _, err := Signatures(u, c.answer); !fault.Is(err, c.code) {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// A PSBT that names no origins gets those of the keys that are to sign, as
// BuildPSBT would have written them, and none twice.
func TestWithOrigins(t *testing.T) {
	for _, k := range kinds {
		in := k.input(3, 50_000)
		var origins []chain.Origin
		for i, n := range k.signers {
			origins = append(origins, chain.Origin{Key: key(n), Fingerprint: [4]byte{1, 2, 3, byte(n)}, Path: []uint32{84 | chain.Hardened, uint32(i)}})
		}
		bare := build(t, 2, 0, []Input{in}, []Output{pay(40_000)})
		u := chain.Unsigned{Network: regtest, Payload: bare, Signers: signers(k.signers...)}
		got, err := WithOrigins(u, append(origins, chain.Origin{Key: key(30), Path: []uint32{1}}))
		if err != nil {
			t.Fatal(err)
		}
		named, err := PayloadOrigins(got)
		if err != nil || len(named) != len(origins) {
			t.Fatalf("%s: %d origins, %v", k.name, len(named), err)
		}
		for _, o := range origins {
			if !slices.ContainsFunc(named, func(n chain.Origin) bool {
				return n.Key.Even() == o.Key.Even() && n.Fingerprint == o.Fingerprint && slices.Equal(n.Path, o.Path)
			}) {
				t.Errorf("%s: the origin of %s is missing", k.name, o.Key)
			}
		}
		if _, err := psbt.NewFromRawBytes(bytes.NewReader(got), false); err != nil {
			t.Errorf("%s: btcd: %v", k.name, err)
		}
		u.Payload = got
		if again, err := WithOrigins(u, origins); err != nil || !bytes.Equal(again, got) {
			t.Errorf("%s: it grows: %v", k.name, err)
		}
		a, b := decode(t, bare, k.signers...).ToSign(), decode(t, got, k.signers...).ToSign()
		for i := range a {
			if !bytes.Equal(a[i].Message, b[i].Message) {
				t.Errorf("%s: another digest is signed", k.name)
			}
		}
	}
}

func FuzzSignatures(f *testing.F) {
	in := kinds[5].input(1, 50_000)
	payload := build(f, 2, 0, []Input{in, kinds[0].input(2, 60_000)}, []Output{pay(40_000)})
	u := chain.Unsigned{Network: regtest, Payload: payload, Signers: signers(9, 1)}
	sigs := signAll(decode(f, payload, 9, 1))
	sealed, err := decode(f, payload, 9, 1).Seal(sigs)
	if err != nil {
		f.Fatal(err)
	}
	partial, err := Partial(u, sigs)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed.Raw)
	f.Add(partial)
	f.Fuzz(func(t *testing.T, answer []byte) {
		got, err := Signatures(u, answer)
		if err != nil {
			return
		}
		for n := range got {
			if len(got[n]) != len(sigs[n].Bytes) {
				t.Fatalf("signature %d has %d bytes", n, len(got[n]))
			}
		}
	})
}
