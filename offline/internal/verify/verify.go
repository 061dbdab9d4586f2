// Package verify checks signatures before they are released, many at once.
//
// A signature that went wrong in the machine (a flipped bit, a failing cell) can
// give the private key away, so none leaves unchecked. One check of n signatures
// costs a tenth of n checks: the verification equations are added up, each times
// a fresh random odd 64-bit factor, and the sum must be the point at infinity. A
// wrong signature passes with a chance of 2^-63. Ed25519 equations are checked up
// to points of small order, which the half that seals checks exactly. All does
// not say which one is wrong: that is found by checking one by one.
package verify

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"

	"coldsign/shared/chain"
)

// Pair is a request and the signature that answers it.
type Pair struct {
	Request   chain.SignRequest
	Signature chain.Signature
}

// Batched reports whether signatures of a scheme can be checked together. Others
// (Taproot's, Schnorr's) are refused by All: Tx.Seal checks them one by one.
func Batched(s chain.Scheme) bool { return s == chain.ECDSA || s == chain.EdDSA }

// All reports whether every signature is right.
func All(pairs []Pair) bool {
	var ec, ed []Pair
	for _, p := range pairs {
		switch p.Request.Scheme {
		case chain.ECDSA:
			ec = append(ec, p)
		case chain.EdDSA:
			ed = append(ed, p)
		default:
			return false
		}
	}
	return ecdsaAll(ec) && ed25519All(ed)
}

// factors gives n random odd numbers, so none of them zero: 63 bits of chance each.
func factors(n int) ([]uint64, error) {
	b := make([]byte, 8*n)
	if _, err := rand.Read(b); err != nil {
		return nil, err
	}
	list := make([]uint64, n)
	for i := range list {
		list[i] = binary.LittleEndian.Uint64(b[8*i:]) | 1
	}
	return list, nil
}

// fits reports whether a 64-byte EdDSA signature and its key have the right
// lengths.
func fits(p Pair) bool {
	return len(p.Signature.Bytes) == ed25519.SignatureSize && p.Request.Key.Curve() == chain.Ed25519
}
