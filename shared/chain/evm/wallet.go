package evm

import (
	"encoding/hex"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// Wallet derives and spells Ethereum keys. All test networks share one path, as
// KMS wallets do.
type Wallet struct{}

// Derivation is m/44'/60'/0'/0 and, for test wallets, m/44'/1'/0'/0.
func (Wallet) Derivation() chain.Derivation {
	const h = chain.Hardened
	return chain.Derivation{
		Curve:   chain.Secp256k1,
		Mainnet: []uint32{44 | h, 60 | h, 0 | h, 0},
		Testnet: []uint32{44 | h, 1 | h, 0 | h, 0},
	}
}

// Addresses gives the key's one EIP-55 address, which is the same on every
// network; nothing for what is no key.
func (Wallet) Addresses(_ chain.ID, key chain.PublicKey, _ bool) []string {
	if a := Address(key); a != "" {
		return []string{a}
	}
	return nil
}

// ParseAddress reads an address and spells it as EIP-55 says.
func (Wallet) ParseAddress(_ chain.ID, text string) (string, error) {
	a, err := ParseAddress(text)
	if err != nil {
		return "", err
	}
	return Checksum(a), nil
}

// TokenID names an ERC-20 token by its contract.
func (Wallet) TokenID(network chain.ID, text string) (string, error) {
	a, err := ParseAddress(text)
	if err != nil {
		return "", err
	}
	return tokenID(network, a), nil
}

func tokenID(network chain.ID, contract [20]byte) string {
	return string(network) + "/erc20:0x" + hex.EncodeToString(contract[:])
}

// ParseKey reads 64 hex digits, with or without 0x. Error evm.key, which never
// shows the text.
func (Wallet) ParseKey(text string, _ bool) ([]byte, error) {
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(b) != 32 {
		return nil, fault.New("evm.key", "give 64 hex digits, with or without 0x", "not an Ethereum private key")
	}
	var s secp256k1.ModNScalar
	defer s.Zero()
	if s.SetByteSlice(b) || s.IsZero() {
		return nil, fault.New("evm.key", "", "private key is zero or not below the order of secp256k1")
	}
	return b, nil
}
