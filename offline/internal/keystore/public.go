package keystore

import (
	"slices"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

// Public derives the public keys of one mnemonic wallet, for another wallet that
// watches it.
type Public struct {
	ks *Keystore
	e  *entry
}

// Public gives the public keys of a wallet; a single key has none to derive
// (key.single).
func (ks *Keystore) Public(id bundle.SignatureID) (Public, error) {
	e, err := ks.entry(id)
	if err == nil && e.Kind == singleKey {
		err = fault.New("key.single", "give a wallet of a mnemonic", "wallet %s is a single key, which other wallets cannot watch", id)
	}
	return Public{ks, e}, err
}

// Master gives the fingerprint of the master key (BIP-32), of every wallet with a
// mnemonic: Ed25519 wallets are named by it too.
func (p Public) Master() (fp [4]byte, err error) {
	n, err := p.ks.node(p.e, nil)
	if err != nil {
		return fp, err
	}
	return n.Public().Fingerprint(), nil
}

// Account gives the extended public key at a hardened account path of BIP-44, 48, 49,
// 84 or 86.
func (p Public) Account(path []uint32) (*hd.Public, error) {
	ch, ok := p.ks.chains.ByName(p.e.Chain)
	if !ok {
		return nil, unknownChain(p.e.Chain)
	}
	if n := len(path); n < 3 || path[n-1]&chain.Hardened == 0 || !allowed(ch.Wallet.Derivation(), p.e.Testnet, append(slices.Clone(path), 0, 0)) {
		return nil, fault.New("key.path", "", "path %s is no account that a %s wallet uses", chain.PathString(path), p.e.Chain)
	}
	n, err := p.ks.node(p.e, path)
	if err != nil {
		return nil, err
	}
	return n.Public(), nil
}

// Key gives the public key at a path of the wallet.
func (p Public) Key(path []uint32) (chain.PublicKey, error) {
	k, err := p.ks.Key(p.e.ID, path)
	if err != nil {
		return chain.PublicKey{}, err
	}
	return k.Public(), nil
}
