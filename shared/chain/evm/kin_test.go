package evm

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"slices"
	"strconv"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

func celo(t *testing.T) chain.Chain {
	t.Helper()
	for _, c := range Chains() {
		if c.Name == "CELO" {
			return c
		}
	}
	t.Fatal("no CELO")
	return chain.Chain{}
}

// TestCIP64 compares with what another library makes (testdata/celo), unsigned and
// signed, byte for byte.
func TestCIP64(t *testing.T) {
	var v struct {
		PrivateKey, From string
		Cases            []struct {
			Name, Unsigned, Raw, TxID, SigHash string
			Tx                                 map[string]any
		}
	}
	b, err := os.ReadFile("../../../testdata/celo/cip64.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil || len(v.Cases) != 5 {
		t.Fatalf("%d cases, %v", len(v.Cases), err)
	}
	codec := celo(t).Codec
	secret := unhex(v.PrivateKey)
	key := chaintest.Secp256k1Key(secret)
	for _, c := range v.Cases {
		t.Run(c.Name, func(t *testing.T) {
			f := web3Fields(t, map[string]any{"chainId": c.Tx["chainId"], "nonce": c.Tx["nonce"], "gas": c.Tx["gas"], "value": c.Tx["value"],
				"type": 2.0, "maxFeePerGas": c.Tx["maxFeePerGas"], "maxPriorityFeePerGas": c.Tx["maxPriorityFeePerGas"],
				"to": c.Tx["to"], "data": c.Tx["data"], "accessList": c.Tx["accessList"]})
			f.Type, f.Currency = FeeCurrency, addr(c.Tx["feeCurrency"].(string))
			if got := "0x" + hex.EncodeToString(f.Encode()); got != c.Unsigned {
				t.Fatalf("%s\nwant %s", got, c.Unsigned)
			}
			u := chain.Unsigned{Network: chain.ID("eip155:" + strconv.FormatUint(f.ChainID, 10)), Signers: []chain.PublicKey{key}, Payload: f.Encode()}
			tx, err := codec.Decode(u)
			if err != nil {
				t.Fatal(err)
			}
			if m := tx.ToSign()[0].Message; "0x"+hex.EncodeToString(m) != c.SigHash {
				t.Errorf("digest %x", m)
			}
			s, err := tx.Seal([]chain.Signature{chaintest.Signer(map[chain.PublicKey][]byte{key: secret})(tx.ToSign()[0])})
			if err != nil || "0x"+hex.EncodeToString(s.Raw) != c.Raw || s.TxID != c.TxID {
				t.Errorf("%x %s %v", s.Raw, s.TxID, err)
			}
			r := tx.Review()
			if r.Fee.Asset.ID != string(u.Network)+"/erc20:"+"0x765de816845861e75a25fca122bb6898b8b1282a" || len(r.Opaque) == 0 || r.Opaque[len(r.Opaque)-1].Code != "evm.fee-currency" {
				t.Errorf("the fee's token is not told: %+v", r)
			}
			u.Network, u.Payload = "eip155:1", append([]byte(nil), u.Payload...)
			if _, err := New().Decode(u); !fault.Is(err, "evm.type") {
				t.Errorf("Ethereum takes it: %v", err)
			}
		})
	}
}

// TestCIP64Conforms: the suite of all codecs, on Celo's type.
func TestCIP64Conforms(t *testing.T) {
	f := pay(func(f *Fields) { f.Type, f.ChainID, f.Currency = FeeCurrency, 42220, usdt })
	chaintest.Run(t, celo(t).Codec, []chaintest.Case{{Name: "cip64", Unsigned: unsigned(f, "eip155:42220"), Sign: sign, Text: "../../../testdata/celo/cip64.txt"}})
}

// TestCeloRefuses: the types that its network takes no more, and a currency where
// none belongs or none is named.
func TestCeloRefuses(t *testing.T) {
	codec := celo(t).Codec
	eight := []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x82, 0xa4, 0xec, 0x80, 0x80}
	for name, c := range map[string]struct {
		payload []byte
		code    string
	}{
		"legacy with a fee currency": {appendList(nil, eight), "evm.retired"},
		"type 0x7c":                  {[]byte{0x7c, 0xc0}, "evm.retired"},
		"one item less":              {appendList(nil, eight[:13]), "evm.rlp"},
		"no currency":                {append([]byte{FeeCurrency}, pay(func(f *Fields) { f.ChainID = 42220 }).Encode()[1:]...), "evm.rlp"},
	} {
		if _, err := codec.Decode(chain.Unsigned{Network: "eip155:42220", Signers: unsigned(pay(nil), "eip155:1").Signers, Payload: c.payload}); !fault.Is(err, c.code) {
			t.Errorf("%s: %v (%s)", name, err, fault.Code(err))
		}
	}
	for i, f := range []Fields{
		pay(func(f *Fields) { f.Type = FeeCurrency }),
		pay(func(f *Fields) { f.Currency = usdt }),
		pay(func(f *Fields) { f.Type, f.Currency, f.GasPrice = FeeCurrency, usdt, big.NewInt(1) }),
	} {
		if b := f.Encode(); b != nil {
			t.Errorf("%d: encoded as %x", i, b)
		}
	}
	// What Ethereum takes, Celo takes.
	if _, err := codec.Decode(unsigned(pay(func(f *Fields) { f.ChainID = 42220 }), "eip155:42220")); err != nil {
		t.Error(err)
	}
}

