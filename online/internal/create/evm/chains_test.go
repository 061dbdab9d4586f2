package evm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/create"
	"coldsign/online/internal/create/evm"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/quorum"
	"coldsign/shared/chain"
	codec "coldsign/shared/chain/evm"
	"coldsign/shared/fault"

	"github.com/btcsuite/btcd/address/v2/bech32"
)

// TestChains: each chain of the family, in its own spelling of addresses.
func TestChains(t *testing.T) {
	for _, c := range []struct {
		chain   string
		network chain.ID
		testnet bool
		to      string
	}{
		{"ETH", "eip155:1", false, payee}, {"BSC", "eip155:97", true, payee}, {"MATIC", "eip155:137", false, payee}, {"CELO", "eip155:42220", false, payee},
		{"KLAY", "eip155:1001", true, payee}, {"XDC", "eip155:50", false, "xdc70997970c51812dc3a010c7d01b50e0d17dc79c8"},
		{"XDC", "eip155:51", true, payee}, {"ONE", "eip155:1666600000", false, one(t)}, {"KCS", "eip155:322", true, payee},
	} {
		t.Run(string(c.network), func(t *testing.T) {
			r := newRig(t, c.network)
			const id = "44444444-4444-4444-8444-444444444444"
			r.wallet(id, c.chain, c.testnet, 2)
			body := fmt.Sprintf(`{"to":%q,"amount":"1","currency":%q,"signatureId":%q}`, c.to, c.chain, id)
			row := r.must(r.create(create.Call{Chain: c.chain, Kind: create.Transaction}, body))
			if row.Network != c.network || !strings.Contains(row.Serialized, `"to":"`+payee+`"`) {
				t.Errorf("%s %s", row.Network, row.Serialized)
			}
			number, _ := codec.ChainID(c.network)
			if !strings.HasSuffix(row.Serialized, fmt.Sprintf(`"chainId":%d}`, number)) {
				t.Error(row.Serialized)
			}
		})
	}
}

