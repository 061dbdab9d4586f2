package report

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/registry"
)

var at = time.Unix(1_800_000_000, 0)

type device struct{ ed25519.PrivateKey }

func (d device) Public() ed25519.PublicKey     { return d.PrivateKey.Public().(ed25519.PublicKey) }
func (d device) Sign(m []byte) ([]byte, error) { return ed25519.Sign(d.PrivateKey, m), nil }

// world is one bundle, its rows, and what a network has of them.
type world struct {
	items [][]byte
	rows  map[bundle.ID]pending.Transaction
	seen  map[string]node.Sighting // by transaction id; one that is not in it fails to be looked up
}

func (w *world) Get(_ context.Context, _ string, id bundle.ID) (pending.Transaction, error) {
	return w.rows[id], nil
}

func (w *world) Audit(_ context.Context, id bundle.ID, _ int64, _ int) ([]store.Entry, error) {
	return []store.Entry{
		{At: at, Actor: "api", Action: "create", ID: id, To: pending.Pending},
		{At: at, Actor: "api", Action: "note", ID: id, From: pending.Pending, To: pending.Pending},
		{At: at.Add(time.Minute), Actor: "operator", Action: "export", ID: id, From: pending.Pending, To: w.rows[id].State},
	}, nil
}

func (w *world) Look(_ context.Context, s chain.Sealed) (node.Sighting, error) {
	saw, ok := w.seen[s.TxID]
	if !ok {
		return saw, errors.New("no answer")
	}
	return saw, nil
}

// pay adds a request of one ether, or to the payer itself.
func (w *world) pay(t *testing.T, state pending.State, txID string, self bool) {
	t.Helper()
	key := chaintest.Secp256k1Key(bytes.Repeat([]byte{1}, 32))
	to := [20]byte{1, 2, 3}
	if self {
		own, err := evm.ParseAddress(evm.Address(key))
		if err != nil {
			t.Fatal(err)
		}
		to = own
	}
	f := evm.Fields{Type: evm.Dynamic, ChainID: 1, Nonce: uint64(len(w.items)), MaxPriority: big.NewInt(1e9), MaxFee: big.NewInt(2e9),
		GasLimit: 21000, To: &to, Value: big.NewInt(1e18)}
	r := bundle.Request{ID: bundle.ID{byte(len(w.items) + 1)}, Network: "eip155:1", Payload: f.Encode(),
		Keys: []bundle.KeyRef{{SignatureID: bundle.SignatureID{1}, Curve: chain.Secp256k1, Key: key.Bytes(), Sign: true}}}
	item, err := bundle.EncodeItem(r)
	if err != nil {
		t.Fatal(err)
	}
	row := pending.Transaction{ID: r.ID, Tenant: "a", Chain: "ETH", Network: r.Network, Request: item, Digest: sha256.Sum256(item), State: state, TxID: txID}
	if txID != "" {
		row.Raw = []byte{1}
	}
	w.items = append(w.items, item)
	w.rows[r.ID] = row
}

