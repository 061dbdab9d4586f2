package verify

import (
	"crypto/sha512"
	"encoding/binary"

	"filippo.io/edwards25519"

	"coldsign/shared/chain"
)

// ed25519All checks that the sum of z*(S*B - R - h*A) vanishes (RFC 8032, with
// h the hash of R, A and the message). Equations of one key share one term.
func ed25519All(pairs []Pair) bool {
	if len(pairs) == 0 {
		return true
	}
	z, err := factors(len(pairs))
	if err != nil {
		return false
	}
	base := edwards25519.NewScalar()
	perKey := map[chain.PublicKey]*edwards25519.Scalar{}
	scalars := make([]*edwards25519.Scalar, 0, len(pairs)+1)
	points := make([]*edwards25519.Point, 0, len(pairs)+1)
	for i, p := range pairs {
		if !fits(p) {
			return false
		}
		sig := p.Signature.Bytes
		s, err := edwards25519.NewScalar().SetCanonicalBytes(sig[32:])
		if err != nil {
			return false
		}
		r, err := edwards25519.NewIdentityPoint().SetBytes(sig[:32])
		if err != nil {
			return false
		}
		var b [32]byte
		binary.LittleEndian.PutUint64(b[:], z[i])
		f, err := edwards25519.NewScalar().SetCanonicalBytes(b[:])
		if err != nil {
			return false
		}
		digest := sha512.New()
		digest.Write(sig[:32])
		digest.Write(p.Request.Key.Bytes())
		digest.Write(p.Request.Message)
		h, err := edwards25519.NewScalar().SetUniformBytes(digest.Sum(nil))
		if err != nil {
			return false
		}
		base.MultiplyAdd(f, s, base)
		sum, ok := perKey[p.Request.Key]
		if !ok {
			sum = edwards25519.NewScalar()
			perKey[p.Request.Key] = sum
		}
		sum.MultiplyAdd(f, h, sum)
		scalars, points = append(scalars, f), append(points, r)
	}
	for key, sum := range perKey {
		a, err := edwards25519.NewIdentityPoint().SetBytes(key.Bytes())
		if err != nil {
			return false
		}
		scalars, points = append(scalars, sum), append(points, a)
	}
	right := edwards25519.NewIdentityPoint().VarTimeMultiScalarMult(scalars, points)
	left := edwards25519.NewIdentityPoint().ScalarBaseMult(base)
	return left.Equal(right) == 1
}
