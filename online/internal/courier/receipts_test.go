package courier

import (
	"bytes"
	"crypto/sha256"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/core/types"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain/evm"
	"coldsign/shared/fault"
)

func TestRoundTrip(t *testing.T) {
	w := newWorld(t)
	ids := []bundle.ID{w.pay(t), w.pay(t)}
	e := w.export(t)
	again := w.export(t)
	if e.Sequence != 1 || e.Repeat || e.Items != 2 || !again.Repeat || again.Items != 2 || !bytes.Equal(e.Raw, again.Raw) {
		t.Fatalf("exported %d %v %d, then %d %v %d", e.Sequence, e.Repeat, e.Items, again.Sequence, again.Repeat, again.Items)
	}
	answers := w.answers(t, e.Raw)
	answers[1].Policy = "treasury 4: customers"
	raw := w.receipts(t, e.Raw, nil, answers...)
	first := w.take(t, raw)
	if first.Repeat || first.Sequence != 1 || len(first.Items) != 2 || !reflect.DeepEqual(first.Policies, []string{"", "treasury 4: customers"}) {
		t.Fatalf("%+v", first)
	}
	for i, id := range ids {
		p := w.get(t, id)
		var tx types.Transaction
		if err := tx.UnmarshalBinary(p.Raw); err != nil {
			t.Fatal(err)
		}
		from, err := types.Sender(types.LatestSignerForChainID(tx.ChainId()), &tx)
		ok(t, err)
		if p.State != pending.Signed || p.TxID != tx.Hash().Hex() || from.Hex() != evm.Address(payer) || tx.Nonce() != uint64(i) {
			t.Errorf("go-ethereum reads %s from %s, the row has %s %s", tx.Hash(), from, p.State, p.TxID)
		}
		if o := first.Items[i]; o.ID != id || o.Status != StatusSigned || o.TxID != p.TxID || o.Code != "" {
			t.Errorf("outcome %+v", o)
		}
	}
	before := w.get(t, ids[0])
	repeat, err := Import(t.Context(), w.s, w.dev, w.registry, raw)
	ok(t, err)
	if !repeat.Repeat || !reflect.DeepEqual(repeat.Items, first.Items) || !reflect.DeepEqual(repeat.Policies, first.Policies) || !reflect.DeepEqual(before, w.get(t, ids[0])) {
		t.Errorf("the repeat says %+v", repeat)
	}
	_, err = Export(t.Context(), w.s, w.dev, store.Selection{}, time.Time{})
	code(t, err, "export.empty")
}

// One bundle with every kind of receipt: each has its own fate.
func TestFates(t *testing.T) {
	w := newWorld(t)
	const n = 9
	ids := make([]bundle.ID, n)
	for i := range ids {
		ids[i] = w.pay(t)
	}
	e := w.export(t)
	a := w.answers(t, e.Raw)
	a[1] = bundle.Receipt{ID: ids[1], Digest: a[1].Digest, Status: bundle.Refused, Code: "policy.limit", Reason: "too much"}
	a[2] = bundle.Receipt{ID: ids[2], Digest: a[2].Digest, Status: bundle.Deferred, Code: "operator.later"}
	a[3].Digest = a[4].Digest
	a[4].Signatures = [][]byte{bytes.Clone(a[4].Signatures[0])}
	a[4].Signatures[0][40] ^= 1
	a[5].Signatures = a[0].Signatures // another payment's
	a[6].Signatures = append(a[6].Signatures, a[6].Signatures[0])
	for i, id := range ids[7:9] { // cancelled while it was away
		if i == 1 {
			a[8] = bundle.Receipt{ID: id, Digest: a[8].Digest, Status: bundle.Deferred, Code: "operator.later"}
		}
		_, err := w.s.Cancel(t.Context(), "a", id)
		ok(t, err)
	}
	r := w.take(t, w.receipts(t, e.Raw, nil, a...))
	want := []struct {
		status, code string
		state        pending.State
	}{
		{StatusSigned, "", pending.Signed}, {StatusRefused, "policy.limit", pending.Refused}, {StatusDeferred, "operator.later", pending.Pending},
		{StatusQuarantined, "receipt.digest", pending.Exported}, {StatusQuarantined, "*", pending.Exported}, {StatusQuarantined, "*", pending.Exported},
		{StatusQuarantined, "receipt.signatures", pending.Exported}, {StatusQuarantined, "receipt.cancelled", pending.Exported},
		{StatusDeferred, "operator.later", pending.Cancelled},
	}
	for i, o := range r.Items {
		p := w.get(t, ids[i])
		if o.ID != ids[i] || o.Status != want[i].status || o.Code != want[i].code && (want[i].code != "*" || o.Code == "" || o.Code == "internal") || p.State != want[i].state {
			t.Errorf("receipt %d: %+v, and the row is %s, want %+v", i, o, p.State, want[i])
		}
		if (p.TxID != "") != (o.Status == StatusSigned) || (len(p.Raw) != 0) != (o.Status == StatusSigned) {
			t.Errorf("receipt %d left a txid %q and %d bytes", i, p.TxID, len(p.Raw))
		}
	}
	if p := w.get(t, ids[1]); p.Code != "policy.limit" || p.Reason != "too much" {
		t.Errorf("the refused row says %q %q", p.Code, p.Reason)
	}
	// The quarantined ones still wait: sound receipts in a later bundle count. The
	// deferred one goes out again, in a bundle of its own.
	next := w.export(t)
	if next.Sequence != 2 || next.Items != 1 {
		t.Fatalf("bundle %d has %d items", next.Sequence, next.Items)
	}
	good := w.answers(t, e.Raw)
	r = w.take(t, w.receipts(t, e.Raw, nil, good[0], good[3], good[7]))
	for i, want := range []string{"receipt.state", "", "receipt.cancelled"} {
		if r.Items[i].Code != want {
			t.Errorf("the second time, receipt %d: %+v, want %q", i, r.Items[i], want)
		}
	}
	if p := w.get(t, ids[3]); p.State != pending.Signed {
		t.Errorf("the row is %s", p.State)
	}
}

