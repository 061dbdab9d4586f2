package chain

import "math/big"

// Network is one network of a chain.
type Network struct {
	ID      ID
	Chain   string   // the KMS chain name, "BTC"
	Name    string   // for people and configuration: "mainnet", "regtest", "sepolia"
	Testnet bool     // keys of a test wallet sign here, and only here
	Asset   Asset    // the native coin
	FeeCap  *big.Int // the built-in policy's most that one transaction may cost, base units

	RateUnit     string // what people count a fee for each of Fee.Units in: "gwei"; empty where there is none
	RateDecimals int    // 1 RateUnit is 10^RateDecimals base units

	Depth    uint64 // confirmations that count as settled where the configuration says nothing
	Explorer string // a transaction's public page is at this and its id; "" where there is none
}

// Derivation says where a mnemonic wallet's keys are: Path, then the index,
// hardened when HardenedIndex.
type Derivation struct {
	Curve         Curve
	Mainnet       []uint32
	Testnet       []uint32
	HardenedIndex bool
	TPub          bool      // a test wallet's account key is written tpub, not xpub
	XPubs         [2]uint32 // version bytes of account keys, of mainnet and test wallets; 0: xpub, and tpub by TPub
	Cosigns       bool      // the wallet has keys to share coins with others, too (BIP-48)
}

// Path is the derivation path of the key with the given index.
func (d Derivation) Path(testnet bool, index uint32) []uint32 {
	p := d.Account(testnet)
	if d.HardenedIndex {
		index |= Hardened
	}
	return append(p[:len(p):len(p)], index)
}

// Account is the path above the index: where a wallet's xpub is.
func (d Derivation) Account(testnet bool) []uint32 {
	if testnet {
		return d.Testnet
	}
	return d.Mainnet
}

// Wallet says how a chain's wallets derive keys and spell addresses.
type Wallet interface {
	Derivation() Derivation
	// Addresses gives every address that the one key alone controls on the
	// network, the wallet's default form first. derived tells a key of a mnemonic
	// wallet from an imported one: Bitcoin's default differs.
	Addresses(network ID, key PublicKey, derived bool) []string
	// ParseAddress reads an address of the network and gives it as reviews spell it.
	// Wrong checksums and addresses of other networks are errors.
	ParseAddress(network ID, text string) (string, error)
	// TokenID gives the asset id that reviews use for the token of a contract or
	// mint; an error where the chain has no tokens.
	TokenID(network ID, address string) (string, error)
	// ParseKey reads a private key in the chain's own text form (WIF, 0x hex,
	// base58) and gives the 32-byte secp256k1 scalar or Ed25519 seed.
	ParseKey(text string, testnet bool) ([]byte, error)
}

// Chain is one KMS chain: everything the halves need to know of it.
type Chain struct {
	Name     string // "BTC"
	Codec    Codec
	Wallet   Wallet
	Networks []Network
}
