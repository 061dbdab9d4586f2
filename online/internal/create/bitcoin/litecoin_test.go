package bitcoin_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/create"
	nodes "coldsign/scripts/rig"
	"coldsign/shared/chain"
)

// TestLitecoinScan: litecoind without any wallet that watches: its scan of all outputs
// finds them, also the rewards of blocks, of which those too young are left out.
func TestLitecoinScan(t *testing.T) {
	const network chain.ID = "bip122:530827f38f93b43ed12af0b3ad25a288"
	n := nodes.Litecoin(t)
	rpc := func(method string, params ...any) {
		t.Helper()
		b, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": params})
		if err != nil {
			t.Fatal(err)
		}
		q, err := http.NewRequestWithContext(t.Context(), "POST", n.URL, bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		q.SetBasicAuth(n.User, n.Password)
		a, err := http.DefaultClient.Do(q)
		if err != nil || a.StatusCode != 200 {
			t.Fatalf("%s: %v, %v", method, a, err)
		}
		a.Body.Close()
	}
	r := newRig(t, "LTC", network, transport.Config{URL: n.URL, User: n.User, Password: n.Password})
	own, other := r.address(1, 0), r.address(2, 1) // P2PKH, P2WPKH
	rpc("generatetoaddress", 2, own)
	rpc("generatetoaddress", 101, other)
	for i := range 2 {
		row := r.must(r.make(create.Transaction, pays(from(mnemonic, own, 1), other, "49.5")))
		if change, paid, fee := r.split(row, own); change+paid+fee != 50e8 || paid != 49.5e8 {
			t.Errorf("change %d, paid %d, fee %d", change, paid, fee)
		}
		r.send(row)
		if i == 0 {
			continue
		}
		// Both rewards are used, and change has no block yet.
		if _, err := r.make(create.Transaction, pays(from(mnemonic, own, 1), other, "0.1")); fault(err) != "create.funds" {
			t.Errorf("%v", err)
		}
	}
	rpc("generatetoaddress", 1, other)
	row := r.must(r.make(create.Transaction, pays(from(mnemonic, own, 1), other, "0.9"))) // both changes
	if len(r.inputs(row)) != 2 {
		t.Errorf("%v", r.inputs(row))
	}
	r.send(row)
	if row := r.must(r.make(create.Transaction, pays(from(mnemonic, other, 2), own, "120"))); len(r.inputs(row)) != 3 {
		t.Errorf("%v", r.inputs(row)) // blocks 3, 4 and 5 are old enough
	}
}
