package keystore

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Multisig wallets are kept and read again, each name once; a wallet that has a key of
// one stays.
func TestMultisigs(t *testing.T) {
	ks := quick(t)
	own, other := imported(t, ks, "BTC", false, about), imported(t, ks, "BTC", false, junk)
	m := Multisig{Name: "treasury", Descriptor: "wsh(...)", Own: []OwnKey{{Place: 1, Wallet: own.ID}}, Created: 5}
	second := Multisig{Name: "spare", Descriptor: "wsh(..)", Own: []OwnKey{{Wallet: own.ID}}}
	for _, x := range []Multisig{m, second} {
		if err := ks.AddMultisig(x); err != nil {
			t.Fatal(err)
		}
	}
	if err := ks.AddMultisig(m); !fault.Is(err, "multisig.name") {
		t.Errorf("a name twice: %v", err)
	}
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
	again := reopen(t, ks)
	if got := again.Multisigs(); !reflect.DeepEqual(got, []Multisig{m, second}) {
		t.Errorf("%+v", got)
	}
	if err := again.Remove(own.ID); !fault.Is(err, "wallet.cosigns") {
		t.Errorf("a cosigner's wallet was removed: %v", err)
	}
	if err := again.Remove(other.ID); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"treasury", "spare"} {
		if err := again.RemoveMultisig(name); err != nil {
			t.Error(err)
		}
	}
	if err := again.RemoveMultisig("spare"); !fault.Is(err, "multisig.missing") {
		t.Error(err)
	}
	if err := again.Remove(own.ID); err != nil || len(ks.Multisigs()) != 2 {
		t.Errorf("%v; one keystore changed the other", err)
	}
	for name, change := range map[string]func(*Multisig){
		"no name":       func(m *Multisig) { m.Name = "" },
		"twice":         func(m *Multisig) { m.Name = "treasury" },
		"no descriptor": func(m *Multisig) { m.Descriptor = "" },
		"a long one":    func(m *Multisig) { m.Descriptor = strings.Repeat("x", maxDescriptor+1) },
		"no key":        func(m *Multisig) { m.Own = nil },
		"many keys":     func(m *Multisig) { m.Own = make([]OwnKey, maxCosigners+1) },
	} {
		bad := second
		change(&bad)
		c := *ks.c
		c.Multisigs = []Multisig{m, bad}
		raw, err := c.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(raw); !fault.Is(err, "keystore.format") {
			t.Errorf("%s: %v", name, err)
		}
	}
	full := *ks.c
	full.Multisigs = make([]Multisig, maxMultisigs+1)
	if raw, err := full.encode(); err != nil {
		t.Error(err)
	} else if _, err := decode(raw); !fault.Is(err, "keystore.format") {
		t.Errorf("too many: %v", err)
	}
}

// The keys for multisig wallets are those of BIP-48 with the wallet's own coin, and of
// no other chain.
func TestCosignerKeys(t *testing.T) {
	ks := quick(t)
	btc, eth := imported(t, ks, "BTC", false, about), imported(t, ks, "ETH", false, about)
	good := [][]uint32{{48 | h, h, h, 2 | h, 0, 0}, {48 | h, h, h, 1 | h, 1, 7}, {48 | h, h, 9 | h, 2 | h, 1, h - 1}}
	for _, path := range good {
		k, err := ks.Key(btc.ID, path)
		if err != nil || !Cosigns(path) {
			t.Fatalf("%s: %v", chain.PathString(path), err)
		}
		p, err := ks.Public(btc.ID)
		if err != nil {
			t.Fatal(err)
		}
		account, err := p.Account(path[:4])
		if err != nil {
			t.Fatal(err)
		}
		child, err := account.Derive(path[4:])
		if err != nil || child.Key() != k.Public() {
			t.Errorf("%s: %v, %v", chain.PathString(path), child, err)
		}
	}
	for _, path := range [][]uint32{
		{48 | h, h, h, 0 | h, 0, 0}, {48 | h, h, h, 3 | h, 0, 0}, {48 | h, h, h, 2, 0, 0}, {48 | h, 1 | h, h, 2 | h, 0, 0}, {48 | h, h, 0, 2 | h, 0, 0},
		{48, h, h, 2 | h, 0, 0}, {48 | h, h, h, 2 | h, 2, 0}, {48 | h, h, h, 2 | h, h, 0}, {48 | h, h, h, 2 | h, 0, h}, {48 | h, h, h, 2 | h, 0}, {45 | h, 0, 0},
	} {
		if _, err := ks.Key(btc.ID, path); !fault.Is(err, "key.path") {
			t.Errorf("%s: %v", chain.PathString(path), err)
		}
	}
	if _, err := ks.Key(eth.ID, slices.Replace(slices.Clone(good[0]), 1, 2, 60|h)); !fault.Is(err, "key.path") {
		t.Errorf("Ethereum: %v", err)
	}
}
