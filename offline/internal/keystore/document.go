package keystore

import (
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
