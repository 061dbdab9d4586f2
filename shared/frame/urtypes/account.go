package urtypes

import "github.com/fxamacker/cbor/v2"

// Account holds the keys of one account for several kinds of script: types
// "crypto-account" (BCR-2020-015) and "account-descriptor" (BCR-2023-019).
type Account struct {
	Fingerprint uint32 // of the master key
	Outputs     []Output
}

func (a Account) tree(v version) any {
	var outputs []any
	for _, o := range a.Outputs {
		node := o.tree(v)
		if v == v2 {
			node = cbor.Tag{Number: uint64(v2) + tagOutput, Content: node}
		}
		outputs = append(outputs, node)
	}
	return record{1: a.Fingerprint, 2: outputs}
}

func (r *reader) account(node any) (a Account) {
	f := r.fields("account", node)
	a.Fingerprint = uint32(f.number(1, 0, 1<<32-1))
	a.Outputs = list(r, "the outputs of an account", take[any](f, 2), r.output)
	f.end()
	return a
}

// MultiAccounts holds keys of several chains: type "crypto-multi-accounts" of
// Keystone, which has no paper.
type MultiAccounts struct {
	Fingerprint               uint32 // of the master key
	Keys                      []HDKey
	Device, DeviceID, Version string
}

func (a MultiAccounts) tree(v version) any {
	m := record{1: a.Fingerprint, 2: trees(v, uint64(v)+tagHDKey, a.Keys)}
	return m.set(3, a.Device).set(4, a.DeviceID).set(5, a.Version)
}

func (r *reader) multiAccounts(node any) (a MultiAccounts) {
	f := r.fields("list of accounts", node)
	a.Fingerprint = uint32(f.number(1, 0, 1<<32-1))
	a.Keys = list(r, "the keys of a list of accounts", take[any](f, 2), func(n any) HDKey {
		return r.hdKey(r.untag("key", n, tagHDKey))
	})
	a.Device, a.DeviceID, a.Version = f.text(3, MaxText), f.text(4, MaxText), f.text(5, MaxText)
	f.end()
	return a
}
