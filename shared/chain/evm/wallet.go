package evm

import (
	"encoding/hex"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// Wallet derives and spells the keys of one chain; the zero Wallet is Ethereum's.
// All test networks of all chains share one path, as KMS wallets do.
type Wallet struct {
	coin  uint32 // SLIP-44; 0 is Ethereum's 60
	spell spelling
}

// Derivation is m/44'/coin'/0'/0 and, for test wallets, m/44'/1'/0'/0.
func (w Wallet) Derivation() chain.Derivation {
	const h = chain.Hardened
	coin := w.coin
	if coin == 0 {
		coin = 60
	}
	return chain.Derivation{
		Curve:   chain.Secp256k1,
		Mainnet: []uint32{44 | h, coin | h, 0 | h, 0},
		Testnet: []uint32{44 | h, 1 | h, 0 | h, 0},
	}
}

// Addresses gives the key's one address in the chain's spellings, which are the
// same on every network: EIP-55, as reviews have it, is always among them. Nothing
// for what is no key.
func (w Wallet) Addresses(_ chain.ID, key chain.PublicKey, _ bool) []string {
	a, ok := addressOf(key)
	if !ok {
		return nil
	}
	switch w.spell {
	case spellXDC:
		return []string{"xdc" + hex.EncodeToString(a[:]), Checksum(a)}
	case spellBech32:
		return []string{Checksum(a), one(a)}
	}
	return []string{Checksum(a)}
}

// ParseAddress reads an address in any of the chain's spellings and gives it as
// EIP-55 says.
func (w Wallet) ParseAddress(_ chain.ID, text string) (string, error) {
	a, err := w.parse(text)
	if err != nil {
		return "", err
	}
	return Checksum(a), nil
}

func (w Wallet) parse(text string) ([20]byte, error) {
	digits, xdc := strings.CutPrefix(text, "xdc")
	switch {
	case w.spell == spellXDC && xdc:
		return ParseAddress("0x" + digits)
	case w.spell == spellBech32 && strings.HasPrefix(text, "one1"):
		return parseOne(text)
	}
	return ParseAddress(text)
}

// TokenID names an ERC-20 token by its contract.
func (w Wallet) TokenID(network chain.ID, text string) (string, error) {
	a, err := w.parse(text)
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