// one is the payee as Harmony spells it.
func one(t *testing.T) string {
	t.Helper()
	address, err := codec.ParseAddress(payee)
	if err != nil {
		t.Fatal(err)
	}
	data, err := bech32.ConvertBits(address[:], 8, 5, true)
	if err != nil {
		t.Fatal(err)
	}
	text, err := bech32.Encode("one", data)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestCelo: the fee in a token is CIP-64, at the price that the node names for it; a
// gas price is both fees, as Celo's own legacy type is taken no more.
func TestCelo(t *testing.T) {
	r := newRig(t, "eip155:42220")
	const id = "44444444-4444-4444-8444-444444444444"
	r.wallet(id, "CELO", false, 2)
	// The token that pays takes gas itself, which the node counts if it is told.
	r.says["eth_estimateGas"] = func(params []json.RawMessage) (any, *nodetest.Error) {
		if strings.Contains(string(params[0]), `"feeCurrency":"0x765de816845861e75a25fca122bb6898b8b1282a"`) {
			return "0x11558", nil // 71,000
		}
		return "0x5208", nil
	}
	call := create.Call{Chain: "CELO", Kind: create.Transaction}
	body := `{"to":"` + payee + `","amount":"1","currency":"CELO","signatureId":"` + id + `"}`
	for _, c := range []struct{ member, value, want string }{
		{"feeCurrency", `"CELO"`, `"gas":"21000","maxFeePerGas":"4000000000","maxPriorityFeePerGas":"2000000000","chainId"`},
		{"feeCurrency", `"CUSD"`, `"gas":"85200","maxFeePerGas":"4000000000","maxPriorityFeePerGas":"2000000000","feeCurrency":"0x765DE816845861e75A25fCA122bb6898B8B1282a"`},
		{"feeCurrency", `"` + strings.ToLower(token) + `"`, `"feeCurrency":"` + token + `"`},
		{"fee", `{"gasPrice":"5"}`, `"gasPrice":"5000000000","chainId"`},
	} {
		row := r.must(r.create(call, change(t, body, c.member, c.value)))
		if !strings.Contains(row.Serialized, c.want) {
			t.Errorf("%s %s: %s", c.member, c.value, row.Serialized)
		}
	}
	row := r.must(r.create(call, change(t, body, "fee", `{"gasPrice":"5","gasLimit":"90000"}`, "feeCurrency", `"CEUR"`)))
	if !strings.Contains(row.Serialized, `"maxFeePerGas":"5000000000","maxPriorityFeePerGas":"5000000000","feeCurrency":"0xD8763CBa276a3738E6DE85b4b3bF5FDed6D6cA73"`) {
		t.Error(row.Serialized)
	}
	r.says["eth_call"] = fmt.Sprintf("0x%064x", 18)
	row = r.must(r.create(call, change(t, body, "currency", `"CUSD"`)))
	if !strings.Contains(row.Serialized, `"to":"0x765DE816845861e75A25fCA122bb6898B8B1282a","value":"0","data":"0xa9059cbb00`) {
		t.Error(row.Serialized)
	}
}

// TestToken: the call of the contract is exact, also where the amount fills it.
func TestToken(t *testing.T) {
	r := newRig(t)
	row := r.must(r.create(tokenCall(), tokenBody()))
	want := `"to":"` + token + `","value":"0","data":"0xa9059cbb` + strings.Repeat("0", 24) + strings.ToLower(payee[2:]) + fmt.Sprintf("%064x", 1_500_000) + `"`
	if !strings.Contains(row.Serialized, want) {
		t.Errorf("got  %s\nwant %s", row.Serialized, want)
	}
	r.later()
	r.says["eth_call"] = "0x" + strings.Repeat("0", 64)
	most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	row = r.must(r.create(tokenCall(), change(t, tokenBody(), "digits", "0", "amount", `"`+most.String()+`"`)))
	if !strings.Contains(row.Serialized, strings.Repeat("f", 64)) {
		t.Error(row.Serialized)
	}
}

// TestNamedTokens: some tokens have names on mainnet.
func TestNamedTokens(t *testing.T) {
	r := newRig(t, "eip155:1")
	const id = "44444444-4444-4444-8444-444444444444"
	r.wallet(id, "ETH", false, 2)
	for name, contract := range map[string]string{"USDT": "0xdAC17F958D2ee523a2206206994597C13D831ec7", "USDC": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"} {
		row := r.must(r.create(eth(), change(t, pays(), "signatureId", `"`+id+`"`, "currency", `"`+name+`"`)))
		if !strings.Contains(row.Serialized, `"to":"`+contract+`"`) || !strings.Contains(row.Serialized, fmt.Sprintf("%064x", 1_000_000)) {
			t.Error(row.Serialized)
		}
	}
}

// TestNetworks: which of several configured networks is meant.
func TestNetworks(t *testing.T) {
	r := newRig(t, "eip155:11155111", "eip155:1", "eip155:31337")
	const id = "44444444-4444-4444-8444-444444444444"
	r.wallet(id, "ETH", false, 2)
	full := `"nonce":%d,"fee":{"gasLimit":"21000","gasPrice":"1"}` // their node serves one network only
	for i, c := range []struct {
		wallet, network, testnet string
		want                     chain.ID
	}{
		{id, "", "", "eip155:1"},
		{id, "", "ethereum-ropsten", "eip155:1"}, // old clients send it everywhere
		{id, "", "ethereum-sepolia", "eip155:1"},
		{id, "mainnet", "", "eip155:1"},
		{id, "sepolia", "", ""},
		{wallet, "", "", ""},
		{wallet, "", "ethereum-ropsten", ""},
		{wallet, "", "ethereum-sepolia", "eip155:11155111"},
		{wallet, "", "sepolia", "eip155:11155111"},
		{wallet, "local", "", "eip155:31337"},
		{wallet, "eip155:31337", "ethereum-sepolia", "eip155:31337"},
		{wallet, "mainnet", "", ""},
		{wallet, "nowhere", "ethereum-sepolia", ""},
	} {
		row, err := r.create(create.Call{Chain: "ETH", Kind: create.Transaction, Network: c.network, Testnet: c.testnet},
			change(t, pays(fmt.Sprintf(full, i)), "signatureId", `"`+c.wallet+`"`))
		e, bad := errors.AsType[intake.FieldErrors](err)
		if c.want == "" && (!bad || e[0].Property != "network" || !strings.Contains(e[0].Message, "configured for the wallet are")) || c.want != "" && (err != nil || row.Network != c.want) {
			t.Errorf("%+v: %v, %+v", c, err, row)
		}
	}
	if _, err := r.create(create.Call{Chain: "BSC", Kind: create.Transaction}, change(t, pays(), "currency", `"BSC"`)); err == nil || !strings.Contains(err.Error(), "the wallet is one for ETH") {
		t.Errorf("another chain: %v", err)
	}
}

// TestNodesDisagree: of several nodes, one that lags or lies makes no nonce lower and
// no fee absurd.
func TestNodesDisagree(t *testing.T) {
	r := newRig(t)
	lags, lies := newRig(t), newRig(t)
	r.counts(7, 8)
	lags.counts(2, 2)
	lies.counts(0, 0)
	lies.says["eth_getBlockByNumber"] = map[string]any{"baseFeePerGas": "0xffffffffffffffff"}
	lies.says["eth_maxPriorityFeePerGas"] = "0xffffffffffffffff"
	lies.says["eth_estimateGas"] = "0x1"
	const network = "eip155:11155111"
	for _, members := range [][]quorum.Member{
		{{Name: "a", Node: r.node(network)}, {Name: "b", Node: lies.node(network)}},
		{{Name: "b", Node: lies.node(network)}, {Name: "a", Node: r.node(network)}, {Name: "c", Node: lags.node(network)}},
	} {
		q, err := quorum.New(members, len(members)-1, 3)
		if err != nil {
			t.Fatal(err)
		}
		r.Nodes[network] = q
		r.later()
		row := r.must(r.create(eth(), pays(`"data":"00"`)))
		var record map[string]any
		if err := json.Unmarshal([]byte(row.Serialized), &record); err != nil {
			t.Fatal(err)
		}
		if nonceOf(t, row) < 8 || record["maxFeePerGas"] != "4000000000" || record["gas"] != "21000" {
			t.Errorf("%s", row.Serialized)
		}
	}
	lies.counts(1<<40, 1<<40)
	r.later()
	if _, err := r.create(eth(), pays()); !fault.Is(err, "create.node") || !strings.Contains(err.Error(), "contradict one another") {
		t.Errorf("a nonce far beyond: %v", err)
	}
	lies.counts(0, 0)
	// Nodes that contradict one another about a token's decimals are not believed.
	lies.says["eth_call"] = fmt.Sprintf("0x%064x", 18)
	if _, err := r.create(tokenCall(), tokenBody()); !fault.Is(err, "create.node") {
		t.Errorf("decimals: %v", err)
	}
}

// TestPrices: what becomes of what a node says of gas.
func TestPrices(t *testing.T) {
	for _, c := range []struct {
		name string
		says map[string]any
		want string
	}{
		{"no base fee", map[string]any{"eth_getBlockByNumber": map[string]any{}, "eth_gasPrice": "0x3b9aca00"}, `"gasPrice":"1250000000","chainId"`},
		{"a base fee of nothing", map[string]any{"eth_getBlockByNumber": map[string]any{"baseFeePerGas": "0x0"}}, `"maxFeePerGas":"2000000000","maxPriorityFeePerGas":"2000000000"`},
		{"a tip that cannot be asked for", map[string]any{"eth_maxPriorityFeePerGas": &nodetest.Error{Code: -32601, Message: "no such method"}, "eth_gasPrice": "0x59682f00"},
			`"maxFeePerGas":"2500000000","maxPriorityFeePerGas":"500000000"`},
		{"a gas price below the base fee", map[string]any{"eth_maxPriorityFeePerGas": &nodetest.Error{Code: -32601, Message: "no such method"}, "eth_gasPrice": "0x1"},
			`"maxFeePerGas":"2000000000","maxPriorityFeePerGas":"0"`},
		{"no base fee and no tip", map[string]any{"eth_getBlockByNumber": map[string]any{"baseFeePerGas": "0x0"}, "eth_maxPriorityFeePerGas": "0x0"},
			`"maxFeePerGas":"1000000000","maxPriorityFeePerGas":"1000000000"`},
		{"no tip", map[string]any{"eth_maxPriorityFeePerGas": "0x0"}, `"maxFeePerGas":"2000000000","maxPriorityFeePerGas":"0"`},
		{"a tip beyond bounds", map[string]any{"eth_maxPriorityFeePerGas": "0xffffffffffff"}, `"maxFeePerGas":"102000000000","maxPriorityFeePerGas":"100000000000"`},
		{"an estimate beyond a transfer", map[string]any{"eth_estimateGas": "0xea60"}, `"gas":"72000"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			for method, says := range c.says {
				r.says[method] = says
			}
			if row := r.must(r.create(eth(), pays())); !strings.Contains(row.Serialized, c.want) {
				t.Error(row.Serialized)
			}
		})
	}
}

// TestLegacy: where signers take a gas price alone, it is what both fees come to.
func TestLegacy(t *testing.T) {
	r := newRig(t)
	r.Builders["eip155"].(*evm.Builder).Legacy = []chain.ID{"eip155:11155111"}
	if row := r.must(r.create(eth(), pays())); !strings.Contains(row.Serialized, `"gas":"21000","gasPrice":"4000000000","chainId"`) {
		t.Error(row.Serialized)
	}
	r.Builders["eip155"].(*evm.Builder).Legacy = []chain.ID{"eip155:1"}
	if row := r.must(r.create(eth(), pays())); !strings.Contains(row.Serialized, `"maxFeePerGas":"4000000000"`) {
		t.Error(row.Serialized)
	}
}

// TestWithdrawal: it has an id of its own, and the operator reads what it is for.
func TestWithdrawal(t *testing.T) {
	r := newRig(t)
	row := r.must(r.create(withdrawalCall(), change(t, withdrawalBody(), "paymentId", `"42"`, "senderNote", `"für März"`, "compliant", "false")))
	w, err := r.store.Withdrawal(t.Context(), r.tenant, row.WithdrawalID)
	if err != nil || w.Row.ID != row.ID || len(row.WithdrawalID) != 24 || row.WithdrawalID == row.ID.String() {
		t.Errorf("%q: %+v, %v", row.WithdrawalID, w, err)
	}
	request, err := intake.Request(row)
	if err != nil || request.Note != "senderAccountId 5e68c66581f2ee32bc354087, paymentId 42, senderNote für März" || request.Requester != "app" {
		t.Errorf("%q of %q, %v", request.Note, request.Requester, err)
	}
}
