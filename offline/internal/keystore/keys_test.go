package keystore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/ethereum/go-ethereum/crypto"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
)

const h = chain.Hardened

func TestAllowed(t *testing.T) {
	r := registry.New()
	path := func(p ...uint32) []uint32 { return p }
	for _, c := range []struct {
		name, chain string
		testnet     bool
		path        []uint32
		want        bool
	}{
		{"BTC main", "BTC", false, path(44|h, 0|h, 0|h, 0, 0), true},
		{"BTC test", "BTC", true, path(44|h, 1|h, 0|h, 0, 0), true},
		{"BTC change", "BTC", false, path(44|h, 0|h, 0|h, 1, 7), true},
		{"BIP-49", "BTC", false, path(49|h, 0|h, 0|h, 0, 0), true},
		{"BIP-84", "BTC", false, path(84|h, 0|h, 0|h, 1, 0), true},
		{"BIP-86", "BTC", true, path(86|h, 1|h, 0|h, 0, 0), true},
		{"other account", "BTC", false, path(84|h, 0|h, 5|h, 0, 0), true},
		{"last index", "BTC", false, path(84|h, 0|h, 0|h, 0, h-1), true},
		{"test coin on main", "BTC", false, path(84|h, 1|h, 0|h, 0, 0), false},
		{"main coin on test", "BTC", true, path(84|h, 0|h, 0|h, 0, 0), false},
		{"other coin", "BTC", false, path(44|h, 60|h, 0|h, 0, 0), false},
		{"other purpose", "BTC", false, path(45|h, 0|h, 0|h, 0, 0), false},
		{"BIP-48", "BTC", false, path(48|h, 0|h, 0|h, 2|h, 0), false},
		{"purpose not hardened", "BTC", false, path(84, 0|h, 0|h, 0, 0), false},
		{"coin not hardened", "BTC", false, path(84|h, 0, 0|h, 0, 0), false},
		{"account not hardened", "BTC", false, path(84|h, 0|h, 0, 0, 0), false},
		{"branch 2", "BTC", false, path(84|h, 0|h, 0|h, 2, 0), false},
		{"branch hardened", "BTC", false, path(84|h, 0|h, 0|h, 0|h, 0), false},
		{"index hardened", "BTC", false, path(44|h, 0|h, 0|h, 0, 0|h), false},
		{"too short", "BTC", false, path(44|h, 0|h, 0|h, 0), false},
		{"too long", "BTC", false, path(44|h, 0|h, 0|h, 0, 0, 0), false},
		{"master", "BTC", false, nil, false},
		{"one step", "BTC", false, path(0), false},
		{"ETH", "ETH", false, path(44|h, 60|h, 0|h, 0, 3), true},
		{"ETH coin of BTC", "ETH", false, path(44|h, 0|h, 0|h, 0, 3), false},
		{"SOL not hardened", "SOL", false, path(44|h, 501|h, 0|h, 0), false},
		{"SOL of BIP-84", "SOL", false, path(84|h, 501|h, 0|h, 0, 0), false},
	} {
		ch, ok := r.ByName(c.chain)
		if !ok {
			t.Fatal(c.chain)
		}
		if got := allowed(ch.Wallet.Derivation(), c.testnet, c.path); got != c.want {
			t.Errorf("%s: %s is allowed: %v", c.name, chain.PathString(c.path), got)
		}
	}
	// The wallets' own paths, of every chain and kind of network.
	for _, ch := range r.All() {
		for _, testnet := range []bool{false, true} {
			d := ch.Wallet.Derivation()
			if !allowed(d, testnet, d.Path(testnet, 0)) || !allowed(d, testnet, d.Path(testnet, h-1)) {
				t.Errorf("%s: its own path is not allowed", ch.Name)
			}
			p := d.Path(testnet, 0)
			p[len(p)-1] ^= h
			if allowed(d, testnet, p) {
				t.Errorf("%s: %s is allowed", ch.Name, chain.PathString(p))
			}
		}
	}
}

