package e2e

import (
	"bytes"
	"errors"
	"math/big"
	"testing"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
)

// TestRepeats does everything twice that can be done twice.
func TestRepeats(t *testing.T) {
	ctx := deadline(t)
	before := must(w.eth.Nonce(ctx, w.wallet.eth.Address))(t)
	p := payEVM(t, 0, 1e15)
	requests, answers, review := w.cross(t, 1)

	again := w.file("requests")
	if x := must(w.Export(ctx, again))(t); !x.Repeat || !bytes.Equal(w.bytes(t, again), w.bytes(t, requests)) {
		t.Errorf("a second export gives other bytes: %+v", x)
	}
	if r := must(w.Review(ctx, again))(t); !r.Repeat || r.Digest != review.Digest {
		t.Errorf("a second review says %+v", r)
	}
	other := w.file("answers")
	if s := must(w.Sign(ctx, again, other, review.Digest))(t); !s.Repeat || !bytes.Equal(w.bytes(t, other), w.bytes(t, answers)) {
		t.Errorf("signing twice gives other bytes: %+v", s)
	}
	if r := must(w.Import(ctx, answers))(t); r.Repeat || r.Signed != 1 {
		t.Errorf("imported %+v", r)
	}
	row := w.settle(t, p.row.ID)[p.row.ID]
	if r := must(w.Import(ctx, other))(t); !r.Repeat {
		t.Errorf("a second import is not a repeat: %+v", r)
	}
	must(w.Online(ctx, "broadcast"))(t)
	must(w.Online(ctx, "broadcast"))(t)
	if now := w.state(t, p.row.ID); now.State != "complete" || now.TxID != row.TxID {
		t.Errorf("then it is %+v, and was %+v", now, row)
	}
	paidEVM(t, p, row.TxID)
	if n := must(w.eth.Nonce(ctx, w.wallet.eth.Address))(t); n != before+1 {
		t.Errorf("%d transactions were sent", n-before)
	}
}

// TestSubmitTwice: the same key and body give the same transaction; the same
// coin or nonce in another one is refused.
func TestSubmitTwice(t *testing.T) {
	ctx := deadline(t)
	p, spend := payBitcoin(t, nil)
	spend.To = must(fund.NewBitcoinAddress())(t)
	psbt, err := spend.PSBT()
	id := w.wallet.btc.SignatureID
	s := halves.Submission{Chain: "BTC", Network: "regtest", Hashes: []string{id}, Transaction: text(t, psbt, err)}
	_, err = w.Submit(ctx, "e2e-other", s)
	if r, is := errors.AsType[*halves.Refusal](err); !is || r.Status != 409 || r.Code != "reservation.conflict" {
		t.Errorf("a second payment of the same coin: %v", err)
	}
	ok(t, w.Delete(ctx, p.row.ID))
	first := must(w.Submit(ctx, "e2e-same", s))(t) // cancelled, the other holds the coin no more
	if second := must(w.Submit(ctx, "e2e-same", s))(t); second.ID != first.ID {
		t.Errorf("two transactions, %s and %s", first.ID, second.ID)
	}
	s.Note = "other"
	_, err = w.Submit(ctx, "e2e-same", s)
	if r, is := errors.AsType[*halves.Refusal](err); !is || r.Status != 409 || r.Code != "idempotency.conflict" {
		t.Errorf("another body with the same key: %v", err)
	}
	ok(t, w.Delete(ctx, first.ID))
}

// TestOtherPairing: neither half of another installation takes our files.
func TestOtherPairing(t *testing.T) {
	ctx := deadline(t)
	p, spend := payBitcoin(t, nil)
	requests, answers, review := w.cross(t, 1)
	other := &halves.Halves{Programs: w.Programs, Dir: t.TempDir()}
	ok(t, other.Init(ctx))
	_, err := other.Review(ctx, w.Path(requests))
	refused(t, err, "bundle.sender")
	_, err = other.Sign(ctx, w.Path(requests), "answers.cbor", review.Digest)
	refused(t, err, "bundle.sender")
	_, err = other.Import(ctx, w.Path(answers))
	refused(t, err, "bundle.sender")
	_, err = w.Import(ctx, requests) // our own, the wrong way
	refused(t, err, "bundle.sender")
	must(w.Import(ctx, answers))(t)
	paidBitcoin(t, p, spend, w.settle(t, p.row.ID)[p.row.ID].TxID)
}

// TestWrongDigest: nothing is signed without the digest of what was reviewed.
func TestWrongDigest(t *testing.T) {
	ctx := deadline(t)
	p := payEVM(t, 0, 1e15)
	requests, answers := w.file("requests"), w.file("answers")
	x := must(w.Export(ctx, requests))(t)
	wrong := []byte(x.Digest)
	wrong[0] ^= 1
	_, err := w.Sign(ctx, requests, answers, string(wrong))
	refused(t, err, "approve.digest")
	// The online half knows the digest too: it is no proof that anybody read.
	_, err = w.Sign(ctx, requests, answers, x.Digest)
	refused(t, err, "approve.unseen")
	must(w.Review(ctx, requests))(t)
	must(w.Sign(ctx, requests, answers, x.Digest))(t)
	must(w.Import(ctx, answers))(t)
	paidEVM(t, p, w.settle(t, p.row.ID)[p.row.ID].TxID)
}

