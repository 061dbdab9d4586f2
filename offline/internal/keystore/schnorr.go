package keystore

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"slices"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// schnorrSign writes a signature of Bitcoin Cash, as its specification of May 2019
// says: r is the x of R = kG whose y is a square, e = SHA-256(r, public, digest) and
// s = k + e*secret.
func schnorrSign(out []byte, ec *secp256k1.PrivateKey, public, digest []byte) int {
	k := schnorrNonce(ec, digest)
	defer k.Zero()
	var point secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(k, &point)
	point.ToAffine()
	if root := new(secp256k1.FieldVal); !root.SquareRootVal(&point.Y) {
		k.Negate()
	}
	point.X.PutBytesUnchecked(out[:32])
	h := sha256.Sum256(slices.Concat(out[:32], public, digest))
	var s secp256k1.ModNScalar
	s.SetBytes(&h)
	s.Mul(&ec.Key).Add(k)
	s.PutBytesUnchecked(out[32:64])
	return 64
}

// schnorrNonce is RFC 6979 with the additional data (section 3.6) that sets the nonce
// apart from that of an ECDSA signature of the same digest: with one nonce the two
// would give the key away.
func schnorrNonce(ec *secp256k1.PrivateKey, digest []byte) *secp256k1.ModNScalar {
	secret := ec.Serialize()
	defer clear(secret)
	mac := func(key []byte, parts ...[]byte) []byte {
		h := hmac.New(sha256.New, key)
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	key, v := make([]byte, 32), bytes.Repeat([]byte{1}, 32)
	for step := range byte(2) {
		key = mac(key, v, []byte{step}, secret, digest, []byte("Schnorr+SHA256  "))
		v = mac(key, v)
	}
	defer func() { clear(key); clear(v) }()
	for {
		v = mac(key, v)
		k := new(secp256k1.ModNScalar)
		if overflow := k.SetByteSlice(v); !overflow && !k.IsZero() {
			return k
		}
		key = mac(key, v, []byte{0}) // never seen: one time in 2^127
		v = mac(key, v)
	}
}
