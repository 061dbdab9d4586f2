package chaintest

import (
	"crypto/hmac"
	"crypto/sha256"
	"math/big"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"
)

// cash signs as Bitcoin Cash's specification of May 2019 says, in plain numbers.
func cash(secret, digest []byte) []byte {
	n, p := btcec.S256().N, btcec.S256().P
	x, k := new(big.Int).SetBytes(secret), rfc6979(secret, digest, "Schnorr+SHA256  ")
	_, point := btcec.PrivKeyFromBytes(k.FillBytes(make([]byte, 32)))
	if big.Jacobi(point.Y(), p) != 1 {
		k.Sub(n, k)
	}
	r := point.X().FillBytes(make([]byte, 32))
	h := sha256.Sum256(slices.Concat(r, Secp256k1Key(secret).Bytes(), digest))
	s := new(big.Int).SetBytes(h[:])
	s.Mod(s.Add(s.Mul(s, x), k), n)
	return append(r, s.FillBytes(make([]byte, 32))...)
}

// rfc6979 gives the nonce of RFC 6979, HMAC-SHA-256, with additional data.
func rfc6979(secret, digest []byte, data string) *big.Int {
	k, v := make([]byte, 32), make([]byte, 32)
	for i := range v {
		v[i] = 1
	}
	mac := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, k)
		h.Write(slices.Concat(parts...))
		return h.Sum(nil)
	}
	for _, step := range []byte{0, 1} {
		k = mac(v, []byte{step}, secret, digest, []byte(data))
		v = mac(v)
	}
	for {
		v = mac(v)
		if nonce := new(big.Int).SetBytes(v); nonce.Sign() > 0 && nonce.Cmp(btcec.S256().N) < 0 {
			return nonce
		}
		k = mac(v, []byte{0})
		v = mac(v)
	}
}
