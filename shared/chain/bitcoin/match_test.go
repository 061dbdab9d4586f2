package bitcoin

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

func TestMatch(t *testing.T) {
	psbtOf := func(in ...Input) []byte { return build(t, 2, 0, in, []Output{pay(1000)}) }
	pkh, wpkh, sh, wsh, tr := kinds[0].input(1, 9000), kinds[1].input(2, 9000), kinds[2].input(3, 9000), kinds[3].input(4, 9000), kinds[5].input(5, 9000)
	unnamed := func(i Input) Input {
		i.RedeemScript, i.InternalKey = nil, nil
		return i
	}
	again := kinds[1].input(6, 500)
	base := psbtOf(wsh, pkh)
	half := withField(t, base, 0, inPartialSig, partial(t, base, 0, 4, 1, 4, 5), key(4).Bytes()...)
	single := psbtOf(wpkh)
	full := withField(t, single, 0, inPartialSig, partial(t, single, 0, 2, 2), key(2).Bytes()...)
	all := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for _, c := range []struct {
		name             string
		payload          []byte
		candidates, want []int
	}{
		{"one", psbtOf(pkh), all, []int{1}},
		{"in the order of the inputs", psbtOf(sh, wpkh, pkh), all, []int{3, 2, 1}},
		{"once each", psbtOf(wpkh, pkh, again), all, []int{2, 1}},
		{"candidate twice", psbtOf(wpkh), []int{2, 1, 2}, []int{2}},
		{"multisig in the order of its script", psbtOf(wsh), []int{6, 5, 4}, []int{4, 5}},
		{"multisig with those there are", psbtOf(wsh), []int{6, 5}, []int{5, 6}},
		{"multisig signed by one", half, all, []int{5, 1}},
		{"multisig signed by one, who is no candidate", half, []int{6, 1}, []int{6, 1}},
		{"Taproot", psbtOf(tr, wpkh), all, []int{9, 2}},
		{"redeem script and internal key found by the candidate", psbtOf(unnamed(sh), unnamed(tr)), all, []int{3, 9}},
		{"all signed", full, all, nil},
	} {
		got, err := Match(c.payload, signers(c.candidates...))
		if err != nil || !slices.Equal(got, signers(c.want...)) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
		if c.want != nil {
			decode(t, c.payload, c.want...)
		}
	}
	for _, c := range []struct {
		name, code string
		payload    []byte
		candidates []chain.PublicKey
	}{
		{"no candidate", "psbt.signers", psbtOf(pkh), nil},
		{"too few", "psbt.signers", psbtOf(wsh, pkh), signers(1, 4)},
		{"no key", "psbt.signers", psbtOf(pkh), []chain.PublicKey{{}}},
		{"too many", "psbt.limits", psbtOf(pkh), make([]chain.PublicKey, maxSigners+1)},
		{"no PSBT", "psbt.malformed", []byte("psbt"), signers(1)},
		{"form", "bitcoin.version", build(t, 9, 0, []Input{pkh}, []Output{pay(1)}), signers(1)},
		{"input", "psbt.sighash", withField(t, psbtOf(pkh), 0, inSighash, []byte{2, 0, 0, 0}), signers(1)},
		{"amounts", "bitcoin.inputs-below-outputs", build(t, 2, 0, []Input{pkh}, []Output{pay(9001)}), signers(1)},
	} {
		if got, err := Match(c.payload, c.candidates); !fault.Is(err, c.code) {
			t.Errorf("%s: %v, %v, want %s", c.name, got, err, c.code)
		}
	}
}

// A Taproot request names a key with even y. The candidate is given as it is.
func TestMatchOddKey(t *testing.T) {
	odd := slices.IndexFunc(signers(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), func(k chain.PublicKey) bool { return k != k.Even() })
	if odd < 0 {
		t.Fatal("no test key is odd")
	}
	payload := build(t, 2, 0, []Input{taproot(1, 9000, odd, nil)}, []Output{pay(8000)})
	for _, candidates := range [][]chain.PublicKey{{key(odd)}, {key(odd).Even()}, {key(odd), key(odd).Even()}, {key(odd).Even(), key(odd)}} {
		got, err := Match(payload, candidates)
		if err != nil || !slices.Equal(got, candidates[:1]) {
			t.Errorf("%v of %v: %v", got, candidates, err)
			continue
		}
		if _, err := New().Decode(chain.Unsigned{Network: mainnet, Payload: payload, Signers: got}); err != nil {
			t.Error(err)
		}
	}
}

// For random transactions: what Match gives is what Decode then wants signed,
// and origins and outpoints are those of the decoded transaction.
func TestMatchAgainstDecode(t *testing.T) {
	rnd := rand.New(rand.NewChaCha8([32]byte{3}))
	for range 60 {
		payload, _ := random(t, rnd)
		candidates := signers(rnd.Perm(20)...)
		wanted, err := Match(payload, candidates)
		if err != nil {
			t.Fatal(err)
		}
		x, err := New().Decode(chain.Unsigned{Network: mainnet, Payload: payload, Signers: wanted})
		if err != nil {
			t.Fatal(err)
		}
		var want []chain.PublicKey
		for _, r := range x.ToSign() {
			if !slices.ContainsFunc(want, func(k chain.PublicKey) bool { return k.Even() == r.Key.Even() }) {
				want = append(want, r.Key)
			}
		}
		if !slices.EqualFunc(wanted, want, func(a, b chain.PublicKey) bool { return a.Even() == b.Even() }) {
			t.Errorf("%v, Decode wants %v", wanted, want)
		}
		spent, err := Outpoints(payload)
		if err != nil || len(spent) != len(x.(*tx).in) {
			t.Fatalf("%d outpoints: %v", len(spent), err)
		}
		for n, i := range x.(*tx).in {
			if spent[n] != i.Outpoint {
				t.Errorf("input %d spends %v, not %v", n, i.Outpoint, spent[n])
			}
		}
	}
}

func TestPayloadOrigins(t *testing.T) {
	wpkh, tr := kinds[1].input(1, 9000), kinds[5].input(2, 9000)
	wpkh.Origins = []chain.Origin{{Key: key(2), Fingerprint: [4]byte{1, 2, 3, 4}, Path: []uint32{chain.Hardened + 84, 0, 7}}}
	tr.Origins = []chain.Origin{{Key: key(9).Even(), Fingerprint: [4]byte{5, 6, 7, 8}, Path: []uint32{chain.Hardened + 86}}}
	want := slices.Concat(wpkh.Origins, tr.Origins)
	payload := build(t, 2, 0, []Input{wpkh, tr}, []Output{pay(8000)})
	decode(t, payload, 2, 9)
	got, err := PayloadOrigins(payload)
	spent, err2 := Outpoints(payload)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	clear(payload)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if !slices.Equal(spent, []Outpoint{wpkh.Outpoint, tr.Outpoint}) {
		t.Errorf("%v", spent)
	}
	if got, err := PayloadOrigins(payload); !fault.Is(err, "psbt.malformed") {
		t.Errorf("origins of nothing: %v, %v", got, err)
	}
	if got, err := Outpoints(payload); !fault.Is(err, "psbt.malformed") {
		t.Errorf("outpoints of nothing: %v, %v", got, err)
	}
}
