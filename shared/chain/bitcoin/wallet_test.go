package bitcoin

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

func TestBIP350Addresses(t *testing.T) {
	var v struct {
		Valid   []struct{ Address, Script string }
		Invalid []struct{ Address, Reason string }
	}
	load(t, vectors+"bip350.json", &v)
	if len(v.Valid) != 8 || len(v.Invalid) != 15 {
		t.Fatalf("%d valid and %d invalid", len(v.Valid), len(v.Invalid))
	}
	for _, c := range v.Valid {
		ours, foreign := mainnet, testnet3
		if strings.HasPrefix(c.Address, "tb") {
			ours, foreign = foreign, ours
		}
		script, err := ScriptFor(ours, c.Address)
		if err != nil || hex.EncodeToString(script) != c.Script {
			t.Errorf("%s: %x, %v", c.Address, script, err)
		}
		if _, err := ScriptFor(foreign, c.Address); !fault.Is(err, "bitcoin.address-network") {
			t.Errorf("%s on the other network: %v", c.Address, err)
		}
	}
	for _, c := range v.Invalid {
		for _, id := range New().Networks() {
			if script, err := ScriptFor(id, c.Address); err == nil {
				t.Errorf("%s gives %x, though: %s", c.Address, script, c.Reason)
			}
		}
	}
}

func TestScriptForRefuses(t *testing.T) {
	good := "1Ei9UmLQv4o4UJTy5r5mnGFeC9auM3W5P1"
	for _, c := range []struct{ address, code string }{
		{"", "bitcoin.address"},
		{good + " ", "bitcoin.address"},
		{" " + good, "bitcoin.address"},
		{"1" + good, "bitcoin.address"},
		{good[:len(good)-1] + "2", "bitcoin.address"},
		{strings.ToLower(good), "bitcoin.address"},
		{strings.Repeat("1", 91), "bitcoin.address"},
		{"bc1qjesugmy5wq9jejy3zz0llsaynvndrauwtwj4yL", "bitcoin.address"},
		{"n118YqfT1hk8uvXcqcy4fwLDfVQfJpQTaS", "bitcoin.address-network"},
		{"2Muh7sy8N3nvjYhotCJCMnrDAbpgzzveNa2", "bitcoin.address-network"},
		{"tb1q6klf3cny45skpulz4kazm9dx9fd44usm635vdt", "bitcoin.address-network"},
		{base58.CheckEncode(make([]byte, 20), 0x30), "bitcoin.address-network"},
		{base58.CheckEncode(make([]byte, 19), 0), "bitcoin.address"},
		{base58.CheckEncode(make([]byte, 21), 5), "bitcoin.address"},
	} {
		if script, err := ScriptFor(mainnet, c.address); !fault.Is(err, c.code) {
			t.Errorf("%q: %x, %v", c.address, script, err)
		}
	}
	if _, err := ScriptFor("eip155:1", good); !fault.Is(err, "bitcoin.network") {
		t.Errorf("%v", err)
	}
	if _, ok := AddressFor(mainnet, witnessScript(1, make([]byte, 32))); ok {
		t.Error("a key on no point has an address")
	}
}

// Addresses are spelled as btcd spells them, and read back to the same script.
func TestAddressesAgainstBtcd(t *testing.T) {
	params := map[string]*chaincfg.Params{
		"mainnet": &chaincfg.MainNetParams, "testnet3": &chaincfg.TestNet3Params, "testnet4": &chaincfg.TestNet4Params,
		"signet": &chaincfg.SigNetParams, "regtest": &chaincfg.RegressionNetParams,
	}
	table := NetworkTable()
	if len(table) != len(params) {
		t.Fatalf("%d networks", len(table))
	}
	for _, n := range table {
		p := params[n.Name]
		if h := p.GenesisHash.String(); string(n.ID) != "bip122:"+h[:32] {
			t.Errorf("%s is %s, the genesis block is %s", n.Name, n.ID, h)
		}
		for k := range 8 {
			addresses := Wallet{}.Addresses(n.ID, key(k), true)
			if len(addresses) != 4 {
				t.Fatalf("%v", addresses)
			}
			for _, a := range addresses {
				theirs, err := address.DecodeAddress(a, p)
				if err != nil {
					t.Fatalf("btcd refuses %s: %v", a, err)
				}
				want, err := txscript.PayToAddrScript(theirs)
				if err != nil {
					t.Fatal(err)
				}
				got, err := ScriptFor(n.ID, a)
				if err != nil || string(got) != string(want) {
					t.Errorf("%s: %x, btcd %x, %v", a, got, want, err)
				}
				if back, ok := AddressFor(n.ID, got); !ok || back != a {
					t.Errorf("%s comes back as %s", a, back)
				}
			}
		}
	}
}

// BIP-86's own key and address.
func TestBIP86(t *testing.T) {
	x := unhex(t, "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115")
	addresses := Wallet{}.Addresses(mainnet, chain.XOnly([32]byte(x)), true)
	if want := "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"; len(addresses) != 4 || addresses[3] != want {
		t.Errorf("%v, want %s last", addresses, want)
	}
	if a := (Wallet{}).Addresses(mainnet, chain.PublicKey{}, true); a != nil {
		t.Errorf("no key has addresses %v", a)
	}
}

func TestParseKeyRefuses(t *testing.T) {
	good := "L2bFui7UKQcjxaxJLKAx8gQUJyEvbcEjLNqUDfuahmLf9TDhX5Ad"
	wif := func(version byte, b ...byte) string { return base58.CheckEncode(b, version) }
	order := unhex(t, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	for _, c := range []struct{ name, text, code string }{
		{"empty", "", "bitcoin.key"},
		{"space", good + "\n", "bitcoin.key"},
		{"checksum", good[:len(good)-1] + "e", "bitcoin.key"},
		{"long", strings.Repeat("L", 61), "bitcoin.key"},
		{"hex", hex.EncodeToString(secret(1)), "bitcoin.key"},
		{"other network", wif(0xef, append(secret(1), 1)...), "bitcoin.key-network"},
		{"other version", wif(0xb0, append(secret(1), 1)...), "bitcoin.key"},
		{"uncompressed", wif(0x80, secret(1)...), "bitcoin.key-uncompressed"},
		{"other flag", wif(0x80, append(secret(1), 2)...), "bitcoin.key"},
		{"short", wif(0x80, secret(1)[:31]...), "bitcoin.key"},
		{"zero", wif(0x80, append(make([]byte, 32), 1)...), "bitcoin.key"},
		{"group order", wif(0x80, append(order, 1)...), "bitcoin.key"},
	} {
		b, err := Wallet{}.ParseKey(c.text, false)
		if !fault.Is(err, c.code) {
			t.Errorf("%s: %x, %v", c.name, b, err)
		} else if len(c.text) > 8 && strings.Contains(err.Error(), c.text[:8]) {
			t.Errorf("%s: the error shows the key: %v", c.name, err)
		}
	}
}

func TestHash(t *testing.T) {
	text := "4e0c36f9161d8f3195e2a18cf7882c4f9e8da80b5a9e2abb3a139b6057135e9a"
	h, err := ParseHash(text)
	if err != nil || h.String() != text || h[0] != 0x9a {
		t.Errorf("%s, %v", h, err)
	}
	for _, bad := range []string{"", text[2:], text + "00", "zz" + text[2:]} {
		if _, err := ParseHash(bad); !fault.Is(err, "bitcoin.txid") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
