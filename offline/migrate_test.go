package main

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/address/v2/base58"

	"coldsign/offline/internal/migrate"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// An xpub of tatum-kms may begin with other letters than ours; the key is the same.
func TestSameXPub(t *testing.T) {
	raw, err := os.ReadFile("../testdata/migrate/mainnet.json")
	if err != nil {
		t.Fatal(err)
	}
	var wallets map[string]struct{ Chain, XPub string }
	if err := json.Unmarshal(raw, &wallets); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, w := range wallets {
		if w.Chain != "LTC" || w.XPub == "" {
			continue
		}
		found++
		b := base58.Decode(w.XPub)[:78]
		copy(b, "\x04\x88\xb2\x1e")
		once := sha256.Sum256(b)
		twice := sha256.Sum256(once[:])
		ours := base58.Encode(append(b, twice[:4]...))
		if !strings.HasPrefix(w.XPub, "Ltub") || !strings.HasPrefix(ours, "xpub") || !sameXPub(w.XPub, ours) || sameXPub(w.XPub, ours[:50]+"1"+ours[51:]) {
			t.Errorf("%s is not %s", w.XPub, ours)
		}
		b[77] ^= 1
		if sameXPub(w.XPub, base58.Encode(append(b, 0, 0, 0, 0))) {
			t.Error("another key passes")
		}
	}
	if found == 0 || sameXPub("", "xpub") || !sameXPub("abc", "abc") {
		t.Errorf("%d xpubs of LTC", found)
	}
}

func TestSameAddress(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"0xF39F", "0xf39f", true}, {"f39f", "0xf39F", true}, {"xdcf39f", "0xf39f", true},
		{"0xf39f", "0xf39e", false}, {"", "0x1", false}, {"bc1q", "tb1q", false},
	} {
		if sameAddress(c.a, c.b) != c.same {
			t.Errorf("%q, %q: not %v", c.a, c.b, c.same)
		}
	}
}

// The addresses that tatum-kms printed for EGLD are those of a key that everybody
// has: the wallet is imported, and its own address is told.
func TestWrongAddress(t *testing.T) {
	s, _ := unlocked(t)
	info := s.ks.List()[0]
	for _, c := range []struct {
		chain, address, code string
		note                 bool
	}{
		{"ETH", friend, "wallet.mismatch", false},
		{"ETH", "", "", false},
		{"ETH", "f39fd6e51aad88f6f4ce6ab8827279cfffb92266", "", false},
		{"EGLD", "erd1ne5patcf98asmalr9ueqxx5vlmy5725pm3p2asckp4wft0xl3ars64gh8s", "", true},
		{"EGLD", "", "", true},
	} {
		w, err := s.describe(info)
		if err != nil {
			t.Fatal(err)
		}
		named := info
		named.Chain = c.chain
		err = s.claims(&w, named, migrate.Entry{Address: c.address})
		if c.code == "" && err != nil || c.code != "" && !fault.Is(err, c.code) || strings.Contains(w.Note, w.Address) != c.note {
			t.Errorf("%s %q: %q, %v", c.chain, c.address, w.Note, err)
		}
	}
}

// What stops a whole import, and what only one wallet of it.
func TestMove(t *testing.T) {
	const key = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
	s, _ := unlocked(t)
	fresh := "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
	for name, c := range map[string]struct {
		e            migrate.Entry
		stop, reason string
	}{
		"taken, another key":     {migrate.Entry{ID: []byte(walletID), Chain: "ETH", Testnet: true, Key: []byte(key)}, "wallet.exists", ""},
		"taken, another network": {migrate.Entry{ID: []byte(walletID), Chain: "ETH", Key: []byte(hexKey)}, "wallet.exists", ""},
		"taken, another chain":   {migrate.Entry{ID: []byte(walletID), Chain: "BTC", Testnet: true, Key: []byte("cRk4HVE9qfekpVFc72PMjEahdoiMkfaZpXBwBNRoqkk8hnsn8Kf8")}, "wallet.exists", ""},
		"taken, the same key":    {migrate.Entry{ID: []byte(strings.ToUpper(walletID)), Chain: "ETH", Testnet: true, Key: []byte(hexKey)}, "", present},
		"taken, unreadable":      {migrate.Entry{ID: []byte(walletID), Chain: "ETH", Testnet: true, Key: []byte("garbage")}, "", "evm.key"},
		"unknown chain":          {migrate.Entry{ID: []byte(fresh), Chain: "NONE", Testnet: true, Key: []byte(key)}, "", "chain.unknown"},
		"another address":        {migrate.Entry{ID: []byte(fresh), Chain: "ETH", Testnet: true, Key: []byte(key), Address: "0x00"}, "", "wallet.mismatch"},
		"another xpub":           {migrate.Entry{ID: []byte(fresh), Chain: "ETH", Testnet: true, Words: []byte("x"), XPub: "xpub"}, "", "wallet.mismatch"},
	} {
		var all moved
		err := s.move(&all, c.e)
		switch {
		case c.stop != "":
			if !fault.Is(err, c.stop) || len(all.Skipped)+len(all.Imported) != 0 {
				t.Errorf("%s: %+v, %v", name, all, err)
			}
		case err != nil || len(all.Imported) != 0 || len(all.Skipped) != 1 || all.Skipped[0].Reason != c.reason:
			t.Errorf("%s: %+v, %v", name, all, err)
		}
		if list := s.ks.List(); len(list) != 1 {
			t.Fatalf("%s left something: %v", name, list)
		}
	}
	var all moved
	if err := s.move(&all, migrate.Entry{ID: []byte(fresh), Chain: "ETH", Testnet: true, Key: []byte(key), Address: strings.ToUpper(friend[2:])}); err != nil || len(all.Imported) != 1 || all.Imported[0].Address != friend {
		t.Errorf("%+v, %v", all, err)
	}
}

// With swap on, no key of a main network comes in, and nothing else of its file.
func TestMoveSwap(t *testing.T) {
	s, _ := unlocked(t)
	s.waive(bundle.WaivedSwap, "SWAP IS ON: x")
	e := migrate.Entry{ID: []byte("6ba7b810-9dad-41d1-80b4-00c04fd430c8"), Chain: "ETH", Key: []byte(hexKey)}
	var all moved
	if err := s.move(&all, e); !fault.Is(err, "harden.swap") || len(s.ks.List()) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	e.Testnet = true
	if err := s.move(&all, e); err != nil || len(all.Imported) != 1 {
		t.Errorf("of a test network: %+v, %v", all, err)
	}
}
