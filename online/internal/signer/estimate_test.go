package signer_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/signer"
	"coldsign/online/internal/store"
	"coldsign/shared/chain/registry"
)

// TestEstimate: the gas of a pending payment is what it has, whatever the node
// says: the daemon signs XDC and withdrawals with it. Anything else the node answers.
func TestEstimate(t *testing.T) {
	p := ethereum(t)
	p.ledger.answers["eth_estimateGas"] = json.RawMessage(`"0xcf08"`)
	ask := func(key, call string) string {
		a := p.call("", "POST", "/v3/ethereum/web3/"+p.keys[key], `{"jsonrpc":"2.0","id":1,"method":"eth_estimateGas","params":[`+call+`]}`)
		var got struct{ Result string }
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return got.Result
	}
	const call = `{"from":"0x22310bf73bc88ae2d2c9a29bd87bc38fbac9e6b0","to":"0x000000000000000000000000000000000000dead","value":"0x1b667a56d488000","gasPrice":"0x5d21dba00","nonce":"0x5"}`
	for name, c := range map[string]struct{ call, want string }{
		"the payment":    {call, "0x5208"},
		"no nonce":       {strings.Replace(call, `,"nonce":"0x5"`, "", 1), "0x5208"},
		"mixed case":     {strings.Replace(call, "dead", "DEAD", 1), "0x5208"},
		"empty data":     {strings.Replace(call, `}`, `,"data":"0x"}`, 1), "0x5208"},
		"another nonce":  {strings.Replace(call, `"0x5"`, `"0x6"`, 1), "0xcf08"},
		"another sender": {strings.Replace(call, "22310b", "22310c", 1), "0xcf08"},
		"another target": {strings.Replace(call, "dead", "beef", 1), "0xcf08"},
		"another value":  {strings.Replace(call, "0x1b667a56d488000", "0x1", 1), "0xcf08"},
		"no value":       {strings.Replace(call, `"value":"0x1b667a56d488000",`, "", 1), "0xcf08"},
		"another price":  {strings.Replace(call, "0x5d21dba00", "0x5d21dba01", 1), "0xcf08"},
		"data":           {strings.Replace(call, `}`, `,"data":"0x00"}`, 1), "0xcf08"},
		"a text":         {`"x"`, "0xcf08"},
		"numbers":        {`{"from":1}`, "0xcf08"},
		"bad hex":        {strings.Replace(call, "0x1b667a56d488000", "0xzz", 1), "0xcf08"},
	} {
		if got := ask("daemon", c.call); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if got := ask("b", call); got != "0xcf08" {
		t.Errorf("another tenant learns %s", got)
	}
	if a := p.handIn(p.v, p.id, nil); a.status != 200 {
		t.Fatal(a.body)
	}
	if got := ask("daemon", call); got != "0xcf08" {
		t.Errorf("once it is paid: %s", got)
	}
}

// FuzzVerify: whatever is handed in, nothing but a row's own payment with its own
// signature is taken for it, and nothing breaks.
func FuzzVerify(f *testing.F) {
	var rows []pending.Transaction
	good := map[string]bool{}
	f.Add([]byte{0xc0})
	f.Add([]byte{1})
	f.Add(append([]byte{0xf8, 107}, make([]byte, 107)...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if rows == nil {
			for name, c := range map[string]string{"ETH": "native-full", "BTC": "p2pkh-1in-1out-change", "BCH": "1in-1out-change", "SOL": "native-transfer"} {
				v := find(t, name, "testnet", c)
				w := newWorld(t, name, true)
				w.wallets(v)
				w.tell(v)
				row, err := w.store.Get(t.Context(), store.Any, rowID(t, w.submit(v)))
				if err != nil {
					t.Fatal(err)
				}
				rows = append(rows, row)
				data, _ := hex.DecodeString(strings.TrimPrefix(v.Expected.Request.Body["txData"], "0x"))
				if name == "SOL" {
					data, _ = base64.StdEncoding.DecodeString((&sol{world: w}).sentBy(v))
				}
				if _, err := signer.Verify(registry.New(), &row, data); err != nil {
					t.Fatalf("%s: the recorded transaction is refused: %v", name, err)
				}
				good[string(data)] = true
			}
		}
		if len(raw) == 0 {
			return
		}
		for i := range rows {
			s, err := signer.Verify(registry.New(), &rows[i], raw)
			if err == nil && (!good[string(raw)] || string(s.Raw) != string(raw)) {
				t.Fatalf("%x is taken for a payment of %s", raw, rows[i].Chain)
			}
		}
	})
}