func (w *world) report(t *testing.T) *Report {
	t.Helper()
	d := device{ed25519.NewKeyFromSeed(make([]byte, 32))}
	raw, err := bundle.Seal(bundle.Header{Kind: bundle.Requests, Sequence: 7, Previous: [32]byte{1}, Created: at.Unix(), Recipient: bundle.DeviceID{1}}, w.items, d)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(raw, d.Public())
	if err != nil {
		t.Fatal(err)
	}
	chains := registry.New().All()
	r, err := New(t.Context(), Source{Rows: w, Reader: &intake.Intake{Chains: chains}, Chains: chains,
		Nodes: map[chain.ID]Looker{"eip155:1": w}, Now: func() time.Time { return at.Add(time.Hour) }}, b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCompare: the chain has the last word on where the money is, and whoever
// says otherwise is named.
func TestCompare(t *testing.T) {
	block, pool, gone := node.Sighting{Seen: true, Confirmations: 9}, node.Sighting{Seen: true}, node.Sighting{}
	reverted := node.Sighting{Seen: true, Confirmations: 9, Failed: true}
	for name, c := range map[string]struct {
		state     pending.State
		txID      string
		saw       *node.Sighting
		outcome   Outcome
		onChain   string
		disagrees bool
	}{
		"complete":                  {pending.Complete, "x", &block, Paid, "seen", false},
		"complete and gone":         {pending.Complete, "x", &gone, OnWay, "absent", true},
		"complete and back in wait": {pending.Complete, "x", &pool, OnWay, "seen", true},
		"complete and reverted":     {pending.Complete, "x", &reverted, OnWay, "failed", true},
		"complete, no answer":       {pending.Complete, "x", nil, Paid, "unknown", false},
		"asserted":                  {pending.Complete, "", nil, Paid, "", false},
		"broadcast":                 {pending.Broadcast, "x", &pool, OnWay, "seen", false},
		"broadcast, in a block":     {pending.Broadcast, "x", &block, Paid, "seen", false},
		"broadcast and gone":        {pending.Broadcast, "x", &gone, OnWay, "absent", false},
		"failed":                    {pending.Failed, "x", &reverted, NotPaid, "failed", false},
		"failed, but it landed":     {pending.Failed, "x", &block, Paid, "seen", true},
		"expired, but it landed":    {pending.Expired, "x", &block, Paid, "seen", true},
		"signed":                    {pending.Signed, "x", &gone, Waiting, "absent", false},
		"signed, but it landed":     {pending.Signed, "x", &block, Paid, "seen", true},
		"exported":                  {pending.Exported, "", nil, Waiting, "", false},
		"refused":                   {pending.Refused, "", nil, NotPaid, "", false},
		"cancelled":                 {pending.Cancelled, "", nil, NotPaid, "", false},
	} {
		w := &world{rows: map[bundle.ID]pending.Transaction{}, seen: map[string]node.Sighting{}}
		if c.saw != nil {
			w.seen[c.txID] = *c.saw
		}
		w.pay(t, c.state, c.txID, false)
		l := w.report(t).Lines[0]
		if l.Outcome != c.outcome || l.OnChain != c.onChain || (l.Disagrees != "") != c.disagrees {
			t.Errorf("%s: %q %q %q, want %q %q %v", name, l.Outcome, l.OnChain, l.Disagrees, c.outcome, c.onChain, c.disagrees)
		}
	}
}

// TestTotals adds what left, by outcome, and leaves out what came back.
func TestTotals(t *testing.T) {
	w := &world{rows: map[bundle.ID]pending.Transaction{}, seen: map[string]node.Sighting{"a": {Seen: true, Confirmations: 3}, "b": {}}}
	w.pay(t, pending.Complete, "a", false)
	w.pay(t, pending.Broadcast, "b", false)
	w.pay(t, pending.Refused, "", false)
	w.pay(t, pending.Exported, "", true)
	r := w.report(t)
	if len(r.Totals) != 1 || r.Compared != 2 || r.Disagrees != 0 || r.Bundle != 7 {
		t.Fatalf("%+v", r)
	}
	got := r.Totals[0]
	const ether = "1000000000000000000"
	if got.Asset != "eip155:1" || got.Asked != "3000000000000000000" || got.MaxFee != "42000000000000" ||
		got.ByOutcome[Paid] != ether || got.ByOutcome[OnWay] != ether || got.ByOutcome[NotPaid] != ether || got.ByOutcome[Waiting] != "" {
		t.Errorf("%+v", got)
	}
	if n := len(r.Lines[0].History); n != 2 {
		t.Errorf("%d steps, want the two that changed the state", n)
	}
}

// TestRequestChanged: a row that is not what the bundle asked for is named.
func TestRequestChanged(t *testing.T) {
	w := &world{rows: map[bundle.ID]pending.Transaction{}, seen: map[string]node.Sighting{}}
	w.pay(t, pending.Exported, "", false)
	id := bundle.ID{1}
	row := w.rows[id]
	row.Digest[0] ^= 1
	w.rows[id] = row
	if r := w.report(t); r.Disagrees != 1 {
		t.Errorf("%+v", r.Lines[0])
	}
	row.Digest[0] ^= 1
	row.Request = []byte{0xff}
	w.rows[id] = row
	if r := w.report(t); r.Disagrees != 1 || r.Unreadable != 1 {
		t.Errorf("%+v", r.Lines[0])
	}
}

// TestForms: the three forms tell the same, and hostile text stays text.
func TestForms(t *testing.T) {
	w := &world{rows: map[bundle.ID]pending.Transaction{}, seen: map[string]node.Sighting{"a": {Seen: true, Confirmations: 3}}}
	w.pay(t, pending.Complete, "a", false)
	w.pay(t, pending.Refused, "", true)
	for id, row := range w.rows {
		row.Tenant, row.Code, row.Reason = `=cmd|'/c x'!A0`, "policy.rule", "<script>alert(1)</script>"
		w.rows[id] = row
	}
	r := w.report(t)
	var sheet, page bytes.Buffer
	if err := r.CSV(&sheet); err != nil {
		t.Fatal(err)
	}
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&sheet).ReadAll()
	if err != nil || len(lines) != 3 {
		t.Fatalf("%v %q", err, lines)
	}
	if tenant := lines[1][slices.Index(lines[0], "tenant")]; strings.HasPrefix(tenant, "=") {
		t.Errorf("a formula in the sheet: %q", tenant)
	}
	if sum := lines[1][slices.Index(lines[0], "amount")]; sum != "1000000000000000000" {
		t.Errorf("amount %q", sum)
	}
	if strings.Contains(page.String(), "<script>") || !strings.Contains(page.String(), "&lt;script&gt;") {
		t.Error("the page has the text as markup, or not at all")
	}
	if !strings.Contains(page.String(), "1 ETH (1000000000000000000 base units)") {
		t.Error("the page does not show the amount")
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}
