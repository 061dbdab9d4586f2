package keystore

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"coldsign/offline/internal/memory"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

// Key is one private key, ready to sign until the keystore is locked. It prints as
// its public half.
type Key struct {
	public chain.PublicKey
	ec     *secp256k1.PrivateKey // in secret memory
	seed   []byte                // of an Ed25519 key, in secret memory
	own    *memory.Arena         // of a key that no keystore holds
}

// Public gives the public half.
func (k *Key) Public() chain.PublicKey { return k.public }

// Format prints the public half alone, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "key "+k.public.String()) }

// keyCache remembers derived keys for the life of an open keystore: a batch
// uses the same few thousands of times. Wallet seeds cost 2048 HMACs each. What is
// secret of it is in secret memory of its own.
type keyCache struct {
	mu      sync.Mutex
	secrets *memory.Arena
	keys    map[string]*Key
	nodes   map[string]*hd.Private
	ed25519 map[bundle.SignatureID][]byte // BIP-39 seeds of Ed25519 wallets
}

// forget wipes all keys and drops them.
func (c *keyCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.secrets != nil {
		c.secrets.Close()
	}
	c.secrets, c.keys, c.nodes, c.ed25519 = nil, nil, nil, nil
}

// room is the cache's secret memory. The caller holds the lock.
func (c *keyCache) room() (*memory.Arena, error) {
	if c.secrets == nil {
		a, err := memory.NewArena()
		if err != nil {
			return nil, err
		}
		c.secrets = a
	}
	return c.secrets, nil
}

// key makes a key in the cache's memory.
func (c *keyCache) key(curve chain.Curve, secret []byte) (*Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, err := c.room()
	if err != nil {
		return nil, err
	}
	return newKey(a, curve, secret)
}

// MaxIndex bounds an index that proves ownership of an output: beyond it a
// restored wallet would never look, so coins there are as good as lost.
const MaxIndex = 100_000

// Key derives the key of a wallet at a full path from its master key, or gives
// the single key of an entry when path is empty. Only paths of the chain's own
// account, or of BIP-44, 48, 49, 84 and 86 with its coin type, are derived: a
// request cannot make a wallet sign or receive where no wallet will look.
func (ks *Keystore) Key(id bundle.SignatureID, path []uint32) (*Key, error) {
	name := cacheName(id, path)
	ks.cache.mu.Lock()
	k, ok := ks.cache.keys[name]
	ks.cache.mu.Unlock()
	if ok {
		return k, nil
	}
	e, err := ks.entry(id)
	if err != nil {
		return nil, err
	}
	memory.Do(func() { k, err = ks.derive(e, path) })
	if err != nil {
		return nil, err
	}
	ks.cache.mu.Lock()
	defer ks.cache.mu.Unlock()
	if ks.cache.keys == nil {
		ks.cache.keys = map[string]*Key{}
	}
	ks.cache.keys[name] = k
	return k, nil
}

func cacheName(id bundle.SignatureID, path []uint32) string {
	b := append(make([]byte, 0, 16+4*len(path)), id[:]...)
	for _, i := range path {
		b = binary.BigEndian.AppendUint32(b, i)
	}
	return string(b)
}

func (ks *Keystore) derive(e *entry, path []uint32) (*Key, error) {
	if e.Kind == singleKey {
		if len(path) != 0 {
			return nil, fault.New("key.path", "", "wallet %s is a single key and has no path %s", e.ID, chain.PathString(path))
		}
		return ks.cache.key(e.Curve, e.Secret)
	}
	ch, ok := ks.chains.ByName(e.Chain)
	if !ok {
		return nil, unknownChain(e.Chain)
	}
	if !allowed(ch.Wallet.Derivation(), e.Testnet, path) {
		return nil, fault.New("key.path", "", "path %s is none that a %s wallet uses", chain.PathString(path), e.Chain)
	}
	if e.Curve == chain.Ed25519 {
		seed, err := ks.edSeed(e)
		if err != nil {
			return nil, err
		}
		secret, err := hd.DeriveEd25519(seed, path)
		if err != nil {
			return nil, err
		}
		defer clear(secret[:])
		return ks.cache.key(chain.Ed25519, secret[:])
	}
	parent, err := ks.node(e, path[:len(path)-1])
	if err != nil {
		return nil, err
	}
	child, err := parent.Child(path[len(path)-1])
	if err != nil {
		return nil, err
	}
	defer child.Wipe()
	secret := child.Secret()
	defer clear(secret)
	return ks.cache.key(chain.Secp256k1, secret)
}

