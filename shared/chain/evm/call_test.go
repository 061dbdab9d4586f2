package evm

import (
	"bytes"
	"math/big"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/chain"
)

// TestSelectors computes every selector from its signature, so that the table
// cannot be wrong, and counts names against types.
func TestSelectors(t *testing.T) {
	seen := map[[4]byte]string{}
	for _, m := range dangerous() {
		if h := keccak([]byte(m.signature)); [4]byte(h[:4]) != m.selector {
			t.Errorf("%s: selector %x, want %x", m.signature, m.selector, h[:4])
		}
		if other, ok := seen[m.selector]; ok {
			t.Errorf("%s and %s share a selector", m.signature, other)
		}
		seen[m.selector] = m.signature
		if arrays := strings.Contains(m.signature, "[]"); arrays != (m.args == nil) || !arrays && len(m.args) != len(m.types()) {
			t.Errorf("%s: %d names for %v", m.signature, len(m.args), m.types())
		}
		if !strings.HasPrefix(m.code, "evm.") {
			t.Errorf("%s: code %s", m.signature, m.code)
		}
	}
	if h := keccak([]byte("transfer(address,uint256)")); [4]byte(h[:4]) != transferSelector || len(seen) < 25 {
		t.Error("transfer's selector is wrong, or methods are gone")
	}
}

// most is 2^bits-1.
func most(bits uint) *big.Int {
	return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), bits), big.NewInt(1))
}

func TestDescribe(t *testing.T) {
	const friendText, selfText, usdtText = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
		"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "0xdAC17F958D2ee523a2206206994597C13D831ec7"
	lax := exec(1, [20]byte{})
	lax[len(lax)-1] = 1 // dirty padding: no longer exact
	cases := []struct {
		name string
		data []byte
		code string
		has  []string
	}{
		{"approve", words("095ea7b3", friend, 0), "evm.approve", []string{"spender " + friendText + ", amount or token id 0"}},
		{"approve, dirty", append(words("095ea7b3"), bytes.Repeat([]byte{1}, 64)...), "evm.approve", []string{"not in the exact form"}},
		{"approve, longer", append(words("095ea7b3", friend, 0), 0), "evm.approve", []string{"not in the exact form"}},
		{"approve, bare", words("095ea7b3"), "evm.approve", []string{"not in the exact form"}},
		{"increase", words("39509351", friend, 3), "evm.increase-allowance", []string{"by 3"}},
		{"decrease", words("a457c2d7", friend, 3), "evm.decrease-allowance", []string{"by 3"}},
		{"transferFrom", words("23b872dd", self, friend, 9), "evm.transfer-from", []string{"from " + selfText + ", to " + friendText + ", amount or token id 9"}},
		{"permit", words("d505accf", self, friend, most(256), 99, 27, 1, 2), "evm.permit", []string{"amount unlimited (2^256-1), deadline 99, v 27"}},
		{"permit, v 256", words("d505accf", self, friend, 5, 99, 256, 1, 2), "evm.permit", []string{"not in the exact form"}},
		{"DAI permit", words("8fcbaf0c", self, friend, 0, 0, 1, 27, 1, 2), "evm.permit", []string{"allowed true"}},
		{"DAI permit, bool 2", words("8fcbaf0c", self, friend, 0, 0, 2, 27, 1, 2), "evm.permit", []string{"not in the exact form"}},
		{"Permit2 approve", words("87517c45", usdt, friend, most(160), 7), "evm.permit2-approve", []string{"token " + usdtText, "amount unlimited (2^160-1), expiration 7"}},
		{"Permit2 permit", words("2b67b570", self, usdt, 5, 6, 7, friend, 8, 256, 2, "ab"), "evm.permit2-permit", []string{"owner " + selfText + ", token " + usdtText, "signature 2 bytes"}},
		{"Permit2 batch", words("2a2d80d1", 1), "evm.permit2-permit-batch", []string{"not told"}},
		{"Permit2 transferFrom", words("36c78516", self, friend, 5, usdt), "evm.permit2-transfer-from", []string{"token " + usdtText}},
		{"approve all", words("a22cb465", friend, 1), "evm.approve-all", []string{"operator " + friendText + ", approved true"}},
		{"721", words("42842e0e", self, friend, 1), "evm.safe-transfer-from", []string{"token id 1"}},
		{"1155", words("f242432a", self, friend, 1, 2, 160, 0), "evm.safe-transfer-from", []string{"amount 2, data 0 bytes"}},
		{"1155, offset", words("f242432a", self, friend, 1, 2, 192, 0), "evm.safe-transfer-from", []string{"not in the exact form"}},
		{"1155, huge length", words("f242432a", self, friend, 1, 2, 160, most(64)), "evm.safe-transfer-from", []string{"not in the exact form"}},
		{"ownership", words("f2fde38b", friend), "evm.transfer-ownership", []string{"new owner " + friendText}},
		{"upgrade", words("3659cfe6", friend), "evm.upgrade", []string{"new code " + friendText}},
		{"upgrade and call", words("4f1ef286", friend, 64, 4, "\xde\xad\xbe\xef"), "evm.upgrade", []string{"call 4 bytes starting 0xdeadbeef"}},
		{"Safe call", exec(0, [20]byte{}), "evm.safe-exec", []string{"execTransaction", "operation 0", "data 68 bytes starting 0xa9059cbb", "signatures 65 bytes"}},
		{"Safe call with refund", exec(0, friend), "evm.safe-exec", []string{"REFUND", "refund receiver " + friendText}},
		{"Safe delegatecall", exec(1, [20]byte{}), "evm.delegatecall", []string{"DELEGATECALL"}},
		{"Safe delegatecall, lax form", lax, "evm.delegatecall", []string{"DELEGATECALL", "not in the exact form"}},
		{"Safe operation 2", exec(2, [20]byte{}), "evm.delegatecall", []string{"DELEGATECALL"}},
		{"Safe module call", words("468721a7", usdt, 0, 128, 0, 4, "\xde\xad\xbe\xef"), "evm.safe-module", []string{"operation 0", "starting 0xdeadbeef"}},
		{"Safe module delegatecall", words("468721a7", usdt, 0, 128, 1, 4, "\xde\xad\xbe\xef"), "evm.delegatecall", []string{"DELEGATECALL", "execTransactionFromModule("}},
		{"Safe module delegatecall, lax form", words("468721a7", usdt, 0, 160, 1, 4, "\xde\xad\xbe\xef"), "evm.delegatecall", []string{"DELEGATECALL", "not in the exact form"}},
		{"Safe module delegatecall with data returned", words("5229073f", usdt, 0, 128, 1, 4, "\xde\xad\xbe\xef"), "evm.delegatecall", []string{"DELEGATECALL", "ReturnData("}},
		{"Safe module call with data returned", words("5229073f", usdt, 0, 128, 0, 96, friend, friend, friend), "evm.safe-module", []string{"operation 0"}},
		{"multiSend", words("8d80ff0a", 32, 3, "abc"), "evm.multisend", []string{"transactions 3 bytes"}},
		{"multicall", words("ac9650d8", 32, 0), "evm.multicall", []string{"multicall(bytes[])"}},
		{"delegate", words("5c19a95c", friend), "evm.delegate", []string{"delegatee " + friendText}},
		{"unknown", words("12345678", 1), "evm.call", []string{"unknown method 0x12345678"}},
		{"unknown, no arguments", words("12345678"), "evm.call", []string{"unknown method 0x12345678"}},
		{"memo", []byte("hello tatum"), "evm.data", []string{`11 bytes of data`, "0x68656c6c", `as text "hello tatum"`}},
		{"short memo", []byte("hi\""), "evm.data", []string{`3 bytes of data that are no call, as text "hi\""`}},
		{"binary", []byte{0, 1, 0xff}, "evm.data", []string{"3 bytes"}},
	}
	for _, c := range cases {
		code, what := describe(c.data)
		if code != c.code {
			t.Errorf("%s: %s: %s", c.name, code, what)
		}
		for _, s := range c.has {
			if !strings.Contains(what, s) {
				t.Errorf("%s: %q lacks %q", c.name, what, s)
			}
		}
		tx, err := New().Decode(unsigned(pay(func(f *Fields) { f.To, f.Data = &usdt, c.data }), "eip155:1"))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		r := tx.Review()
		if len(r.Opaque) != 1 || r.Opaque[0].Code != c.code || !bytes.Equal(unhex(r.Opaque[0].Hex), c.data) || len(r.Effects) != 1 {
			t.Errorf("%s: opaque %+v, effects %+v", c.name, r.Opaque, r.Effects)
		}
	}
}

