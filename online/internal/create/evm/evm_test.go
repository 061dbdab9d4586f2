package evm_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	client "coldsign/online/internal/chain/evm"
	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/create"
	"coldsign/online/internal/create/evm"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	codec "coldsign/shared/chain/evm"
	"coldsign/shared/chain/registry"
)

const (
	wallet = "33333333-3333-4333-8333-333333333333" // ETH, a test wallet of one key
	payee  = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
	token  = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
)

// rig is a creator over a real store and intake, with a scriptable node.
type rig struct {
	*testing.T
	*create.Creator
	store *store.Store
	now   time.Time

	mu     sync.Mutex
	says   map[string]any // by method: a result, a *nodetest.Error, or a func of the parameters
	asked  map[string]int
	tenant string
}

func newRig(t *testing.T, networks ...chain.ID) *rig {
	t.Helper()
	return newRigAt(t, filepath.Join(t.TempDir(), "online.db"), networks...)
}

func newRigAt(t *testing.T, where string, networks ...chain.ID) *rig {
	t.Helper()
	if networks == nil {
		networks = []chain.ID{"eip155:11155111"}
	}
	r := &rig{T: t, now: time.Unix(1_800_000_000, 0), asked: map[string]int{}, tenant: "a"}
	id, ok := codec.ChainID(networks[0])
	if !ok {
		t.Fatal(networks[0])
	}
	r.says = map[string]any{
		"eth_chainId": fmt.Sprintf("0x%x", id), "eth_blockNumber": "0x10", "eth_getTransactionCount": "0x0", "eth_estimateGas": "0x5208",
		"eth_getBlockByNumber": map[string]any{"baseFeePerGas": "0x3b9aca00"}, "eth_maxPriorityFeePerGas": "0x77359400", "eth_gasPrice": "0x3b9aca00",
		"eth_call": fmt.Sprintf("0x%064x", 6),
	}
	now := func() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.now }
	s, err := store.Open(t.Context(), where, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r.store = s
	in := &intake.Intake{Chains: registry.New().All(), Networks: networks, Wallets: s, Now: now}
	nodes := map[chain.ID]node.Node{}
	for _, network := range networks {
		nodes[network] = r.node(network)
	}
	r.Creator = &create.Creator{Store: s, Intake: in, Nodes: nodes, Builders: map[string]create.Builder{"eip155": evm.New(now)}}
	r.wallet(wallet, "ETH", true, 1)
	return r
}

func (r *rig) node(network chain.ID) node.Node {
	url := nodetest.Serve(r, func(method string, params []json.RawMessage) (any, *nodetest.Error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked[method]++
		switch v := r.says[method].(type) {
		case *nodetest.Error:
			return nil, v
		case func([]json.RawMessage) (any, *nodetest.Error):
			return v(params)
		default:
			return v, nil
		}
	})
	n, err := client.New(transport.Config{Network: network, URL: url, Depth: 1})
	if err != nil {
		r.Fatal(err)
	}
	return n
}

func (r *rig) wallet(id, chainName string, testnet bool, seed byte) chain.PublicKey {
	r.Helper()
	sid, err := bundle.ParseSignatureID(id)
	if err != nil {
		r.Fatal(err)
	}
	key := chaintest.Secp256k1Key(bytes.Repeat([]byte{seed}, 32))
	w := bundle.Wallet{SignatureID: sid, Chain: chainName, Testnet: testnet, Curve: chain.Secp256k1, Key: key.Bytes()}
	if err := r.store.PutWallets(r.Context(), []bundle.Wallet{w}); err != nil {
		r.Fatal(err)
	}
	return key
}

// create makes a call.
func (r *rig) create(call create.Call, body string) (*pending.Transaction, error) {
	return r.keyed(call, body, "")
}

func (r *rig) keyed(call create.Call, body, key string) (*pending.Transaction, error) {
	return r.by(r.Creator, call, body, key)
}

func (r *rig) by(c *create.Creator, call create.Call, body, key string) (*pending.Transaction, error) {
	return c.Create(r.Context(), create.Caller{Tenant: r.tenant, Name: "app"}, call, []byte(body), store.Idempotency{Key: key, Body: sha256.Sum256([]byte(body))})
}

// pays is a payment of 1 ETH with more members.
func pays(more ...string) string {
	members := append([]string{`"to":"` + payee + `"`, `"amount":"1"`, `"currency":"ETH"`, `"signatureId":"` + wallet + `"`}, more...)
	return "{" + strings.Join(members, ",") + "}"
}

func eth() create.Call { return create.Call{Chain: "ETH", Kind: create.Transaction} }

func (r *rig) must(row *pending.Transaction, err error) *pending.Transaction {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
	return row
}

// TestRecord: what is left open is filled in, as a record that KMS clients read.
func TestRecord(t *testing.T) {
	r := newRig(t)
	row := r.must(r.create(eth(), pays()))
	want := `{"from":0,"to":"` + payee + `","value":"1000000000000000000","nonce":"0x0","gas":"21000",` +
		`"maxFeePerGas":"4000000000","maxPriorityFeePerGas":"2000000000","chainId":11155111}`
	if row.Serialized != want {
		t.Errorf("got  %s\nwant %s", row.Serialized, want)
	}
	row = r.must(r.create(eth(), pays(`"fee":{"gasLimit":"30000","gasPrice":"1.5"}`, `"data":"00ff"`)))
	want = `{"from":0,"to":"` + payee + `","value":"1000000000000000000","data":"0x00ff","nonce":"0x1","gas":"30000","gasPrice":"1500000000","chainId":11155111}`
	if row.Serialized != want {
		t.Errorf("got  %s\nwant %s", row.Serialized, want)
	}
}
