package broadcast

import (
	"context"
	"time"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/shared/fault"
)

// parked looks for a row of which nothing is sent any more: it was withdrawn, its answer
// came too late, or its payment was quoted anew. Who else has the signature may have sent it. When it
// is deep enough it is complete all the same, and what has been made in its place ends;
// when it can never land, that is what a new quote waits for.
func (w *work) parked(ctx context.Context) error {
	if w.t.TxID == "" || len(w.t.Raw) == 0 {
		return nil
	}
	saw, err := w.node.Look(ctx, w.sealed())
	if err != nil {
		return err
	}
	w.t.Confirmations = saw.Confirmations
	if saw.Seen {
		return w.risenParked(ctx, saw)
	}
	proof := w.provenParked(ctx, saw)
	switch {
	case w.t.State == pending.Signed:
	case proof: // others had sent it, and a reorganization took it out of its block
		return w.end(ctx, saw)
	case w.doubted():
		return w.note(ctx, "", "")
	default:
		return nil
	}
	proof = proof && !w.t.Noted.After(w.loop.Now().Add(ahead))
	if !proof || w.t.Noted.IsZero() {
		if proof != !w.t.Noted.IsZero() {
			w.database = w.loop.Store.Doubt(context.WithoutCancel(ctx), w.t.ID, proof)
		}
		return w.database
	}
	if w.loop.Now().Sub(w.t.Noted) < w.loop.settles() {
		return nil
	}
	if saw.Conflict && w.withdrawn() {
		return w.fail(ctx, pending.Supersede, pending.Replaced, superseded)
	}
	if saw.Conflict {
		return w.fail(ctx, pending.Fail, conflicted, "another transaction has taken its place for good")
	}
	return w.fail(ctx, pending.Expire, expired, "it was not in any block before its blockhash expired")
}

// withdrawn reports whether nobody wants the parked row's payment any more.
func (w *work) withdrawn() bool {
	switch w.t.Code {
	case pending.Passed, pending.Requoted, pending.Landed:
		return false
	}
	return true
}

// unwanted is the code for a payment that is with the network though it was withdrawn.
const unwanted = "cancel.landed"

// provenParked reports whether a sighting is a proof that a parked row can never land, by
// the rules of conclusive. Nobody has looked for it steadily, so after a while the nodes
// must show that they remember.
func (w *work) provenParked(ctx context.Context, saw node.Sighting) bool {
	now, settled := w.loop.Now(), w.t.Created.Add(w.loop.settles())
	if saw.Few || !saw.Expired && !saw.Conflict || now.Before(settled) || saw.AsOf != 0 && time.Unix(saw.AsOf, 0).Before(settled) {
		return false
	}
	if now.Sub(w.t.Created) <= history {
		return true
	}
	h, ok := w.node.(node.Historian) // the bytes may be as old as the row
	if !ok {
		return false
	}
	whole, _ := h.Remembers(ctx, w.sealed(), w.t.Created)
	return whole
}

// risenParked takes what the network has of a parked row.
func (w *work) risenParked(ctx context.Context, saw node.Sighting) error {
	if !w.t.Noted.IsZero() && w.t.State == pending.Signed {
		if w.database = w.loop.Store.Doubt(context.WithoutCancel(ctx), w.t.ID, false); w.database != nil {
			return w.database
		}
	}
	if w.t.State != pending.Signed && w.doubted() {
		if err := w.note(ctx, "", ""); err != nil {
			return err
		}
	}
	if w.withdrawn() {
		w.loop.problem(w.sum, fault.New(unwanted, "do not make the payment again, and find out who else has its signature", "ALARM: it was withdrawn and never sent from here, and the network has it"),
			"id", w.t.ID.String(), "txid", w.t.TxID, "confirmations", saw.Confirmations)
	}
	depth := w.loop.Depth[w.t.Network]
	if depth == 0 || saw.Confirmations < depth || saw.Few || saw.Differ != "" {
		return nil
	}
	if saw.Failed {
		return w.fail(ctx, pending.Fail, "chain.failed", "the transaction is in a block, and its execution failed")
	}
	return w.move(ctx, pending.Confirm, func(t *pending.Transaction) error {
		t.Confirmations = saw.Confirmations
		return nil
	})
}