func TestWarnings(t *testing.T) {
	zero := [20]byte{}
	token := func(to [20]byte, at *[20]byte) func(*Fields) {
		return func(f *Fields) { f.To, f.Value, f.Data = at, nil, words("a9059cbb", to, 5) }
	}
	cases := map[string]struct {
		change func(*Fields)
		codes  []string
	}{
		"friend":        {nil, nil},
		"zero":          {func(f *Fields) { f.To = &zero }, []string{"evm.zero-address"}},
		"self":          {func(f *Fields) { f.To = &self }, []string{"evm.to-self"}},
		"token":         {token(friend, &usdt), nil},
		"token to zero": {token(zero, &usdt), []string{"evm.zero-address"}},
		"token to self": {token(self, &usdt), []string{"evm.to-self"}},
		"token to it":   {token(usdt, &usdt), []string{"evm.to-token"}},
		"token nowhere": {token(friend, &zero), []string{"evm.zero-token"}},
		"create":        {func(f *Fields) { f.To, f.Data = nil, []byte{0} }, []string{"evm.create"}},
	}
	for name, c := range cases {
		tx, err := New().Decode(unsigned(pay(c.change), "eip155:1"))
		if err != nil {
			t.Fatal(err)
		}
		var codes []string
		for _, w := range tx.Review().Warnings {
			codes = append(codes, w.Code)
		}
		if !slices.Equal(codes, c.codes) {
			t.Errorf("%s: warnings %v, want %v", name, codes, c.codes)
		}
	}
}

// TestTokenAsset: the token's id is CAIP-19 in lower case, with no name and no
// decimals, which nobody here can vouch for.
func TestTokenAsset(t *testing.T) {
	tx, err := New().Decode(unsigned(pay(func(f *Fields) { f.To, f.Value, f.Data = &usdt, nil, words("a9059cbb", friend, 5) }), "eip155:1"))
	if err != nil {
		t.Fatal(err)
	}
	r := tx.Review()
	want := chain.Asset{ID: "eip155:1/erc20:0xdac17f958d2ee523a2206206994597c13d831ec7", Decimals: -1}
	if len(r.Effects) != 1 || r.Effects[0].Asset != want || len(r.Opaque) != 0 {
		t.Errorf("%+v", r)
	}
}
