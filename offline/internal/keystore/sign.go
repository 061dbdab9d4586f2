package keystore

import (
	"bytes"
	"crypto/ed25519"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"coldsign/offline/internal/memory"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Sign answers one request. Signing is deterministic: RFC 6979 nonces for ECDSA,
// BIP-340 with zero auxiliary randomness, RFC 8032, and RFC 6979 with additional data
// for Schnorr's of Bitcoin Cash. The caller verifies the
// signature (Tx.Seal does) before it is released.
func (k *Key) Sign(r chain.SignRequest) (chain.Signature, error) {
	s := chain.Signature{Key: r.Key, Scheme: r.Scheme}
	want := k.public
	if r.Scheme == chain.Taproot {
		want = want.Even()
	}
	if r.Key != want {
		return s, fault.New("sign.key", "", "asked to sign for key %s with key %s", r.Key, k.public)
	}
	out := make([]byte, 65)
	n := 0
	memory.Do(func() { n = k.sign(out, r) })
	switch n {
	case wrongPublic:
		return s, fault.New("sign.key", "do not use this machine", "key %s is not that of its secret", k.public)
	case 0:
		return s, fault.New("sign.scheme", "", "scheme %d does not fit the key or a message of %d bytes", r.Scheme, len(r.Message))
	}
	s.Bytes = out[:n:n]
	return s, nil
}

// wrongPublic is what sign gives for a key whose public half has changed in memory.
const wrongPublic = -1

// sign writes a signature into out and gives its length, or 0 when scheme, key and
// message do not fit each other.
func (k *Key) sign(out []byte, r chain.SignRequest) int {
	switch {
	case r.Scheme == chain.ECDSA && k.ec != nil && len(r.Message) == 32:
		c := ecdsa.SignCompact(k.ec, r.Message, true) // 27+4+v, r, s
		out[64] = c[0] - 31
		return copy(out, c[1:]) + 1
	case r.Scheme == chain.Taproot && k.ec != nil && len(r.Message) == 32 && (len(r.Tweak) == 0 || len(r.Tweak) == 32):
		t := tweak(k.ec, r.Tweak)
		defer t.Zero()
		sig, err := schnorr.Sign(t, r.Message, schnorr.CustomNonce([32]byte{}), schnorr.FastSign())
		if err != nil {
			return 0
		}
		return copy(out, sig.Serialize())
	case r.Scheme == chain.Schnorr && k.ec != nil && len(r.Message) == 32:
		// As for Ed25519: two signatures with different public halves give the key away.
		public := k.ec.PubKey().SerializeCompressed()
		if !bytes.Equal(public, k.public.Bytes()) {
			return wrongPublic
		}
		return schnorrSign(out, k.ec, public, r.Message)
	case r.Scheme == chain.EdDSA && k.seed != nil:
		// The public half is derived each time: two signatures of one message with
		// different ones give the key away.
		private := ed25519.NewKeyFromSeed(k.seed)
		if !bytes.Equal(private[ed25519.SeedSize:], k.public.Bytes()) {
			return wrongPublic
		}
		return copy(out, ed25519.Sign(private, r.Message))
	}
	return 0
}

// tweak gives the output key's private half (BIP-341, "taproot_tweak_seckey").
func tweak(ec *secp256k1.PrivateKey, root []byte) *secp256k1.PrivateKey {
	pub := ec.PubKey().SerializeCompressed()
	var d secp256k1.ModNScalar
	d.Set(&ec.Key)
	if pub[0] == 3 {
		d.Negate()
	}
	var t secp256k1.ModNScalar
	t.SetByteSlice(chainhash.TaggedHash([]byte("TapTweak"), pub[1:], root)[:])
	d.Add(&t)
	return secp256k1.NewPrivateKey(&d)
}