// TestPowerCut kills the server after the import, and once more when the node
// has the transaction but its answer is still on the way.
func TestPowerCut(t *testing.T) {
	t.Run("after the import", func(t *testing.T) {
		ctx := deadline(t)
		p, spend := payBitcoin(t, nil)
		_, answers, _ := w.cross(t, 1)
		must(w.Import(ctx, answers))(t)
		w.Kill()
		ok(t, w.Serve(ctx))
		paidBitcoin(t, p, spend, w.settle(t, p.row.ID)[p.row.ID].TxID)
	})
	t.Run("before the node's answer", func(t *testing.T) {
		ctx := deadline(t)
		p, spend := payBitcoin(t, nil)
		_, answers, _ := w.cross(t, 1)
		struck := make(chan struct{})
		strike := func() { w.Kill(); close(struck) }
		w.tap.armed.Store(&strike)
		must(w.Import(ctx, answers))(t)
		select {
		case <-struck:
		case <-ctx.Done():
			t.Fatal("the transaction was never sent")
		}
		if n := must(w.btc.Mempool())(t); n != 1 {
			t.Fatalf("the node has %d transactions, not the one", n)
		}
		ok(t, w.Serve(ctx))
		paidBitcoin(t, p, spend, w.settle(t, p.row.ID)[p.row.ID].TxID)
	})
}

// TestRefused: what the default policy does not allow is refused offline, with
// a code that the API then tells, and reaches no node.
func TestRefused(t *testing.T) {
	ctx := deadline(t)
	fee, feeSpend := payBitcoin(t, func(s *fund.Spend) { s.Fee = 6_000_000 }) // the cap is 5,000,000
	claim, claimSpend := payBitcoin(t, func(s *fund.Spend) { s.Unproven = true })
	nonce := must(w.eth.Nonce(ctx, w.wallet.eth.Address))(t)
	token := must(w.eth.Token(ctx))(t)
	data := must(w.eth.Approve(must(fund.NewEVMAddress())(t), big.NewInt(1)))(t)
	call := must(w.eth.Call(ctx, w.wallet.eth.Address, token, nonce, new(big.Int), data))(t)
	codes := map[string]string{fee.row.ID: "policy.fee-cap", claim.row.ID: "policy.unproven", callEVM(t, call).ID: "policy.opaque"}

	_, answers, review := w.cross(t, len(codes))
	if review.Signable != 0 || review.Refused != len(codes) {
		t.Errorf("%d can be signed, %d are refused", review.Signable, review.Refused)
	}
	for _, item := range review.Items {
		if item.Verdict.Allow || item.Verdict.Code != codes[item.ID] {
			t.Errorf("%s: verdict %+v, want %s", item.Chain, item.Verdict, codes[item.ID])
		}
	}
	if r := must(w.Import(ctx, answers))(t); r.Refused != len(codes) || r.Signed != 0 {
		t.Errorf("imported %+v", r)
	}
	must(w.Online(ctx, "broadcast"))(t)
	for id, code := range codes {
		if r := w.state(t, id); r.State != "refused" || r.Code != code || r.Reason == "" || r.TxID != "" {
			t.Errorf("want %s: %+v", code, r)
		}
	}
	for _, s := range []fund.Spend{feeSpend, claimSpend} {
		if n := must(w.btc.Payments(s.To))(t); n != 0 {
			t.Errorf("%s was paid", s.To)
		}
	}
	if n := must(w.eth.Nonce(ctx, w.wallet.eth.Address))(t); n != nonce {
		t.Errorf("%d transactions were sent", n-nonce)
	}
}

// TestCancel: before the export it is over; after it a signature may exist, so
// that the answer is put aside and nothing is sent.
func TestCancel(t *testing.T) {
	ctx := deadline(t)
	early, _ := payBitcoin(t, nil)
	ok(t, w.Delete(ctx, early.row.ID))
	if r := w.state(t, early.row.ID); r.State != "cancelled" {
		t.Errorf("cancelled before the export it is %s", r.State)
	}
	_, err := w.Export(ctx, w.file("requests"))
	refused(t, err, "export.empty")

	late, spend := payBitcoin(t, nil)
	_, answers, _ := w.cross(t, 1)
	ok(t, w.Delete(ctx, late.row.ID))
	if r := w.state(t, late.row.ID); r.State != "exported" || !r.CancelRequested {
		t.Errorf("cancelled after the export it is %+v", r)
	}
	if r := must(w.Import(ctx, answers))(t); r.Quarantined != 1 || r.Signed != 0 {
		t.Errorf("imported %+v", r)
	}
	must(w.Online(ctx, "broadcast"))(t)
	ok(t, w.btc.Mine(1))
	if n := must(w.btc.Payments(spend.To))(t); n != 0 {
		t.Errorf("the cancelled payment was sent")
	}
	if r := w.state(t, late.row.ID); r.TxID != "" || r.State == "complete" || r.State == "broadcast" {
		t.Errorf("then it is %+v", r)
	}
}
