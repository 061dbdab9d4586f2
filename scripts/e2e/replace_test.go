package e2e

import (
	"testing"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
)

// competes runs replace or cancel, and gives the id of the row that it made.
func (w *world) competes(t *testing.T, args ...string) string {
	t.Helper()
	var doc struct{ ID, Replaces string }
	ok(t, halves.Read(&doc)(w.Online(deadline(t), append(args, "--json")...)))
	if doc.ID == "" || doc.Replaces != args[1] {
		t.Fatalf("%v made %+v", args, doc)
	}
	return doc.ID
}

// noted wants the review of the request to say what it replaces.
func noted(t *testing.T, r halves.Review, id, note string) {
	t.Helper()
	for _, item := range r.Items {
		if item.ID == id {
			if !item.Verdict.Allow || item.Note != note {
				t.Errorf("verdict %+v, note %q, want %q", item.Verdict, item.Note, note)
			}
			return
		}
	}
	t.Errorf("the review does not show %s", id)
}

// TestATT87CancelAcrossTheGap: a payment that was signed, and cancelled while its
// signature was on the way. The offline half signs the transaction that takes its
// nonce as a request of its own, and that ends it.
func TestATT87CancelAcrossTheGap(t *testing.T) {
	ctx := deadline(t)
	p := payEVM(t, 0, 1e15)
	_, answers, _ := w.cross(t, 1)
	id := w.competes(t, "cancel", p.row.ID)
	if r := w.state(t, p.row.ID); r.State != "exported" || !r.CancelRequested {
		t.Errorf("it is %+v", r)
	}
	var lanes struct {
		Lanes []struct {
			Address  string
			Problems []struct{ Code, Cure string }
		}
	}
	ok(t, halves.Read(&lanes)(w.Online(ctx, "lanes", "--json")))
	if len(lanes.Lanes) != 1 || lanes.Lanes[0].Address != w.wallet.eth.Address || len(lanes.Lanes[0].Problems) != 1 || lanes.Lanes[0].Problems[0].Code != "lane.duplicate" {
		t.Errorf("lanes %+v", lanes)
	}
	_, cancels, review := w.cross(t, 1)
	noted(t, review, id, "cancels "+p.row.ID)
	if r := must(w.Import(ctx, answers))(t); r.Quarantined != 1 {
		t.Errorf("imported %+v", r)
	}
	if r := must(w.Import(ctx, cancels))(t); r.Signed != 1 {
		t.Errorf("imported %+v", r)
	}
	w.settle(t, id)
	if r := w.state(t, p.row.ID); r.State != "cancelled" || r.Code != "chain.replaced" {
		t.Errorf("then it is %+v", r)
	}
	if have := must(w.eth.Balance(ctx, p.to))(t); have.Sign() != 0 {
		t.Errorf("the cancelled payment was made: %s", have)
	}
}

// TestReplaceAcrossTheGap: a payment that waits in the mempool is made with a
// higher fee, and once.
func TestReplaceAcrossTheGap(t *testing.T) {
	ctx := deadline(t)
	p, spend := payBitcoin(t, nil)
	_, answers, _ := w.cross(t, 1)
	must(w.Import(ctx, answers))(t)
	ok(t, fund.Wait(ctx, "the first to be taken", func() (bool, error) {
		r, err := w.Get(ctx, p.row.ID)
		return r.State == "broadcast", err
	}))
	id := w.competes(t, "replace", p.row.ID)
	_, answers, review := w.cross(t, 1)
	noted(t, review, id, "replaces "+p.row.ID)
	must(w.Import(ctx, answers))(t)
	ok(t, fund.Wait(ctx, "the second to be taken", func() (bool, error) {
		r, err := w.Get(ctx, id)
		return r.State == "broadcast", err
	}))
	row := w.settle(t, id)[id]
	paidBitcoin(t, p, spend, row.TxID)
	if r := w.state(t, p.row.ID); r.State != "failed" || r.Code != "chain.replaced" {
		t.Errorf("the first is %+v", r)
	}
}
