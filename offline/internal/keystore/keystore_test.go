package keystore

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/btcsuite/btcd/address/v2/base58"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
)

var (
	pass = []byte("correct horse battery")
	now  = time.Unix(1767225600, 0)
)

const (
	junk    = "test test test test test test test test test test test junk"
	hexKey  = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
	wifMain = "L2bFui7UKQcjxaxJLKAx8gQUJyEvbcEjLNqUDfuahmLf9TDhX5Ad"
	wifTest = "cRk4HVE9qfekpVFc72PMjEahdoiMkfaZpXBwBNRoqkk8hnsn8Kf8"
	solKey  = "5Xcmr8b8SY6jsBtEZKX8uPQkfGLSvvDu2SXg1NA7Qf35rbRdVcv2BeaLhjiV6uo5jHRyudLAuBG8bzH9WcWyZeht"
)

// quick makes a keystore whose scrypt costs nothing worth waiting for.
func quick(t testing.TB) *Keystore {
	t.Helper()
	ks, err := empty(filepath.Join(t.TempDir(), File), pass, registry.New())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ks.Close)
	ks.factor = 4
	ks.c = &contents{Version: 1, Preset: "strict", Device: bytes.Repeat([]byte{0xd5}, 32), Peer: []byte{}, Entries: []entry{}}
	if err := errors.Join(ks.ready(), ks.Save()); err != nil {
		t.Fatal(err)
	}
	return ks
}

func reopen(t testing.TB, ks *Keystore) *Keystore {
	t.Helper()
	again, err := Open(filepath.Dir(ks.path), pass, ks.chains)
	if err != nil {
		t.Fatal(err)
	}
	again.factor = 4
	return again
}

func newID(t testing.TB) bundle.SignatureID {
	t.Helper()
	id, err := NewSignatureID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func imported(t testing.TB, ks *Keystore, chainName string, testnet bool, text string) Info {
	t.Helper()
	info, err := ks.Import(newID(t), chainName, testnet, []byte(text), now)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The one test at the real work factor.
func TestCreate(t *testing.T) {
	home := t.TempDir()
	for _, weak := range []string{"", "a", "1234567"} {
		if _, err := Create(home, []byte(weak), registry.New()); !fault.Is(err, "keystore.weak-passphrase") {
			t.Errorf("passphrase %q: %v", weak, err)
		}
	}
	if left, _ := os.ReadDir(home); len(left) != 0 {
		t.Fatalf("a refused creation left %v", left)
	}
	if _, err := Open(home, pass, registry.New()); !fault.Is(err, "keystore.missing") {
		t.Errorf("no keystore: %v", err)
	}
	ks, err := Create(home, pass, registry.New())
	if err != nil {
		t.Fatal(err)
	}
	sealed := read(t, ks.path)
	if !bytes.HasPrefix(sealed, []byte("age-encryption.org/v1\n-> scrypt ")) || !strings.HasSuffix(strings.SplitN(string(sealed), "\n", 3)[1], " 18") {
		t.Errorf("not an age file of work factor 18: %q", sealed[:60])
	}
	if info, err := os.Stat(ks.path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := Create(home, pass, registry.New()); !fault.Is(err, "keystore.exists") || !bytes.Equal(sealed, read(t, ks.path)) {
		t.Errorf("a second one: %v", err)
	}
	if _, ok := ks.Peer(); ok || ks.Preset() != "strict" || len(ks.List()) != 0 {
		t.Error("a new keystore is paired, holds wallets or is not strict")
	}
	other, err := Create(t.TempDir(), pass, registry.New())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(ks.Device().Public(), other.Device().Public()) {
		t.Error("two keystores have the same device key")
	}
}

func TestGenerations(t *testing.T) {
	ks := quick(t)
	previous := ks.path + ".previous"
	one := read(t, ks.path)
	btc := imported(t, ks, "BTC", true, junk)
	ks.SetPeer(bytes.Repeat([]byte{7}, 32))
	ks.SetPreset("compat")
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, previous), one) {
		t.Error("the generation before is not kept")
	}
	two := read(t, ks.path)
	if err := ks.Save(); err != nil || !bytes.Equal(read(t, previous), two) {
		t.Errorf("the generation before is not kept: %v", err)
	}
	if plain, err := Decrypt(one, pass); err != nil {
		t.Error(err)
	} else if c, err := decode(plain); err != nil || c.Generation != 1 || len(c.Entries) != 0 {
		t.Errorf("the first generation: %v", err)
	}

	again := reopen(t, ks)
	if _, err := os.Lstat(previous); err == nil {
		t.Error("the generation before outlived an Open")
	}
	peer, ok := again.Peer()
	if again.c.Generation != 3 || !ok || !bytes.Equal(peer, bytes.Repeat([]byte{7}, 32)) || again.Preset() != "compat" ||
		len(again.List()) != 1 || again.List()[0] != btc || !bytes.Equal(again.Device().Public(), ks.Device().Public()) {
		t.Errorf("generation %d, peer %x, preset %s, wallets %v", again.c.Generation, peer, again.Preset(), again.List())
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(ks.path), ".*.tmp")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	// A wrong passphrase removes nothing.
	if err := again.Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Dir(ks.path), []byte("wrong passphrase"), ks.chains); err == nil {
		t.Fatal("opened with a wrong passphrase")
	}
	if _, err := os.Lstat(previous); err != nil {
		t.Error("a failed Open removed the generation before")
	}
}