// ATT-18: a key that no wallet would find proves no ownership of an output.
func TestNear(t *testing.T) {
	base := []uint32{84 | h, 0 | h, 0 | h, 0, 5}
	sol := []uint32{44 | h, 501 | h, 0 | h, 0 | h}
	for _, c := range []struct {
		name string
		path []uint32
		base []uint32
		want bool
	}{
		{"itself", base, base, true},
		{"change branch", []uint32{84 | h, 0 | h, 0 | h, 1, 0}, base, true},
		{"receive from change", []uint32{84 | h, 0 | h, 0 | h, 0, 0}, []uint32{84 | h, 0 | h, 0 | h, 1, 9}, true},
		{"last index in reach", []uint32{84 | h, 0 | h, 0 | h, 1, MaxIndex}, base, true},
		{"first beyond", []uint32{84 | h, 0 | h, 0 | h, 1, MaxIndex + 1}, base, false},
		{"gap of a million", []uint32{84 | h, 0 | h, 0 | h, 1, 1_000_000}, base, false},
		{"index 2^31-1", []uint32{84 | h, 0 | h, 0 | h, 1, h - 1}, base, false},
		{"same branch, 2^31-1", []uint32{84 | h, 0 | h, 0 | h, 0, h - 1}, base, false},
		{"other account", []uint32{84 | h, 0 | h, 1 | h, 1, 0}, base, false},
		{"mixed purpose", []uint32{44 | h, 0 | h, 0 | h, 1, 0}, base, false},
		{"other coin", []uint32{84 | h, 1 | h, 0 | h, 1, 0}, base, false},
		{"branch 2", []uint32{84 | h, 0 | h, 0 | h, 2, 0}, base, false},
		{"hardened index", []uint32{84 | h, 0 | h, 0 | h, 1, 0 | h}, base, false},
		{"shorter", base[:4], base, false},
		{"empty path of a mnemonic", nil, base, false},
		{"path of a single key", base, nil, false},
		{"single keys", nil, nil, true},
		{"SOL neighbour", []uint32{44 | h, 501 | h, 0 | h, 9 | h}, sol, true},
		{"SOL far", []uint32{44 | h, 501 | h, 0 | h, 1_000_000 | h}, sol, false},
		{"SOL other account", []uint32{44 | h, 501 | h, 1 | h, 0 | h}, sol, false},
		{"SOL not hardened", []uint32{44 | h, 501 | h, 0 | h, 9}, sol, false},
	} {
		if got := Near(c.path, c.base); got != c.want {
			t.Errorf("%s: %s near %s: %v", c.name, chain.PathString(c.path), chain.PathString(c.base), got)
		}
	}
}

func TestPath(t *testing.T) {
	ks := quick(t)
	btc, eth := imported(t, ks, "BTC", true, junk), imported(t, ks, "ETH", true, hexKey)
	if p, err := ks.Path(btc.ID, 7); err != nil || chain.PathString(p) != "m/44'/1'/0'/0/7" {
		t.Errorf("%s, %v", chain.PathString(p), err)
	}
	if p, err := ks.Path(eth.ID, 0); err != nil || len(p) != 0 {
		t.Errorf("%s, %v", chain.PathString(p), err)
	}
	for id, index := range map[bundle.SignatureID]uint32{btc.ID: h, eth.ID: 1} {
		if _, err := ks.Path(id, index); !fault.Is(err, "key.index") {
			t.Errorf("index %d: %v", index, err)
		}
	}
	if _, err := ks.Path(newID(t), 0); !fault.Is(err, "wallet.missing") {
		t.Errorf("unknown wallet: %v", err)
	}
	for _, p := range [][]uint32{nil, {0}, {44 | h, 0 | h, 0 | h, 0, 0}, {44 | h, 1 | h, 0 | h, 0, 0 | h}} {
		if _, err := ks.Key(btc.ID, p); !fault.Is(err, "key.path") {
			t.Errorf("path %s: %v", chain.PathString(p), err)
		}
	}
	if _, err := ks.Key(eth.ID, []uint32{0}); !fault.Is(err, "key.path") {
		t.Errorf("a path of a single key: %v", err)
	}
}

// vectors are what the KMS of today derives (testdata/tatum).
type vectors struct {
	Addresses []struct {
		Mnemonic string
		Testnet  bool
		XPub     string
		Keys     []struct {
			Index                                                        uint32
			Address, PrivateKey, AddressFromPrivateKey, AddressViaKcsLib string
		}
	}
}

