package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"coldsign/offline/internal/book"
	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/multisig"
	"coldsign/offline/internal/policy"
	"coldsign/shared/chain"
	"coldsign/shared/chain/registry"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// maxDocument bounds a file of the operators: an address book of 100,000 entries.
const maxDocument = 32 << 20

// documentPath is where a document is kept: its digest is in its name, so that the
// one in force is never overwritten by the next.
func (s *session) documentPath(d keystore.Document) string {
	return filepath.Join(s.opt.home, "documents", d.Kind+"-"+hex.EncodeToString(d.Digest[:8]))
}

// document reads the document of a kind that is in force; nil when there is none.
func (s *session) document(kind string) ([]byte, error) {
	d, ok := s.ks.Document(kind)
	if !ok {
		return nil, nil
	}
	raw, err := durable.Read(s.documentPath(d), maxDocument)
	if i := slices.Index(s.ks.Documents(), d); fault.Is(err, "file.missing") && i < len(s.ks.Packed()) {
		raw = s.ks.Packed()[i] // a backup took the keystore's place: its files do too
		err = s.keepDocument(d, raw)
	}
	if fault.Is(err, "file.missing") || err == nil && sha256.Sum256(raw) != d.Digest {
		err = fault.New("document.changed", "put it back: \"coldsign-offline "+d.Kind+" set FILE\" takes the very same file", "the %s in %q is not the one that was put in force", kind, s.documentPath(d))
	}
	return raw, err
}

// networks adds the networks of the operators' list, if one is in force.
func (s *session) networks() error {
	raw, err := s.document("networks")
	if err != nil || raw == nil {
		return err
	}
	n, err := book.ParseNetworks(raw)
	if err == nil {
		s.chain = registry.New(n.List...)
	}
	return err
}

// world reads an address book and a token registry, where there are any.
func world(chains []chain.Chain, read func(kind string) ([]byte, error)) (w policy.World, err error) {
	w.Chains = chains
	raw, err := read("book")
	if err == nil && raw != nil {
		w.Book, err = book.Parse(raw, chains)
	}
	if err != nil {
		return w, err
	}
	if raw, err = read("tokens"); err == nil && raw != nil {
		w.Tokens, err = book.ParseTokens(raw, chains)
	}
	return w, err
}

// keepDocument stores the file of a document.
func (s *session) keepDocument(d keystore.Document, raw []byte) error {
	return s.store(s.documentPath(d), raw)
}

// putBack stores the very file that is in force once more: a restored home knows which
// it was, but does not have it. Nobody needs to agree again.
func (s *session) putBack(kind string, raw []byte) (bool, error) {
	d, ok := s.ks.Document(kind)
	if !ok || d.Digest != sha256.Sum256(raw) {
		return false, nil
	}
	if err := s.keepDocument(d, raw); err != nil {
		return true, err
	}
	return true, s.say(map[string]any{"kind": kind, "version": d.Version, "digest": hex.EncodeToString(d.Digest[:])},
		"%s, version %d: this is the one in force\n", kind, d.Version)
}

// current stops where the journal knows of other rules than the keystore: an older
// keystore took the newest's place, or a crash came between the two. The very file that
// the journal names, raw, goes in force once more as any file does.
func (s *session) current(raw []byte) (behind error) {
	sum, preset := sha256.Sum256(raw), s.ks.Preset()
	last := map[string]journal.Entry{}
	for _, e := range s.j.Entries() {
		switch kind, _, document := strings.Cut(e.Text, " "); {
		case e.Kind != journal.Policy:
		case document:
			last[kind] = e
		default:
			preset = e.Text
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(last)) {
		d, _ := s.ks.Document(kind)
		switch e := last[kind]; {
		case bytes.Equal(d.Digest[:], e.Data):
		case bytes.Equal(sum[:], e.Data):
			return nil
		default:
			behind = fault.New("document.rollback", "if an older keystore was put in its place, stop, and put the newest back; else \"coldsign-offline "+kind+" set FILE\" takes that very file", "the journal says that %s is in force, and the keystore knows of another %s or none", e.Text, kind)
		}
	}
	if _, ok := s.ks.Document("policy"); !ok && behind == nil && preset != s.ks.Preset() {
		behind = fault.New("document.rollback", "if an older keystore was put in its place, stop, and put the newest back; else set the preset again", "the journal says that %s is in force, and the keystore %s", preset, s.ks.Preset())
	}
	return behind
}

// gone stops where the keystore has a wallet that the journal says was removed: an older
// keystore brought it back, or a crash came before it was away.
func (s *session) gone(shared []multisig.Wallet) error {
	removed := map[string]bool{} // signature ids, and ids of multisig wallets
	for _, e := range s.j.Entries() {
		verb, rest, _ := strings.Cut(e.Text, " ")
		switch {
		case e.Kind != journal.Wallet:
		case strings.HasPrefix(e.Text, "multisig remove "):
			removed[hex.EncodeToString(e.Data)] = true
		case strings.HasPrefix(e.Text, enrolled):
			delete(removed, hex.EncodeToString(e.Data))
		case verb == "remove":
			removed[rest] = true
		case verb == "new" || verb == "import": // again
			for _, id := range strings.Fields(rest) {
				delete(removed, id)
			}
		}
	}
	back := func(name, command string) error {
		return fault.New("wallet.rollback", "if an older keystore was put in its place, stop, and put the newest back; else remove it again: "+command, "the journal says that %s was removed, and the keystore has it", name)
	}
	for _, w := range s.ks.List() {
		if id := w.ID.String(); removed[id] {
			return back("wallet "+id, "wallet remove "+id)
		}
	}
	for _, m := range shared {
		if removed[hex.EncodeToString(m.ID[:])] {
			return back("multisig wallet "+quote.Line(m.Name), "multisig remove "+quote.Line(m.Name))
		}
	}
	return nil
}

// A version is at most so much higher than the last, and than that of a first one: no
// file can take the numbers of all those after it.
const maxJump, maxFirst = 1000, 100_000_000

func reachable(kind string, version, before uint64, had bool) error {
	most := uint64(maxFirst)
	if had {
		most = before + maxJump
	}
	if version <= most {
		return nil
	}
	return fault.New(kind+".version", fmt.Sprintf("give it a version of at most %d, and have it signed as it is then", most), "version %d would leave no number for later files", version)
}

// setDocument puts a document in force, if those agree whom the policy in force asks:
// the journal first, then its file, then the keystore that names it; the one before
// goes last. with changes the keystore in the same save.
func (s *session) setDocument(kind string, version uint64, raw []byte, with func()) error {
	approved, err := s.changeable(raw)
	if err != nil {
		return err
	}
	old, had := s.ks.Document(kind)
	if err := reachable(kind, version, old.Version, had); err != nil {
		return err
	}
	d := keystore.Document{Kind: kind, Version: version, Digest: sha256.Sum256(raw)}
	if err := s.ks.SetDocument(d); err != nil {
		return err
	}
	with()
	if _, err := s.record(journal.Entry{Kind: journal.Policy, Text: fmt.Sprintf("%s %d", kind, version), Data: d.Digest[:], Approved: approved}); err != nil {
		return err
	}
	if err := s.keepDocument(d, raw); err != nil {
		return err
	}
	if err := s.ks.Save(); err != nil {
		return err
	}
	if !had || s.documentPath(old) == s.documentPath(d) {
		return nil
	}
	if err := os.Remove(s.documentPath(old)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New("file.write", "", "cannot remove the %s that was in force before", d.Kind)
	}
	return nil
}