// What says it answers something else, or twice, is refused whole.
func TestRefusedWhole(t *testing.T) {
	w := newWorld(t)
	w.pay(t)
	w.pay(t)
	one := w.export(t)
	third := w.pay(t)
	two := w.export(t)
	a, b := w.answers(t, one.Raw), w.answers(t, two.Raw)
	stranger := newOffline("stranger")
	self := bundle.Header{Kind: bundle.Receipts, Recipient: bundle.IDOf(w.dev.Public()), Answers: sha256.Sum256(one.Raw)}
	sound := w.receipts(t, one.Raw, nil, a...)
	spoilt := bytes.Clone(sound)
	spoilt[len(spoilt)-1] ^= 1
	for name, c := range map[string]struct {
		raw  []byte
		code string
	}{
		"unknown id":   {w.receipts(t, one.Raw, nil, a[0], bundle.Receipt{ID: bundle.ID{9}, Digest: a[0].Digest, Status: bundle.Deferred, Code: "x"}), "import.foreign"},
		"other bundle": {w.receipts(t, one.Raw, nil, a[0], b[0]), "import.foreign"},
		"twice":        {w.receipts(t, one.Raw, nil, a[0], a[0]), "import.duplicate"},
		"answers none": {w.receipts(t, []byte("never sent"), nil, a...), "import.answers"},
		"gap":          {w.receipts(t, one.Raw, func(h *bundle.Header) { h.Sequence, h.Previous = 2, [32]byte{1} }, a...), "bundle.gap"},
		"expired":      {w.receipts(t, one.Raw, func(h *bundle.Header) { h.Created, h.Expires = 1, 2 }, a...), "bundle.expired"},
		"not for us":   {w.receipts(t, one.Raw, func(h *bundle.Header) { h.Recipient = bundle.DeviceID{1} }, a...), "bundle.recipient"},
		"stranger":     {stranger.send(t, self, nil, a[0]), "bundle.sender"},
		"spoilt":       {spoilt, "bundle.signature"},
		"our own":      {one.Raw, "bundle.sender"},
		"cut":          {sound[:len(sound)-10], "bundle.format"},
		"wrong kind":   {w.off.send(t, bundle.Header{Kind: bundle.Keys, Recipient: self.Recipient}, nil, wallet(1, "a")), "bundle.kind"},
		"nothing":      {nil, "bundle.format"},
	} {
		if _, err := Import(t.Context(), w.s, w.dev, w.registry, c.raw); !fault.Is(err, c.code) {
			t.Errorf("%s: %v (%s), want %s", name, err, fault.Code(err), c.code)
		}
	}
	list, err := w.s.List(t.Context(), store.Filter{Tenant: store.Any, State: pending.Exported})
	ok(t, err)
	if head, err := w.s.InChannel(t.Context()); err != nil || head.Sequence != 0 || len(list) != 3 {
		t.Fatalf("after refusals only: head %d, %d rows exported, %v", head.Sequence, len(list), err)
	}
	// None of it is in the way of the sound one; then its place is taken.
	w.take(t, sound)
	other := w.receipts(t, two.Raw, func(h *bundle.Header) { h.Sequence, h.Previous = 1, [32]byte{} }, b...)
	_, err = Import(t.Context(), w.s, w.dev, w.registry, other)
	code(t, err, "bundle.fork")
	w.take(t, w.receipts(t, two.Raw, nil, b...))
	if p := w.get(t, third); p.State != pending.Signed {
		t.Errorf("the row is %s", p.State)
	}
}

