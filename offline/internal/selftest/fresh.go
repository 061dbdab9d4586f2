package selftest

import (
	"bytes"
	"errors"

	"github.com/btcsuite/btcd/btcec/v2"

	"coldsign/offline/internal/verify"
	"coldsign/shared/chain"
	"coldsign/shared/hd"
)

// fresh signs a random message with a random key, once more to the same bytes. The
// signature must verify by other code than made it, each way there is, and with one
// bit of it or of the message flipped it must verify by none.
func (p *primitives) fresh(c chain.Curve, scheme chain.Scheme) error {
	secret, err := hd.Entropy(p.source, "")
	if err != nil {
		return err
	}
	defer clear(secret)
	message, err := hd.Entropy(p.source, "")
	if err != nil {
		return err
	}
	secret[0] &= 0x7f // below the order of secp256k1
	r := chain.SignRequest{Scheme: scheme, Message: message}
	k, end, err := p.key(c, secret)
	if err != nil {
		return err
	}
	defer end()
	if r.Key = k.Public(); scheme == chain.Taproot {
		r.Key, r.Tweak = r.Key.Even(), message
	}
	s, err := k.Sign(r)
	if err != nil {
		return err
	}
	if again, err := k.Sign(r); err != nil || !bytes.Equal(again.Bytes, s.Bytes) {
		return errors.New("signing twice gives two signatures")
	}
	ways, err := p.ways(r)
	if err != nil {
		return err
	}
	for _, verifies := range ways {
		if !verifies(message, s.Bytes) {
			return errors.New("a fresh signature does not verify")
		}
		for _, bit := range []int{0, 255, 256, 8*len(s.Bytes) - 8} { // of r, of s, and of v where there is one
			wrong := bytes.Clone(s.Bytes)
			wrong[bit/8] ^= 1 << (bit % 8)
			if verifies(message, wrong) {
				return errors.New("a signature with a flipped bit verifies")
			}
		}
		wrong := bytes.Clone(message)
		wrong[0] ^= 1
		if verifies(wrong, s.Bytes) {
			return errors.New("a signature verifies for another message")
		}
	}
	return nil
}

// ways are the codes that verify an answer to r.
func (p *primitives) ways(r chain.SignRequest) ([]func(message, sig []byte) bool, error) {
	together := func(message, sig []byte) bool {
		one := r
		one.Message = message
		return p.together([]verify.Pair{{Request: one, Signature: chain.Signature{Key: r.Key, Scheme: r.Scheme, Bytes: sig}}})
	}
	switch r.Scheme {
	case chain.ECDSA:
		return []func(message, sig []byte) bool{together, func(message, sig []byte) bool { return p.ecdsa(r.Key, message, sig) }}, nil
	case chain.Schnorr:
		return []func(message, sig []byte) bool{func(message, sig []byte) bool { return p.cash(r.Key, message, sig) }}, nil
	case chain.EdDSA:
		return []func(message, sig []byte) bool{together, func(message, sig []byte) bool { return p.ed25519(r.Key.Bytes(), message, sig) }}, nil
	}
	key, err := p.outputKey(r.Key, r.Tweak)
	if err != nil {
		return nil, err
	}
	return []func(message, sig []byte) bool{func(message, sig []byte) bool { return p.schnorr(key, message, sig) }}, nil
}

// outputKey is BIP-341's taproot_tweak_pubkey: by points, while the keystore adds
// scalars.
func (p *primitives) outputKey(internal chain.PublicKey, root []byte) ([]byte, error) {
	pub, err := btcec.ParsePubKey(internal.Bytes())
	if err != nil {
		return nil, err
	}
	tag := p.sha256([]byte("TapTweak"))
	hash := p.sha256(bytes.Join([][]byte{tag[:], tag[:], internal.Bytes()[1:], root}, nil))
	var t btcec.ModNScalar
	t.SetBytes(&hash)
	var tG, q, sum btcec.JacobianPoint
	btcec.ScalarBaseMultNonConst(&t, &tG)
	pub.AsJacobian(&q)
	btcec.AddNonConst(&q, &tG, &sum)
	sum.ToAffine()
	return btcec.NewPublicKey(&sum.X, &sum.Y).SerializeCompressed()[1:], nil
}
