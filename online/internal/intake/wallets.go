package intake

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/hd"
)

// holder is who has a wallet's private keys. One request goes to one holder.
type holder struct {
	kind   string // pending.Transaction's Signer
	device string // of another wallet: its master key's fingerprint, or the wallet itself without one
}

func holderOf(w pending.Wallet) holder {
	switch {
	case w.Signer == "":
		return holder{}
	case strings.Trim(string(w.Fingerprint), "\x00") == "": // some give zeros for what they do not know
		return holder{w.Signer, w.SignatureID.String()}
	}
	return holder{w.Signer, hex.EncodeToString(w.Fingerprint)}
}

// mixed refuses a submission that no one signer could sign.
func (d *draft) mixed() error {
	property := "hashes"
	if len(d.Hashes) == 0 {
		property = "signatures"
	}
	return FieldErrors{{property, "wallet.signer", "the transaction needs signatures of wallets that different devices hold; make one payment for each", ""}}
}

// wallet is a named wallet, read for deriving.
type wallet struct {
	pending.Wallet
	key     chain.PublicKey // the account key or the single key; zero when only Keys are known
	account *hd.Public      // where children can be derived
}

// derives reports whether the wallet has keys by index.
func (w wallet) derives() bool { return w.account != nil || len(w.Keys) > 0 }

// candidate is a key that may have to sign, or may get change.
type candidate struct {
	id      bundle.SignatureID
	holder  holder
	path    []uint32
	key     chain.PublicKey
	derived bool
}

func (c candidate) ref(sign bool) bundle.KeyRef {
	return bundle.KeyRef{SignatureID: c.id, Path: c.path, Curve: c.key.Curve(), Key: c.key.Bytes(), Sign: sign}
}

func keysOf(list []candidate) (keys []chain.PublicKey) {
	for _, c := range list {
		if !slices.Contains(keys, c.key) {
			keys = append(keys, c.key)
		}
	}
	return keys
}

// wallet finds a wallet of a tenant's. That of another is as one that is unknown.
func (in *Intake) wallet(ctx context.Context, tenant string, id bundle.SignatureID) (pending.Wallet, bool, error) {
	if in.Owners != nil && !slices.Contains(in.Owners[id.String()], tenant) {
		return pending.Wallet{}, false, nil
	}
	return in.Wallets.Wallet(ctx, id)
}

// findWallets looks up what the submission names. A wallet of another chain, or
// of the other kind of network, is refused: its keys would be wrong.
func (in *Intake) findWallets(ctx context.Context, d *draft) error {
	var problems FieldErrors
	for _, id := range d.ids {
		property := "hashes"
		if !slices.Contains(d.Hashes, id.String()) {
			property = "signatures"
		}
		found, ok, err := in.wallet(ctx, d.tenant, id)
		switch {
		case err != nil:
			return err
		case !ok:
			problems.bad(property, "wallet.missing", "no wallet has this signature id; import the keys first", id.String())
		case found.Chain != d.Chain || found.Testnet != d.network.Testnet:
			problems.bad(property, "wallet.network", fmt.Sprintf("the wallet is not one for %s %s", d.Chain, d.network.Name), id.String())
		default:
			w, err := open(found)
			if err != nil {
				return err
			}
			d.wallets = append(d.wallets, w)
		}
	}
	if problems != nil {
		return problems
	}
	return nil
}

// open reads a wallet's keys.
func open(found pending.Wallet) (w wallet, err error) {
	w.Wallet = found
	if len(found.Key) == 0 {
		return w, nil
	}
	if w.key, err = chain.NewPublicKey(found.Curve, found.Key); err != nil {
		return w, err
	}
	if len(found.ChainCode) == 32 && found.Curve == chain.Secp256k1 {
		// Depth, parent and index do not change the children.
		w.account, err = hd.NewPublic(w.key, [32]byte(found.ChainCode), uint8(len(found.Path)), [4]byte{}, 0)
	}
	return w, err
}

// indexes are those in the wallet that the submission names: of the record's
// index, its signatures and its withdrawal responses, else 0.
func (d *draft) indexes(w wallet) []uint32 {
	var list []uint32
	for _, s := range d.Signatures {
		if s.ID == w.SignatureID.String() {
			list = append(list, s.Index)
		}
	}
	if slices.Contains(d.Hashes, w.SignatureID.String()) {
		if d.Index != nil {
			list = append(list, *d.Index)
		}
		for i := range d.derive {
			list = append(list, i)
		}
		if len(list) == 0 {
			list = append(list, 0)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// candidates lists the keys that may sign or get change: those of the indexes
// named, and those that the payload's origins claim for a wallet's master key.
func (d *draft) candidates(origins []chain.Origin) ([]candidate, error) {
	var all []candidate
	add := func(c candidate) {
		same := func(o candidate) bool { return o.key == c.key }
		if !slices.ContainsFunc(all, same) && len(c.path) <= bundle.MaxPath {
			all = append(all, c)
		}
	}
	for _, w := range d.wallets {
		if !w.derives() {
			add(candidate{id: w.SignatureID, holder: holderOf(w.Wallet), path: w.Path, key: w.key})
			continue
		}
		fromOrigins := false
		for _, o := range origins {
			if c, ok := w.claims(o); ok && len(all) < maxKeys {
				add(c)
				fromOrigins = true
			}
		}
		if named := d.Index != nil || len(d.Signatures) > 0 || len(d.derive) > 0; fromOrigins && !named {
			continue
		}
		for _, i := range d.indexes(w) {
			c, err := d.child(w, i)
			if err != nil {
				return nil, err
			}
			add(c)
		}
	}
	return all, nil
}

// child is the wallet's key with the given index.
func (d *draft) child(w wallet, i uint32) (candidate, error) {
	c := candidate{id: w.SignatureID, holder: holderOf(w.Wallet), derived: true, path: append(slices.Clone(w.Path), i)}
	if d.chain.Wallet.Derivation().HardenedIndex {
		c.path[len(c.path)-1] |= chain.Hardened
	}
	if w.account == nil {
		if uint64(i) >= uint64(len(w.Keys)) {
			return c, FieldErrors{{"index", "wallet.index", fmt.Sprintf("the wallet has keys 0 to %d here; export more from the offline half", len(w.Keys)-1), fmt.Sprint(i)}}
		}
		var err error
		c.key, err = chain.NewPublicKey(w.Curve, w.Keys[i])
		return c, err
	}
	child, err := w.account.Child(i)
	if err != nil {
		return c, err
	}
	c.key = child.Key()
	return c, nil
}

// claims tells whether an origin names a key of this wallet's master key. Below
// the account key it is derived and compared; elsewhere its holder will.
func (w wallet) claims(o chain.Origin) (candidate, bool) {
	c := candidate{id: w.SignatureID, holder: holderOf(w.Wallet), path: o.Path, key: o.Key, derived: true}
	if len(w.Fingerprint) != 4 || [4]byte(w.Fingerprint) != o.Fingerprint || o.Key.Curve() != w.Curve {
		return c, false
	}
	n := len(w.Path)
	if w.account == nil || len(o.Path) <= n || !slices.Equal(o.Path[:n], w.Path) {
		return c, len(o.Path) > 0
	}
	child, err := w.account.Derive(o.Path[n:])
	if err != nil || child.Key().Even() != o.Key.Even() {
		return c, false
	}
	c.key = child.Key() // a Taproot origin has no sign of y
	return c, true
}
