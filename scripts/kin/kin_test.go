package kin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/rig"
)

const added = "kind = \"network-list\"\nversion = 1\nname = \"ours\"\n[[network]]\nchain_id = 59141\nname = \"rollup\"\nsymbol = \"ROL\"\ntestnet = true\nfee_cap = \"20000000000000000\"\n"

type place struct {
	chain, network string
	id             uint64
	symbol         string
}

// TestKin: one payment on each, all in one bundle.
func TestKin(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	places := []place{
		{"BSC", "chapel", 97, "tBNB"}, {"MATIC", "amoy", 80002, "tPOL"}, {"KLAY", "kairos", 1001, "tKAIA"}, {"CELO", "celo-sepolia", 11142220, "tCELO"},
		{"XDC", "apothem", 51, "TXDC"}, {"ONE", "harmony-testnet", 1666700000, "tONE"}, {"KCS", "kcc-testnet", 322, "tKCS"}, {"ETH", "rollup", 59141, "ROL"},
	}
	started := start(ctx, t, places)
	dir := t.TempDir()
	programs, err := halves.BuildQuick(ctx, dir)
	ok(t, err)
	h := &halves.Halves{Programs: programs, Dir: dir}
	ok(t, h.Init(ctx))
	ok(t, os.WriteFile(h.Path("networks.toml"), []byte(added), 0o600))
	_, err = h.Offline(ctx, "networks", "set", "networks.toml")
	ok(t, err)
	wallets := map[string]halves.Wallet{}
	for _, p := range places {
		wallets[p.chain], err = h.NewWallet(ctx, p.chain)
		ok(t, err)
	}
	ok(t, h.ShareKeys(ctx))

	nodes, chains := []halves.Network{}, map[string]*fund.EVM{}
	for i, n := range started() {
		p := places[i]
		nodes = append(nodes, halves.Network{Chain: p.chain, Name: p.network, RPC: n.URL, Confirmations: 2})
		chains[p.chain], err = fund.NewEVM(ctx, n.URL)
		ok(t, err)
	}
	last := &nodes[len(nodes)-1]
	last.Extra = "chain_id = 59141\nsymbol = \"ROL\"\ntestnet = true\n"
	ok(t, h.Configure(ctx, nodes...))
	ok(t, h.Serve(ctx))
	defer h.Kill()

	paid, where := map[string]string{}, map[string]place{}
	for _, p := range places {
		from := "0x" + strings.TrimPrefix(strings.TrimPrefix(wallets[p.chain].Address, "xdc"), "0x")
		ok(t, chains[p.chain].Fund(ctx, big.NewInt(1e18), from))
		to, err := fund.NewEVMAddress()
		ok(t, err)
		call, err := chains[p.chain].Pay(ctx, from, to, 0, big.NewInt(25e16))
		ok(t, err)
		text, err := call.Hex()
		ok(t, err)
		raw, err := json.Marshal(text)
		ok(t, err)
		row, err := h.Submit(ctx, p.chain, halves.Submission{Chain: p.chain, Network: p.network, Hashes: []string{wallets[p.chain].SignatureID}, Transaction: raw})
		ok(t, err)
		paid[row.ID], where[row.ID] = to, p
	}
	x, err := h.Export(ctx, "requests.cbor")
	ok(t, err)
	review, err := h.Review(ctx, "requests.cbor")
	ok(t, err)
	text, err := h.Offline(ctx, "review", "requests.cbor")
	ok(t, err)
	for _, item := range review.Items {
		p := where[item.ID]
		if !item.Verdict.Allow || len(item.Effects) != 1 || item.Effects[0].Amount != "250000000000000000" ||
			item.Effects[0].Asset != fmt.Sprintf("eip155:%d", p.id) {
			t.Errorf("%s: %+v", p.chain, item)
		}
		if want := fmt.Sprintf("0.25 %s (250000000000000000 base units)", p.symbol); !strings.Contains(string(text), want) {
			t.Errorf("%s: the review does not say %s:\n%s", p.chain, want, text)
		}
	}
	_, err = h.Sign(ctx, "requests.cbor", "answers.cbor", x.Digest)
	ok(t, err)
	r, err := h.Import(ctx, "answers.cbor")
	ok(t, err)
	if r.Signed != len(places) {
		t.Fatalf("%+v", r)
	}
	for id, p := range where {
		var row halves.Row
		ok(t, fund.Wait(ctx, "the end on "+p.chain, func() (bool, error) {
			if row, err = h.Get(ctx, id); err == nil && row.State == "broadcast" {
				err = chains[p.chain].Mine(ctx, 1)
			}
			return row.State == "complete", err
		}))
		if _, err := chains[p.chain].Paid(ctx, row.TxID, "", paid[id], big.NewInt(25e16)); err != nil {
			t.Errorf("%s: %v", p.chain, err)
		}
	}
}

// start starts a node for each, all at once, and gives a function that waits for them.
func start(ctx context.Context, t *testing.T, places []place) func() []*rig.Node {
	nodes, errs := make([]*rig.Node, len(places)), make([]error, len(places))
	var group sync.WaitGroup
	for i, p := range places {
		group.Go(func() { nodes[i], errs[i] = rig.Start(ctx, rig.KindAnvil, "CHAIN_ID="+strconv.FormatUint(p.id, 10)) })
	}
	t.Cleanup(func() {
		group.Wait()
		for _, n := range nodes {
			if n != nil {
				n.Stop()
			}
		}
	})
	return func() []*rig.Node {
		group.Wait()
		ok(t, errors.Join(errs...))
		return nodes
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
