package keystore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"filippo.io/age"

	"coldsign/offline/internal/memory"
	"coldsign/offline/internal/slip39"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

var otherPass = []byte("another horse battery")

// filled is a keystore with two wallets, paired, that hands out a set of shares.
func filled(t testing.TB) *Keystore {
	t.Helper()
	ks := quick(t)
	imported(t, ks, "BTC", true, junk)
	imported(t, ks, "SOL", true, junk)
	ks.SetPeer(bytes.Repeat([]byte{7}, 32))
	ks.AddShareSet(ShareSet{ID: 0x1234, Plan: "2of3", Created: 5})
	if err := ks.SetDocument(Document{Kind: "policy", Version: 3, Digest: [32]byte{9}}); err != nil {
		t.Fatal(err)
	}
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
	return ks
}

// stranger opens a backup as any other program with the age library would.
func stranger(t testing.TB, sealed []byte, passphrase string) []byte {
	t.Helper()
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestBackup(t *testing.T) {
	ks := filled(t)
	fp, err := ks.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	key := bytes.Repeat([]byte{0xc1, 0x5e}, 16)
	for name, c := range map[string]struct {
		sealed func() ([]byte, func([]byte) error, error)
		pass   string
	}{
		"in force": {func() ([]byte, func([]byte) error, error) { return ks.Backup(nil) }, string(pass)},
		"another":  {func() ([]byte, func([]byte) error, error) { return ks.Backup(otherPass) }, string(otherPass)},
		"key":      {func() ([]byte, func([]byte) error, error) { return ks.BackupUnderKey([]byte(hex.EncodeToString(key))) }, hex.EncodeToString(key)},
	} {
		before := read(t, ks.path)
		sealed, check, err := c.sealed()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := check(sealed); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := check(sealed[:len(sealed)-1]); err == nil {
			t.Errorf("%s: a backup cut short passes", name)
		}
		if err := check(read(t, ks.path+".previous")); err == nil {
			t.Errorf("%s: another file passes", name)
		}
		if !bytes.Equal(before, read(t, ks.path)) {
			t.Errorf("%s: the keystore was written", name)
		}
		want, err := ks.c.encode()
		if err != nil || !bytes.Equal(stranger(t, sealed, c.pass), want) {
			t.Errorf("%s: a stranger reads something else: %v", name, err)
		}
		b, err := OpenBackup(sealed, []byte(c.pass), registry.New())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if again, err := b.Fingerprint(); err != nil || again != fp || !slices.Equal(b.List(), ks.List()) || b.Generation() != ks.Generation() {
			t.Errorf("%s: fingerprint %x, %v", name, again, err)
		}
		b.Close()
		if _, err := OpenBackup(sealed, []byte("wrong horse battery"), registry.New()); fault.Code(err) != "keystore.passphrase" {
			t.Errorf("%s with a wrong passphrase: %v", name, err)
		}
		if _, err := OpenBackup(sealed, nil, registry.New()); fault.Code(err) != "keystore.passphrase" {
			t.Errorf("%s with an empty passphrase: %v", name, err)
		}
	}
	for _, weak := range []string{"", "1", "seven77"} {
		if _, _, err := ks.Backup([]byte(weak)); fault.Code(err) != "keystore.weak-passphrase" {
			t.Errorf("%q: %v", weak, err)
		}
	}
	if _, _, err := ks.BackupUnderKey([]byte("abcd")); fault.Code(err) != "backup.key" {
		t.Errorf("a short key: %v", err)
	}
}

// A backup that was cut anywhere, or changed anywhere, opens nothing.
func TestSpoiltBackup(t *testing.T) {
	ks := filled(t)
	sealed, _, err := ks.Backup(nil)
	if err != nil {
		t.Fatal(err)
	}
	spoilt := func(what string, i int, b []byte) {
		k, err := OpenBackup(b, pass, registry.New())
		if err == nil {
			k.Close()
			t.Fatalf("%s %d: it opens", what, i)
		}
		if code := fault.Code(err); code != "backup.damaged" && code != "keystore.passphrase" {
			t.Fatalf("%s %d: %v", what, i, err)
		}
	}
	for n := range sealed {
		spoilt("cut at", n, sealed[:n])
	}
	for n := range sealed {
		b := bytes.Clone(sealed)
		b[n] ^= 1
		spoilt("changed at", n, b)
	}
	spoilt("longer than", len(sealed), append(bytes.Clone(sealed), 0))
	k, err := OpenBackup(sealed, pass, registry.New())
	if err != nil {
		t.Fatal(err)
	}
	k.Close()
}

func TestRestore(t *testing.T) {
	ks := filled(t)
	sealed, _, err := ks.Backup(nil)
	if err != nil {
		t.Fatal(err)
	}
	open := func() *Keystore {
		b, err := OpenBackup(sealed, pass, registry.New())
		if err != nil {
			t.Fatal(err)
		}
		b.factor = 4
		t.Cleanup(b.Close)
		return b
	}
	home := t.TempDir()
	if err := open().Restore(home, []byte("seven77")); fault.Code(err) != "keystore.weak-passphrase" {
		t.Errorf("%v", err)
	}
	b := open()
	if err := b.Restore(home, otherPass); err != nil {
		t.Fatal(err)
	}
	if err := open().Restore(home, otherPass); fault.Code(err) != "keystore.exists" {
		t.Errorf("over another: %v", err)
	}
	again, err := Open(home, otherPass, registry.New())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	want, _ := ks.Fingerprint()
	fp, err := again.Fingerprint()
	if err != nil || fp != want || !slices.Equal(again.List(), ks.List()) || again.Generation() != ks.Generation()+1 {
		t.Errorf("%x of %v, generation %d, %v", fp, again.List(), again.Generation(), err)
	}
	if d, ok := again.Document("policy"); !ok || d.Version != 3 || len(again.ShareSets()) != 1 || len(again.Documents()) != 1 {
		t.Error("documents or sets are lost")
	}
	if _, paired := again.Peer(); paired || bytes.Equal(again.Device().Public(), ks.Device().Public()) || !bytes.Equal(again.Device().Public(), b.Device().Public()) {
		t.Error("the device key is the old one, or it is paired")
	}
	if sig, err := b.Device().Sign([]byte("m")); err != nil || len(sig) != 64 {
		t.Errorf("the new device key: %v", err)
	}
	if _, err := Open(home, pass, registry.New()); fault.Code(err) != "keystore.passphrase" {
		t.Errorf("the backup's passphrase opens the new home: %v", err)
	}
}

func TestSetPassphrase(t *testing.T) {
	ks := filled(t)
	old := read(t, ks.path)
	for _, weak := range []string{"", "seven77"} {
		if err := ks.SetPassphrase([]byte(weak)); fault.Code(err) != "keystore.weak-passphrase" || !bytes.Equal(read(t, ks.path), old) {
			t.Errorf("%q: %v", weak, err)
		}
	}
	if err := ks.SetPassphrase(otherPass); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(ks.path + ".previous"); err == nil {
		t.Error("the generation that the old passphrase opens is still there")
	}
	home := filepath.Dir(ks.path)
	if _, err := Open(home, pass, ks.chains); fault.Code(err) != "keystore.passphrase" {
		t.Errorf("the old passphrase: %v", err)
	}
	again, err := Open(home, otherPass, ks.chains)
	if err != nil || !slices.Equal(again.List(), ks.List()) || !bytes.Equal(again.Device().Public(), ks.Device().Public()) {
		t.Fatalf("the new passphrase: %v", err)
	}
	again.Close()
	// Where it cannot be saved the old one stays in force.
	if err := os.Remove(ks.path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(ks.path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := ks.SetPassphrase(pass); err == nil || !bytes.Equal(ks.passphrase, otherPass) {
		t.Errorf("%v", err)
	}
}

func TestFingerprint(t *testing.T) {
	ks := quick(t)
	fp, err := ks.Fingerprint()
	if err != nil || hex.EncodeToString(fp[:]) != "76be8b528d0075f7" { // as FORMAT.md says
		t.Errorf("of none: %x, %v", fp, err)
	}
	info := imported(t, ks, "ETH", true, junk)
	path, err := ks.Path(info.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ks.Key(info.ID, path)
	if err != nil {
		t.Fatal(err)
	}
	// [[id, "ETH", true, key]], by hand.
	b := append([]byte{0x81, 0x84, 0x50}, info.ID[:]...)
	b = append(append(b, 0x63, 'E', 'T', 'H', 0xf5, 0x58, 33), k.Public().Bytes()...)
	sum := sha256.Sum256(b)
	if fp, err = ks.Fingerprint(); err != nil || !bytes.Equal(fp[:], sum[:8]) {
		t.Errorf("of one: %x, %v", fp, err)
	}
	seen := map[[8]byte]bool{fp: true}
	for range 4 {
		imported(t, ks, "ETH", true, junk)
		next, err := ks.Fingerprint()
		if err != nil || seen[next] {
			t.Errorf("another wallet has the same fingerprint: %v", err)
		}
		seen[next], fp = true, next
	}
	slices.Reverse(ks.c.Entries)
	plain, err := ks.c.encode()
	if err != nil {
		t.Fatal(err)
	}
	if ks.c, err = decode(plain); err != nil {
		t.Fatal(err)
	}
	if turned, err := ks.Fingerprint(); err != nil || turned != fp {
		t.Errorf("it depends on the order: %v", err)
	}
}

func TestShareSets(t *testing.T) {
	ks := quick(t)
	for i := range maxSets + 3 {
		ks.AddShareSet(ShareSet{ID: uint16(i), Plan: "2of3"})
	}
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
	sets := reopen(t, ks).ShareSets()
	if len(sets) != maxSets || sets[0].ID != 3 || sets[maxSets-1].ID != maxSets+2 {
		t.Errorf("%d sets from %v", len(sets), sets[0])
	}
	ks.c.Sets = append(ks.c.Sets, ShareSet{})
	b, err := ks.c.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode(b); fault.Code(err) != "keystore.format" {
		t.Errorf("more than are kept: %v", err)
	}
}

// Neither the key of a backup nor its shares stay in memory.
func TestNoShareStaysInMemory(t *testing.T) {
	needles := map[string][]byte{}
	handOut(t, filled(t), needles)
	copies(t, "locked", needles)
}

func handOut(t *testing.T, ks *Keystore, needles map[string][]byte) {
	memory.Do(func() {
		a, err := memory.NewArena()
		if err != nil {
			t.Error(err)
			return
		}
		defer a.Close()
		key, err := hd.Entropy(hd.NewSource(), "")
		if err != nil {
			t.Error(err)
			return
		}
		for name, f := range forms("backup key", key) {
			needles[name] = f
		}
		kept, err := moved(a, key)
		if err != nil {
			t.Error(err)
			return
		}
		digits, err := KeyDigits(a, kept)
		if err != nil {
			t.Error(err)
			return
		}
		sealed, check, err := ks.BackupUnderKey(digits)
		if err != nil || check(sealed) != nil {
			t.Error(err)
			return
		}
		shares, err := slip39.Split(a, hd.NewSource(), kept, slip39.Plan{Threshold: 1, Groups: []slip39.Group{{Threshold: 2, Members: 3}}}, nil)
		if err != nil {
			t.Error(err)
			return
		}
		for i, s := range shares {
			words, err := s.Words(a)
			if err != nil {
				t.Error(err)
				return
			}
			needles["words "+string(rune('1'+i))] = masked(words[20:80])
			if shares[i], err = slip39.Parse(a, words); err != nil {
				t.Error(err)
				return
			}
		}
		again, err := slip39.Combine(a, shares, nil)
		if err != nil || !bytes.Equal(again, kept) {
			t.Error(err)
			return
		}
		b, err := OpenBackup(sealed, digits, registry.New())
		if err != nil {
			t.Error(err)
			return
		}
		b.Close()
		ks.Close()
	})
}
