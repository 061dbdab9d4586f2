package keystore

import (
	"crypto/sha256"
	"slices"
	"strings"

	"coldsign/shared/fault"
)

// Document tells which file of a kind is in force.
func (ks *Keystore) Document(kind string) (Document, bool) {
	i, ok := slices.BinarySearchFunc(ks.c.Documents, kind, func(d Document, kind string) int { return strings.Compare(d.Kind, kind) })
	if !ok {
		return Document{}, false
	}
	return ks.c.Documents[i], true
}

// Packed gives the documents' files that came with a backup, in the order of Documents;
// none of one that was made without them.
func (ks *Keystore) Packed() [][]byte { return ks.c.Files }

// Pack puts the documents' files into the copies that Backup makes, until the next
// Save: a home has them beside its keystore. All must be there, as they are in force.
func (ks *Keystore) Pack(files [][]byte) error {
	size := 0
	for i, d := range ks.c.Documents {
		if len(files) != len(ks.c.Documents) || sha256.Sum256(files[i]) != d.Digest {
			return fault.New("document.changed", "put it back: \"coldsign-offline "+d.Kind+" set FILE\" takes the very same file", "the %s is not the one that was put in force", d.Kind)
		}
		size += len(files[i])
	}
	if size > maxPacked {
		return fault.New("backup.size", "shorten the address book", "the documents hold %d bytes, more than the %d that a backup takes", size, maxPacked)
	}
	ks.c.Files = files
	return nil
}

// SetDocument puts a document in force; the caller saves. A version that is not
// higher than the one in force is refused (document.version): an old file would take
// rules back that people have agreed on.
func (ks *Keystore) SetDocument(d Document) error {
	i, ok := slices.BinarySearchFunc(ks.c.Documents, d.Kind, func(d Document, kind string) int { return strings.Compare(d.Kind, kind) })
	switch {
	case ok && d.Version <= ks.c.Documents[i].Version:
		return fault.New("document.version", "give it a higher version and have it approved", "version %d of the %s is not above %d, which is in force", d.Version, d.Kind, ks.c.Documents[i].Version)
	case ok:
		ks.c.Documents[i] = d
	default:
		ks.c.Documents = slices.Insert(ks.c.Documents, i, d)
	}
	return nil
}
