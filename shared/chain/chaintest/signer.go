package chaintest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"coldsign/shared/chain"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// Secp256k1Key is the public key of a 32-byte scalar.
func Secp256k1Key(secret []byte) chain.PublicKey {
	_, pub := btcec.PrivKeyFromBytes(secret)
	return must(chain.NewPublicKey(chain.Secp256k1, pub.SerializeCompressed()))
}

// Ed25519Key is the public key of a 32-byte seed.
func Ed25519Key(seed []byte) chain.PublicKey {
	pub := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	return must(chain.NewPublicKey(chain.Ed25519, pub))
}

// Signer signs as the keystore does, every scheme deterministically, with the
// 32-byte secret of each key. It panics on a key that it does not have.
func Signer(secrets map[chain.PublicKey][]byte) func(chain.SignRequest) chain.Signature {
	return func(r chain.SignRequest) chain.Signature {
		sig := chain.Signature{Key: r.Key, Scheme: r.Scheme}
		secret := find(secrets, r)
		switch r.Scheme {
		case chain.ECDSA:
			priv, _ := btcec.PrivKeyFromBytes(secret)
			c := ecdsa.SignCompact(priv, r.Message, false) // 27+recid, r, s
			sig.Bytes = append(bytes.Clone(c[1:]), c[0]-27)
		case chain.Taproot:
			s := must(schnorr.Sign(tweaked(secret, r.Tweak), r.Message, schnorr.CustomNonce([32]byte{})))
			sig.Bytes = s.Serialize()
		case chain.Schnorr:
			sig.Bytes = cash(secret, r.Message)
		case chain.EdDSA:
			sig.Bytes = ed25519.Sign(ed25519.NewKeyFromSeed(secret), r.Message)
		default:
			panic(fmt.Sprintf("chaintest: scheme %d", r.Scheme))
		}
		return sig
	}
}

// find looks a key up; a Taproot key is known by its x coordinate alone.
func find(secrets map[chain.PublicKey][]byte, r chain.SignRequest) []byte {
	for k, secret := range secrets {
		if k == r.Key || r.Scheme == chain.Taproot && k.Even() == r.Key.Even() {
			return secret
		}
	}
	panic("chaintest: no secret for key " + r.Key.String())
}

// tweaked is BIP-341's taproot_tweak_seckey.
func tweaked(secret, root []byte) *btcec.PrivateKey {
	priv, pub := btcec.PrivKeyFromBytes(secret)
	d := priv.Key
	if pub.SerializeCompressed()[0] == 3 {
		d.Negate()
	}
	tag := sha256.Sum256([]byte("TapTweak"))
	h := sha256.Sum256(bytes.Join([][]byte{tag[:], tag[:], schnorr.SerializePubKey(pub), root}, nil))
	var t btcec.ModNScalar
	if t.SetBytes(&h) != 0 {
		panic("chaintest: tweak over the group order")
	}
	return btcec.PrivKeyFromScalar(d.Add(&t))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
