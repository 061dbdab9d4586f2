package broadcast

import (
	"context"
	"time"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/shared/fault"
)

// reorged is the code of a row that was complete and is no longer as deep.
const reorged = "chain.reorg"

// watch looks at a complete row that a reorganization may still reach. When as
// many nodes as must agree say, twice and some time apart, that it is no longer
// deep enough, the row is on its way again: with the same bytes, and no others.
func (w *work) watch(ctx context.Context) error {
	depth, deep := w.loop.Depth[w.t.Network], w.loop.Deep[w.t.Network]
	if depth == 0 || deep == 0 || w.t.Asserted || len(w.t.Raw) == 0 {
		return nil
	}
	saw, err := w.node.Look(ctx, w.sealed())
	if err != nil {
		return err
	}
	if w.t.State == pending.Failed {
		return w.risen(ctx, saw, depth, deep)
	}
	switch {
	case saw.Few:
		return nil
	case max(saw.Confirmations, saw.Most) < depth:
		return w.undone(ctx, saw, depth)
	case saw.Differ != "":
		w.complain(ctx, differ(saw))
		return w.database
	}
	if err := w.note(ctx, "", ""); err != nil {
		return err
	}
	if saw.Confirmations < deep {
		return nil
	}
	w.database = w.loop.Store.Watching(context.WithoutCancel(ctx), w.t.ID, true)
	return w.database
}

// stranger is how long a failed row is watched that is in no block.
const stranger = 7 * 24 * time.Hour

// risen takes a failed row back when as many nodes as must agree show that it is paid
// after all: in a block, where another transaction was final in its place; deep enough
// and done, where its own execution had failed. It is not sent again before: the payment
// may have been made anew since.
func (w *work) risen(ctx context.Context, saw node.Sighting, depth, deep uint64) error {
	was, itself := "another transaction was final in its place, and it", w.t.Code == pending.Executed
	least := uint64(1)
	if itself {
		was, least = "its execution had failed in a block that is gone, and it", depth
	}
	if saw.Few || saw.Confirmations < least || itself && (saw.Failed || saw.Differ != "") {
		settled := itself && saw.Failed && !saw.Few && saw.Confirmations >= deep
		if settled || saw.Confirmations == 0 && w.loop.Now().Sub(w.t.Updated) > stranger {
			w.database = w.loop.Store.Watching(context.WithoutCancel(ctx), w.t.ID, true)
		}
		return w.database
	}
	alarm := fault.New(reorged, "do not make the payment again; if that was done, both may land", "ALARM: it was failed, since %s is in a block now", was)
	if err := w.move(ctx, pending.Revive, func(t *pending.Transaction) error {
		t.Code, t.Reason = reorged, alarm.Error()
		return nil
	}); err != nil {
		return err
	}
	w.sum.Reorged++
	w.loop.problem(w.sum, alarm, "id", w.t.ID.String(), "txid", w.t.TxID, "state", string(w.t.State))
	return w.seen(ctx, saw)
}

// watched reports whether a row that is due is one that has ended.
func watched(t *pending.Transaction) bool { return ended(t.State) }

// undone takes a row back that is not as deep any more.
func (w *work) undone(ctx context.Context, saw node.Sighting, depth uint64) error {
	alarm := fault.New(reorged, "compare the nodes with another explorer", "ALARM: it was complete, and has %d confirmations of %d now: a reorganization, or a node that lost blocks", saw.Confirmations, depth)
	if w.t.Code != reorged || w.t.Noted.IsZero() {
		w.loop.problem(w.sum, alarm, "id", w.t.ID.String(), "txid", w.t.TxID)
		return w.note(ctx, reorged, alarm.Error())
	}
	if w.loop.Now().Sub(w.t.Noted) < w.loop.settles() {
		return nil
	}
	if err := w.move(ctx, pending.Reorg, func(t *pending.Transaction) error {
		t.Confirmations = saw.Confirmations
		t.Code, t.Reason = reorged, "a reorganization took it out of its block; the same bytes are sent again"
		return nil
	}); err != nil {
		return err
	}
	w.sum.Reorged++
	w.loop.problem(w.sum, alarm, "id", w.t.ID.String(), "txid", w.t.TxID, "state", string(w.t.State))
	return w.step(ctx)
}

// differ is the error for nodes that contradict one another.
func differ(saw node.Sighting) error {
	what, cure := node.Words("node.differ")
	return fault.New("node.differ", cure, "%s: %s", what, saw.Differ)
}
