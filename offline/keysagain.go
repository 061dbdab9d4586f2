package main

import (
	"crypto/sha256"
	"slices"
	"strings"

	"coldsign/offline/internal/journal"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// publicKeys gives the items of a keys bundle.
func (s *session) publicKeys(ids []bundle.SignatureID) (items [][]byte, err error) {
	for i, id := range ids {
		if i%manyWallets == manyWallets-1 {
			s.ks.Forget()
		}
		w, err := s.ks.Wallet(id)
		if err != nil {
			return nil, err
		}
		item, err := bundle.EncodeItem(w)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

func (s *session) sealKeys(items [][]byte, peer []byte, place *journal.Channel, head bundle.Head) ([]byte, error) {
	return bundle.Seal(bundle.Header{
		Kind: bundle.Keys, Recipient: bundle.IDOf(peer), Sequence: place.Sequence, Previous: place.Previous, Created: place.Created,
		Head: head, Rehearsal: s.ks.Rehearsal(),
	}, items, s.ks.Device())
}

// keysAgain makes a keys bundle once more whose file was lost: the journal says which
// wallets there were, and in which order. nil if the entry released no such bundle.
func (s *session) keysAgain(e journal.Entry) ([]byte, error) {
	if e.Kind != journal.Keys {
		return nil, nil
	}
	items, err := s.publicKeys(s.walletsAt(e.Number))
	if fault.Is(err, "wallet.missing") {
		err = fault.New("sent.missing", "import it again under the same --id", "bundle %d is lost, and a wallet of it was removed since: %s", e.Out.Sequence, what(err))
	}
	if err != nil {
		return nil, err
	}
	for _, head := range []bundle.Head{e.Before(), {}} { // before there were heads, none was told
		raw, err := s.sealKeys(items, s.j.Peer(), e.Out, head)
		if err != nil {
			return nil, err
		}
		if sha256.Sum256(raw) == e.Out.Digest {
			return raw, s.keep(e.Out.Sequence, raw)
		}
	}
	return nil, fault.New("sent.missing", "restore a backup into a new home, and pair that", "bundle %d is lost, and cannot be made again from what is here", e.Out.Sequence)
}

// walletsAt gives the wallets that the keystore held at an entry of the journal.
func (s *session) walletsAt(number uint64) (ids []bundle.SignatureID) {
	var since []bundle.SignatureID
	told := map[bundle.SignatureID]bool{}
	for _, e := range s.j.Entries() {
		words := strings.Fields(e.Text)
		if e.Kind != journal.Wallet || !slices.Contains([]string{"new", "import", "remove"}, words[0]) {
			continue // "keys" and "multisig" tell of a wallet, and change none
		}
		for _, text := range words {
			id, err := bundle.ParseSignatureID(text)
			if err != nil {
				continue // a verb
			}
			told[id] = true
			if e.Number > number {
				continue
			}
			since = slices.DeleteFunc(since, func(x bundle.SignatureID) bool { return x == id })
			if words[0] != "remove" {
				since = append(since, id)
			}
		}
	}
	for _, info := range s.ks.List() { // of the backup that this home was restored from
		if !told[info.ID] {
			ids = append(ids, info.ID)
		}
	}
	return append(ids, since...)
}