// A request that is not its row's is found before it leaves.
func TestExportComparesRows(t *testing.T) {
	w := newWorld(t)
	r := bundle.Request{ID: bundle.ID{1}, Network: "eip155:1", Payload: []byte{1},
		Keys: []bundle.KeyRef{{SignatureID: bundle.SignatureID{1}, Curve: 1, Key: payer.Bytes(), Sign: true}}}
	raw, err := bundle.EncodeItem(r)
	ok(t, err)
	r.ID, r.Deadline = bundle.ID{4}, epoch.Unix()+1 // which the row does not know
	late, err := bundle.EncodeItem(r)
	ok(t, err)
	for i, p := range []*pending.Transaction{
		{ID: bundle.ID{2}, Tenant: "a", Chain: "A", Network: "eip155:1", Request: raw},
		{ID: bundle.ID{1}, Tenant: "a", Chain: "B", Network: "eip155:5", Request: raw},
		{ID: bundle.ID{3}, Tenant: "a", Chain: "C", Network: "eip155:1", Request: []byte("no request")},
		{ID: bundle.ID{4}, Tenant: "a", Chain: "D", Network: "eip155:1", Request: late},
	} {
		_, err := w.s.Create(t.Context(), p, store.Idempotency{})
		ok(t, err)
		_, err = Export(t.Context(), w.s, w.dev, store.Selection{Chain: p.Chain}, time.Time{})
		code(t, err, []string{"export.item", "export.item", "bundle.item", "export.item"}[i])
		if w.get(t, p.ID).State != pending.Pending {
			t.Error("the row moved")
		}
	}
}

func TestExportExpires(t *testing.T) {
	w := newWorld(t)
	w.pay(t)
	e, err := Export(t.Context(), w.s, w.dev, store.Selection{}, epoch.Add(time.Hour))
	ok(t, err)
	b, err := bundle.Open(e.Raw, w.dev.Public())
	ok(t, err)
	if b.Created != epoch.Unix() || b.Expires != epoch.Unix()+3600 || b.Recipient != bundle.IDOf(w.off.Public()) {
		t.Errorf("%+v", b.Header)
	}
}

// Many at once: every core seals, and each signature lands in its own row.
func TestManyReceipts(t *testing.T) {
	w := newWorld(t)
	for range 600 {
		w.pay(t)
	}
	e := w.export(t)
	r := w.take(t, w.receipts(t, e.Raw, nil, w.answers(t, e.Raw)...))
	seen := map[string]bool{}
	for _, o := range r.Items {
		p := w.get(t, o.ID)
		if o.Status != StatusSigned || p.TxID != o.TxID || !strings.HasPrefix(o.TxID, "0x") || seen[o.TxID] {
			t.Fatalf("%+v", o)
		}
		seen[o.TxID] = true
	}
	if len(seen) != 600 {
		t.Errorf("%d transactions, want 600", len(seen))
	}
}

// BenchmarkImport takes 10,000 receipts.
func BenchmarkImport(b *testing.B) {
	w := newWorld(b)
	for range 10_000 {
		w.pay(b)
	}
	e := w.export(b)
	raw := w.receipts(b, e.Raw, nil, w.answers(b, e.Raw)...)
	b.ResetTimer()
	for range b.N {
		if r, err := Import(b.Context(), w.s, w.dev, w.registry, raw); err != nil || len(r.Items) != 10_000 {
			b.Fatal(err)
		}
	}
}
