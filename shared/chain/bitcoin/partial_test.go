package bitcoin

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/psbt/v2"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

func partially(payload []byte, ks ...int) chain.Unsigned {
	return chain.Unsigned{Network: mainnet, Payload: payload, Signers: signers(ks...), Partial: true}
}

// cosign has one device sign what it can, and gives its PSBT back.
func cosign(t *testing.T, payload []byte, k int) []byte {
	t.Helper()
	wanted, err := MatchPartial(payload, signers(k))
	if err != nil || !slices.Equal(wanted, signers(k)) {
		t.Fatalf("wanted %v, %v", wanted, err)
	}
	u := partially(payload, k)
	x, err := New().Decode(u)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Partial(u, signAll(x))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// together lets btcd put the signatures of several PSBTs together and finalize, and
// checks the transaction against our own reading, weight and id included.
func together(t *testing.T, unsigned []byte, list ...[]byte) {
	t.Helper()
	p, err := psbt.NewFromRawBytes(bytes.NewReader(unsigned), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range list {
		q, err := psbt.NewFromRawBytes(bytes.NewReader(b), false)
		if err != nil {
			t.Fatal(err)
		}
		for n, in := range q.Inputs {
			for _, s := range in.PartialSigs {
				if !slices.ContainsFunc(p.Inputs[n].PartialSigs, func(o *psbt.PartialSig) bool { return bytes.Equal(o.PubKey, s.PubKey) }) {
					p.Inputs[n].PartialSigs = append(p.Inputs[n].PartialSigs, s)
				}
			}
		}
	}
	for n := range p.Inputs { // btcd finalizes by this field
		p.Inputs[n].WitnessUtxo = p.Inputs[n].NonWitnessUtxo.TxOut[1]
		p.Inputs[n].NonWitnessUtxo = nil
	}
	if err := psbt.MaybeFinalizeAll(p); err != nil {
		t.Fatalf("btcd does not finalize: %v", err)
	}
	m, err := psbt.Extract(p)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	first, err := New().Decode(partially(unsigned, 4))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, first.(*tx), chain.Sealed{TxID: m.TxHash().String(), Raw: b.Bytes()})
	sealed, err := first.Seal(signAll(first))
	if err != nil || sealed.Raw != nil || sealed.TxID != m.TxHash().String() {
		t.Errorf("the first signer seals %s, %x, %v", sealed.TxID, sealed.Raw, err)
	}
}

// Each pair of a 2-of-3 and each order of a 3-of-5 makes the same valid spend,
// whether one signs after the other or each signs what the coordinator made.
func TestPartialOrder(t *testing.T) {
	for _, c := range []struct {
		in    func(k ...int) Input
		need  int
		order [][]int
	}{
		{func(k ...int) Input { return p2wsh(1, 90_000, multisigScript(2, k...)) }, 2, [][]int{{4, 5}, {5, 4}, {4, 6}, {6, 4}, {4, 7}}},
		{func(k ...int) Input {
			w := multisigScript(3, append(k, 8)...)
			in := nested(2, 90_000, P2WSH(w, false))
			in.WitnessScript = w
			return in
		}, 3, [][]int{{4, 5, 6}, {6, 5, 4}, {8, 4, 7}}},
	} {
		unsigned := build(t, 2, 0, []Input{c.in(4, 5, 6, 7), c.in(7, 6, 5, 4)}, []Output{pay(170_000)})
		for _, order := range c.order {
			chained, alone := unsigned, [][]byte(nil)
			for n, k := range order {
				next := cosign(t, chained, k)
				alone = append(alone, cosign(t, unsigned, k))
				if _, err := New().Decode(partially(next, k)); !fault.Is(err, "psbt.signer-unused") && !fault.Is(err, "psbt.signers") {
					t.Errorf("%v: signer %d signs twice: %v", order, k, err)
				}
				if left := c.need - n - 1; left > 0 {
					x, err := New().Decode(partially(chained, k))
					if want := fmt.Sprintf("and then by %d more", left); err != nil || !bytes.Contains([]byte(x.Review().Text()), []byte(want)) {
						t.Errorf("%v: the review of signer %d does not say %q: %v", order, k, want, err)
					}
				}
				chained = next
			}
			together(t, unsigned, chained)
			together(t, unsigned, alone...)
		}
	}
}

// Only a multisig may be left to others, and only where it is said, and where there
// is something for us to sign.
func TestPartialRefused(t *testing.T) {
	shared := p2wsh(1, 90_000, multisigScript(2, 4, 5, 6))
	unsigned := build(t, 2, 0, []Input{shared}, []Output{pay(80_000)})
	mixed := build(t, 2, 0, []Input{shared, kinds[1].input(2, 9000)}, []Output{pay(80_000)})
	foreign := build(t, 2, 0, []Input{shared, p2wsh(3, 90_000, multisigScript(2, 7, 8))}, []Output{pay(80_000)})
	half := cosign(t, unsigned, 5)
	whole := cosign(t, half, 6)
	for _, c := range []struct {
		name, code string
		u          chain.Unsigned
	}{
		{"not said", "psbt.signers", chain.Unsigned{Network: mainnet, Payload: unsigned, Signers: signers(4)}},
		{"said", "", partially(unsigned, 4)},
		{"no key", "psbt.signers", partially(unsigned)},
		{"another's key", "psbt.signers", partially(unsigned, 7)},
		{"a single key missing", "psbt.signers", partially(mixed, 4)},
		{"none missing", "", partially(mixed, 4, 2)},
		{"an input of others", "psbt.signers", partially(foreign, 4)},
		{"one key in each", "", partially(foreign, 4, 7)},
		{"signed by us", "psbt.signers", partially(half, 5)},
		{"signed by another", "", partially(half, 4)},
		{"signed by enough", "psbt.signer-unused", partially(whole, 4)},
	} {
		if x, err := New().Decode(c.u); fault.Code(err) != c.code && (err != nil || c.code != "") {
			t.Errorf("%s: %v, %v, want %q", c.name, x, err, c.code)
		}
	}
	if x, err := New().Decode(partially(half, 4)); err != nil {
		t.Error(err)
	} else if sealed, err := x.Seal(signAll(x)); err != nil || sealed.Raw == nil {
		t.Errorf("the last signer's transaction is not whole: %v", err)
	}
}

// Whose shared output each request spends from is told by its address.
func TestShared(t *testing.T) {
	shared := p2wsh(1, 90_000, multisigScript(2, 4, 5, 6))
	payload := build(t, 2, 0, []Input{kinds[0].input(2, 9000), shared}, []Output{pay(80_000)})
	x := decode(t, payload, 1, 4, 6)
	address, _ := AddressFor(mainnet, shared.spentScript(t))
	if got := x.Shared(); !slices.Equal(got, []string{"", address, address}) {
		t.Errorf("%v, want %s", got, address)
	}
}

// spentScript is the script of the output that spend made.
func (i Input) spentScript(t *testing.T) []byte {
	r := &reader{b: i.Previous}
	prev := r.transaction(true)
	if !r.done() {
		t.Fatal("previous transaction")
	}
	return prev.out[1].Script
}
