package review

import (
	"slices"

	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/multisig"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// spenders are the wallets whose coins a request spends.
type spenders struct {
	ids    []string           // of our wallets and of multisig wallets, as policies name them
	alone  []bundle.KeyRef    // keys that sign for coins that they control alone
	places [][]multisig.Place // for each key that the request names
}

// spenders finds whose coins each signature spends. What several keys control is
// signed for an enrolled wallet alone, whose address derives from all of its keys; a
// key that is for multisig wallets signs for nothing else.
func (v *Reviewer) spenders(it *Item, keys []*keystore.Key) (spenders, error) {
	refs, requests := it.Request.Keys, it.tx.ToSign()
	s := spenders{places: make([][]multisig.Place, len(refs))}
	at := map[chain.PublicKey]int{}
	for i, ref := range refs {
		s.places[i] = v.Multisigs.At(ref.SignatureID, ref.Path, it.Network)
		if ref.Sign {
			at[keys[i].Public()], at[keys[i].Public().Even()] = i, i
		}
	}
	addresses := make([]string, len(requests))
	if x, ok := it.tx.(chain.Sharer); ok {
		addresses = x.Shared()
	}
	shares := make([][]multisig.Place, len(refs)) // what each key signs for together with others
	alone := make([]bool, len(refs))
	for n, r := range requests {
		i := at[r.Key] // there is one, or Sign will find none
		p := slices.IndexFunc(s.places[i], func(p multisig.Place) bool { return p.Address == addresses[n] })
		switch {
		case addresses[n] == "" && keystore.Cosigns(refs[i].Path):
			return s, fault.New("multisig.key", "", "the key %s is for multisig wallets, and it is asked to sign alone", describe(refs[i]))
		case addresses[n] == "":
			alone[i] = true
		case p < 0:
			return s, fault.New("multisig.unknown", "compare the wallet with your own copy, and enrol it: \"coldsign-offline multisig enrol FILE\"",
				"it spends from %s, which does not derive from the keys of a multisig wallet that is enrolled here", addresses[n])
		default:
			shares[i] = append(shares[i], s.places[i][p])
		}
	}
	it.Signers = nil
	for i, ref := range refs {
		if !ref.Sign {
			continue
		}
		text := describe(ref)
		if len(shares[i]) > 0 {
			text += ", for " + shares[i][0].String()
		}
		for _, p := range shares[i] {
			s.add(p.Wallet)
		}
		if alone[i] || len(shares[i]) == 0 {
			s.add(ref.SignatureID)
			s.alone = append(s.alone, ref)
		}
		it.Signers = append(it.Signers, text)
	}
	return s, nil
}

func (s *spenders) add(id bundle.SignatureID) {
	if text := id.String(); !slices.Contains(s.ids, text) {
		s.ids = append(s.ids, text)
	}
}

// payer says whether a key is of a wallet that spends coins of its own, and near a key
// that signs for them.
func (s *spenders) payer(ref bundle.KeyRef) bool {
	return slices.ContainsFunc(s.alone, func(a bundle.KeyRef) bool {
		return a.SignatureID == ref.SignatureID && keystore.Near(ref.Path, a.Path)
	})
}
