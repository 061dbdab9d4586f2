package keystore

import (
	"slices"

	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// maxMultisigs bounds the multisig wallets of a keystore, maxDescriptor the bytes of
// one's descriptor, and maxCosigners its keys.
const maxMultisigs, maxDescriptor, maxCosigners = 1000, 8 << 10, 15

// Multisig is a multisig wallet that was enrolled. Nothing in it is secret; that it is
// the one that people agreed on is not to be decided by who can write to the disk.
type Multisig struct {
	Name       string   `cbor:"1,keyasint"` // printable ASCII
	Descriptor string   `cbor:"2,keyasint"` // as package descriptor writes it
	Own        []OwnKey `cbor:"3,keyasint"`
	Created    int64    `cbor:"4,keyasint"` // Unix seconds
}

// OwnKey is a key of ours in a multisig wallet.
type OwnKey struct {
	Place  uint               `cbor:"1,keyasint"` // among the descriptor's keys
	Wallet bundle.SignatureID `cbor:"2,keyasint"`
}

// Multisigs gives the multisig wallets in the order they were enrolled.
func (ks *Keystore) Multisigs() []Multisig { return slices.Clone(ks.c.Multisigs) }

// AddMultisig enrols a wallet, whose name must be free; the caller saves.
func (ks *Keystore) AddMultisig(m Multisig) error {
	if slices.ContainsFunc(ks.c.Multisigs, func(o Multisig) bool { return o.Name == m.Name }) {
		return fault.New("multisig.name", "give another --name", "a multisig wallet is called %s already", m.Name)
	}
	list := append(slices.Clone(ks.c.Multisigs), m)
	if err := checkMultisigs(list); err != nil {
		return err
	}
	ks.c.Multisigs = list
	return nil
}

// RemoveMultisig forgets a wallet; the caller saves.
func (ks *Keystore) RemoveMultisig(name string) error {
	i := slices.IndexFunc(ks.c.Multisigs, func(m Multisig) bool { return m.Name == name })
	if i < 0 {
		return fault.New("multisig.missing", "see \"coldsign-offline multisig list\"", "no multisig wallet is called that")
	}
	ks.c.Multisigs = slices.Delete(slices.Clone(ks.c.Multisigs), i, i+1)
	return nil
}

// cosigns names a multisig wallet that has a key of a wallet; "" for none.
func (ks *Keystore) cosigns(id bundle.SignatureID) string {
	for _, m := range ks.c.Multisigs {
		if slices.ContainsFunc(m.Own, func(k OwnKey) bool { return k.Wallet == id }) {
			return m.Name
		}
	}
	return ""
}

func checkMultisigs(list []Multisig) error {
	if len(list) > maxMultisigs {
		return damaged("%d multisig wallets", len(list))
	}
	seen := map[string]bool{}
	for _, m := range list {
		if m.Name == "" || seen[m.Name] || m.Descriptor == "" || len(m.Descriptor) > maxDescriptor || len(m.Own) == 0 || len(m.Own) > maxCosigners {
			return damaged("a multisig wallet is none, or there twice")
		}
		seen[m.Name] = true
	}
	return nil
}
