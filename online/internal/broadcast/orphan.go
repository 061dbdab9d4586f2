package broadcast

import (
	"context"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// maxLine is how many transactions of one line are looked at, from the row back.
const maxLine = 8

// Parent is a transaction of which a row spends an output.
type Parent struct {
	chain.Sealed
	Row *pending.Transaction // that has it; nil of a transaction that is not ours
}

// orphaned reports whether the row can never land, since a transaction of which it spends
// an output never can: as many nodes as must agree show that another one is final in the
// place of that, or of one before it. No node says so of the row itself: of an output
// that never came to be there is no spender.
func (w *work) orphaned(ctx context.Context, t *pending.Transaction, line int) (bool, error) {
	if w.loop.Parents == nil || line == maxLine {
		return false, nil
	}
	parents, err := w.loop.Parents(ctx, t)
	if err != nil {
		return false, err
	}
	for _, p := range parents {
		saw, err := w.node.Look(ctx, p.Sealed)
		switch {
		case err != nil:
			return false, err
		case saw.Seen || saw.Few:
			continue
		case saw.Conflict:
			return true, nil
		case p.Row == nil:
			continue
		}
		if gone, err := w.orphaned(ctx, p.Row, line+1); gone || err != nil {
			return gone, err
		}
	}
	return false, nil
}

// orphan reports whether a row that nobody shows, as the sighting says, is an orphan.
// Before it is old enough to end nobody asks. The search may take all the time of the
// row's turn, so it comes when the row was sent; what its parents are is no trouble of
// the row.
func (w *work) orphan(ctx context.Context, saw node.Sighting) bool {
	if saw.Few || saw.Conflict || saw.Expired || w.loop.Now().Sub(w.t.Created) < w.loop.settles() {
		return false
	}
	gone, err := w.orphaned(ctx, &w.t, 0)
	return gone && err == nil
}

const superseded = "another transaction is final in its place, and nothing of it was sent"

// withdraw ends the withdrawn rivals of a row that can never land, where they cannot
// either: nothing of them is sent, so that nobody looks at them by themselves, and what
// they hold would be theirs for ever. It comes before the row's own end: a kill in
// between has both done again.
func (w *work) withdraw(ctx context.Context) error {
	rivals, err := w.loop.Store.Rivals(ctx, w.t.Tenant, w.t.ID)
	if err != nil {
		w.database = err
		return err
	}
	for i := range rivals {
		r := &rivals[i]
		if _, unsent := pending.Transition(r.State, pending.Supersede); !unsent || !r.CancelRequested || w.loop.Bytes == nil {
			continue
		}
		sealed, ok := w.loop.Bytes(r)
		if !ok {
			continue
		}
		saw, err := w.node.Look(ctx, sealed)
		gone := saw.Conflict
		if err == nil && !gone && !saw.Seen && !saw.Few {
			gone, err = w.orphaned(ctx, r, 0)
		}
		if err != nil {
			return err
		}
		if !gone {
			continue
		}
		if _, err := w.loop.Store.Move(context.WithoutCancel(ctx), r.ID, pending.Supersede, func(p *pending.Transaction) error {
			p.Code, p.Reason = pending.Replaced, superseded
			return nil
		}); err != nil && !fault.Is(err, "state.conflict") {
			w.database = err
			return err
		}
	}
	return nil
}
