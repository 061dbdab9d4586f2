package evm

import "coldsign/shared/chain"

// What the online half alone asks.

// Address is the EIP-55 address of a key, or "" for what is no point of
// secp256k1.
func Address(pub chain.PublicKey) string {
	a, ok := addressOf(pub)
	if !ok {
		return ""
	}
	return Checksum(a)
}

// ParseAddressOf reads an address as the KMS chain of that name spells them.
func ParseAddressOf(name, text string) ([20]byte, error) {
	for _, k := range kinTable() {
		if k.chain == name {
			return Wallet{spell: k.spell}.parse(text)
		}
	}
	return ParseAddress(text)
}
