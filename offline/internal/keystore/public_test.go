package keystore

import (
	"slices"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

const about = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"

// What other wallets are told is what this one signs with.
func TestPublic(t *testing.T) {
	ks := quick(t)
	for _, c := range []struct {
		chain    string
		testnet  bool
		accounts [][]uint32
	}{
		{"BTC", false, [][]uint32{{84 | h, h, h}, {86 | h, h, h}, {49 | h, h, h}, {44 | h, h, h}, {84 | h, h, 3 | h}}},
		{"BTC", true, [][]uint32{{84 | h, 1 | h, h}, {86 | h, 1 | h, h}, {49 | h, 1 | h, h}, {44 | h, 1 | h, h}}},
		{"ETH", false, [][]uint32{{44 | h, 60 | h, h}}},
		{"ETH", true, [][]uint32{{44 | h, 1 | h, h}}},
	} {
		info := imported(t, ks, c.chain, c.testnet, about)
		p, err := ks.Public(info.ID)
		if err != nil {
			t.Fatal(err)
		}
		if fp, err := p.Master(); err != nil || fp != [4]byte{0x73, 0xc5, 0xda, 0x0a} {
			t.Errorf("%s: master %x %v", c.chain, fp, err)
		}
		for _, account := range c.accounts {
			pub, err := p.Account(account)
			if err != nil {
				t.Fatal(err)
			}
			for _, tail := range [][]uint32{{0, 0}, {0, 19}, {1, 5}} {
				path := append(slices.Clone(account), tail...)
				child, err := pub.Derive(tail)
				if err != nil {
					t.Fatal(err)
				}
				k, err := ks.Key(info.ID, path)
				if err != nil || k.Public() != child.Key() {
					t.Errorf("%s %s: %v", c.chain, chain.PathString(path), err)
				}
				if key, err := p.Key(path); err != nil || key != child.Key() {
					t.Errorf("%s %s: %v %v", c.chain, chain.PathString(path), key, err)
				}
			}
		}
		// No account of another coin, of a branch, of the tree's root or not hardened.
		for _, path := range [][]uint32{
			nil, {44 | h}, {44 | h, h}, {48 | h, h, h}, {44 | h, 2 | h, h}, {44, h, h}, {84 | h, h, 0}, {84 | h, 1 | h, 0}, {44 | h, 60 | h, 0},
			{84 | h, h, h, 0}, {84 | h, 1 | h, h, 0, 0}, {44 | h, 501 | h, h},
		} {
			if pub, err := p.Account(path); !fault.Is(err, "key.path") || pub != nil {
				t.Errorf("%s: account %s: %v %v", c.chain, chain.PathString(path), pub, err)
			}
		}
		if key, err := p.Key([]uint32{48 | h, 1 | h, h, 2 | h, 0}); !fault.Is(err, "key.path") {
			t.Errorf("%s: %v %v", c.chain, key, err)
		}
		ks = quick(t)
	}
}

// The wrong coin is refused either way: a main wallet tells no test account.
func TestPublicOfOtherNetwork(t *testing.T) {
	ks := quick(t)
	for _, testnet := range []bool{false, true} {
		p, err := ks.Public(imported(t, ks, "BTC", testnet, about).ID)
		if err != nil {
			t.Fatal(err)
		}
		coin := uint32(h)
		if !testnet {
			coin++
		}
		if _, err := p.Account([]uint32{84 | h, coin, h}); !fault.Is(err, "key.path") {
			t.Errorf("testnet %v: %v", testnet, err)
		}
	}
}

// Solana's keys have the same master, and no account key that derives.
func TestPublicOfSolana(t *testing.T) {
	ks := quick(t)
	info := imported(t, ks, "SOL", true, about)
	p, err := ks.Public(info.ID)
	if err != nil {
		t.Fatal(err)
	}
	if fp, err := p.Master(); err != nil || fp != [4]byte{0x73, 0xc5, 0xda, 0x0a} {
		t.Errorf("master %x %v", fp, err)
	}
	path := []uint32{44 | h, 501 | h, h, h, 2 | h}
	k, err := ks.Key(info.ID, path)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := p.Key(path); err != nil || key != k.Public() || key.Curve() != chain.Ed25519 {
		t.Errorf("%v %v", key, err)
	}
	if pub, err := p.Account([]uint32{44 | h, 501 | h, h}); !fault.Is(err, "key.path") || pub != nil {
		t.Errorf("%v %v", pub, err)
	}
}

func TestPublicRefuses(t *testing.T) {
	ks := quick(t)
	for name, text := range map[string]string{"BTC": wifTest, "ETH": hexKey, "SOL": solKey} {
		if _, err := ks.Public(imported(t, ks, name, true, text).ID); !fault.Is(err, "key.single") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ks.Public(newID(t)); !fault.Is(err, "wallet.missing") {
		t.Error(err)
	}
}
