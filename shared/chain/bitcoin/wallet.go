package bitcoin

import (
	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/btcec/v2"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Wallet derives keys and spells addresses as KMS users know them.
type Wallet struct {
	coin string // KMS name, "" is Bitcoin
}

// Derivation is m/44'/coin'/0'/0/index, and m/44'/1'/0'/0/index on the test
// networks: BIP-44 for every form of address, as KMS wallets have it. Bitcoin Cash
// has one path for both.
func (w Wallet) Derivation() chain.Derivation {
	const h = chain.Hardened
	c := networksOf(w.coin)[0].coin
	d := chain.Derivation{
		Curve:   chain.Secp256k1,
		Mainnet: []uint32{h + 44, h + c.slip44, h + 0, 0},
		Testnet: []uint32{h + 44, h + 1, h + 0, 0},
		TPub:    true,
		Cosigns: c.name == "BTC",
	}
	if c.cash {
		d.Testnet = d.Mainnet
	}
	if c.ltub {
		d.XPubs = [2]uint32{0x019da462, 0x0436f6e1} // Ltub, ttub
	}
	return d
}

// Addresses gives P2WPKH, P2PKH, P2SH-P2WPKH and P2TR (BIP-86), in this order
// for a derived key of Bitcoin; an imported key, and every key of its kin, has P2PKH
// first. Without SegWit there is P2PKH alone.
func (Wallet) Addresses(id chain.ID, key chain.PublicKey, derived bool) []string {
	n, err := networkOf(id)
	if err != nil || key.Curve() != chain.Secp256k1 {
		return nil
	}
	hash := hash160(key.Bytes())
	if !n.coin.segwit {
		a, _ := n.address(p2pkhScript(hash))
		return []string{a}
	}
	p2wpkh := witnessScript(0, hash)
	scripts := [][]byte{p2wpkh, p2pkhScript(hash), p2shScript(hash160(p2wpkh))}
	if !derived || n.coin.oldFirst {
		scripts[0], scripts[1] = scripts[1], scripts[0]
	}
	tweaked, ok := outputKey(key.Bytes()[1:], nil)
	if !ok {
		return nil // on no point
	}
	scripts = append(scripts, witnessScript(1, tweaked[:]))
	var addresses []string
	for _, s := range scripts {
		if a, ok := n.address(s); ok {
			addresses = append(addresses, a)
		}
	}
	return addresses
}

// ParseAddress reads an address that a script has; a bech32 one in lower case.
func (Wallet) ParseAddress(id chain.ID, text string) (string, error) {
	script, err := ScriptFor(id, text)
	if err != nil {
		return "", err
	}
	address, ok := AddressFor(id, script)
	if !ok {
		return "", fault.New("bitcoin.address", "", "nobody is known to be able to spend from %.100q", text)
	}
	return address, nil
}

// TokenID fails: there are no tokens.
func (Wallet) TokenID(id chain.ID, _ string) (string, error) {
	return "", fault.New("bitcoin.token", "", "there are no tokens on %.80q", string(id))
}

// ParseKey reads a compressed WIF key. Its errors never hold the text.
func (w Wallet) ParseKey(text string, testnet bool) ([]byte, error) {
	bad := func(code, what string) ([]byte, error) {
		return nil, fault.New(code, "give the key in compressed WIF", "%s", what)
	}
	if len(text) > 60 {
		return bad("bitcoin.key", "not a WIF key: too long")
	}
	b, version, err := base58.CheckDecode(text)
	if err != nil || base58.CheckEncode(b, version) != text {
		return bad("bitcoin.key", "not a WIF key: wrong characters or checksum")
	}
	mainnet, test := networksOf(w.coin)[0].wif, networksOf(w.coin)[1].wif
	switch {
	case version != mainnet && version != test:
		return bad("bitcoin.key", "not a WIF key: unknown version byte")
	case (version == test) != testnet:
		return bad("bitcoin.key-network", "the WIF key is for the other kind of network, mainnet or test")
	case len(b) == 32:
		return bad("bitcoin.key-uncompressed", "the WIF key is of the uncompressed kind, whose addresses are others than those here")
	case len(b) != 33 || b[32] != 1:
		return bad("bitcoin.key", "not a WIF key: wrong length")
	}
	var s btcec.ModNScalar
	if overflow := s.SetByteSlice(b[:32]); overflow || s.IsZero() {
		return bad("bitcoin.key", "the WIF key holds no scalar of secp256k1")
	}
	return b[:32:32], nil
}
