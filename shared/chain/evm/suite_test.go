package evm

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
)

// The first two keys of the "test ... junk" mnemonic, known to everyone.
var (
	secret = unhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
	key    = chaintest.Secp256k1Key(secret)
	sign   = chaintest.Signer(map[chain.PublicKey][]byte{key: secret})
	self   = addr("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
	friend = addr("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
	usdt   = addr("0xdAC17F958D2ee523a2206206994597C13D831ec7")
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		panic(err)
	}
	return b
}

func addr(s string) [20]byte {
	a, err := ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

func gweis(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), big.NewInt(1e9)) }

// words is the ABI encoding of words that are numbers or addresses.
func words(selector string, args ...any) []byte {
	b := unhex(selector)
	for _, a := range args {
		var w [32]byte
		switch a := a.(type) {
		case int:
			big.NewInt(int64(a)).FillBytes(w[:])
		case *big.Int:
			a.FillBytes(w[:])
		case [20]byte:
			copy(w[12:], a[:])
		case string: // 32 bytes, left-aligned
			copy(w[:], a)
		}
		b = append(b, w[:]...)
	}
	return b
}

// pay is a plain EIP-1559 payment on the mainnet, to be changed by tests.
func pay(change func(*Fields)) Fields {
	f := Fields{
		Type: Dynamic, ChainID: 1, Nonce: 7, MaxPriority: gweis(1), MaxFee: gweis(30), GasLimit: 21000,
		To: &friend, Value: big.NewInt(1_500_000_000_000_000_000),
	}
	if change != nil {
		change(&f)
	}
	return f
}

// legacy is pay as an EIP-155 transaction at 20 gwei.
func legacy(f *Fields) {
	f.Type, f.GasPrice, f.MaxPriority, f.MaxFee = Legacy, gweis(20), nil, nil
}

func unsigned(f Fields, id chain.ID) chain.Unsigned {
	return chain.Unsigned{Network: id, Signers: []chain.PublicKey{key}, Payload: f.Encode()}
}

// exec is a Safe's execTransaction with the given operation and refund receiver.
func exec(operation int, refund [20]byte) []byte {
	return words("6a761202", usdt, 0, 320, operation, 0, 0, 0, 0, refund, 448,
		68, string(words("a9059cbb", friend, 5)[:32]), string(words("a9059cbb", friend, 5)[32:64]), string(words("a9059cbb", friend, 5)[64:]),
		65, strings.Repeat("\x11", 32), strings.Repeat("\x22", 32), "\x1b")
}

func TestSuite(t *testing.T) {
	max := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	cases := []struct {
		name    string
		network chain.ID
		fields  Fields
	}{
		{"payment", "eip155:1", pay(nil)},
		{"payment-legacy-sepolia", "eip155:11155111", pay(func(f *Fields) { legacy(f); f.ChainID = 11155111; f.Nonce = 0 })},
		{"token-legacy", "eip155:1", pay(func(f *Fields) {
			legacy(f)
			f.To, f.Value, f.Data, f.GasLimit = &usdt, nil, words("a9059cbb", friend, 12345678), 90000
		})},
		{"token-with-value", "eip155:1", pay(func(f *Fields) {
			f.To, f.Data, f.GasLimit = &usdt, words("a9059cbb", usdt, 1), 90000
		})},
		{"access-list-local", "eip155:31337", pay(func(f *Fields) {
			f.Type, f.ChainID, f.GasPrice, f.MaxPriority, f.MaxFee = Access, 31337, big.NewInt(1), nil, nil
			f.To = &self
			f.AccessList = []AccessEntry{{usdt, [][32]byte{{31: 1}, {0: 0xff}}}, {Address: friend}}
		})},
		{"create", "eip155:1", pay(func(f *Fields) { f.To, f.Value, f.Data, f.GasLimit = nil, nil, unhex("6001600101"), 100000 })},
		{"memo", "eip155:1", pay(func(f *Fields) { legacy(f); f.Data, f.GasLimit = []byte("hello tatum"), 60000 })},
		{"unknown-call", "eip155:1", pay(func(f *Fields) { f.To, f.Value, f.Data = &[20]byte{}, nil, words("deadbeef", 1) })},
		{"approve-unlimited", "eip155:1", pay(func(f *Fields) { f.To, f.Value, f.Data = &usdt, nil, words("095ea7b3", friend, max) })},
		{"safe-delegatecall", "eip155:1", pay(func(f *Fields) { f.Value, f.Data = nil, exec(1, self) })},
	}
	var run []chaintest.Case
	for _, c := range cases {
		run = append(run, chaintest.Case{
			Name: c.name, Unsigned: unsigned(c.fields, c.network), Sign: sign,
			Text: "../../../testdata/evm/reviews/" + c.name + ".txt",
		})
	}
	chaintest.Run(t, New(), run)
}

func TestTables(t *testing.T) {
	if len(NetworkTable()) != 6 || New().Networks()[0] != "eip155:1" {
		t.Error("table changed")
	}
	for _, n := range NetworkTable() {
		if n.Chain != "ETH" || n.Asset.ID != string(n.ID) || n.Asset.Decimals != 18 || n.FeeCap.String() != "250000000000000000" || n.Testnet == (n.ID == "eip155:1") {
			t.Errorf("row %+v", n)
		}
	}
	bsc := chain.Network{ID: "eip155:56", Asset: chain.Asset{ID: "eip155:56", Symbol: "BNB", Decimals: 18}}
	c := New(NetworkTable(), []chain.Network{bsc, {ID: "eip155:056"}, {ID: "solana:x"}, {ID: "eip155:0"}, bsc})
	if n := c.Networks(); len(n) != 7 || n[6] != "eip155:56" {
		t.Errorf("networks %v", n)
	}
	tx, err := c.Decode(unsigned(pay(func(f *Fields) { f.ChainID = 56 }), "eip155:56"))
	if err != nil || !strings.Contains(tx.Review().Text(), "1.5 BNB") {
		t.Errorf("second table: %v", err)
	}
	if (Codec{}).Networks() != nil {
		t.Error("the zero codec lists networks")
	}
	if _, err := (Codec{}).Decode(unsigned(pay(nil), "eip155:1")); err == nil {
		t.Error("the zero codec decodes")
	}
}

func TestEncodeRefuses(t *testing.T) {
	huge := new(big.Int).Lsh(big.NewInt(1), 256)
	for i, f := range []Fields{
		pay(func(f *Fields) { f.Type = 3 }),
		pay(func(f *Fields) { f.Value = big.NewInt(-1) }),
		pay(func(f *Fields) { f.MaxFee = huge }),
		pay(func(f *Fields) { f.GasPrice = gweis(1) }),
		pay(func(f *Fields) { f.Type = Access }),
		pay(func(f *Fields) { f.Type = Legacy }),
		pay(func(f *Fields) { legacy(f); f.AccessList = []AccessEntry{{}} }),
	} {
		if b := f.Encode(); b != nil {
			t.Errorf("%d: encoded as %x", i, b)
		}
	}
	if bytes.Equal(pay(nil).Encode(), pay(legacy).Encode()) {
		t.Error("types encode alike")
	}
}
