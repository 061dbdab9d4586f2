package bundle

import (
	"bytes"
	"crypto/ed25519"

	"golang.org/x/crypto/scrypt"
)

const pairingDomain = "coldsign pairing v1"

// PairingWords gives what the six words on both screens are made of: scrypt
// (RFC 7914, N 65536, r 8, p 1, salt "coldsign pairing v1") of the two device
// keys, the lower first, so that both halves get the same.
//
// It is slow on purpose (64 MiB, some 0.2 s). Someone who swaps the keys in both
// directions needs two swapped pairs with equal words, not given ones: for the
// 66 bits of six words that is 2^33 tries on each side, minutes with a plain
// hash and tens of years of processor time with this one.
func PairingWords(a, b ed25519.PublicKey) [32]byte {
	if bytes.Compare(a, b) > 0 {
		a, b = b, a
	}
	keys := append(append(make([]byte, 0, 64), a...), b...)
	// Fails for other parameters only, and these are constants.
	return [32]byte(must(scrypt.Key(keys, []byte(pairingDomain), 1<<16, 8, 1, 32)))
}
