package keystore

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"strings"
	"testing"

	"golang.org/x/crypto/pbkdf2"

	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// Words of a tool that checked nothing keep the seed that it made of them.
func TestImportWords(t *testing.T) {
	for _, c := range []struct {
		name, text string
		kind       kind
	}{
		{"canonical", junk, mnemonic},
		{"a capital", "Test" + junk[4:], words},
		{"two spaces", strings.Replace(junk, " ", "  ", 1), words},
		{"a wrong checksum", strings.Repeat("test ", 11) + "test", words},
		{"no words at all", "garbage", words},
		{"looks like a key", hexKey, words},
	} {
		ks := quick(t)
		info, err := ks.ImportAs(Words, newID(t), "ETH", false, []byte(c.text), now)
		if err != nil || !info.Mnemonic || ks.c.Entries[0].Kind != c.kind || string(ks.c.Entries[0].Secret) != c.text {
			t.Errorf("%s: %+v, %v", c.name, info, err)
			continue
		}
		seed := pbkdf2.Key([]byte(c.text), []byte("mnemonic"), 2048, 64, sha512.New)
		master := hmac.New(sha512.New, []byte("Bitcoin seed"))
		master.Write(seed)
		for _, ks := range []*Keystore{ks, saved(t, ks)} {
			n, err := ks.node(&ks.c.Entries[0], nil)
			if err != nil || !bytes.Equal(n.Secret(), master.Sum(nil)[:32]) {
				t.Errorf("%s: another master key: %v", c.name, err)
			}
		}
	}
	for name, c := range map[string]struct{ text, code string }{
		"empty":     {"", "wallet.length"},
		"too long":  {strings.Repeat("x", maxSecret+1), "wallet.length"},
		"a control": {"test\x00test", "mnemonic.text"},
		"not UTF-8": {"test\xff", "mnemonic.text"},
	} {
		ks := quick(t)
		if _, err := ks.ImportAs(Words, newID(t), "BTC", true, []byte(c.text), now); !fault.Is(err, c.code) || len(ks.List()) != 0 || len(ks.c.at) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func saved(t *testing.T, ks *Keystore) *Keystore {
	t.Helper()
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
	return reopen(t, ks)
}

// What is said to be a private key is never taken for words.
func TestImportPrivateKey(t *testing.T) {
	ks := quick(t)
	info, err := ks.ImportAs(PrivateKey, newID(t), "ETH", true, []byte(hexKey), now)
	if err != nil || info.Mnemonic {
		t.Errorf("%+v, %v", info, err)
	}
	for _, text := range []string{junk, " " + hexKey, ""} {
		if _, err := ks.ImportAs(PrivateKey, newID(t), "ETH", true, []byte(text), now); !fault.Is(err, "evm.key") {
			t.Errorf("%.5q: %v", text, err)
		}
	}
}

// The index follows what is added, refused and removed.
func TestIndex(t *testing.T) {
	ks := quick(t)
	var ids []bundle.SignatureID
	for i := range 60 {
		key := bytes.Repeat([]byte{'1' + byte(i%9)}, 64)
		info, err := ks.ImportAs(PrivateKey, newID(t), "ETH", true, key, now)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, info.ID)
		if _, err := ks.ImportAs(PrivateKey, newID(t), "ETH", true, bytes.Repeat([]byte{'0'}, 64), now); err == nil {
			t.Fatal("a key of zero was taken")
		}
	}
	for _, i := range []int{0, 57, 30, 0, 10, 54} {
		if err := ks.Remove(ids[i]); err != nil {
			t.Fatal(err)
		}
		if _, err := ks.Find(ids[i]); !fault.Is(err, "wallet.missing") {
			t.Errorf("found after it was removed: %v", err)
		}
		ids = append(ids[:i], ids[i+1:]...)
	}
	for _, ks := range []*Keystore{ks, saved(t, ks)} {
		for i, id := range ids {
			if e, err := ks.entry(id); err != nil || e != &ks.c.Entries[i] || len(ks.c.at) != len(ids) {
				t.Errorf("entry %d: %v", i, err)
			}
		}
	}
}

// Forgetting bounds the locked memory that many wallets take.
func TestForget(t *testing.T) {
	ks := quick(t)
	for range 8 {
		info, err := ks.ImportAs(Words, newID(t), "SOL", true, []byte(junk), now)
		if err != nil {
			t.Fatal(err)
		}
		before := ks.cache.secrets
		ks.Forget()
		if _, err := ks.Wallet(info.ID); err != nil || before == nil || ks.cache.secrets == before {
			t.Fatalf("the same memory: %v", err)
		}
	}
}