// allowed says whether a wallet uses a path.
func allowed(d chain.Derivation, testnet bool, path []uint32) bool {
	account := d.Account(testnet)
	if len(path) == len(account)+1 && slices.Equal(path[:len(account)], account) {
		return (path[len(account)]&chain.Hardened != 0) == d.HardenedIndex
	}
	if Cosigns(path) {
		return d.Cosigns && path[1] == account[1] && path[4] <= 1 && path[5]&chain.Hardened == 0
	}
	if d.Curve != chain.Secp256k1 || len(path) != 5 || len(account) < 2 {
		return false
	}
	purpose := path[0] &^ chain.Hardened
	return path[0]&path[1]&path[2]&chain.Hardened != 0 && slices.Contains([]uint32{44, 49, 84, 86}, purpose) &&
		path[1] == account[1] && path[3] <= 1 && path[4]&chain.Hardened == 0
}

// Cosigns says whether a path is of a key that is only for multisig wallets (BIP-48,
// of P2WSH bare and in P2SH).
func Cosigns(path []uint32) bool {
	const h = chain.Hardened
	return len(path) == 6 && path[0] == h+48 && path[2]&h != 0 && (path[3] == h+1 || path[3] == h+2)
}

// Near says whether a key at path would be found by a wallet that owns the
// signing key at base: same account, index within reach.
func Near(path, base []uint32) bool {
	if len(path) == 0 || len(base) == 0 || len(path) != len(base) {
		return len(path) == 0 && len(base) == 0
	}
	n := len(path)
	if path[n-1]&^chain.Hardened > MaxIndex || path[n-1]&chain.Hardened != base[n-1]&chain.Hardened {
		return false
	}
	if slices.Equal(path[:n-1], base[:n-1]) {
		return true
	}
	// Receive and change branches of one account.
	return n == 5 && slices.Equal(path[:3], base[:3]) && path[3] <= 1 && base[3] <= 1
}

func (ks *Keystore) seed(e *entry) ([]byte, error) {
	if e.Kind == words {
		return hd.SeedFromText(e.Secret, e.Passphrase)
	}
	m, err := hd.ParseMnemonic(e.Secret)
	if err != nil {
		return nil, err
	}
	defer m.Wipe()
	return m.Seed(e.Passphrase)
}

func (ks *Keystore) edSeed(e *entry) ([]byte, error) {
	ks.cache.mu.Lock()
	defer ks.cache.mu.Unlock()
	if s, ok := ks.cache.ed25519[e.ID]; ok {
		return s, nil
	}
	a, err := ks.cache.room()
	if err != nil {
		return nil, err
	}
	s, err := ks.seed(e)
	if err != nil {
		return nil, err
	}
	if s, err = moved(a, s); err != nil {
		return nil, err
	}
	if ks.cache.ed25519 == nil {
		ks.cache.ed25519 = map[bundle.SignatureID][]byte{}
	}
	ks.cache.ed25519[e.ID] = s
	return s, nil
}

// node gives the extended key at path; it stays owned by the cache.
func (ks *Keystore) node(e *entry, path []uint32) (n *hd.Private, err error) {
	ks.cache.mu.Lock()
	defer ks.cache.mu.Unlock()
	name := cacheName(e.ID, path)
	if n, ok := ks.cache.nodes[name]; ok {
		return n, nil
	}
	a, err := ks.cache.room()
	if err != nil {
		return nil, err
	}
	if n, err = memory.New[hd.Private](a); err != nil {
		return nil, err
	}
	memory.Do(func() { err = ks.extend(n, e, path) })
	if err != nil {
		return nil, err
	}
	if ks.cache.nodes == nil {
		ks.cache.nodes = map[string]*hd.Private{}
	}
	ks.cache.nodes[name] = n
	return n, nil
}

// extend sets to to the extended key of an entry at path.
func (ks *Keystore) extend(to *hd.Private, e *entry, path []uint32) error {
	seed, err := ks.seed(e)
	if err != nil {
		return err
	}
	defer clear(seed)
	master, err := hd.NewMaster(seed)
	if err != nil {
		return err
	}
	defer master.Wipe()
	n, err := master.Derive(path)
	if err != nil {
		return err
	}
	defer n.Wipe()
	*to = *n
	return nil
}

// newKey makes a key that keeps its secret in a.
func newKey(a *memory.Arena, c chain.Curve, secret []byte) (*Key, error) {
	switch c {
	case chain.Secp256k1:
		ec, err := memory.New[secp256k1.PrivateKey](a)
		if err != nil {
			return nil, err
		}
		ec.Key.SetByteSlice(secret)
		if ec.Key.IsZero() {
			return nil, fault.New("key.range", "", "a private key of zero")
		}
		pub, err := chain.NewPublicKey(c, ec.PubKey().SerializeCompressed())
		return &Key{public: pub, ec: ec}, err
	case chain.Ed25519:
		seed, err := a.Copy(secret)
		if err != nil {
			return nil, err
		}
		pub, err := chain.NewPublicKey(c, ed25519.NewKeyFromSeed(seed)[32:])
		return &Key{public: pub, seed: seed}, err
	}
	return nil, fault.New("key.curve", "", "curve %d is unknown", c)
}

