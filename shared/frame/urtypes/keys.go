package urtypes

import "github.com/fxamacker/cbor/v2"

// CoinInfo says which chain a key is for (BCR-2020-007).
type CoinInfo struct {
	Coin    uint32 // as in SLIP-44; 0 is Bitcoin
	Network uint64 // 0 is the main net
}

func (c CoinInfo) tree(version) any { return record{}.set(1, c.Coin).set(2, c.Network) }

func (r *reader) coin(node any) (c CoinInfo) {
	f := r.fields("coin", r.untag("coin", node, tagCoin))
	c = CoinInfo{uint32(f.number(1, 0, hardened-1)), f.number(2, 0, 1<<63)}
	f.end()
	return c
}

// HDKey is a key with its place in a tree (BCR-2020-007): types "crypto-hdkey"
// and "hdkey". Keystone also writes Ed25519 keys so, of 32 bytes and without a
// chain code.
type HDKey struct {
	Master, Private bool
	Key             []byte   // 33 bytes, a private key after a zero; or 32 of Ed25519
	ChainCode       [32]byte // zero is none
	Coin            *CoinInfo
	Origin          *KeyPath // how the key was derived
	Children        *KeyPath // what is derived from it
	Parent          uint32   // fingerprint of the parent key; 0 is none
	Name, Note      string
}

func (k HDKey) tree(v version) any {
	m := record{3: k.Key}.set(1, k.Master).set(2, k.Private)
	if k.ChainCode != [32]byte{} {
		m[4] = k.ChainCode[:]
	}
	if k.Coin != nil {
		m[5] = cbor.Tag{Number: uint64(v) + tagCoin, Content: k.Coin.tree(v)}
	}
	if k.Origin != nil {
		m[6] = k.Origin.tagged(v)
	}
	if k.Children != nil {
		m[7] = k.Children.tagged(v)
	}
	return m.set(8, k.Parent).set(9, k.Name).set(10, k.Note)
}

func (r *reader) hdKey(node any) (k HDKey) {
	f := r.fields("HD key", node)
	k.Master, k.Private = take[bool](f, 1), take[bool](f, 2)
	k.Key = f.sized(3, 32, 33)
	f.fixed(4, k.ChainCode[:])
	k.Coin = optional(f, 5, r.coin)
	k.Origin, k.Children = optional(f, 6, r.taggedPath), optional(f, 7, r.taggedPath)
	k.Parent = uint32(f.number(8, 0, 1<<32-1))
	k.Name, k.Note = f.text(9, MaxText), f.text(10, MaxText)
	f.end()
	return k
}

// ECKey is a key without a place in a tree (BCR-2020-008). It occurs in outputs.
type ECKey struct {
	Curve   uint64 // 0 is secp256k1
	Private bool
	Key     []byte // 32 bytes if private, else 33, or 65 uncompressed
}

func (k ECKey) tree(version) any { return record{3: k.Key}.set(1, k.Curve).set(2, k.Private) }

func (r *reader) ecKey(node any) (k ECKey) {
	f := r.fields("key", node)
	k = ECKey{f.number(1, 0, 1<<16), take[bool](f, 2), f.sized(3, 32, 65)}
	f.end()
	return k
}

// Address is an address instead of a key (BCR-2020-009). It occurs in outputs.
type Address struct {
	Coin *CoinInfo
	Type uint64 // of Bitcoin: 0 P2PKH, 1 P2SH, 2 P2WPKH
	Data []byte // the hash
}

func (a Address) tree(v version) any {
	m := record{3: a.Data}.set(2, a.Type)
	if a.Coin != nil {
		m[1] = cbor.Tag{Number: uint64(v) + tagCoin, Content: a.Coin.tree(v)}
	}
	return m
}

func (r *reader) address(node any) (a Address) {
	f := r.fields("address", node)
	a.Coin = optional(f, 1, r.coin)
	a.Type, a.Data = f.number(2, 0, 2), f.sized(3, 20, 64)
	f.end()
	return a
}

// key reads one of the three.
func (r *reader) key(node any) Item {
	t, _ := node.(cbor.Tag)
	switch t.Number {
	case tagHDKey, uint64(v2) + tagHDKey:
		return r.hdKey(t.Content)
	case tagECKey, uint64(v2) + tagECKey:
		return r.ecKey(t.Content)
	case tagAddress, uint64(v2) + tagAddress:
		return r.address(t.Content)
	}
	r.fail("a key has tag %d, which none has", t.Number)
	return nil
}

// tagOf gives the tag of a key, version 1.
func tagOf(key Item) uint64 {
	switch key.(type) {
	case HDKey:
		return tagHDKey
	case ECKey:
		return tagECKey
	}
	return tagAddress
}
