package keystore

import (
	"crypto/sha256"
	"testing"

	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
)

// A rehearsal takes keys of test networks only, in every form; that outlives a save, a
// backup and a restore.
func TestRehearsal(t *testing.T) {
	ks := quick(t)
	ks.c.Rehearsal = true
	id, err := NewSignatureID()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ks.NewWallet("ETH", false, "", now); !fault.Is(err, "rehearsal.mainnet") {
		t.Errorf("a new wallet: %v", err)
	}
	for form, text := range map[Form]string{Typed: hexKey, PrivateKey: hexKey, Words: junk} {
		if _, err := ks.ImportAs(form, id, "ETH", false, []byte(text), now); !fault.Is(err, "rehearsal.mainnet") {
			t.Errorf("form %d: %v", form, err)
		}
	}
	if len(ks.List()) != 0 {
		t.Fatal("it holds what it refused")
	}
	if _, err := ks.NewWallet("ETH", true, "", now); err != nil {
		t.Fatal(err)
	}
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
	if again := reopen(t, ks); !again.Rehearsal() || len(again.List()) != 1 {
		t.Error("it forgot that it is a rehearsal")
	}
	sealed, _, err := ks.Backup(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenBackup(sealed, pass, registry.New())
	if err != nil || !b.Rehearsal() {
		t.Fatalf("the backup: %v", err)
	}
	b.factor = 4
	if err := b.Restore(t.TempDir(), pass); err != nil || !b.Rehearsal() {
		t.Errorf("restored: %v", err)
	}
	b.Close()
	if !b.Rehearsal() {
		t.Error("locked, it no longer says so")
	}
}

// Documents are packed whole and as they are in force, or not at all; a save drops them.
func TestPack(t *testing.T) {
	ks := quick(t)
	file := []byte("version = 1")
	if err := ks.SetDocument(Document{Kind: "policy", Version: 1, Digest: sha256.Sum256(file)}); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string][][]byte{"none": nil, "another": {[]byte("version = 2")}, "one too many": {file, file}} {
		if err := ks.Pack(files); !fault.Is(err, "document.changed") || ks.Packed() != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ks.Pack([][]byte{file}); err != nil {
		t.Fatal(err)
	}
	sealed, check, err := ks.Backup(nil)
	if err != nil || check(sealed) != nil {
		t.Fatal(err)
	}
	b, err := OpenBackup(sealed, pass, registry.New())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if p := b.Packed(); len(p) != 1 || string(p[0]) != string(file) {
		t.Errorf("packed %q", p)
	}
	if err := ks.Save(); err != nil || ks.Packed() != nil {
		t.Errorf("a save kept them: %v", err)
	}
	if again := reopen(t, ks); again.Packed() != nil || len(again.Documents()) != 1 {
		t.Error("the home's keystore holds files")
	}
	big := make([]byte, maxPacked+1)
	ks.c.Documents[0].Digest = sha256.Sum256(big)
	if err := ks.Pack([][]byte{big}); !fault.Is(err, "backup.size") {
		t.Errorf("too large: %v", err)
	}
	ks.c.Documents[0].Digest = sha256.Sum256(big[:maxPacked])
	if err := ks.Pack([][]byte{big[:maxPacked]}); err != nil {
		t.Errorf("as large as can be: %v", err)
	}
}
