// Package book holds the operators' address book and their registry of tokens: files
// that a quorum has agreed on. A name here is what a policy allows and what a person
// reads beside an address; a symbol or a number of decimals is believed from here or
// from the network table alone.
package book

import (
	"errors"
	"strings"

	"coldsign/offline/internal/document"
	"coldsign/shared/chain"
	"coldsign/shared/quote"
)

// Entry is one address that the operators know.
type Entry struct {
	Name    string
	Network string // "ETH mainnet" or a CAIP-2 id in the file; the id when it is read
	Address string
	Tags    []string
	Note    string
}

// What the files call themselves.
const (
	KindBook   = "address-book"
	KindTokens = "token-registry"
)

// Book is an address book. The nil Book is empty.
type Book struct {
	Head
	Entries []Entry

	at    map[place]int // by address
	alike map[place]int // by ends: the first entry that has them
	named map[string]int
	tags  map[string]int // how many entries have it
}

type place struct {
	network chain.ID
	address string
}

// Head is what stands at the top of a file.
type Head struct {
	Kind      string // what it calls itself, or "" in a file from before there was the key
	Rehearsal bool   // it is of one
	Version   uint64
	Name      string
}

func (h Head) check() error {
	switch {
	case h.Version < 1 || h.Version > maxVersion:
		return document.At(0, "version = N is missing at the top: a number from 1, higher with every change")
	case !Word(h.Name):
		return document.At(0, "name = \"...\" is missing at the top: 1 to %d printable ASCII characters", maxName)
	}
	return nil
}

// records reads a file of a kind with at most so many tables of a name.
func records[T any](raw []byte, table, kind string, most int) (list []T, h Head, err error) {
	if list, err = document.Records[T](raw, MaxFile, table, &h); err != nil {
		return nil, h, err
	}
	err = errors.Join(document.IsKind(raw, h.Kind, kind), h.check())
	if err == nil && len(list) > most {
		err = document.At(0, "%d times [[%s]], and %d are allowed", len(list), table, most)
	}
	return list, h, document.First(err)
}

// Word reports whether s can be a name: printable, without spaces at its ends.
func Word(s string) bool {
	return s != "" && len(s) <= maxName && quote.Plain(s) && strings.TrimSpace(s) == s
}

// Network finds a network by its CAIP-2 id or as people say it: "ETH mainnet".
func Network(chains []chain.Chain, text string) (chain.Chain, chain.Network, bool) {
	for _, c := range chains {
		for _, n := range c.Networks {
			if text == string(n.ID) || text == c.Name+" "+n.Name {
				return c, n, true
			}
		}
	}
	return chain.Chain{}, chain.Network{}, false
}

// Parse reads an address book. Every address must be spelled with its checksum as
// the chain's own tools spell it.
func Parse(raw []byte, chains []chain.Chain) (*Book, error) {
	entries, h, err := records[Entry](raw, "entry", KindBook, maxEntries)
	if err != nil {
		return nil, err
	}
	n := len(entries)
	b := &Book{Head: h, Entries: entries,
		at: make(map[place]int, n), alike: make(map[place]int, n), named: make(map[string]int, n), tags: map[string]int{}}
	for i := range entries {
		if key, err := b.add(i, chains); err != nil {
			return nil, document.Within(document.Line(raw, "entry", i, key), err)
		}
	}
	return b, nil
}

// add checks entry i and indexes it. It tells the key that is wrong.
func (b *Book) add(i int, chains []chain.Chain) (key string, err error) {
	e := &b.Entries[i]
	c, n, ok := Network(chains, e.Network)
	if !ok {
		return "network", document.At(0, "network %s is not in the list", quote.String(e.Network))
	}
	e.Network = string(n.ID)
	spelled, err := c.Wallet.ParseAddress(n.ID, e.Address)
	if err != nil {
		return "address", err
	}
	if spelled != e.Address {
		return "address", document.At(0, "an address stands here as %s", spelled)
	}
	if !Word(e.Name) || strings.HasPrefix(e.Name, "tag:") || e.Name == "any" {
		return "name", document.At(0, "%s cannot be the name of an entry", quote.String(e.Name))
	}
	if other, ok := b.named[e.Name]; ok {
		return "name", document.At(0, "entry %d has the name %s too", other+1, quote.String(e.Name))
	}
	here := place{n.ID, plain(e.Address)}
	if other, ok := b.at[here]; ok {
		return "address", document.At(0, "entry %d has this address too", other+1)
	}
	if len(e.Tags) > maxTags {
		return "tags", document.At(0, "%d tags, and %d are allowed", len(e.Tags), maxTags)
	}
	for _, t := range e.Tags {
		if !Word(t) {
			return "tags", document.At(0, "%s cannot be a tag", quote.String(t))
		}
		b.tags[t]++
	}
	if len(e.Note) > maxNote {
		return "note", document.At(0, "the note is longer than %d bytes", maxNote)
	}
	b.named[e.Name], b.at[here] = i, i
	if ends := (place{n.ID, ends(e.Address)}); b.alike[ends] == 0 {
		b.alike[ends] = i + 1
	}
	return "", nil
}

// At finds the entry of an address.
func (b *Book) At(n chain.ID, address string) (Entry, bool) {
	if b == nil {
		return Entry{}, false
	}
	i, ok := b.at[place{n, plain(address)}]
	if !ok {
		return Entry{}, false
	}
	return b.Entries[i], true
}

// Alike finds a known address that an unknown one could be taken for: people
// compare the ends (ATT-33).
func (b *Book) Alike(n chain.ID, address string) (Entry, bool) {
	if b == nil {
		return Entry{}, false
	}
	i := b.alike[place{n, ends(address)}]
	if _, known := b.at[place{n, plain(address)}]; known || i == 0 {
		return Entry{}, false
	}
	return b.Entries[i-1], true
}

// plain is an address without what only its spelling tells: a contract's stands with
// its checksum in a call, and without in the id of its token.
func plain(address string) string {
	if strings.HasPrefix(address, "0x") {
		return strings.ToLower(address)
	}
	return address
}

// Named finds an entry by its name.
func (b *Book) Named(name string) (Entry, bool) {
	if b == nil {
		return Entry{}, false
	}
	i, ok := b.named[name]
	if !ok {
		return Entry{}, false
	}
	return b.Entries[i], true
}

// Tagged counts the entries with a tag.
func (b *Book) Tagged(tag string) int {
	if b == nil {
		return 0
	}
	return b.tags[tag]
}

// ends is what an eye compares: the first and the last four characters, after what
// all addresses of a kind begin with (0x, bc1q).
func ends(address string) string {
	s := strings.ToLower(address)
	if hrp, rest, ok := strings.Cut(s, "1"); ok && s == address && len(hrp) > 0 && len(rest) > 8 && strings.Trim(hrp, "abcdefghijklmnopqrstuvwxyz") == "" {
		s = rest[1:]
	}
	s = strings.TrimPrefix(s, "0x")
	if len(s) < 12 {
		return s
	}
	return s[:4] + s[len(s)-4:]
}
