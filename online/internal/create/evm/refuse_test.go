package evm_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/create"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// change gives a body with other members; "" takes one away.
func change(t *testing.T, body string, members ...string) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(members); i += 2 {
		if m[members[i]] = json.RawMessage(members[i+1]); members[i+1] == "" {
			delete(m, members[i])
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func tokenCall() create.Call { return create.Call{Kind: create.Token} }

func tokenBody() string {
	return `{"chain":"ETH","to":"` + payee + `","contractAddress":"` + token + `","amount":"1.5","digits":6,"signatureId":"` + wallet + `"}`
}

func withdrawalCall() create.Call { return create.Call{Chain: "ETH", Kind: create.Withdrawal} }

func withdrawalBody() string {
	return `{"senderAccountId":"5e68c66581f2ee32bc354087","address":"` + payee + `","amount":"1","signatureId":"` + wallet + `"}`
}

// TestBadFields: each body is good but for one member, and the error names it by its
// constraint. The good ones are made.
func TestBadFields(t *testing.T) {
	r := newRig(t)
	calls := map[string]struct {
		create.Call
		body string
	}{"eth": {eth(), pays()}, "token": {tokenCall(), tokenBody()}, "withdrawal": {withdrawalCall(), withdrawalBody()}}
	for name, c := range calls {
		if _, err := r.create(c.Call, c.body); err != nil {
			t.Fatalf("%s, as it is good: %v", name, err)
		}
	}
	for _, c := range []struct{ call, member, value, property, code string }{
		{"eth", "to", ``, "to", "isDefined"},
		{"eth", "to", `null`, "to", "isDefined"},
		{"eth", "to", `5`, "to", "isString"},
		{"eth", "to", `""`, "to", "isNotEmpty"},
		{"eth", "to", `"0x70997970c51812dc3A010C7d01b50e0d17dc79C8"`, "to", "evm.checksum"},
		{"eth", "to", `"xdc70997970c51812dc3a010c7d01b50e0d17dc79c8"`, "to", "evm.address"},
		{"eth", "to", `"` + strings.Repeat("0", 65) + `"`, "to", "maxLength"},
		{"eth", "amount", ``, "amount", "isDefined"},
		{"eth", "amount", `1`, "amount", "isNumberString"},
		{"eth", "amount", `"-1"`, "amount", "isNumberString"},
		{"eth", "amount", `"1e3"`, "amount", "isNumberString"},
		{"eth", "amount", `"1,5"`, "amount", "isNumberString"},
		{"eth", "amount", `"0x10"`, "amount", "isNumberString"},
		{"eth", "amount", `"."`, "amount", "isNumberString"},
		{"eth", "amount", `""`, "amount", "isNumberString"},
		{"eth", "amount", `"1.0.0"`, "amount", "isNumberString"},
		{"eth", "amount", `"1 "`, "amount", "isNumberString"},
		{"eth", "amount", `"0.0000000000000000001"`, "amount", "isNumberString"},
		{"eth", "amount", `"` + strings.Repeat("9", 70) + `"`, "amount", "isNumberString"},
		{"eth", "currency", ``, "currency", "isDefined"},
		{"eth", "currency", `"BTC"`, "currency", "isIn"},
		{"eth", "currency", `"USDT"`, "currency", "isIn"}, // it has a contract on mainnet only
		{"eth", "signatureId", ``, "signatureId", "isUuid"},
		{"eth", "signatureId", `"x"`, "signatureId", "isUuid"},
		{"eth", "signatureId", `7`, "signatureId", "isUuid"},
		{"eth", "signatureId", `"99999999-3333-4333-8333-333333333333"`, "signatureId", "wallet.missing"},
		{"eth", "index", `-1`, "index", "isInt"},
		{"eth", "index", `2147483648`, "index", "isInt"},
		{"eth", "index", `"0"`, "index", "isInt"},
		{"eth", "nonce", `"1"`, "nonce", "isInt"},
		{"eth", "nonce", `1.5`, "nonce", "isInt"},
		{"eth", "nonce", `-1`, "nonce", "isInt"},
		{"eth", "data", `"zz"`, "data", "isHexadecimal"},
		{"eth", "data", `"abc"`, "data", "isHexadecimal"},
		{"eth", "data", `5`, "data", "isString"},
		{"eth", "fee", `5`, "fee", "isObject"},
		{"eth", "fee", `{"gas":"5"}`, "fee.gas", "whitelistValidation"},
		{"eth", "fee", `{"gasLimit":"0"}`, "fee.gasLimit", "isNumberString"},
		{"eth", "fee", `{"gasLimit":"1.5"}`, "fee.gasLimit", "isNumber"},
		{"eth", "fee", `{"gasPrice":"-1"}`, "fee.gasPrice", "isNumber"},
		{"eth", "fee", `{"gasPrice":"0.0000000001"}`, "fee.gasPrice", "isNumber"},
		{"eth", "fromPrivateKey", `"0x4646464646464646464646464646464646464646464646464646464646464646"`, "fromPrivateKey", "isSecret"},
		{"eth", "mnemonic", `"abandon abandon"`, "mnemonic", "isSecret"},
		{"eth", "feeCurrency", `"CUSD"`, "feeCurrency", "whitelistValidation"},
		{"eth", "subtractFee", `true`, "subtractFee", "whitelistValidation"},
		{"token", "chain", ``, "chain", "isString"},
		{"eth", "fee", `{"gasPrice":"99999999"}`, "gasPrice", "evm.fee"},
		{"withdrawal", "gasPrice", `"99999999"`, "gasPrice", "evm.fee"},
		{"token", "chain", `"DOT"`, "chain", "isIn"},
		{"token", "chain", `"BSC"`, "signatureId", "wallet.chain"},
		{"token", "digits", ``, "digits", "isDefined"},
		{"token", "digits", `18`, "digits", "token.digits"}, // the contract says 6
		{"token", "digits", `31`, "digits", "isInt"},
		{"token", "amount", `"1.0000001"`, "amount", "isNumberString"},
		{"token", "contractAddress", `"0x12"`, "contractAddress", "evm.address"},
		{"token", "data", `"00"`, "data", "whitelistValidation"},
		{"withdrawal", "address", ``, "address", "isDefined"},
		{"withdrawal", "senderAccountId", ``, "senderAccountId", "isDefined"},
		{"withdrawal", "compliant", `true`, "compliant", "isIn"},
		{"withdrawal", "compliant", `"no"`, "compliant", "isBoolean"},
		{"withdrawal", "to", `"` + payee + `"`, "to", "whitelistValidation"},
		{"withdrawal", "senderNote", `"` + strings.Repeat("x", 501) + `"`, "senderNote", "maxLength"},
		{"withdrawal", "privateKey", `"0x46"`, "privateKey", "isSecret"},
	} {
		call := calls[c.call]
		_, err := r.create(call.Call, change(t, call.body, c.member, c.value))
		e, ok := errors.AsType[intake.FieldErrors](err)
		if !ok || e[0].Property != c.property || e[0].Code != c.code || !strings.HasPrefix(e[0].Message, c.property) && c.code != "whitelistValidation" && !strings.HasPrefix(c.code, "wallet.") {
			t.Errorf("%s %s %s: %+v, %v", c.call, c.member, c.value, e, err)
		}
		if c.code == "isSecret" && (e == nil || e[0].Value != "" || strings.Contains(e[0].Message, "4646")) {
			t.Errorf("%s is told back", c.member)
		}
	}
	for _, body := range []string{`[]`, `5`, ``, `{"to":1,"to":2}`, `{}x`} {
		if _, err := r.create(eth(), body); err == nil {
			t.Errorf("%q was read", body)
		}
	}
}

// TestKeyForAddress: a private key in the wrong place is not repeated.
func TestKeyForAddress(t *testing.T) {
	r := newRig(t)
	key := strings.Repeat("46", 32)
	for _, c := range []struct {
		call         create.Call
		body, member string
		value        string
		shown        bool
	}{
		{eth(), pays(), "to", key, false}, {tokenCall(), tokenBody(), "contractAddress", key, false}, {withdrawalCall(), withdrawalBody(), "address", key, false},
		{eth(), pays(), "to", payee[:41] + "9", true},
	} {
		_, err := r.create(c.call, change(t, c.body, c.member, `"`+c.value+`"`))
		e, _ := errors.AsType[intake.FieldErrors](err)
		if len(e) != 1 || e[0].Property != c.member || strings.Contains(e[0].Message, c.value[:20]) != c.shown {
			t.Errorf("%s: %v", c.member, err)
		}
	}
}

// TestTypes: each field of each call with a value of each kind. What is taken is what the
// documentation has; all else is an error of that field.
func TestTypes(t *testing.T) {
	r := newRig(t)
	values := []string{`null`, `""`, `0`, `-1`, `1.5`, `1e400`, `9223372036854775808`, `true`, `[]`, `{}`, `"` + strings.Repeat("a", 1<<20) + `"`, `[` + strings.Repeat("0,", 5000) + `0]`}
	optional := []string{"data", "nonce", "fee", "index", "compliant", "paymentId", "senderNote", "gasLimit", "gasPrice"}
	zero := []string{"nonce", "index", "gasPrice"}
	for _, c := range []struct {
		create.Call
		body   string
		fields string
	}{
		{eth(), pays(), "to amount currency data nonce fee signatureId index"},
		{tokenCall(), tokenBody(), "chain to contractAddress amount digits nonce fee signatureId index"},
		{withdrawalCall(), withdrawalBody(), "senderAccountId address amount nonce compliant signatureId index paymentId senderNote gasLimit gasPrice"},
	} {
		for _, field := range strings.Fields(c.fields) {
			for _, value := range values {
				row, err := r.create(c.Call, change(t, c.body, field, value))
				good := value == `null` && slices.Contains(optional, field) || value == `0` && slices.Contains(zero, field) ||
					value == `{}` && field == "fee" || value == `1.5` && field == "gasPrice"
				shown := value[:min(len(value), 30)]
				if good {
					if err != nil {
						t.Errorf("%s %s %s: %v", c.Kind, field, shown, err)
						continue
					}
					if _, err := r.store.Cancel(t.Context(), r.tenant, row.ID); err != nil { // its nonce goes to the next
						t.Fatal(err)
					}
					r.later()
					continue
				}
				e, ok := errors.AsType[intake.FieldErrors](err)
				of := field
				if field == "digits" && value == `0` {
					of = "amount" // which has decimals
				}
				if !ok || e[0].Property != of || len(e[0].Value) > 64 || len(e[0].Message) > 300 {
					t.Errorf("%s %s %s: %v", c.Kind, field, shown, err)
				}
			}
		}
	}
}

// TestGoodFields: what the documentation allows is allowed.
func TestGoodFields(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ member, value, want string }{
		{"amount", `".5"`, `"value":"500000000000000000"`},
		{"amount", `"1."`, `"value":"1000000000000000000"`},
		{"amount", `"+2"`, `"value":"2000000000000000000"`},
		{"amount", `"0"`, `"value":"0"`},
		{"amount", `"0.000000000000000001000"`, `"value":"1"`},
		{"amount", `"123456789.123456789123456789"`, `"value":"123456789123456789123456789"`},
		{"to", `"0x70997970c51812dc3a010c7d01b50e0d17dc79c8"`, `"to":"` + payee + `"`},
		{"data", `"0xAB"`, `"data":"0xab"`},
		{"nonce", `77`, `"nonce":"0x4d"`},
		{"fee", `{"gasPrice":"7"}`, `"gasPrice":"7000000000"`},
		{"fee", `{"gasLimit":"50000"}`, `"gas":"50000","maxFeePerGas"`},
		{"index", `5`, `"nonce":`}, // of a wallet of one key, as the hot daemon has it
		{"signatureId", `"` + strings.ToUpper(wallet) + `"`, `"nonce":`},
	} {
		row, err := r.create(eth(), change(t, pays(), c.member, c.value))
		if err != nil || !strings.Contains(row.Serialized, c.want) {
			t.Errorf("%s %s: %v\n%+v", c.member, c.value, err, row)
		}
	}
}

// TestNodeTrouble: what a node says instead of what was asked.
func TestNodeTrouble(t *testing.T) {
	says := func(text string) *nodetest.Error { return &nodetest.Error{Code: -32000, Message: text} }
	for _, c := range []struct {
		name, method string
		answer       any
		body, code   string
	}{
		{"another network", "eth_chainId", "0x1", pays(), "create.node"},
		{"another network, and all is given", "eth_chainId", "0x1", pays(`"nonce":5`, `"fee":{"gasLimit":"21000","gasPrice":"9"}`), ""},
		{"no count", "eth_getTransactionCount", says("no"), pays(), "create.node"},
		{"no count, and all is given", "eth_getTransactionCount", says("no"), pays(`"nonce":5`, `"fee":{"gasLimit":"21000","gasPrice":"9"}`), ""},
		{"no block", "eth_getBlockByNumber", nil, pays(), "create.node"},
		{"null for a count", "eth_getTransactionCount", nil, pays(), "create.node"},
		{"null for a tip", "eth_maxPriorityFeePerGas", nil, pays(), "create.node"},
		{"nonsense", "eth_maxPriorityFeePerGas", "many", pays(), "create.node"},
		{"an absurd base fee", "eth_getBlockByNumber", map[string]any{"baseFeePerGas": "0xffffffffffffffff"}, pays(), "create.fee"},
		{"an absurd estimate", "eth_estimateGas", "0x7fffffffffffffff", pays(), "evm.gas"},
		{"no gas at all", "eth_estimateGas", "0x0", pays(), "evm.gas"},
		{"it reverts", "eth_estimateGas", says("execution reverted"), pays(`"data":"01"`), "evm.reverts"},
		{"it reverts, and the gas is given", "eth_estimateGas", says("execution reverted"), pays(`"data":"01"`, `"fee":{"gasLimit":"99999"}`), ""},
		{"no decimals", "eth_call", says("execution reverted"), tokenBody(), ""},
		{"no contract", "eth_call", "0x", tokenBody(), "token.missing"},
		{"odd decimals", "eth_call", "0x01", tokenBody(), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			call := eth()
			if strings.Contains(c.body, "contractAddress") {
				call = tokenCall()
			}
			r.must(r.create(call, c.body)) // the twin
			r.later()
			other := newRig(t)
			other.says[c.method] = c.answer
			_, err := other.create(call, c.body)
			code := ""
			if err != nil {
				code = fault.Code(err)
			}
			if e, ok := errors.AsType[intake.FieldErrors](err); ok {
				code = e[0].Code
			}
			if code != c.code {
				t.Errorf("%v (%s), want %q", err, code, c.code)
			}
		})
	}
}

