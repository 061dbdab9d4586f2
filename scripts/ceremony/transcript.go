package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what is read.
const (
	maxFile    = 4 << 20 // bytes
	maxWallets = 1000
	minRolls   = 99
	maxRolls   = 1000
)

// Transcript is what a file says, line by line.
type Transcript struct {
	Time, Program     string
	Device            ed25519.PublicKey
	Overlooked        []string
	Rehearsal         bool
	Entries           uint64
	Head              []byte
	How, Words        string
	Machine, Dice     []byte
	Rolls             int
	Passphrase        bool
	Wallets           []Wallet
	signed, signature []byte
}

// Wallet is one wallet of a transcript.
type Wallet struct {
	ID, Chain, Kind, Network string
	Fingerprint, Master      []byte
	Path, XPub               string
	Keys                     []Key
}

// Key is one of a wallet's first keys.
type Key struct {
	Path    string
	Public  []byte
	Address string
}

// lines takes the lines of a file one after the other.
type lines struct {
	rest []string
	err  error
}

// take gives the value of the next line if it begins with word.
func (l *lines) take(word string) (value string, ok bool) {
	if l.err != nil || len(l.rest) == 0 {
		return "", false
	}
	value, ok = strings.CutPrefix(l.rest[0], word+" ")
	if ok && value != "" {
		l.rest = l.rest[1:]
		return value, true
	}
	return "", false
}

// must is take of a line that has to be there, with n fields.
func (l *lines) must(word string, n int) []string {
	value, ok := l.take(word)
	fields := strings.Split(value, " ")
	if (!ok || len(fields) != n || slices.Contains(fields, "")) && l.err == nil {
		l.err = fmt.Errorf("the line %q is missing, or is not of its form", word)
	}
	return append(fields, make([]string, n)...)[:n]
}

// bytes reads lower-case hex digits of n bytes.
func (l *lines) bytes(text string, n int) []byte {
	b, err := hex.DecodeString(text)
	if (err != nil || len(b) != n || hex.EncodeToString(b) != text) && l.err == nil {
		l.err = fmt.Errorf("%.140q is not the hex of %d bytes", text, n)
	}
	return b
}

func (l *lines) number(text string, low, high uint64) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if (err != nil || n < low || n > high || strconv.FormatUint(n, 10) != text) && l.err == nil {
		l.err = fmt.Errorf("%.40q is no number from %d to %d", text, low, high)
	}
	return n
}

func (l *lines) one(text string, of ...string) string {
	if !slices.Contains(of, text) && l.err == nil {
		l.err = fmt.Errorf("%.40q is none of %s", text, strings.Join(of, ", "))
	}
	return text
}

// Parse reads a transcript as FORMAT.md says, and nothing else.
func Parse(raw []byte) (*Transcript, error) {
	if len(raw) > maxFile {
		return nil, fmt.Errorf("a file of %d bytes is no transcript", len(raw))
	}
	odd := func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }
	last := bytes.LastIndex(raw, []byte("\nsignature ")) + 1
	if bytes.ContainsFunc(raw, odd) || !bytes.HasSuffix(raw, []byte("\n")) || last == 0 {
		return nil, fmt.Errorf("the file is no transcript: it is to be lines of ASCII, and the last the signature")
	}
	l := &lines{rest: strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")}
	t := &Transcript{signed: raw[:last]}
	l.one(l.must("coldsign ceremony", 1)[0], "1")
	t.Time = l.must("time", 1)[0]
	t.Device = l.bytes(l.must("device", 1)[0], ed25519.PublicKeySize)
	t.Program = hex.EncodeToString(l.bytes(l.must("program", 1)[0], sha256.Size))
	for what, ok := l.take("overlooked"); ok; what, ok = l.take("overlooked") {
		t.Overlooked = append(t.Overlooked, what)
	}
	if what, ok := l.take("rehearsal"); ok {
		t.Rehearsal = l.one(what, "yes") == "yes"
	}
	journal := l.must("journal", 2)
	t.Entries, t.Head = l.number(journal[0], 1, 1<<63), l.bytes(journal[1], sha256.Size)
	t.How = l.one(l.must("how", 1)[0], "os", "os+dice", "dice-only")
	if t.How == "os+dice" {
		t.Machine = l.bytes(l.must("machine", 1)[0], sha256.Size)
	}
	if t.How != "os" {
		t.Rolls = int(l.number(l.must("rolls", 1)[0], minRolls, maxRolls))
		t.Dice = l.bytes(l.must("dice", 1)[0], sha256.Size)
	}
	t.Words = l.one(l.must("words", 1)[0], "unseen", "shown", "confirmed")
	t.Passphrase = l.one(l.must("passphrase", 1)[0], "yes", "no") == "yes"
	for id, ok := l.take("wallet"); ok && l.err == nil; id, ok = l.take("wallet") {
		t.Wallets = append(t.Wallets, l.wallet(id))
	}
	if n := len(t.Wallets); l.err == nil && (n == 0 || n > maxWallets || n > 1 && t.How != "os") {
		l.err = fmt.Errorf("a transcript of %d wallets", n)
	}
	t.signature = l.bytes(l.must("signature", 1)[0], ed25519.SignatureSize)
	if l.err == nil && len(l.rest) > 0 {
		l.err = fmt.Errorf("the line %.60q is not expected here", l.rest[0])
	}
	return t, l.err
}

func (l *lines) wallet(id string) (w Wallet) {
	w.ID = id
	what := l.must("chain", 3)
	w.Chain, w.Kind, w.Network = what[0], l.one(what[1], "mainnet", "testnet"), what[2]
	w.Fingerprint = l.bytes(l.must("fingerprint", 1)[0], 4)
	w.Master = l.bytes(l.must("master", 1)[0], 33)
	if value, ok := l.take("account"); ok {
		path, xpub, _ := strings.Cut(value, " ")
		w.Path, w.XPub = path, xpub
	}
	size := 32
	if w.XPub != "" {
		size = 33
	}
	for i := 0; i < 3 && l.err == nil; i++ {
		key := l.must("key", 3)
		w.Keys = append(w.Keys, Key{key[0], l.bytes(key[1], size), key[2]})
	}
	return w
}
