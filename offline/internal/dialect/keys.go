package dialect

import (
	"encoding/binary"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/urtypes"
	"coldsign/shared/hd"
)

// Keyring derives the public keys of one wallet.
type Keyring interface {
	Master() ([4]byte, error)                  // fingerprint of the master key
	Account(path []uint32) (*hd.Public, error) // secp256k1, below a hardened path
	Key(path []uint32) (chain.PublicKey, error)
}

// Wallet is the wallet whose keys are told.
type Wallet struct {
	Chain      string
	Testnet    bool
	Derivation chain.Derivation
	Name       string
}

// solanaKeys is how many of a wallet's keys are told, since none can be derived.
const solanaKeys = 10

// Keys gives the public keys of a wallet as a UR of a type, or of the type that
// most wallets of the chain read when it is "": crypto-account for Bitcoin,
// crypto-hdkey for Ethereum, crypto-multi-accounts for Solana.
func Keys(kind string, w Wallet, k Keyring) (frame.Message, error) {
	if kind == "" {
		kind = map[string]string{"BTC": "crypto-account", "SOL": "crypto-multi-accounts"}[w.Chain]
	}
	if kind == "" {
		kind = "crypto-hdkey"
	}
	fp, err := k.Master()
	if err != nil {
		return frame.Message{}, err
	}
	b := builder{w: w, k: k, master: binary.BigEndian.Uint32(fp[:])}
	var item urtypes.Item
	switch {
	case w.Chain == "BTC" && (kind == "crypto-account" || kind == "account-descriptor"):
		item, err = b.account()
	case w.Chain != "SOL" && (kind == "crypto-hdkey" || kind == "hdkey"):
		item, err = b.hdKey(b.accountPath())
	case kind == "crypto-multi-accounts":
		item, err = b.multi()
	default:
		return frame.Message{}, fault.New("keys.type", "leave --type away", "a %s wallet has no form %q", w.Chain, kind)
	}
	if err != nil {
		return frame.Message{}, err
	}
	m := frame.Message{Format: frame.UR, Type: kind}
	m.Data, err = urtypes.Encode(kind, item)
	return m, err
}

type builder struct {
	w      Wallet
	k      Keyring
	master uint32
}

// accountPath is that of BIP-44, above the branches.
func (b builder) accountPath() []uint32 { return b.w.Derivation.Account(b.w.Testnet)[:3] }

// account tells the four kinds of single-key script, each at its purpose
// (BIP-44, 49, 84, 86), and the key that is for multisig wallets (BIP-48, P2WSH).
func (b builder) account() (urtypes.Item, error) {
	a := urtypes.Account{Fingerprint: b.master}
	for _, s := range []struct {
		purpose uint32
		source  string
	}{{84, "wpkh(@0)"}, {86, "tr(@0)"}, {49, "sh(wpkh(@0))"}, {44, "pkh(@0)"}} {
		path := b.accountPath()
		key, err := b.hdKey(append([]uint32{s.purpose | chain.Hardened}, path[1:]...))
		if err != nil {
			return nil, err
		}
		a.Outputs = append(a.Outputs, urtypes.Output{Source: s.source, Keys: []urtypes.Item{key}})
	}
	key, err := b.hdKey(append([]uint32{48 | chain.Hardened}, append(b.accountPath()[1:], 2|chain.Hardened)...))
	a.Outputs = append(a.Outputs, urtypes.Output{Source: "wsh(cosigner(@0))", Keys: []urtypes.Item{key}})
	return a, err
}

func (b builder) hdKey(path []uint32) (urtypes.HDKey, error) {
	p, err := b.k.Account(path)
	if err != nil {
		return urtypes.HDKey{}, err
	}
	parent := p.Parent()
	key := urtypes.HDKey{
		Key: p.Key().Bytes(), ChainCode: p.ChainCode(), Coin: b.coin(), Origin: b.origin(path),
		Parent: binary.BigEndian.Uint32(parent[:]), Name: b.w.Name,
	}
	if b.w.Chain != "BTC" {
		key.Children = &urtypes.KeyPath{Steps: []urtypes.Step{{}, {Form: urtypes.Wildcard}}} // 0/*
		key.Note = "account.standard"
	}
	return key, nil
}

func (b builder) coin() *urtypes.CoinInfo {
	c := &urtypes.CoinInfo{Coin: map[string]uint32{"BTC": 0, "SOL": 501}[b.w.Chain]}
	if b.w.Chain != "BTC" && b.w.Chain != "SOL" {
		c.Coin = 60
	}
	if b.w.Testnet {
		c.Network = 1
	}
	return c
}

func (b builder) origin(path []uint32) *urtypes.KeyPath {
	p := urtypes.PathOf(b.master, path)
	depth := uint8(len(path))
	p.Depth = &depth
	return &p
}

// multi tells several keys with their places, as Keystone does.
func (b builder) multi() (urtypes.Item, error) {
	a := urtypes.MultiAccounts{Fingerprint: b.master, Device: "coldsign"}
	if b.w.Chain != "SOL" {
		key, err := b.hdKey(b.accountPath())
		a.Keys = []urtypes.HDKey{key}
		return a, err
	}
	for i := range uint32(solanaKeys) {
		path := b.w.Derivation.Path(b.w.Testnet, i)
		key, err := b.k.Key(path)
		if err != nil {
			return nil, err
		}
		a.Keys = append(a.Keys, urtypes.HDKey{Key: key.Bytes(), Coin: b.coin(), Origin: b.origin(path), Name: b.w.Name})
	}
	return a, nil
}
