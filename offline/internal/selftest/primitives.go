package selftest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"io"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/scrypt"
	"golang.org/x/crypto/sha3"

	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/verify"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/hd"
)

// signer is a key.
type signer interface {
	Public() chain.PublicKey
	Sign(chain.SignRequest) (chain.Signature, error)
}

// primitives are what the checks try. Tests break them, one at a time, to see that
// a check notices.
type primitives struct {
	source      io.Reader
	key         func(c chain.Curve, secret []byte) (k signer, end func(), err error)
	together    func([]verify.Pair) bool
	ecdsa       func(key chain.PublicKey, digest, sig []byte) bool
	schnorr     func(key, digest, sig []byte) bool
	schnorrSign func(secret, digest []byte) ([]byte, error)
	cash        func(key chain.PublicKey, digest, sig []byte) bool
	ed25519     func(key ed25519.PublicKey, message, sig []byte) bool
	seed        func(entropy, passphrase []byte) ([]byte, error)
	derive      func(seed []byte, path []uint32) (xprv string, err error)
	slip10      func(seed []byte, path []uint32) ([32]byte, error)
	sha256      func([]byte) [32]byte
	keccak      func([]byte) [32]byte
	scrypt      func(password, salt []byte, n, r, p, size int) ([]byte, error)
	encrypt     func(plain []byte, passphrase string) ([]byte, error)
	decrypt     func(sealed []byte, passphrase string) ([]byte, error)
	seal        func(bundle.Header, [][]byte, bundle.Signer) ([]byte, error)
	open        func(raw []byte, sender ed25519.PublicKey) (*bundle.Bundle, error)
}

// shipped are the primitives that the program works with.
func shipped(source io.Reader) *primitives {
	return &primitives{
		source:      source,
		key:         newKey,
		together:    verify.All,
		ecdsa:       verifyECDSA,
		schnorr:     verifySchnorr,
		schnorrSign: signSchnorr,
		cash:        bitcoin.VerifySchnorr,
		ed25519:     ed25519.Verify,
		seed:        wordSeed,
		derive:      derive,
		slip10:      hd.DeriveEd25519,
		sha256:      sha256.Sum256,
		keccak:      keccak,
		scrypt:      scrypt.Key,
		encrypt: func(plain []byte, passphrase string) ([]byte, error) {
			return keystore.Encrypt(plain, []byte(passphrase), 4) // at next to no cost
		},
		decrypt: func(sealed []byte, passphrase string) ([]byte, error) {
			return keystore.Decrypt(sealed, []byte(passphrase))
		},
		seal: bundle.Seal,
		open: bundle.Open,
	}
}

func newKey(c chain.Curve, secret []byte) (signer, func(), error) {
	k, err := keystore.NewKey(c, secret)
	if err != nil {
		return nil, nil, err
	}
	return k, k.Close, nil
}

func wordSeed(entropy, passphrase []byte) ([]byte, error) {
	m, err := hd.NewMnemonic(entropy)
	if err != nil {
		return nil, err
	}
	return m.Seed(passphrase)
}

func derive(seed []byte, path []uint32) (string, error) {
	k, err := hd.NewMaster(seed)
	if err == nil {
		k, err = k.Derive(path)
	}
	if err != nil {
		return "", err
	}
	return k.Encode(false), nil
}

func keccak(b []byte) (sum [32]byte) {
	h := sha3.NewLegacyKeccak256()
	h.Write(b)
	h.Sum(sum[:0])
	return sum
}

// verifyECDSA recovers the key from r, s, v and checks the equation, each signature
// by itself: other code than package verify's.
func verifyECDSA(key chain.PublicKey, digest, sig []byte) bool {
	var r, s secp256k1.ModNScalar
	if len(sig) != 65 || sig[64] > 1 || r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:64]) || s.IsOverHalfOrder() {
		return false
	}
	pub, _, err := ecdsa.RecoverCompact(append([]byte{27 + 4 + sig[64]}, sig[:64]...), digest)
	return err == nil && bytes.Equal(pub.SerializeCompressed(), key.Bytes()) && ecdsa.NewSignature(&r, &s).Verify(digest, pub)
}

// verifySchnorr checks a BIP-340 signature. The ranges are checked here: the
// library's parser takes s of the group order and more.
func verifySchnorr(key, digest, sig []byte) bool {
	var r btcec.FieldVal
	var s btcec.ModNScalar
	if len(sig) != 64 || r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:]) {
		return false
	}
	pub, err := schnorr.ParsePubKey(key)
	return err == nil && schnorr.NewSignature(&r, &s).Verify(digest, pub)
}

// signSchnorr signs as the keystore does, with a key that is not tweaked.
func signSchnorr(secret, digest []byte) ([]byte, error) {
	s, err := schnorr.Sign(secp256k1.PrivKeyFromBytes(secret), digest, schnorr.CustomNonce([32]byte{}), schnorr.FastSign())
	if err != nil {
		return nil, err
	}
	return s.Serialize(), nil
}