// path0 is the path of an entry's first key.
func (ks *Keystore) path0(e *entry) []uint32 {
	if e.Kind == singleKey {
		return nil
	}
	ch, _ := ks.chains.ByName(e.Chain)
	return ch.Wallet.Derivation().Path(e.Testnet, 0)
}

// Path gives the full path of a wallet's key number index; empty for a single
// key, which has only number 0.
func (ks *Keystore) Path(id bundle.SignatureID, index uint32) ([]uint32, error) {
	e, err := ks.entry(id)
	if err != nil {
		return nil, err
	}
	if index&chain.Hardened != 0 {
		return nil, fault.New("key.index", "use an index below 2147483648", "index %d is out of range", index)
	}
	if e.Kind == singleKey {
		if index != 0 {
			return nil, fault.New("key.index", "leave the index away", "wallet %s is a single key and has no index %d", id, index)
		}
		return nil, nil
	}
	ch, ok := ks.chains.ByName(e.Chain)
	if !ok {
		return nil, unknownChain(e.Chain)
	}
	return ch.Wallet.Derivation().Path(e.Testnet, index), nil
}

// exportedKeys is how many keys of a wallet with hardened children are told to
// the online half, which cannot derive them.
const exportedKeys = 20

// Wallet gives the public half of an entry, for the online half.
func (ks *Keystore) Wallet(id bundle.SignatureID) (bundle.Wallet, error) {
	e, err := ks.entry(id)
	if err != nil {
		return bundle.Wallet{}, err
	}
	w := bundle.Wallet{SignatureID: e.ID, Chain: e.Chain, Testnet: e.Testnet, Curve: e.Curve}
	if e.Kind == singleKey {
		k, err := ks.Key(id, nil)
		if err != nil {
			return w, err
		}
		w.Key = k.Public().Bytes()
		return w, nil
	}
	ch, ok := ks.chains.ByName(e.Chain)
	if !ok {
		return w, unknownChain(e.Chain)
	}
	d := ch.Wallet.Derivation()
	w.Path = slices.Clone(d.Account(e.Testnet))
	if d.HardenedIndex {
		for i := range uint32(exportedKeys) {
			k, err := ks.Key(id, d.Path(e.Testnet, i))
			if err != nil {
				return w, err
			}
			w.Keys = append(w.Keys, k.Public().Bytes())
		}
		return w, nil
	}
	account, err := ks.node(e, w.Path)
	if err != nil {
		return w, err
	}
	master, err := ks.node(e, nil)
	if err != nil {
		return w, err
	}
	pub := account.Public()
	code, fp := pub.ChainCode(), master.Fingerprint()
	w.Key, w.ChainCode, w.Fingerprint = pub.Key().Bytes(), code[:], fp[:]
	return w, nil
}

// XPub gives the account key of a mnemonic wallet in BIP-32's text form, or ""
// where there is none.
func (ks *Keystore) XPub(id bundle.SignatureID) (string, error) {
	e, err := ks.entry(id)
	if err != nil || e.Kind == singleKey || e.Curve != chain.Secp256k1 {
		return "", err
	}
	ch, ok := ks.chains.ByName(e.Chain)
	if !ok {
		return "", unknownChain(e.Chain)
	}
	d := ch.Wallet.Derivation()
	n, err := ks.node(e, d.Account(e.Testnet))
	if err != nil {
		return "", err
	}
	version := d.XPubs[0]
	if e.Testnet {
		version = d.XPubs[1]
	}
	if version != 0 {
		return n.Public().EncodeAs(version), nil
	}
	return n.Public().Encode(e.Testnet && d.TPub), nil
}

// NewKey makes a key from its secret: a 32-byte secp256k1 scalar or Ed25519
// seed. The keystore derives; this is for known-answer checks. The caller closes it.
func NewKey(c chain.Curve, secret []byte) (k *Key, err error) {
	a, err := memory.NewArena()
	if err != nil {
		return nil, err
	}
	memory.Do(func() { k, err = newKey(a, c, secret) })
	if err != nil {
		a.Close()
		return nil, err
	}
	k.own = a
	return k, nil
}

// Close ends a key that NewKey made.
func (k *Key) Close() {
	if k.own != nil {
		k.own.Close()
		k.ec, k.seed, k.own = nil, nil, nil
	}
}
