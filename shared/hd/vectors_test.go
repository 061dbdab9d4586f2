package hd

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/ethereum/go-ethereum/crypto"
)

// load reads a vector file of testdata into v.
func load(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// want fails unless the test saw as many vectors as the source publishes.
func want(t *testing.T, what string, got, min int) {
	t.Helper()
	if got < min {
		t.Fatalf("%d %s were tested, not %d", got, what, min)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustPath(t testing.TB, s string) []uint32 {
	t.Helper()
	path, err := ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func master(t testing.TB, seed []byte) *Private {
	t.Helper()
	k, err := NewMaster(seed)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func derive(t testing.TB, k *Private, path string) *Private {
	t.Helper()
	child, err := k.Derive(mustPath(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return child
}

// seedOf gives the seed of a mnemonic without passphrase.
func seedOf(t testing.TB, mnemonic string) []byte {
	t.Helper()
	m, err := ParseMnemonic([]byte(mnemonic))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := m.Seed(nil)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

type bip32File struct {
	Valid []struct {
		Seed   string
		Chains []struct{ Path, Pub, Prv string }
	}
	Invalid []struct{ Key, Reason string }
}

func TestBIP32Vectors(t *testing.T) {
	var f bip32File
	load(t, "hd/bip32.json", &f)
	n := 0
	for _, v := range f.Valid {
		k := master(t, unhex(t, v.Seed))
		for i, c := range v.Chains {
			n++
			got := derive(t, k, c.Path)
			if got.Encode(false) != c.Prv || got.Public().String() != c.Pub {
				t.Errorf("%s %s differs", v.Seed[:8], c.Path)
			}
			parsed, err := ParsePrivate(c.Prv)
			if err != nil || *parsed != *got {
				t.Errorf("%s %s: parsed private key differs: %v", v.Seed[:8], c.Path, err)
			}
			public, err := ParsePublic(c.Pub)
			if err != nil || *public != *got.Public() {
				t.Errorf("%s %s: parsed public key differs: %v", v.Seed[:8], c.Path, err)
			}
			path := mustPath(t, c.Path)
			if i == 0 || path[len(path)-1] >= chain.Hardened {
				continue
			}
			parent := derive(t, k, v.Chains[i-1].Path).Public()
			child, err := parent.Child(path[len(path)-1])
			if err != nil || child.String() != c.Pub {
				t.Errorf("%s %s: public derivation differs: %v", v.Seed[:8], c.Path, err)
			}
		}
	}
	want(t, "BIP-32 chains", n, 17)
}

func TestBIP32InvalidKeys(t *testing.T) {
	var f bip32File
	load(t, "hd/bip32.json", &f)
	for _, v := range f.Invalid {
		if _, err := ParsePublic(v.Key); !fault.Is(err, "hd.key") {
			t.Errorf("public key accepted (%s): %v", v.Reason, err)
		}
		if _, err := ParsePrivate(v.Key); !fault.Is(err, "hd.key") {
			t.Errorf("private key accepted (%s): %v", v.Reason, err)
		}
	}
	want(t, "invalid keys", len(f.Invalid), 16)
}

func TestBIP39Vectors(t *testing.T) {
	var f struct{ English [][4]string }
	load(t, "hd/bip39.json", &f)
	for _, v := range f.English {
		m, err := NewMnemonic(unhex(t, v[0]))
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Text()) != v[1] {
			t.Errorf("%s: words differ", v[0])
		}
		parsed, err := ParseMnemonic([]byte(v[1]))
		if err != nil || *parsed != *m || !bytes.Equal(parsed.Entropy(), unhex(t, v[0])) {
			t.Errorf("%s: parsed mnemonic differs: %v", v[0], err)
		}
		seed, err := m.Seed([]byte("TREZOR"))
		if err != nil || hex.EncodeToString(seed) != v[2] {
			t.Errorf("%s: seed differs: %v", v[0], err)
		}
		if master(t, seed).Encode(false) != v[3] {
			t.Errorf("%s: master key differs", v[0])
		}
	}
	want(t, "mnemonics", len(f.English), 24)
}

func TestSLIP10Vectors(t *testing.T) {
	var f []struct {
		Curve, Seed string
		Chains      []struct {
			Path, Fingerprint, Private, Public string
			ChainCode                          string `json:"chain code"`
		}
	}
	load(t, "hd/slip10.json", &f)
	n := map[string]int{}
	for _, v := range f {
		seed := unhex(t, v.Seed)
		for _, c := range v.Chains {
			n[v.Curve]++
			if v.Curve == "ed25519" {
				got, err := DeriveEd25519(seed, mustPath(t, c.Path))
				if err != nil || hex.EncodeToString(got[:]) != c.Private {
					t.Errorf("ed25519 %s: %x, %v", c.Path, got, err)
				}
				public := ed25519.NewKeyFromSeed(got[:]).Public().(ed25519.PublicKey)
				if "00"+hex.EncodeToString(public) != c.Public {
					t.Errorf("ed25519 %s: public key differs", c.Path)
				}
				continue
			}
			k := derive(t, master(t, seed), c.Path)
			p := k.Public()
			code, parent := p.ChainCode(), p.Parent()
			if hex.EncodeToString(k.Secret()) != c.Private || p.Key().String() != c.Public ||
				hex.EncodeToString(code[:]) != c.ChainCode || hex.EncodeToString(parent[:]) != c.Fingerprint {
				t.Errorf("secp256k1 %s differs", c.Path)
			}
		}
	}
	want(t, "ed25519 chains", n["ed25519"], 12)
	want(t, "secp256k1 chains", n["secp256k1"], 12)
}

// addressOf is the address that a purpose (BIP-43) gives a key, by btcd.
func addressOf(t *testing.T, purpose int, key chain.PublicKey, net *chaincfg.Params) string {
	t.Helper()
	var a address.Address
	var err error
	hash := address.Hash160(key.Bytes())
	switch purpose {
	case 44:
		a, err = address.NewAddressPubKeyHash(hash, net)
	case 49:
		a, err = address.NewAddressScriptHash(append([]byte{0, 20}, hash...), net)
	case 84:
		a, err = address.NewAddressWitnessPubKeyHash(hash, net)
	case 86:
		point, perr := secp256k1.ParsePubKey(key.Bytes())
		if perr != nil {
			t.Fatal(perr)
		}
		output := txscript.ComputeTaprootKeyNoScript(point)
		a, err = address.NewAddressTaproot(output.SerializeCompressed()[1:], net)
	default:
		t.Fatalf("purpose %d", purpose)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a.EncodeAddress()
}

func wif(t *testing.T, k *Private, net *chaincfg.Params) string {
	t.Helper()
	w, err := btcutil.NewWIF(secp256k1.PrivKeyFromBytes(k.Secret()), net, true)
	if err != nil {
		t.Fatal(err)
	}
	return w.String()
}

func TestSLIP14Wallets(t *testing.T) {
	var f struct {
		Mnemonic string
		Roots    map[string]string
		Wallets  []struct {
			Network, Path, Prv, Pub, Fingerprint string
			Addresses                            []struct {
				Index        uint32
				Address, WIF string
			}
		}
	}
	load(t, "hd/slip14.json", &f)
	k := master(t, seedOf(t, f.Mnemonic))
	n := 0
	for _, w := range f.Wallets {
		net, testnet := &chaincfg.MainNetParams, false
		if w.Network == "Bitcoin Testnet" {
			net, testnet = &chaincfg.TestNet3Params, true
		}
		if k.Encode(testnet) != f.Roots[w.Network] {
			t.Errorf("%s: root differs", w.Network)
		}
		account := derive(t, k, w.Path)
		if account.Encode(testnet) != w.Prv || account.Public().Encode(testnet) != w.Pub {
			t.Errorf("%s differs", w.Path)
		}
		if fp := k.Fingerprint(); hex.EncodeToString(fp[:]) != w.Fingerprint {
			t.Errorf("fingerprint %x, not %s", fp, w.Fingerprint)
		}
		public, err := ParsePublic(w.Pub)
		if err != nil || public.Testnet() != testnet || public.String() != w.Pub {
			t.Errorf("%s: %v", w.Path, err)
		}
		purpose := int(mustPath(t, w.Path)[0] &^ chain.Hardened)
		for _, a := range w.Addresses {
			n++
			child, err := public.Derive([]uint32{0, a.Index})
			if err != nil {
				t.Fatal(err)
			}
			if got := addressOf(t, purpose, child.Key(), net); got != a.Address {
				t.Errorf("%s/0/%d: %s, not %s", w.Path, a.Index, got, a.Address)
			}
			private, err := account.Derive([]uint32{0, a.Index})
			if err != nil || private.Public().Key() != child.Key() {
				t.Errorf("%s/0/%d: private and public derivation differ", w.Path, a.Index)
			}
			if a.WIF != "" && wif(t, private, net) != a.WIF {
				t.Errorf("%s/0/%d: private key differs", w.Path, a.Index)
			}
		}
	}
	want(t, "SLIP-14 addresses", n, 80)
}

func TestBIP49And84And86(t *testing.T) {
	var f []struct {
		BIP                                                        int
		Mnemonic, Path, Xprv, Xpub, Public, WIF, Address, Internal string
	}
	load(t, "hd/bip49-84-86.json", &f)
	for _, v := range f {
		k := derive(t, master(t, seedOf(t, v.Mnemonic)), v.Path)
		net := &chaincfg.MainNetParams
		if v.BIP == 49 {
			net = &chaincfg.TestNet3Params
		}
		key := k.Public().Key()
		if v.Public != "" && key.String() != v.Public || v.Internal != "" && hex.EncodeToString(key.Bytes()[1:]) != v.Internal {
			t.Errorf("%s: public key differs", v.Path)
		}
		if v.WIF != "" && wif(t, k, net) != v.WIF {
			t.Errorf("%s: private key differs", v.Path)
		}
		if v.Address != "" && addressOf(t, v.BIP, key, net) != v.Address {
			t.Errorf("%s: address differs", v.Path)
		}
		// BIP-49 and BIP-84 print SLIP-132 versions: all but the version agrees.
		for _, p := range [][2]string{{v.Xprv, k.Encode(false)}, {v.Xpub, k.Public().String()}} {
			if p[0] == "" {
				continue
			}
			a, b := base58.Decode(p[0]), base58.Decode(p[1])
			if !bytes.Equal(a[4:rawLen], b[4:rawLen]) || v.BIP == 86 && p[0] != p[1] {
				t.Errorf("%s: extended key differs", v.Path)
			}
			if _, err := ParsePublic(p[0]); v.BIP != 86 && !fault.Is(err, "hd.key") {
				t.Errorf("%s: a SLIP-132 version was read: %v", v.Path, err)
			}
		}
	}
	want(t, "published keys", len(f), 10)
}

type tatumFile struct {
	Addresses []struct {
		Mnemonic string
		Testnet  bool
		Xpub     string
		Keys     []struct {
			Index               uint32
			Address, PrivateKey string
		}
	}
}

func TestTatumBitcoin(t *testing.T) {
	var f tatumFile
	load(t, "tatum/btc.json", &f)
	n := 0
	for _, w := range f.Addresses {
		path, net := "m/44'/0'/0'/0", &chaincfg.MainNetParams
		if w.Testnet {
			path, net = "m/44'/1'/0'/0", &chaincfg.TestNet3Params
		}
		k := derive(t, master(t, seedOf(t, w.Mnemonic)), path)
		if k.Public().Encode(w.Testnet) != w.Xpub {
			t.Errorf("%s: xpub differs", path)
		}
		public, err := ParsePublic(w.Xpub)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range w.Keys {
			n++
			child, err := public.Child(key.Index)
			if err != nil || addressOf(t, 84, child.Key(), net) != key.Address {
				t.Errorf("%s/%d: address differs: %v", path, key.Index, err)
			}
			private, err := k.Child(key.Index)
			if err != nil || wif(t, private, net) != key.PrivateKey {
				t.Errorf("%s/%d: key differs: %v", path, key.Index, err)
			}
		}
	}
	want(t, "Bitcoin keys", n, 8)
}

func TestTatumEthereum(t *testing.T) {
	var f tatumFile
	load(t, "tatum/eth.json", &f)
	n := 0
	for _, w := range f.Addresses {
		path := "m/44'/60'/0'/0"
		if w.Testnet {
			path = "m/44'/1'/0'/0"
		}
		k := derive(t, master(t, seedOf(t, w.Mnemonic)), path)
		if k.Public().String() != w.Xpub {
			t.Errorf("%s: xpub differs", path)
		}
		for _, key := range w.Keys {
			n++
			child, err := k.Child(key.Index)
			if err != nil || "0x"+hex.EncodeToString(child.Secret()) != key.PrivateKey {
				t.Errorf("%s/%d: key differs: %v", path, key.Index, err)
			}
			point, err := crypto.DecompressPubkey(child.Public().Key().Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if got := crypto.PubkeyToAddress(*point); "0x"+hex.EncodeToString(got[:]) != key.Address {
				t.Errorf("%s/%d: address differs", path, key.Index)
			}
		}
	}
	want(t, "Ethereum keys", n, 8)
}

func TestTatumSolana(t *testing.T) {
	var f tatumFile
	load(t, "tatum/sol.json", &f)
	n := 0
	for _, w := range f.Addresses {
		seed := seedOf(t, w.Mnemonic)
		for _, key := range w.Keys {
			n++
			path := append(mustPath(t, "m/44'/501'/0'/0'"), key.Index|chain.Hardened)
			got, err := DeriveEd25519(seed, path)
			if err != nil {
				t.Fatal(err)
			}
			private := ed25519.NewKeyFromSeed(got[:])
			if base58.Encode(private) != key.PrivateKey || base58.Encode(private.Public().(ed25519.PublicKey)) != key.Address {
				t.Errorf("%s: key differs", chain.PathString(path))
			}
			if !slices.Equal(got[:], base58.Decode(key.PrivateKey)[:32]) {
				t.Errorf("%s: seed differs", chain.PathString(path))
			}
		}
	}
	want(t, "Solana keys", n, 4)
}
