package upstream

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	client "coldsign/online/internal/chain/evm"
	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/scripts/tatum"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/registry"
)

const (
	wallet  = "33333333-3333-4333-8333-333333333333"
	key     = "t-secret-key-0123456789"
	sepolia = "eip155:11155111"
	payee   = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
)

// rig is a poller over a real store, with a stand-in for the account and for the node.
type rig struct {
	t *testing.T
	*Poller
	account *tatum.Server
	log     *safe
	mu      sync.Mutex
	node    map[string]any // by method: a result, or a *nodetest.Error
	clock   time.Time
}

type safe struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safe) Write(p []byte) (int, error) { s.mu.Lock(); defer s.mu.Unlock(); return s.b.Write(p) }
func (s *safe) String() string              { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, account: tatum.New(key), log: &safe{}, clock: time.Unix(1_800_000_000, 0), node: map[string]any{
		"eth_chainId": "0xaa36a7", "eth_blockNumber": "0x10", "eth_getTransactionCount": "0x5", "eth_estimateGas": "0x5208",
		"eth_getBlockByNumber": map[string]any{"baseFeePerGas": "0x3b9aca00"}, "eth_maxPriorityFeePerGas": "0x77359400",
	}}
	t.Cleanup(r.account.Close)
	r.account.Server.Config.ErrorLog = nil
	now := func() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.clock }
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "online.db"), now)
	ok(t, err)
	t.Cleanup(func() { s.Close() })
	id, err := bundle.ParseSignatureID(wallet)
	ok(t, err)
	public := chaintest.Secp256k1Key(bytes.Repeat([]byte{1}, 32))
	ok(t, s.PutWallets(t.Context(), []bundle.Wallet{{SignatureID: id, Chain: "ETH", Testnet: true, Curve: chain.Secp256k1, Key: public.Bytes()}}))
	peer := func(b byte) ed25519.PublicKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, 32)).Public().(ed25519.PublicKey)
	}
	ok(t, s.SetPeer(t.Context(), peer(2), peer(3), false))
	url := nodetest.Serve(t, func(method string, _ []json.RawMessage) (any, *nodetest.Error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if e, bad := r.node[method].(*nodetest.Error); bad {
			return nil, e
		}
		return r.node[method], nil
	})
	n, err := client.New(transport.Config{Network: sepolia, URL: url, Depth: 1})
	ok(t, err)
	reg := registry.New()
	_, network, _ := reg.ByNetwork(sepolia)
	r.Poller = &Poller{Client: NewClient(r.account.URL, key), Store: s, Networks: []chain.Network{network}, Nodes: map[chain.ID]node.Node{sepolia: n},
		Intake: &intake.Intake{Chains: reg.All(), Networks: []chain.ID{sepolia}, Wallets: s, Now: now}, Log: slog.New(slog.NewTextHandler(r.log, nil)), Now: now, Period: time.Second, TellEach: time.Second}
	return r
}

func (r *rig) says(method string, v any) { r.mu.Lock(); defer r.mu.Unlock(); r.node[method] = v }

func hexID(n int) string { return fmt.Sprintf("%024x", n) }

func idOf(n int) bundle.ID {
	id, err := bundle.ParseID(hexID(n))
	if err != nil {
		panic(err)
	}
	return id
}

// record is one of the account; more members stand in its transaction.
func record(n int, more ...string) tatum.Record {
	members := append([]string{`"from":0`, `"to":"` + payee + `"`, fmt.Sprintf(`"value":"%d"`, 1000+n)}, more...)
	return tatum.Record{"id": hexID(n), "chain": "ETH", "hashes": []string{wallet}, "serializedTransaction": "{" + strings.Join(members, ",") + "}"}
}

func (r *rig) round() Summary {
	r.t.Helper()
	sum, err := r.Round(r.t.Context())
	ok(r.t, err)
	return sum
}

func (r *rig) rows() []pending.Transaction {
	r.t.Helper()
	list, err := r.Store.List(r.t.Context(), store.Filter{Tenant: store.Any})
	ok(r.t, err)
	return list
}

func (r *rig) row(n int) pending.Transaction {
	r.t.Helper()
	row, err := r.Store.Get(r.t.Context(), Tenant, idOf(n))
	ok(r.t, err)
	return row
}

// moves drives a row through events, as other parts do.
func (r *rig) moves(n int, events ...pending.Event) pending.Transaction {
	r.t.Helper()
	for _, e := range events {
		_, err := r.Store.Move(context.WithoutCancel(r.t.Context()), idOf(n), e, func(t *pending.Transaction) error {
			switch e {
			case pending.Export:
				t.Bundle = 1
			case pending.Seal:
				t.TxID, t.Raw = txID(n), fmt.Appendf(nil, "raw %d", n)
			case pending.Refuse, pending.Fail:
				t.Code, t.Reason = "policy.amount", "too much"
			}
			return nil
		})
		ok(r.t, err)
	}
	return r.row(n)
}

func txID(n int) string { return fmt.Sprintf("0x%064x", 0xabc000+n) }

func sent() []pending.Event { return []pending.Event{pending.Export, pending.Seal, pending.Intend} }

// tick lets the time pass after which it is told again.
func (r *rig) tick(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(2 * time.Second)
}