func TestFailedSaveKeepsTheOldOne(t *testing.T) {
	ks := quick(t)
	old := read(t, ks.path)
	imported(t, ks, "ETH", true, junk)
	ks.factor = 0
	func() {
		defer func() { _ = recover() }() // age panics at a factor outside 1 to 30
		_ = ks.Save()
	}()
	if !bytes.Equal(old, read(t, ks.path)) {
		t.Error("a failed save changed the file")
	}
	reopen(t, ks)
}

func TestOpenRefuses(t *testing.T) {
	ks := quick(t)
	home, good := filepath.Dir(ks.path), read(t, ks.path)
	for _, p := range []string{"", "x", "correct horse batterx", "correct horse battery ", strings.Repeat("a", 4096)} {
		_, err := Open(home, []byte(p), ks.chains)
		if !fault.Is(err, "keystore.passphrase") || p != "" && strings.Contains(err.Error(), "\""+p) {
			t.Errorf("passphrase %.20q: %v", p, err)
		}
	}
	for _, mode := range []os.FileMode{0o644, 0o604, 0o620, 0o666, 0o610} {
		if err := os.Chmod(ks.path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(home, pass, ks.chains); !fault.Is(err, "keystore.mode") {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
	real := filepath.Join(t.TempDir(), "real")
	if err := errors.Join(os.Chmod(ks.path, 0o600), os.Rename(ks.path, real), os.Symlink(real, ks.path)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(home, pass, ks.chains); !fault.Is(err, "file.type") {
		t.Errorf("a symbolic link: %v", err)
	}
	if err := ks.Save(); !fault.Is(err, "file.type") || !bytes.Equal(good, read(t, real)) {
		t.Errorf("saving through a symbolic link: %v", err)
	}
	if err := errors.Join(os.Remove(ks.path), os.RemoveAll(ks.path+".previous"), os.Mkdir(ks.path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(home, pass, ks.chains); !fault.Is(err, "file.type") {
		t.Errorf("a folder: %v", err)
	}
}

func TestATT67TruncatedOrFlipped(t *testing.T) {
	ks := quick(t)
	imported(t, ks, "BTC", true, junk)
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
	home, good := filepath.Dir(ks.path), read(t, ks.path)
	if len(good) < 300 {
		t.Fatalf("only %d bytes", len(good))
	}
	try := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(ks.path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(home, pass, ks.chains); !fault.Is(err, "keystore.format") && !fault.Is(err, "keystore.passphrase") {
			t.Fatalf("%s: %v", what, err)
		}
	}
	// The third line of the header ends with the work factor: a flip there may
	// ask for seconds of work, which another test looks at.
	factor := bytes.IndexByte(good[len("age-encryption.org/v1\n"):], '\n') + len("age-encryption.org/v1\n") - 1
	for n := range good {
		try(fmt.Sprintf("cut to %d", n), good[:n])
		for bit := range 8 {
			if n == factor {
				continue
			}
			bad := bytes.Clone(good)
			bad[n] ^= 1 << bit
			try(fmt.Sprintf("bit %d of byte %d", bit, n), bad)
		}
	}
	try("trailing byte", append(bytes.Clone(good), 0))
	try("doubled", append(bytes.Clone(good), good...))
}

// A header cannot make us work for minutes, and only one passphrase stanza is
// a keystore.
func TestATT65HostileHeader(t *testing.T) {
	b64 := base64.RawStdEncoding
	stanza := func(salt []byte, factor string) string {
		return "-> scrypt " + b64.EncodeToString(salt) + " " + factor + "\n" + b64.EncodeToString(make([]byte, 32)) + "\n"
	}
	salt, mac := make([]byte, 16), "--- "+b64.EncodeToString(make([]byte, 32))+"\n"+strings.Repeat("x", 64)
	const v1 = "age-encryption.org/v1\n"
	x, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	var public bytes.Buffer
	w, err := age.Encrypt(&public, x.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, sealed := range map[string]string{
		"factor 30":     v1 + stanza(salt, "30") + mac,
		"factor 23":     v1 + stanza(salt, "23") + mac,
		"factor 64":     v1 + stanza(salt, "64") + mac,
		"factor 10^9":   v1 + stanza(salt, "1000000000") + mac,
		"factor 0":      v1 + stanza(salt, "0") + mac,
		"factor 21":     v1 + stanza(salt, "21") + mac,
		"factor 2^32-1": v1 + stanza(salt, "4294967295") + mac,
		"factor 2^64":   v1 + stanza(salt, "18446744073709551616") + mac,
		"factor 018":    v1 + stanza(salt, "018") + mac,
		"factor -1":     v1 + stanza(salt, "-1") + mac,
		"no factor":     v1 + stanza(salt, "") + mac,
		"empty salt":    v1 + stanza(nil, "4") + mac,
		"two stanzas":   v1 + stanza(salt, "4") + stanza(salt, "4") + mac,
		"unknown":       v1 + "-> argon2id x\n\n" + mac,
		"no stanza":     v1 + mac,
		"another age":   "age-encryption.org/v2\n" + stanza(salt, "4") + mac,
		"no age":        strings.Repeat("\x00", 400),
		"empty":         "",
		"public key":    public.String(),
		"armored start": "-----BEGIN AGE ENCRYPTED FILE-----\n",
		"huge line":     v1 + "-> scrypt " + strings.Repeat("A", 1<<20),
	} {
		start := time.Now()
		_, err := Decrypt([]byte(sealed), pass)
		if d := time.Since(start); d > 100*time.Millisecond {
			t.Errorf("%s: refusing took %v", name, d)
		}
		if !fault.Is(err, "keystore.format") && !fault.Is(err, "keystore.passphrase") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The file is a plain age file: the library with an identity of its own opens
// it, and what it holds is the documented CBOR.
func TestStrangerOpensIt(t *testing.T) {
	ks := quick(t)
	imported(t, ks, "BTC", true, junk)
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
	id, err := age.NewScryptIdentity(string(pass))
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(read(t, ks.path)), id)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil || !bytes.Contains(plain, []byte(junk)) || !bytes.Contains(plain, ks.c.Device) {
		t.Errorf("the mnemonic or the device key is not in what age decrypts: %v", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	ks := quick(t)
	imported(t, ks, "BTC", true, junk)
	imported(t, ks, "ETH", true, hexKey)
	good, err := ks.c.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode(good); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := decode(good[:n]); !fault.Is(err, "keystore.format") {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	for name, edit := range map[string]func(c *contents){
		"keystore.version": func(c *contents) { c.Version = 2 },
		"peer":             func(c *contents) { c.Peer = make([]byte, 31) },
		"twice":            func(c *contents) { c.Entries = append(c.Entries, c.Entries[0]) },
		"kind":             func(c *contents) { c.Entries[0].Kind = 4 },
		"no kind":          func(c *contents) { c.Entries[0].Kind = 0 },
		"curve":            func(c *contents) { c.Entries[0].Curve = 0 },
		"short key":        func(c *contents) { c.Entries[1].Secret = c.Entries[1].Secret[:31] },
		"no mnemonic":      func(c *contents) { c.Entries[0].Secret = nil },
		"long mnemonic":    func(c *contents) { c.Entries[0].Secret = make([]byte, maxSecret+1) },
	} {
		c, err := decode(good)
		if err != nil {
			t.Fatal(err)
		}
		edit(c)
		bad, err := c.encode()
		if err != nil {
			t.Fatal(err)
		}
		want := "keystore.format"
		if strings.Contains(name, ".") {
			want = name
		}
		if _, err := decode(bad); !fault.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := decode(append(bytes.Clone(good), 0)); !fault.Is(err, "keystore.format") {
		t.Error("a trailing byte was read")
	}
}

func FuzzDecode(f *testing.F) {
	ks := quick(f)
	imported(f, ks, "BTC", true, junk)
	imported(f, ks, "SOL", false, solKey)
	good, err := ks.c.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	ks.c.Entries, ks.c.Rehearsal = ks.c.Entries[:1], true
	ks.c.Documents, ks.c.Files = []Document{{"book", 1, sha256.Sum256([]byte("x"))}}, [][]byte{[]byte("x")}
	if good, err = ks.c.encode(); err != nil {
		f.Fatal(err)
	}
	if _, err := decode(good); err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decode(b)
		if err != nil {
			return
		}
		if again, err := c.encode(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x is written again as %x", b, again)
		}
	})
}

func TestImport(t *testing.T) {
	word := strings.Repeat("abandon ", 11)
	for _, c := range []struct {
		name, chain, text string
		testnet           bool
		code              string // "" for accepted
	}{
		{"mnemonic BTC", "BTC", junk, false, ""},
		{"mnemonic ETH", "ETH", junk, true, ""},
		{"mnemonic SOL", "SOL", junk, true, ""},
		{"mnemonic, spaces, newline, capitals", "BTC", "  Test test\ttest test test test test test test test test JUNK\r\n", true, ""},
		{"24 words", "ETH", strings.Repeat("abandon ", 23) + "art", false, ""},
		{"Japanese, ideographic spaces", "BTC", strings.Repeat("あいこくしん\u3000", 11) + "あおぞら", true, ""},
		{"Korean, 809 bytes in NFKD", "SOL", strings.Repeat("초등학생 ", 23) + "객관적", false, ""},
		{"checksum", "BTC", word + "abandon", false, "mnemonic.checksum"},
		{"unknown word", "BTC", word + "coldsign", false, "mnemonic.word"},
		{"11 words", "BTC", strings.TrimSpace(word), false, "mnemonic.length"},
		{"two words", "ETH", "abandon about", false, "mnemonic.length"},
		{"WIF main", "BTC", wifMain, false, ""},
		{"WIF main with newline", "BTC", wifMain + "\n", false, ""},
		{"WIF test", "BTC", wifTest, true, ""},
		{"WIF main for test", "BTC", wifMain, true, "bitcoin.key-network"},
		{"WIF test for main", "BTC", wifTest, false, "bitcoin.key-network"},
		{"WIF uncompressed", "BTC", "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ", false, "bitcoin.key-uncompressed"},
		{"WIF one letter off", "BTC", wifMain[:51] + "e", false, "bitcoin.key"},
		{"WIF cut", "BTC", wifMain[:51], false, "bitcoin.key"},
		{"hex for BTC", "BTC", hexKey, false, "bitcoin.key"},
		{"hex", "ETH", hexKey, false, ""},
		{"0x hex", "ETH", "0x" + hexKey, true, ""},
		{"hex too short", "ETH", hexKey[:62], false, "evm."},
		{"hex too long", "ETH", hexKey + "00", false, "evm."},
		{"hex of zero", "ETH", strings.Repeat("0", 64), false, "evm."},
		{"hex of the group order", "ETH", "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", false, "evm."},
		{"not hex", "ETH", strings.Repeat("g", 64), false, "evm."},
		{"WIF for ETH", "ETH", wifMain, false, "evm."},
		{"base58", "SOL", solKey, false, ""},
		{"base58 with another public half", "SOL", base58.Encode(append(base58.Decode(solKey)[:32:32], make([]byte, 32)...)), false, "key.private"},
		{"base58 cut", "SOL", solKey[:87], false, "key.private"},
		{"base58 of 31 bytes", "SOL", base58.Encode(make([]byte, 31)), false, "key.private"},
		{"not base58", "SOL", "0OIl" + solKey[4:], false, "key.private"},
		{"hex for SOL", "SOL", hexKey, false, "key.private"},
		{"unknown chain", "XRP", junk, false, "chain.unknown"},
		{"lower case chain", "btc", junk, false, "chain.unknown"},
		{"nothing", "ETH", "", false, "evm."},
	} {
		t.Run(c.name, func(t *testing.T) {
			ks := quick(t)
			id := newID(t)
			info, err := ks.Import(id, c.chain, c.testnet, []byte(c.text), now)
			if c.code != "" {
				if !strings.HasPrefix(fault.Code(err), c.code) || len(ks.List()) != 0 {
					t.Errorf("%v, code %q, want %q", err, fault.Code(err), c.code)
				}
				leaks(t, "the error", fmt.Sprint(err), []byte(strings.TrimSpace(c.text)))
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := ks.Save(); err != nil {
				t.Fatal(err)
			}
			again := reopen(t, ks)
			if got, err := again.Find(id); err != nil || got != info || got.Mnemonic != strings.ContainsAny(c.text, " \u3000") || got.Testnet != c.testnet {
				t.Errorf("%+v, imported %+v: %v", got, info, err)
			}
		})
	}
}

func TestDuplicateID(t *testing.T) {
	ks := quick(t)
	one := imported(t, ks, "BTC", true, junk)
	if _, err := ks.Import(one.ID, "ETH", true, []byte(hexKey), now); !fault.Is(err, "wallet.exists") || len(ks.List()) != 1 || ks.List()[0] != one {
		t.Errorf("a second wallet of the same id: %v", err)
	}
}

func TestRemove(t *testing.T) {
	ks := quick(t)
	a, b, c := imported(t, ks, "BTC", true, junk), imported(t, ks, "ETH", true, hexKey), imported(t, ks, "SOL", true, solKey)
	if err := ks.Remove(newID(t)); !fault.Is(err, "wallet.missing") {
		t.Errorf("an unknown id: %v", err)
	}
	if _, err := ks.Key(b.ID, nil); err != nil {
		t.Fatal(err)
	}
	if err := ks.Remove(b.ID); err != nil {
		t.Fatal(err)
	}
	if l := ks.List(); len(l) != 2 || l[0] != a || l[1] != c {
		t.Errorf("left %v", l)
	}
	if _, err := ks.Key(b.ID, nil); !fault.Is(err, "wallet.missing") {
		t.Errorf("the key of a removed wallet: %v", err)
	}
	for _, id := range []bundle.SignatureID{a.ID, c.ID} {
		if _, err := ks.Wallet(id); err != nil {
			t.Errorf("a wallet that stayed: %v", err)
		}
	}
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
	key, err := hex.DecodeString(hexKey)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := Decrypt(read(t, ks.path), pass); err != nil || bytes.Contains(plain, key) {
		t.Errorf("the removed key is still in the file: %v", err)
	}
}

func TestNewWallet(t *testing.T) {
	const dice = "53636665142612134245152162432421255422112222332566226243134223133551566313334632446213163415434514162521243535"
	ks := quick(t)
	seen := map[string]bool{}
	for i, dice := range []string{"", "", dice, dice} {
		info, err := ks.NewWallet("BTC", true, dice, now)
		if err != nil {
			t.Fatal(err)
		}
		text := string(ks.c.Entries[i].Secret)
		if seen[text] || len(strings.Fields(text)) < 12 || !info.Mnemonic || info.ID[6]>>4 != 4 || info.ID[8]>>6 != 2 {
			t.Errorf("wallet %d: repeated, short, or no random UUID %s", i, info.ID)
		}
		seen[text] = true
	}
	for _, dice := range []string{"1", strings.Repeat("1", 100), strings.Repeat("7", 100), "abc"} {
		if _, err := ks.NewWallet("BTC", true, dice, now); err == nil {
			t.Errorf("dice %.10q were taken", dice)
		}
	}
	if _, err := ks.NewWallet("XRP", true, "", now); !fault.Is(err, "chain.unknown") || len(ks.List()) != 4 {
		t.Errorf("an unknown chain: %v", err)
	}
}

// leaks fails when text holds a secret in a form that somebody could read.
func leaks(t *testing.T, where, text string, secrets ...[]byte) {
	t.Helper()
	text = strings.ToLower(text)
	for _, s := range secrets {
		if len(s) < 16 {
			continue
		}
		for form, spelled := range map[string]string{
			"raw": string(s), "hex": hex.EncodeToString(s), "base58": base58.Encode(s), "base64": base64.RawStdEncoding.EncodeToString(s),
			"decimal": strings.Trim(fmt.Sprint(s), "[]"), "go": strings.Trim(fmt.Sprintf("%#v", s), "[]byte{}"),
		} {
			if strings.Contains(text, strings.ToLower(spelled)) {
				t.Errorf("%s holds the secret (%s): %.80q", where, form, text)
			}
		}
	}
}

func TestNothingPrintsSecrets(t *testing.T) {
	ks := quick(t)
	secret, err := hex.DecodeString(hexKey)
	if err != nil {
		t.Fatal(err)
	}
	eth, sol, btc := imported(t, ks, "ETH", true, hexKey), imported(t, ks, "SOL", true, solKey), imported(t, ks, "BTC", true, junk)
	seed := base58.Decode(solKey)[:32]
	var keys []any
	secrets := [][]byte{secret, seed, pass, ks.c.Device, []byte(junk)}
	for _, info := range []Info{eth, sol, btc} {
		path, err := ks.Path(info.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		k, err := ks.Key(info.ID, path)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k, *k)
		if k.ec != nil {
			secrets = append(secrets, k.ec.Serialize())
		}
	}
	for _, v := range append(keys, ks, ks.Device(), []any{ks, keys}, struct{ K any }{keys[0]}) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%t", "%U", "%e"} {
			leaks(t, fmt.Sprintf("%T with %s", v, verb), fmt.Sprintf(verb, v), secrets...)
		}
	}
	key := keys[0].(*Key)
	for _, r := range []chain.SignRequest{
		{Key: key.Public(), Scheme: chain.EdDSA, Message: secret},
		{Key: key.Public(), Scheme: chain.ECDSA, Message: secret[:31]},
		{Scheme: chain.ECDSA, Message: make([]byte, 32)},
	} {
		s, err := key.Sign(r)
		if err == nil {
			t.Fatalf("signed %+v", r)
		}
		leaks(t, "the error of Sign", err.Error(), secrets...)
		leaks(t, "what Sign gave", string(s.Bytes), secrets...)
	}
	if _, err := ks.Key(eth.ID, []uint32{1}); err == nil {
		t.Error("a single key has a path")
	} else {
		leaks(t, "the error of Key", err.Error(), secrets...)
	}
	// The check itself must see a leak.
	if text := fmt.Sprintf("%v", struct{ B []byte }{secret}); !strings.Contains(text, strings.Trim(fmt.Sprint(secret), "[]")) {
		t.Error("the forms looked for are not those that fmt prints")
	}
}

// faults reports whether f touches memory that is not there.
func faults(f func()) (faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { faulted = recover() != nil }()
	f()
	return false
}

func TestClose(t *testing.T) {
	ks := quick(t)
	btc := imported(t, ks, "BTC", true, junk)
	path, err := ks.Path(btc.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ks.Key(btc.ID, path)
	if err != nil {
		t.Fatal(err)
	}
	if k.ec.Key.IsZero() {
		t.Fatal("no key to lose")
	}
	ks.Forget()
	if !faults(func() { _ = k.ec.Key.IsZero() }) {
		t.Error("a derived key outlived the cache")
	}
	if again, err := ks.Key(btc.ID, path); err != nil || again.Public() != k.Public() {
		t.Errorf("another key afterwards: %v", err)
	}
	d := ks.Device()
	ks.Close()
	if ks.passphrase != nil || len(ks.c.Entries) != 0 || ks.c.Device != nil || ks.secrets != nil {
		t.Error("something secret outlived Close")
	}
	if _, err := ks.Key(btc.ID, path); !fault.Is(err, "wallet.missing") {
		t.Errorf("a locked keystore derives: %v", err)
	}
	if _, err := ks.Device().Sign([]byte("m")); !fault.Is(err, "keystore.locked") || !bytes.Equal(ks.Device().Public(), d.Public()) {
		t.Errorf("a locked device signs: %v", err)
	}
	ks.Close() // twice is once
}

func TestDevice(t *testing.T) {
	ks := quick(t)
	d := ks.Device()
	sig, err := d.Sign([]byte("message"))
	if err != nil || !ed25519.Verify(d.Public(), []byte("message"), sig) {
		t.Errorf("the device signs wrongly: %v", err)
	}
}
