package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"coldsign/offline/internal/keystore"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
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
	if err == nil && sha256.Sum256(raw) != d.Digest {
		err = fault.New("document.changed", "copy it back from a backup", "the %s in %q is not the one that was put in force", kind, s.documentPath(d))
	}
	return raw, err
}

// setDocument puts a document in force: its file first, then the keystore that
// names it; the one before goes last. The caller writes the journal before.
func (s *session) setDocument(d keystore.Document, raw []byte) error {
	old, had := s.ks.Document(d.Kind)
	d.Digest = sha256.Sum256(raw)
	if err := s.ks.SetDocument(d); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.documentPath(d)), 0o700); err != nil {
		return fault.New("file.write", "", "cannot make a folder in the home")
	}
	if err := durable.SyncDir(s.opt.home); err != nil {
		return err
	}
	if err := durable.Write(s.documentPath(d), raw); err != nil {
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
