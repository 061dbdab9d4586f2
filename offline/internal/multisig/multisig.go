// Package multisig knows the multisig wallets that a keystore has a key of. A wallet
// is enrolled once, as a descriptor; from then on an output belongs to it when its
// address derives from all of that descriptor's keys, and never because a request
// says so.
//
//	w, err := multisig.Read(file, keystore)   // the keys that it says, and one of ours
//	enrolled, err := multisig.Load(keystore)
//	places := enrolled.At(wallet, path, network) // the addresses that a key of ours shares
package multisig

import (
	"fmt"
	"slices"
	"strings"

	"coldsign/offline/internal/keystore"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/bitcoin/descriptor"
	"coldsign/shared/fault"
)

// Keystore has the wallets whose keys may be in a multisig wallet, and those that
// were enrolled.
type Keystore interface {
	List() []keystore.Info
	Public(bundle.SignatureID) (keystore.Public, error)
	Multisigs() []keystore.Multisig
}

// Wallet is a multisig wallet.
type Wallet struct {
	descriptor.Wallet
	Name string             // "" before it is enrolled
	ID   bundle.SignatureID // what policies name it by: the same for every cosigner
	Own  []keystore.OwnKey
}

// Read reads what a coordinator exports, and finds our keys in it.
func Read(file []byte, ks Keystore) (Wallet, error) {
	d, err := descriptor.Read(file)
	if err != nil {
		return Wallet{}, err
	}
	return New(d, ks)
}

// New finds our keys in a descriptor: at least one, each derived at the path that the
// descriptor says, and the very key that it says.
func New(d descriptor.Wallet, ks Keystore) (Wallet, error) {
	w := Wallet{Wallet: d, ID: id(d)}
	for _, info := range ks.List() {
		if info.Chain != "BTC" || !info.Mnemonic || info.Testnet != d.Testnet() {
			continue
		}
		p, err := ks.Public(info.ID)
		if err != nil {
			return w, err
		}
		fp, err := p.Master()
		if err != nil {
			return w, err
		}
		for i, k := range d.Keys {
			if k.Fingerprint != fp || slices.ContainsFunc(w.Own, func(o keystore.OwnKey) bool { return o.Place == uint(i) }) {
				continue
			}
			ours, err := p.Account(k.Origin)
			if err != nil {
				return w, fault.New("multisig.path", "use the key that \"coldsign-offline multisig key ID\" prints", "a key has the fingerprint of our wallet %s, and %s is no path of ours for it", info.ID, chain.PathString(k.Origin))
			}
			if ours.Encode(d.Testnet()) != k.XPub.Encode(d.Testnet()) {
				return w, fault.New("multisig.swapped", "do not use this file; find out who made it", "a key says that it is %s of our wallet %s, and it is another: somebody put theirs in its place", descriptor.OriginString(fp, k.Origin), info.ID)
			}
			w.Own = append(w.Own, keystore.OwnKey{Place: uint(i), Wallet: info.ID})
		}
	}
	if len(w.Own) == 0 {
		return w, fault.New("multisig.own-key", "have \"coldsign-offline multisig key ID\" print the key, and make the wallet with it", "none of its keys is of a wallet of this keystore")
	}
	return w, nil
}

// id makes a UUID (version 8, RFC 9562) of a wallet.
func id(d descriptor.Wallet) bundle.SignatureID {
	sum := d.ID()
	id := bundle.SignatureID(sum[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Enrolled are the multisig wallets of a keystore. A nil one has none.
type Enrolled struct{ list []Wallet }

// Load reads the wallets that were enrolled.
func Load(ks Keystore) (*Enrolled, error) {
	e := &Enrolled{}
	for _, m := range ks.Multisigs() {
		d, err := descriptor.Read([]byte(m.Descriptor))
		if err != nil || d.String() != m.Descriptor {
			return nil, fault.New("keystore.format", "restore a backup", "the descriptor of the multisig wallet %s cannot be read", m.Name)
		}
		e.list = append(e.list, Wallet{Wallet: d, Name: m.Name, ID: id(d), Own: m.Own})
	}
	return e, nil
}

// List gives them in the order they were enrolled.
func (e *Enrolled) List() []Wallet {
	if e == nil {
		return nil
	}
	return e.list
}

// Find gives the wallet with a name.
func (e *Enrolled) Find(name string) (Wallet, error) {
	for _, w := range e.List() {
		if w.Name == name {
			return w, nil
		}
	}
	return Wallet{}, fault.New("multisig.missing", "see \"coldsign-offline multisig list\"", "no multisig wallet is called that")
}

// maxName bounds a name.
const maxName = 40

// Free tells, as an error, why a wallet cannot be enrolled under a name.
func (e *Enrolled) Free(w Wallet, name string) error {
	if name == "" || len(name) > maxName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" || strings.Trim(name, "._-") == "" {
		return fault.New("multisig.name", "give --name of 1 to 40 letters, digits, dots and dashes", "the name is none that a wallet can have")
	}
	for _, o := range e.List() {
		switch {
		case o.ID == w.ID:
			return fault.New("multisig.enrolled", "see \"coldsign-offline multisig show "+o.Name+"\"", "this very wallet is enrolled as %s", o.Name)
		case strings.EqualFold(o.Name, name):
			return fault.New("multisig.name", "give another --name: a wallet with other keys or another threshold is another wallet", "another multisig wallet, of %d of %d keys, is called %s", o.Threshold, len(o.Keys), o.Name)
		}
	}
	return nil
}

// Place is an address of a multisig wallet.
type Place struct {
	Wallet  bundle.SignatureID
	Name    string
	Address string
	Branch  uint32 // 0 receive, 1 change
	Index   uint32
}

func (p Place) String() string {
	return fmt.Sprintf("%s (multisig wallet %s) %d/%d", p.Wallet, p.Name, p.Branch, p.Index)
}

// At gives the addresses that the key of a wallet of ours at a path shares with
// others: one for each multisig wallet that it is in. An index beyond reach has none.
func (e *Enrolled) At(own bundle.SignatureID, path []uint32, n chain.Network) (places []Place) {
	for _, w := range e.List() {
		if w.Testnet() != n.Testnet {
			continue
		}
		for _, k := range w.Own {
			origin := w.Keys[k.Place].Origin
			if k.Wallet != own || len(path) != len(origin)+2 || !slices.Equal(path[:len(origin)], origin) {
				continue
			}
			branch, index := path[len(origin)], path[len(origin)+1]
			if branch > descriptor.Change || index > keystore.MaxIndex {
				continue
			}
			if address, err := w.Address(n.ID, branch, index); err == nil {
				places = append(places, Place{w.ID, w.Name, address, branch, index})
			}
		}
	}
	return places
}

// Address gives an address of the wallet.
func (w Wallet) Address(n chain.ID, branch, index uint32) (string, error) {
	script, err := w.Script(int(branch), index)
	if err != nil {
		return "", err
	}
	address, ok := bitcoin.AddressFor(n, script)
	if !ok {
		return "", fault.New("bitcoin.network", "", "the wallet has no address on %s", n)
	}
	return address, nil
}
