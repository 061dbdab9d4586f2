package keystore

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
)

// large gives a backup of several of age's chunks of 64 KiB, with contents of its own.
func large(t *testing.T, fill byte) (*Keystore, []byte) {
	t.Helper()
	ks := quick(t)
	imported(t, ks, "ETH", true, hexKey)
	file := bytes.Repeat([]byte{fill}, 300<<10)
	if err := ks.SetDocument(Document{Kind: "book", Version: 1, Digest: sha256.Sum256(file)}); err != nil {
		t.Fatal(err)
	}
	if err := ks.Pack([][]byte{file}); err != nil {
		t.Fatal(err)
	}
	sealed, check, err := ks.Backup(nil)
	if err != nil || check(sealed) != nil {
		t.Fatal(err)
	}
	return ks, sealed
}

// TestATT66Spliced moves parts of a keystore: within it, from an older generation of it,
// and from another one under the same passphrase. Records are one sealed whole: whoever
// lacks the passphrase cannot swap, copy, drop or reorder any.
func TestATT66Spliced(t *testing.T) {
	_, one := large(t, 'a')
	_, two := large(t, 'b')
	open := func(b []byte) error {
		ks, err := OpenBackup(b, pass, registry.New())
		if err == nil {
			ks.Close()
		}
		return err
	}
	if open(one) != nil || open(two) != nil || len(one) != len(two) {
		t.Fatal("the whole ones do not open")
	}
	const chunk = 64<<10 + 16
	body := bytes.Index(one, []byte("\n--- ")) + len("\n--- ") + 43 + 1 + 16 // header, MAC, nonce
	n := (len(one) - body + chunk - 1) / chunk
	part := func(b []byte, i int) []byte { return b[body+i*chunk : min(body+(i+1)*chunk, len(b))] }
	build := func(head []byte, parts ...[]byte) []byte {
		return append(bytes.Clone(head[:body]), bytes.Join(parts, nil)...)
	}
	all := func(b []byte) (p [][]byte) {
		for i := range n {
			p = append(p, part(b, i))
		}
		return p
	}
	if n < 4 || !bytes.Equal(build(one, all(one)...), one) {
		t.Fatalf("%d chunks", n)
	}
	try := func(what string, b []byte) {
		t.Helper()
		if err := open(b); !fault.Is(err, "backup.damaged") && !fault.Is(err, "keystore.passphrase") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range n {
		for j := range n {
			p := all(one)
			p[i], p[j] = p[j], p[i]
			if i != j {
				try(fmt.Sprintf("%d and %d swapped", i, j), build(one, p...))
			}
			p = all(one)
			p[i] = part(two, j)
			try(fmt.Sprintf("%d from another's %d", i, j), build(one, p...))
		}
		p := all(one)
		try(fmt.Sprintf("without %d", i), build(one, append(p[:i:i], p[i+1:]...)...))
		p = all(one)
		try(fmt.Sprintf("%d twice", i), build(one, append(p[:i+1:i+1], all(one)[i:]...)...))
		try(fmt.Sprintf("cut after %d", i), build(one, all(one)[:i]...))
	}
	try("another's body", build(one, all(two)...))
	try("another's body and nonce", append(bytes.Clone(one[:body-16]), two[body-16:]...))
}

// TestATT66Records changes the records of a keystore under the right passphrase, as one
// who has it can: what contradicts itself does not open.
func TestATT66Records(t *testing.T) {
	ks := quick(t)
	imported(t, ks, "ETH", true, hexKey)
	imported(t, ks, "BTC", true, junk)
	for name, change := range map[string]func(*contents){
		"a record twice":                func(c *contents) { c.Entries = append(c.Entries, c.Entries[0]) },
		"an id of another record":       func(c *contents) { c.Entries[0].ID = c.Entries[1].ID },
		"a secret of another kind":      func(c *contents) { c.Entries[0].Secret = c.Entries[1].Secret },
		"a rehearsal with a real key":   func(c *contents) { c.Rehearsal, c.Entries[0].Testnet = true, false },
		"a file without a document":     func(c *contents) { c.Files = [][]byte{{1}} },
		"a file that is not its digest": func(c *contents) { c.Documents, c.Files = []Document{{"book", 1, [32]byte{1}}}, [][]byte{{1}} },
	} {
		plain, err := ks.c.encode()
		if err != nil {
			t.Fatal(err)
		}
		c, err := decode(plain)
		if err != nil {
			t.Fatal(err)
		}
		change(c)
		if plain, err = c.encode(); err != nil {
			t.Fatal(err)
		}
		if _, err := decode(plain); !fault.Is(err, "keystore.format") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestATT67WrongPassphrases tries 1,000: each is the same error, after the same work.
func TestATT67WrongPassphrases(t *testing.T) {
	ks := quick(t)
	home := filepath.Dir(ks.path)
	var first string
	var least, most time.Duration
	for i := range 1000 {
		wrong := fmt.Appendf(nil, "correct horse batter%d", i)
		begin := time.Now()
		_, err := Open(home, wrong, ks.chains)
		took := time.Since(begin)
		if !fault.Is(err, "keystore.passphrase") {
			t.Fatalf("%q: %v", wrong, err)
		}
		if first == "" {
			first, least = err.Error(), took
		}
		if err.Error() != first {
			t.Fatalf("%q is told %q, the first one %q", wrong, err, first)
		}
		least, most = min(least, took), max(most, took)
	}
	t.Logf("from %v to %v", least, most)
	for _, wrong := range [][]byte{nil, []byte("c"), pass[:len(pass)-1], append(bytes.Clone(pass), ' '), bytes.ToUpper(pass)} {
		if _, err := Open(home, wrong, ks.chains); !fault.Is(err, "keystore.passphrase") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if again, err := Open(home, pass, ks.chains); err != nil {
		t.Error(err)
	} else {
		again.Close()
	}
}

// TestATT67WeakAtCreation refuses what can be tried out; eight characters are the least.
func TestATT67WeakAtCreation(t *testing.T) {
	for n := range 8 {
		home := t.TempDir()
		if _, err := Create(home, pass[:n], registry.New()); !fault.Is(err, "keystore.weak-passphrase") {
			t.Errorf("%d characters: %v", n, err)
		}
		if left, err := os.ReadDir(home); err != nil || len(left) != 0 {
			t.Errorf("%d characters left %v", n, left)
		}
	}
	ks, err := Create(t.TempDir(), pass[:8], registry.New())
	if err != nil {
		t.Fatal(err)
	}
	ks.Close()
}
