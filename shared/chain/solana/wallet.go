package solana

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"

	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/gagliardetto/solana-go/base58"
)

// Wallet is how Solana wallets derive keys and spell addresses. It implements
// chain.Wallet.
type Wallet struct{}

// Derivation is SLIP-0010 m/44'/501'/0'/0'/index', for test wallets too: five
// levels, as tatum-kms has it, where most wallets use four.
func (Wallet) Derivation() chain.Derivation {
	path := func() []uint32 {
		return []uint32{44 | chain.Hardened, 501 | chain.Hardened, chain.Hardened, chain.Hardened}
	}
	return chain.Derivation{Curve: chain.Ed25519, Mainnet: path(), Testnet: path(), HardenedIndex: true}
}

// Addresses gives the key in base58, the same on every network; none for a
// network or a key of another kind.
func (Wallet) Addresses(network chain.ID, key chain.PublicKey, _ bool) []string {
	if _, ok := lookup(network); !ok || key.Curve() != chain.Ed25519 {
		return nil
	}
	return []string{text(address(key.Bytes()))}
}

// ParseAddress reads an account; base58 has one spelling and no checksum.
func (Wallet) ParseAddress(network chain.ID, s string) (string, error) {
	if _, ok := lookup(network); !ok {
		return "", fault.New("solana.network", "", "%.80q is no solana network", string(network))
	}
	a, err := ParseAddress(s)
	if err != nil {
		return "", err
	}
	return text(a), nil
}

// TokenID names a token by its mint.
func (w Wallet) TokenID(network chain.ID, s string) (string, error) {
	mint, err := w.ParseAddress(network, s)
	if err != nil {
		return "", err
	}
	return tokenID(network, mint), nil
}

func tokenID(network chain.ID, mint string) string { return string(network) + "/token:" + mint }

// ParseKey reads a 64-byte secret (seed, then public key) in base58 or in 128
// hex characters and gives the seed. A public half that is not the seed's own is
// refused: signing with it would give the key away. A bare 32-byte seed is not
// taken: a pasted address looks the same.
func (Wallet) ParseKey(s string, _ bool) ([]byte, error) {
	var secret [64]byte
	switch {
	case len(s) == 128:
		if _, err := hex.Decode(secret[:], []byte(s)); err != nil {
			return nil, badKey()
		}
	case len(s) > maxKeyText || base58.Decode64(s, &secret) != nil:
		return nil, badKey()
	}
	if !bytes.Equal(ed25519.NewKeyFromSeed(secret[:32]), secret[:]) {
		return nil, fault.New("key.private", "export the key again from where it came", "the public half of the solana key does not belong to its private half")
	}
	return secret[:32:32], nil
}

// badKey says nothing of the text itself: it may be most of a key.
func badKey() error {
	return fault.New("key.private", "give the 64-byte secret in base58 or in 128 hex characters",
		"not a solana private key")
}