// TestKinTable: every chain has its mainnet first, a cap, a depth and an explorer.
func TestKinTable(t *testing.T) {
	want := map[string]string{"ETH": "eip155:1", "BSC": "eip155:56", "MATIC": "eip155:137", "KLAY": "eip155:8217", "CELO": "eip155:42220",
		"XDC": "eip155:50", "ONE": "eip155:1666600000", "KCS": "eip155:321"}
	for _, c := range Chains() {
		if string(c.Networks[0].ID) != want[c.Name] || c.Networks[0].Testnet || c.Networks[0].Explorer == "" {
			t.Errorf("%s: %+v", c.Name, c.Networks[0])
		}
		delete(want, c.Name)
		for i, n := range c.Networks {
			if n.Testnet != (i > 0) || n.Depth == 0 || n.FeeCap.Cmp(big.NewInt(1e17)) < 0 || n.Chain != c.Name {
				t.Errorf("%+v", n)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("missing %v", want)
	}
}

// TestOne: Harmony's spelling of an address, of its documentation, both ways.
func TestOne(t *testing.T) {
	const text, hexadecimal = "one103q7qe5t2505lypvltkqtddaef5tzfxwsse4z7", "0x7c41E0668B551f4f902cFaec05B5Bdca68b124CE"
	w := Wallet{spell: spellBech32}
	if a, err := w.ParseAddress("", text); err != nil || a != hexadecimal {
		t.Errorf("%s %v", a, err)
	}
	if s := one(addr(hexadecimal)); s != text {
		t.Error(s)
	}
	if _, err := (Wallet{}).ParseAddress("", text); err == nil {
		t.Error("Ethereum takes it")
	}
}

// A network that operators add is ETH's in all but id, name and coin, and never one
// that is known.
func TestMore(t *testing.T) {
	n, err := More(59144, "linea", "ETH", false, big.NewInt(7))
	if err != nil || n.ID != "eip155:59144" || n.Chain != "ETH" || n.Testnet || n.Asset.ID != "eip155:59144" || n.Asset.Decimals != 18 || n.FeeCap.Int64() != 7 || n.Depth == 0 || n.Explorer != "" {
		t.Fatalf("%+v, %v", n, err)
	}
	if c := Chains(n)[0]; !slices.Contains(c.Codec.Networks(), n.ID) || slices.Contains(Chains()[0].Codec.Networks(), n.ID) {
		t.Error("the codec does not know it, or knows it unasked")
	}
	if _, err := More(maxChainID, "l-3", "X9", true, big.NewInt(1)); err != nil {
		t.Errorf("the highest id: %v", err)
	}
	for name, bad := range map[string]func() (chain.Network, error){
		"zero":                 func() (chain.Network, error) { return More(0, "x", "X", false, big.NewInt(1)) },
		"above EIP-2294":       func() (chain.Network, error) { return More(maxChainID+1, "x", "X", false, big.NewInt(1)) },
		"Ethereum":             func() (chain.Network, error) { return More(1, "x", "X", false, big.NewInt(1)) },
		"another chain's id":   func() (chain.Network, error) { return More(56, "x", "X", false, big.NewInt(1)) },
		"a name that is known": func() (chain.Network, error) { return More(5, "sepolia", "X", false, big.NewInt(1)) },
		"no name":              func() (chain.Network, error) { return More(5, "", "X", false, big.NewInt(1)) },
		"upper case":           func() (chain.Network, error) { return More(5, "Mainnet", "X", false, big.NewInt(1)) },
		"an escape":            func() (chain.Network, error) { return More(5, "x\x1b", "X", false, big.NewInt(1)) },
		"no symbol":            func() (chain.Network, error) { return More(5, "x", "", false, big.NewInt(1)) },
		"a long symbol":        func() (chain.Network, error) { return More(5, "x", "ABCDEFGHIJKLMNOPQ", false, big.NewInt(1)) },
		"a Cyrillic symbol":    func() (chain.Network, error) { return More(5, "x", "ЕТН", false, big.NewInt(1)) },
		"no cap":               func() (chain.Network, error) { return More(5, "x", "X", false, nil) },
		"a cap of nothing":     func() (chain.Network, error) { return More(5, "x", "X", false, new(big.Int)) },
	} {
		if n, err := bad(); !fault.Is(err, "evm.network") || !quote.Plain(err.Error()) {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
}
