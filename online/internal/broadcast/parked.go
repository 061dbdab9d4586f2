package broadcast

import (
	"context"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
)

// parked looks for a row of which nothing is sent any more: its answer came too late,
// or its payment was quoted anew. Who else has the signature may have sent it. When it
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
	proof := !saw.Few && (saw.Expired || saw.Conflict)
	now := w.loop.Now()
	if proof && now.Sub(w.t.Created) > history {
		// The bytes may be as old as the row.
		if h, ok := w.node.(node.Historian); ok {
			proof, _ = h.Remembers(ctx, w.sealed(), w.t.Created)
		} else {
			proof = false
		}
	}
	proof = proof && now.Sub(w.t.Created) >= w.loop.settles()
	if !proof || w.t.Noted.IsZero() {
		if proof != !w.t.Noted.IsZero() {
			w.database = w.loop.Store.Doubt(context.WithoutCancel(ctx), w.t.ID, proof)
		}
		return w.database
	}
	if now.Sub(w.t.Noted) < w.loop.settles() {
		return nil
	}
	if saw.Conflict {
		return w.fail(ctx, pending.Fail, conflicted, "another transaction has taken its place for good")
	}
	return w.fail(ctx, pending.Expire, expired, "it was not in any block before its blockhash expired")
}

// risenParked takes what the network has of a parked row.
func (w *work) risenParked(ctx context.Context, saw node.Sighting) error {
	if !w.t.Noted.IsZero() && w.t.State == pending.Signed {
		if w.database = w.loop.Store.Doubt(context.WithoutCancel(ctx), w.t.ID, false); w.database != nil {
			return w.database
		}
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
