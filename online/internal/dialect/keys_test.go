package dialect

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/urtypes"
	"coldsign/shared/hd"
)

const (
	h = chain.Hardened
	// The mnemonic of the test vectors of BIP-49, 84 and 86, and its master key.
	about  = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
	master = 0x73c5da0a
)

func derive(t *testing.T, mnemonic string, path ...uint32) *hd.Public {
	t.Helper()
	seed, err := hd.SeedFromText([]byte(mnemonic), nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := hd.NewMaster(seed)
	if err != nil {
		t.Fatal(err)
	}
	n, err := m.Derive(path)
	if err != nil {
		t.Fatal(err)
	}
	return n.Public()
}

// keyAt is what a wallet with the mnemonic shows of itself.
func keyAt(t *testing.T, path ...uint32) urtypes.HDKey {
	t.Helper()
	p := derive(t, about, path...)
	origin := urtypes.PathOf(master, path)
	return urtypes.HDKey{Key: p.Key().Bytes(), ChainCode: p.ChainCode(), Origin: &origin}
}

func solanaKey(t *testing.T, path ...uint32) urtypes.HDKey {
	t.Helper()
	seed, err := hd.SeedFromText([]byte(about), nil)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := hd.DeriveEd25519(seed, path)
	if err != nil {
		t.Fatal(err)
	}
	origin := urtypes.PathOf(master, path)
	return urtypes.HDKey{Key: ed25519.NewKeyFromSeed(secret[:]).Public().(ed25519.PublicKey), Origin: &origin}
}

func output(source string, keys ...urtypes.HDKey) urtypes.Output {
	o := urtypes.Output{Source: source}
	for _, k := range keys {
		o.Keys = append(o.Keys, k)
	}
	return o
}

func said(t *testing.T, kind string, item urtypes.Item) frame.Message {
	t.Helper()
	b, err := urtypes.Encode(kind, item)
	if err != nil {
		t.Fatal(err)
	}
	return frame.Message{Format: frame.UR, Type: kind, Data: b}
}

func wallets(t *testing.T, kind string, item urtypes.Item, testnet bool) []bundle.Wallet {
	t.Helper()
	list, err := Wallets(said(t, kind, item), testnet)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// address is that of index 0 as "keys import" shows it.
func address(t *testing.T, w bundle.Wallet) string {
	t.Helper()
	ch, ok := registry.New().ByName(w.Chain)
	if !ok {
		t.Fatal(w.Chain)
	}
	key, derived, err := First(w)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range ch.Networks {
		if n.Testnet == w.Testnet {
			return FormOf(w.Path, ch.Wallet.Addresses(n.ID, key, derived))
		}
	}
	return ""
}

// one checks what every wallet has in common.
func one(t *testing.T, w bundle.Wallet, name string, testnet bool, path []uint32, want string) {
	t.Helper()
	if w.Chain != name || w.Testnet != testnet || !slices.Equal(w.Path, path) || !bytes.Equal(w.Fingerprint, []byte{0x73, 0xc5, 0xda, 0x0a}) {
		t.Errorf("%s testnet %v at %s of %x, want %s at %s", w.Chain, w.Testnet, chain.PathString(w.Path), w.Fingerprint, name, chain.PathString(path))
	}
	if a := address(t, w); want != "" && a != want {
		t.Errorf("%s: address %s, want %s", chain.PathString(w.Path), a, want)
	}
	if id := w.SignatureID.String(); id[14] != '8' || !strings.ContainsRune("89ab", rune(id[19])) {
		t.Errorf("%s is no UUID of version 8", id)
	}
	if _, err := bundle.EncodeItem(w); err != nil {
		t.Error(err)
	}
}

// The first addresses are those of the papers: BIP-84, BIP-86, BIP-49 (of the same
// mnemonic), and what MetaMask shows.
func TestAccounts(t *testing.T) {
	account := func(coin uint32) urtypes.Account {
		return urtypes.Account{Fingerprint: master, Outputs: []urtypes.Output{
			output("wpkh(@0)", keyAt(t, h+84, coin, h)), output("tr(@0)", keyAt(t, h+86, coin, h)),
			output("sh(wpkh(@0))", keyAt(t, h+49, coin, h)), output("pkh(@0)", keyAt(t, h+44, coin, h)),
		}}
	}
	for _, kind := range []string{"crypto-account", "account-descriptor"} {
		list := wallets(t, kind, account(h), false)
		if len(list) != 4 {
			t.Fatalf("%s: %d wallets", kind, len(list))
		}
		one(t, list[0], "BTC", false, []uint32{h + 84, h, h, 0}, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")
		one(t, list[1], "BTC", false, []uint32{h + 86, h, h, 0}, "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr")
		one(t, list[2], "BTC", false, []uint32{h + 49, h, h, 0}, "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf")
		one(t, list[3], "BTC", false, []uint32{h + 44, h, h, 0}, "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA")
	}
	// The path says whether it is a test wallet, not the flag.
	list := wallets(t, "crypto-account", account(h+1), false)
	if len(list) != 4 {
		t.Fatalf("%d wallets", len(list))
	}
	one(t, list[0], "BTC", true, []uint32{h + 84, h + 1, h, 0}, "tb1q6rz28mcfaxtmd6v789l9rrlrusdprr9pqcpvkl")
	one(t, list[2], "BTC", true, []uint32{h + 49, h + 1, h, 0}, "2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2") // BIP-49's own
	one(t, list[3], "BTC", true, []uint32{h + 44, h + 1, h, 0}, "mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV")
}

// Every type that carries one key, at the account or at its receive branch: the
// same wallet.
func TestOneKey(t *testing.T) {
	account, branch := keyAt(t, h+84, h, h), keyAt(t, h+84, h, h, 0)
	withChildren := account
	withChildren.Children = &urtypes.KeyPath{Steps: []urtypes.Step{{}, {Form: urtypes.Wildcard}}}
	withChildren.Name, withChildren.Note, withChildren.Coin = "Keystone", "account.standard", &urtypes.CoinInfo{}
	noPrint := account
	origin := urtypes.PathOf(0, []uint32{h + 84, h, h})
	noPrint.Origin = &origin
	const first = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
	ids := map[bundle.SignatureID]bool{}
	for _, c := range []struct {
		kind string
		item urtypes.Item
	}{
		{"crypto-hdkey", account}, {"hdkey", account}, {"crypto-hdkey", branch}, {"crypto-hdkey", withChildren},
		{"crypto-output", output("wpkh(@0)", account)}, {"output-descriptor", output("wpkh(@0)", account)},
		{"crypto-account", urtypes.Account{Fingerprint: master, Outputs: []urtypes.Output{output("wpkh(@0)", noPrint)}}},
		{"crypto-multi-accounts", urtypes.MultiAccounts{Fingerprint: master, Keys: []urtypes.HDKey{noPrint}, Device: "Keystone"}},
		{"crypto-multi-accounts", urtypes.MultiAccounts{Fingerprint: 1, Keys: []urtypes.HDKey{account, branch}}}, // the key's own counts
	} {
		list := wallets(t, c.kind, c.item, true)
		if len(list) != 1 {
			t.Fatalf("%s: %d wallets", c.kind, len(list))
		}
		one(t, list[0], "BTC", false, []uint32{h + 84, h, h, 0}, first)
		ids[list[0].SignatureID] = true
	}
	if len(ids) != 1 {
		t.Errorf("one wallet has the ids %v", ids)
	}
}

// Ids are kept by the operator, who may scan again with a later version: they
// never change. The one here was made outside of Go, from the words in identify.
func TestIdentity(t *testing.T) {
	seen := map[bundle.SignatureID]string{}
	for _, c := range []struct {
		item    urtypes.HDKey
		testnet bool
		want    string
	}{
		{keyAt(t, h+84, h, h), false, "c33f8329-8eca-8b57-acc3-33520bb8a711"},
		{keyAt(t, h+84, h, h+1), false, ""},
		{keyAt(t, h+84, h+1, h), false, ""},
		{keyAt(t, h+44, h+60, h), false, ""},
		{keyAt(t, h+44, h+60, h), true, ""},
		{solanaKey(t, h+44, h+501, h, h), false, ""},
		{solanaKey(t, h+44, h+501, h, h), true, ""},
	} {
		list := wallets(t, "crypto-hdkey", c.item, c.testnet)
		id := list[0].SignatureID
		if other, ok := seen[id]; ok {
			t.Errorf("%s has the id of %s", chain.PathString(list[0].Path), other)
		}
		seen[id] = chain.PathString(list[0].Path)
		if c.want != "" && id.String() != c.want {
			t.Errorf("%s is %s, and was %s", seen[id], id, c.want)
		}
		moved := c.item
		origin := *c.item.Origin
		origin.Fingerprint++
		moved.Origin = &origin
		if again := wallets(t, "crypto-hdkey", moved, c.testnet); again[0].SignatureID == id {
			t.Error("another device has the same id")
		}
	}
}

func TestEthereumKeys(t *testing.T) {
	k := keyAt(t, h+44, h+60, h)
	one(t, wallets(t, "crypto-hdkey", k, false)[0], "ETH", false, []uint32{h + 44, h + 60, h, 0}, "0x9858EfFD232B4033E47d90003D41EC34EcaEda94")
	one(t, wallets(t, "crypto-hdkey", k, true)[0], "ETH", true, []uint32{h + 44, h + 60, h, 0}, "0x9858EfFD232B4033E47d90003D41EC34EcaEda94")
	// Our own offline half's test wallets have coin type 1, and say which coin.
	k = keyAt(t, h+44, h+1, h)
	k.Coin = &urtypes.CoinInfo{Coin: 60, Network: 1}
	one(t, wallets(t, "crypto-hdkey", k, true)[0], "ETH", true, []uint32{h + 44, h + 1, h, 0}, "")
	k.Coin = nil
	one(t, wallets(t, "crypto-hdkey", k, true)[0], "BTC", true, []uint32{h + 44, h + 1, h, 0}, "")
}

// A Solana wallet is one key: nothing derives from it.
func TestSolanaKeys(t *testing.T) {
	for _, path := range [][]uint32{{h + 44, h + 501, h, h}, {h + 44, h + 501, h + 3}, {h + 44, h + 501, h, h, h + 2}} {
		k := solanaKey(t, path...)
		w := wallets(t, "crypto-hdkey", k, true)[0]
		want := ""
		if len(path) == 4 {
			want = "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk" // as Phantom shows it
		}
		one(t, w, "SOL", true, path, want)
		if w.Curve != chain.Ed25519 || !bytes.Equal(w.Key, k.Key) || len(w.ChainCode) != 0 || len(w.Keys) != 0 {
			t.Errorf("%+v", w)
		}
		k.Key = append([]byte{0}, k.Key...) // SLIP-10's form
		if padded := wallets(t, "crypto-hdkey", k, true)[0]; padded.SignatureID != w.SignatureID {
			t.Error("33 bytes are another wallet")
		}
	}
}

// What is of no use is left out of a list; alone it is refused.
func TestOfNoUse(t *testing.T) {
	good := keyAt(t, h+84, h, h)
	change := func(f func(*urtypes.HDKey)) urtypes.HDKey {
		k := good
		f(&k)
		return k
	}
	wild := urtypes.KeyPath{Steps: []urtypes.Step{{Low: 84, Hardened: true}, {Hardened: true}, {Form: urtypes.Wildcard, Hardened: true}}}
	ledger := keyAt(t, h+44, h+60, h, 0, 0)
	ledger.ChainCode = [32]byte{}
	multisig := keyAt(t, h+48, h, h, h+2)
	for name, k := range map[string]urtypes.HDKey{
		"private key":               change(func(k *urtypes.HDKey) { k.Private = true }),
		"no origin":                 change(func(k *urtypes.HDKey) { k.Origin = nil }),
		"origin of any account":     change(func(k *urtypes.HDKey) { k.Origin = &wild }),
		"no chain code":             change(func(k *urtypes.HDKey) { k.ChainCode = [32]byte{} }),
		"Ed25519 key of Bitcoin":    change(func(k *urtypes.HDKey) { k.Key = k.Key[1:] }),
		"master":                    keyAt(t),
		"coin":                      keyAt(t, h+84, h),
		"Litecoin":                  keyAt(t, h+84, h+2, h),
		"coin type not hardened":    keyAt(t, h+84, 0, h),
		"account not hardened":      keyAt(t, h+84, h, 0),
		"purpose not hardened":      keyAt(t, 84, h, h),
		"change branch":             keyAt(t, h+84, h, h, 1),
		"branch hardened":           keyAt(t, h+84, h, h, h),
		"one address":               keyAt(t, h+84, h, h, 0, 0),
		"one address of Ethereum":   keyAt(t, h+44, h+60, h, 0, 0),
		"without a chain code too":  ledger,
		"share of a multisig":       multisig,
		"other purpose":             keyAt(t, h+45, h, h),
		"secp256k1 key of Solana":   keyAt(t, h+44, h+501, h),
		"Ethereum on a Litecoin":    keyAt(t, h+44, h+61, h),
		"key of a change of change": keyAt(t, h+84, h, h, 7),
	} {
		if list, err := Wallets(said(t, "crypto-hdkey", k), false); !fault.Is(err, "foreign.keys") || list != nil {
			t.Errorf("%s: %v %v", name, list, err)
		}
		both := urtypes.MultiAccounts{Fingerprint: master, Keys: []urtypes.HDKey{k, good}}
		if list := wallets(t, "crypto-multi-accounts", both, false); len(list) != 1 || list[0].Path[0] != h+84 {
			t.Errorf("%s and a good one: %+v", name, list)
		}
	}
	for name, o := range map[string]urtypes.Output{
		"multisig":       {Source: "wsh(sortedmulti(1,@0,@1))", Keys: []urtypes.Item{good, multisig}},
		"multisig of 1":  {Source: "wsh(multi(1,@0))", Keys: []urtypes.Item{good}},
		"combo":          output("combo(@0)", good),
		"bare key":       output("@0", good),
		"cosigner":       output("wsh(cosigner(@0))", multisig),
		"key of no tree": {Source: "wpkh(@0)", Keys: []urtypes.Item{urtypes.ECKey{Key: good.Key}}},
	} {
		if list, err := Wallets(said(t, "crypto-output", o), false); !fault.Is(err, "foreign.keys") || list != nil {
			t.Errorf("%s: %v %v", name, list, err)
		}
		a := urtypes.Account{Fingerprint: master, Outputs: []urtypes.Output{o, output("wpkh(@0)", good)}}
		if list := wallets(t, "crypto-account", a, false); len(list) != 1 {
			t.Errorf("%s and a good one: %+v", name, list)
		}
	}
}

// What is no key at all spoils the whole.
func TestKeysRefused(t *testing.T) {
	bad := keyAt(t, h+84, h, h)
	bad.Key = append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...) // beyond the field
	if list, err := Wallets(said(t, "crypto-hdkey", bad), false); err == nil || fault.Code(err) == "" {
		t.Errorf("%v %v", list, err)
	}
	bad.Key[0] = 5
	if list, err := Wallets(said(t, "crypto-hdkey", bad), false); !fault.Is(err, "key.public") {
		t.Errorf("%v %v", list, err)
	}
	for _, m := range []frame.Message{
		{}, {Format: frame.UR}, {Format: frame.UR, Type: "bytes", Data: []byte{0x40}}, {Format: frame.UR, Type: "crypto-psbt", Data: []byte{0x40}},
		{Format: frame.UR, Type: "eth-signature"}, {Format: frame.BBQr, Type: "J", Data: []byte("{}")}, {Format: frame.Plain}, {Format: frame.Native},
	} {
		if _, err := Wallets(m, false); !fault.Is(err, "frame.kind") {
			t.Errorf("%s: %v", m, err)
		}
		if err := IsKeys(m); !fault.Is(err, "frame.kind") {
			t.Errorf("%s: %v", m, err)
		}
	}
	if _, err := Wallets(frame.Message{Format: frame.UR, Type: "hdkey", Data: []byte{0xa0}}, false); !fault.Is(err, "urtype.content") {
		t.Error(err)
	}
}

// Published items: an account of seven outputs, of which four have one key of a
// kind that is served; and what a Keystone shows.
func TestPublishedKeys(t *testing.T) {
	var vectors []struct{ Type, CBOR string }
	for _, file := range []string{"bcr.json", "keystone.json"} {
		raw, err := os.ReadFile("../../../testdata/urtypes/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &vectors); err != nil {
			t.Fatal(err)
		}
		accounts, multi := 0, []string{}
		for _, v := range vectors {
			b, err := hex.DecodeString(v.CBOR)
			if err != nil {
				t.Fatal(err)
			}
			m := frame.Message{Format: frame.UR, Type: v.Type, Data: b}
			if IsKeys(m) != nil {
				continue
			}
			list, err := Wallets(m, false)
			if err != nil && !fault.Is(err, "foreign.keys") {
				t.Errorf("%s: %v", v.CBOR[:20], err)
			}
			if strings.HasSuffix(v.Type, "multi-accounts") {
				for _, w := range list {
					multi = append(multi, fmt.Sprintf("%s %x %s", w.Chain, w.Fingerprint, chain.PathString(w.Path)))
				}
			}
			if file != "bcr.json" || !strings.Contains(v.Type, "account") {
				continue
			}
			accounts++
			purposes := map[uint32]bool{}
			for _, w := range list {
				const of = "shield group erode awake lock sausage cash glare wave crew flame glove" // BCR-2023-019
				p := derive(t, of, w.Path...)
				if !bytes.Equal(w.Key, p.Key().Bytes()) || !bytes.Equal(w.Fingerprint, []byte{0x37, 0xb5, 0xee, 0xd4}) {
					t.Errorf("%s: %x of %x", chain.PathString(w.Path), w.Key, w.Fingerprint)
				}
				purposes[w.Path[0]] = true
			}
			if len(list) != 4 || len(purposes) != 4 {
				t.Errorf("%s: %d wallets", v.Type, len(list))
			}
		}
		if file == "bcr.json" && accounts != 2 {
			t.Errorf("%d accounts", accounts)
		}
		if file == "keystone.json" && (len(multi) < 8 || !slices.Contains(multi, "SOL 23d048f0 m/44'/501'/0'/0'")) {
			t.Errorf("%d keys: %v", len(multi), multi)
		}
	}
}

// No content makes the reader panic, and every wallet that it gives can be stored
// and has a first key.
func FuzzWallets(f *testing.F) {
	kinds := []string{"crypto-account", "account-descriptor", "crypto-hdkey", "hdkey", "crypto-output", "output-descriptor", "crypto-multi-accounts"}
	var vectors []struct{ Type, CBOR string }
	seeds := 0
	for _, file := range []string{"bcr.json", "keystone.json"} {
		raw, err := os.ReadFile("../../../testdata/urtypes/" + file)
		if err != nil || json.Unmarshal(raw, &vectors) != nil {
			f.Fatal(err)
		}
		for _, v := range vectors {
			if i := slices.Index(kinds, v.Type); i >= 0 {
				b, err := hex.DecodeString(v.CBOR)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(uint8(i), b)
				seeds++
			}
		}
	}
	if seeds < 15 {
		f.Fatalf("%d seeds", seeds)
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		list, err := Wallets(frame.Message{Format: frame.UR, Type: kinds[int(kind)%len(kinds)], Data: data}, true)
		if (err == nil) != (len(list) > 0) {
			t.Fatal(list, err)
		}
		for _, w := range list {
			if _, err := bundle.EncodeItem(w); err != nil {
				t.Fatal(err)
			}
			if _, _, err := First(w); err != nil {
				t.Fatal(err)
			}
		}
	})
}
