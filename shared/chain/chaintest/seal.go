package chaintest

import (
	"bytes"
	"math/big"
	"reflect"
	"slices"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// testSeal: the right signatures assemble, always to the same bytes; anything
// else is refused with a "seal." code.
func testSeal(t *testing.T, k Case, tx chain.Tx) {
	var sigs []chain.Signature
	for _, q := range tx.ToSign() {
		sigs = append(sigs, k.Sign(q))
	}
	sealed, err := tx.Seal(copySigs(sigs))
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	if sealed.TxID == "" || !quote.Plain(sealed.TxID) || len(sealed.Raw) == 0 {
		t.Error("sealed transaction lacks its id or its bytes")
	}
	if again, err := tx.Seal(copySigs(sigs)); err != nil || !reflect.DeepEqual(again, sealed) {
		t.Errorf("second seal differs: %v", err)
	}
	refuse := func(what, code string, bad []chain.Signature) {
		t.Helper()
		if _, err := tx.Seal(bad); err == nil {
			t.Errorf("seal: %s accepted", what)
		} else if got := fault.Code(err); got != code || !quote.Plain(err.Error()) {
			t.Errorf("seal: %s refused with code %q, want %q: %v", what, got, code, err)
		}
	}
	refuse("no signature", "seal.count", nil)
	refuse("a missing signature", "seal.count", sigs[:len(sigs)-1])
	refuse("one signature too many", "seal.count", append(copySigs(sigs), sigs[0]))
	for i := range sigs {
		with := func(change func(*chain.Signature)) []chain.Signature {
			bad := copySigs(sigs)
			change(&bad[i])
			return bad
		}
		refuse("a signature of no key", "seal.key", with(func(s *chain.Signature) { s.Key = chain.PublicKey{} }))
		refuse("a signature of another key", "seal.key", with(func(s *chain.Signature) { s.Key = chain.XOnly([32]byte{31: 9}) }))
		refuse("a signature of another scheme", "seal.key", with(func(s *chain.Signature) { s.Scheme = s.Scheme%4 + 1 }))
		refuse("a short signature", "seal.signature", with(func(s *chain.Signature) { s.Bytes = s.Bytes[:len(s.Bytes)-1] }))
		refuse("a long signature", "seal.signature", with(func(s *chain.Signature) { s.Bytes = append(s.Bytes, 0) }))
		refuse("an empty signature", "seal.signature", with(func(s *chain.Signature) { s.Bytes = nil }))
		refuse("a second encoding", "seal.signature", with(malleate))
		for bit := range len(sigs[i].Bytes) * 8 {
			refuse("a flipped bit", "seal.signature", with(func(s *chain.Signature) { s.Bytes[bit/8] ^= 1 << (bit % 8) }))
		}
	}
	for i := 1; i < len(sigs); i++ {
		if reflect.DeepEqual(sigs[i], sigs[i-1]) {
			continue
		}
		code := "seal.key"
		if sigs[i].Key == sigs[i-1].Key && sigs[i].Scheme == sigs[i-1].Scheme {
			code = "seal.signature"
		}
		swapped := copySigs(sigs)
		swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
		refuse("a wrong order", code, swapped)
	}
}

// malleate makes the other encoding of the same signature that a lax verifier
// accepts: n-s with the other v for ECDSA, s+L for Ed25519. Taproot and Schnorr have
// none in 256 bits, save by chance; there s becomes n-s, which is simply false.
func malleate(s *chain.Signature) {
	n, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	v := new(big.Int).SetBytes(s.Bytes[32:64])
	switch s.Scheme {
	case chain.EdDSA:
		l, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
		le := slices.Clone(s.Bytes[32:64])
		slices.Reverse(le)
		v.Add(l, v.SetBytes(le)).FillBytes(le)
		slices.Reverse(le)
		copy(s.Bytes[32:], le)
	case chain.ECDSA:
		v.Sub(n, v).FillBytes(s.Bytes[32:64])
		s.Bytes[64] ^= 1
	default:
		v.Sub(n, v).FillBytes(s.Bytes[32:64])
	}
}

func copySigs(sigs []chain.Signature) []chain.Signature {
	out := slices.Clone(sigs)
	for i := range out {
		out[i].Bytes = bytes.Clone(out[i].Bytes)
	}
	return out
}
