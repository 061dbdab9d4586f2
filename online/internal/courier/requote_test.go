package courier

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"
)

// anew makes the payment of a row anew, with its nonce and a higher fee.
func (w *world) anew(t testing.TB, of bundle.ID, nonce uint64) bundle.ID {
	t.Helper()
	to := [20]byte{1, 2, 3}
	f := evm.Fields{Type: evm.Dynamic, ChainID: 1, Nonce: nonce, MaxPriority: big.NewInt(2e9), MaxFee: big.NewInt(6e10),
		GasLimit: 21000, To: &to, Value: big.NewInt(1e15)}
	r := bundle.Request{ID: store.NewID(), Network: "eip155:1", Payload: f.Encode(),
		Keys: []bundle.KeyRef{{SignatureID: bundle.SignatureID{1}, Curve: chain.Secp256k1, Key: payer.Bytes(), Sign: true}}}
	raw, err := bundle.EncodeItem(r)
	ok(t, err)
	_, err = w.s.Create(t.Context(), &pending.Transaction{ID: r.ID, Tenant: "a", Chain: "ETH", Network: r.Network, Request: raw,
		Requotes: of, Replaces: of, Reserve: []string{fmt.Sprintf("nonce:payer:%d", nonce)}}, store.Idempotency{})
	ok(t, err)
	return r.ID
}

// TestAnswerAfterRequote: the answer to a payment that is made anew is kept, so that it
// can be looked for, and never sent; the new one's is taken. A refusal ends the first.
func TestAnswerAfterRequote(t *testing.T) {
	w := newWorld(t)
	signed, refused := w.pay(t), w.pay(t)
	old := w.export(t)
	again, other := w.anew(t, signed, 0), w.anew(t, refused, 1)
	a := w.answers(t, old.Raw)
	a[1] = bundle.Receipt{ID: refused, Digest: a[1].Digest, Status: bundle.Refused, Code: "policy.limit", Reason: "too much"}
	raw := w.receipts(t, old.Raw, nil, a...)
	r := w.take(t, raw)
	if o := r.Items[0]; o.Status != StatusQuarantined || o.Code != "receipt.requoted" || !strings.Contains(o.Reason, again.String()) {
		t.Errorf("%+v", o)
	}
	if o := r.Items[1]; o.Status != StatusRefused {
		t.Errorf("%+v", o)
	}
	row := w.get(t, signed)
	if row.State != pending.Signed || row.TxID == "" || !row.CancelRequested || row.Code != pending.Requoted {
		t.Errorf("%s %q %v %s", row.State, row.TxID, row.CancelRequested, row.Code)
	}
	_, err := w.s.Move(t.Context(), signed, pending.Intend, nil)
	code(t, err, "state.conflict")
	due, err := w.s.Due(t.Context(), 10)
	ok(t, err)
	parked, err := w.s.Parked(t.Context(), w.now.Add(time.Second), 10)
	if ok(t, err); len(due) != 0 || len(parked) != 1 || parked[0].ID != signed { // it is looked for, and not sent
		t.Errorf("%d rows are due, %d parked", len(due), len(parked))
	}
	next := w.export(t)
	w.take(t, w.receipts(t, next.Raw, nil, w.answers(t, next.Raw)...))
	for _, id := range []bundle.ID{again, other} {
		if row := w.get(t, id); row.State != pending.Signed || row.CancelRequested {
			t.Errorf("the new one is %s", row.State)
		}
	}
	if row := w.get(t, refused); row.State != pending.Refused {
		t.Errorf("the refused one is %s", row.State)
	}
}

// TestExportNamesTheLate: what can no longer make it is named, with the command that
// makes it anew.
func TestExportNamesTheLate(t *testing.T) {
	w := newWorld(t)
	late := func() bundle.ID {
		t.Helper()
		id := store.NewID()
		_, err := w.s.Create(t.Context(), &pending.Transaction{ID: id, Tenant: "a", Chain: "ETH", Network: "eip155:1", Request: id[:], Deadline: w.now.Unix() - 1}, store.Idempotency{})
		ok(t, err)
		return id
	}
	first := late()
	_, err := Export(t.Context(), w.s, w.dev, store.Selection{}, time.Time{})
	code(t, err, "export.empty")
	if !strings.Contains(err.Error(), "coldsign-online requote "+first.String()) {
		t.Error(err)
	}
	_, err = Export(t.Context(), w.s, w.dev, store.Selection{IDs: []bundle.ID{first}}, time.Time{})
	code(t, err, "export.state")
	if !strings.Contains(err.Error(), "coldsign-online requote "+first.String()) {
		t.Error(err)
	}
	second := late()
	w.pay(t)
	if e := w.export(t); e.Items != 1 || len(e.Late) != 1 || e.Late[0] != second {
		t.Errorf("%d items, late %v", e.Items, e.Late)
	}
}