// TestDownForAMoment: a node that was down a moment ago is not asked by each that waits,
// and is asked again later.
func TestDownForAMoment(t *testing.T) {
	r := newRig(t)
	r.says["eth_getTransactionCount"] = &nodetest.Error{Code: -32000, Message: "no"}
	for range 3 {
		if _, err := r.create(eth(), pays()); !fault.Is(err, "create.node") {
			t.Error(err)
		}
	}
	if n := r.asked["eth_getTransactionCount"]; n != 1 {
		t.Errorf("asked %d times", n)
	}
	r.counts(3, 3)
	r.later()
	r.must(r.create(eth(), pays()))
}

// TestUnfunded: an account that cannot pay yet is no reason to refuse.
func TestUnfunded(t *testing.T) {
	r := newRig(t)
	r.says["eth_estimateGas"] = func(params []json.RawMessage) (any, *nodetest.Error) {
		if strings.Contains(string(params[0]), `"value"`) {
			return nil, &nodetest.Error{Code: -32000, Message: "insufficient funds for transfer"}
		}
		return "0x5208", nil
	}
	if row := r.must(r.create(eth(), pays())); !strings.Contains(row.Serialized, `"gas":"21000"`) {
		t.Error(row.Serialized)
	}
}

// TestNoNode: without a node everything must be given.
func TestNoNode(t *testing.T) {
	r := newRig(t)
	r.says["eth_chainId"] = "0x1"
	_, err := r.create(eth(), pays())
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Code != "create.node" || !strings.Contains(err.Error(), "another network") || strings.Contains(e.Error(), "eip155") {
		t.Errorf("what is told: %v", err)
	}
	r.Nodes = map[chain.ID]node.Node{}
	for _, body := range []string{pays(), pays(`"nonce":5`), pays(`"nonce":5`, `"fee":{"gasLimit":"21000"}`), pays(`"nonce":5`, `"fee":{"gasPrice":"5"}`)} {
		if _, err := r.create(eth(), body); !fault.Is(err, "create.node") {
			t.Errorf("%s: %v", body, err)
		}
	}
	r.must(r.create(eth(), pays(`"nonce":5`, `"fee":{"gasLimit":"21000","gasPrice":"5"}`)))
}