func TestSameKeysAsTatum(t *testing.T) {
	networks := map[string]map[bool]chain.ID{}
	for _, ch := range registry.New().All() {
		networks[ch.Name] = map[bool]chain.ID{}
		for _, n := range ch.Networks {
			if networks[ch.Name][n.Testnet] == "" {
				networks[ch.Name][n.Testnet] = n.ID
			}
		}
	}
	for _, name := range []string{"BTC", "ETH", "SOL", "LTC", "DOGE", "BCH", "BSC", "MATIC", "KLAY", "CELO", "XDC", "ONE", "KCS"} {
		raw, err := os.ReadFile("../../../testdata/tatum/" + strings.ToLower(name) + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var v vectors
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		if len(v.Addresses) < 2 {
			t.Fatalf("%s: only %d wallets", name, len(v.Addresses))
		}
		for _, a := range v.Addresses {
			ks := quick(t)
			wallet := imported(t, ks, name, a.Testnet, a.Mnemonic)
			ch, _ := ks.chains.ByName(name)
			if x, err := ks.XPub(wallet.ID); err != nil || x != a.XPub {
				t.Errorf("%s testnet %v: xpub %s, want %s (%v)", name, a.Testnet, x, a.XPub, err)
			}
			for _, k := range a.Keys {
				path, err := ks.Path(wallet.ID, k.Index)
				if err != nil {
					t.Fatal(err)
				}
				key, err := ks.Key(wallet.ID, path)
				if err != nil {
					t.Fatal(err)
				}
				net := networks[name][a.Testnet]
				if k.Address == "" {
					k.Address = k.AddressViaKcsLib // where the daemon has none to print
				}
				if got := ch.Wallet.Addresses(net, key.Public(), true)[0]; !same(name, got, k.Address) {
					t.Errorf("%s index %d: address %s, want %s", name, k.Index, got, k.Address)
				}
				single := imported(t, ks, name, a.Testnet, k.PrivateKey)
				alone, err := ks.Key(single.ID, nil)
				if err != nil {
					t.Fatal(err)
				}
				if alone.Public() != key.Public() {
					t.Errorf("%s index %d: the private key has another public key", name, k.Index)
				}
				if want := k.AddressFromPrivateKey; want != "" && !same(name, ch.Wallet.Addresses(net, alone.Public(), false)[0], want) {
					t.Errorf("%s index %d: address of the private key is not %s", name, k.Index, want)
				}
				if x, err := ks.XPub(single.ID); x != "" || err != nil {
					t.Errorf("a single key has xpub %q, %v", x, err)
				}
			}
		}
	}
}

// same compares addresses; those of Ethereum's kin differ in the case of
// their checksum.
func same(chainName, a, b string) bool {
	return a == b || strings.HasPrefix(b, "0x") && strings.EqualFold(a, b)
}

// The online half derives children from what Wallet tells. An independent
// implementation must come to the same keys, at index 0, 1 and 7.
func TestXPubDerivesTheSameKeys(t *testing.T) {
	for _, name := range []string{"BTC", "ETH"} {
		for _, testnet := range []bool{false, true} {
			ks := quick(t)
			info := imported(t, ks, name, testnet, junk)
			x, err := ks.XPub(info.ID)
			if err != nil {
				t.Fatal(err)
			}
			oracle, err := hdkeychain.NewKeyFromString(x)
			if err != nil || oracle.IsPrivate() {
				t.Fatalf("xpub %s: %v", x, err)
			}
			w, err := ks.Wallet(info.ID)
			if err != nil || !bytes.Equal(w.ChainCode, oracle.ChainCode()) || len(w.Fingerprint) != 4 || len(w.Path) != 4 || len(w.Keys) != 0 {
				t.Errorf("wallet %+v: %v", w, err)
			}
			for _, i := range []uint32{0, 1, 7} {
				child, err := oracle.Derive(i)
				if err != nil {
					t.Fatal(err)
				}
				pub, err := child.ECPubKey()
				if err != nil {
					t.Fatal(err)
				}
				path, err := ks.Path(info.ID, i)
				if err != nil {
					t.Fatal(err)
				}
				k, err := ks.Key(info.ID, path)
				if err != nil || !bytes.Equal(k.Public().Bytes(), pub.SerializeCompressed()) {
					t.Errorf("%s index %d: %s, want %x (%v)", name, i, k.Public(), pub.SerializeCompressed(), err)
				}
				if name == "ETH" {
					want := crypto.PubkeyToAddress(*pub.ToECDSA()).Hex()
					ch, _ := ks.chains.ByName(name)
					if got := ch.Wallet.Addresses("eip155:1", k.Public(), true)[0]; !testnet && got != want {
						t.Errorf("address %s, want %s", got, want)
					}
				}
			}
		}
	}
}

func TestWalletTellsNoSecret(t *testing.T) {
	ks := quick(t)
	for _, c := range []struct{ chain, text string }{{"BTC", junk}, {"ETH", junk}, {"SOL", junk}, {"BTC", wifTest}, {"ETH", hexKey}, {"SOL", solKey}} {
		info := imported(t, ks, c.chain, true, c.text)
		w, err := ks.Wallet(info.ID)
		if err != nil {
			t.Fatal(err)
		}
		item, err := bundle.EncodeItem(w)
		if err != nil {
			t.Fatal(err)
		}
		if (len(w.Keys) == exportedKeys) != (c.chain == "SOL" && info.Mnemonic) || (len(w.Key) > 0) == (len(w.Keys) > 0) {
			t.Errorf("%s: %d keys", c.chain, len(w.Keys))
		}
		for _, e := range ks.c.Entries {
			leaks(t, "the wallet", string(item)+hex.EncodeToString(item), e.Secret)
		}
		for i, pub := range w.Keys {
			path, err := ks.Path(info.ID, uint32(i))
			if err != nil {
				t.Fatal(err)
			}
			if k, err := ks.Key(info.ID, path); err != nil || !bytes.Equal(k.Public().Bytes(), pub) {
				t.Errorf("child %d: %v", i, err)
			}
		}
	}
	if _, err := ks.Wallet(newID(t)); !fault.Is(err, "wallet.missing") {
		t.Errorf("unknown wallet: %v", err)
	}
}
