package broadcast

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"coldsign/online/internal/failpoint"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// work is one turn of one row.
type work struct {
	loop     *Loop
	node     node.Node
	t        pending.Transaction // as it is in the database
	sum      *Summary
	database error // the database failed: nothing more is done in this round
}

// turn gives the row its turn.
func (w *work) turn(ctx context.Context) error {
	if watched(&w.t) {
		return w.watch(ctx)
	}
	return w.step(ctx)
}

// step takes the row as far as it goes now: intent, look, send, look, judge.
// The error tells what a person may have to see; the row stays as it is.
func (w *work) step(ctx context.Context) error {
	if w.t.CancelRequested {
		return w.parked(ctx)
	}
	if w.t.State == pending.Signed {
		if err := w.move(ctx, pending.Intend, sendable); err != nil {
			return err
		}
		failpoint.At(failpoint.Intended)
	}
	if err := sendable(&w.t); err != nil {
		return err
	}
	sealed := w.sealed()
	saw, err := w.node.Look(ctx, sealed)
	if err != nil {
		return err
	}
	over, err := w.conclusive(ctx, saw)
	if err != nil {
		return err
	}
	if over {
		return w.end(ctx, saw)
	}
	var said error
	if !saw.Seen {
		if saw, said, err = w.send(ctx, sealed); err != nil {
			return err
		}
	}
	if !saw.Seen {
		return w.unseen(ctx, saw, said)
	}
	if saw.Differ == "" {
		if err := w.note(ctx, "", ""); err != nil {
			return err
		}
	}
	w.sum.taken = true
	w.loop.soon(w.t.ID)
	if err := w.seen(ctx, saw); err != nil {
		return err
	}
	if node.Alarm(fault.Code(said)) {
		w.complain(ctx, said)
	}
	return w.database
}

// unseen judges a row that no node shows, though it was sent where it may be: one that
// spends what can never be has come to its end.
func (w *work) unseen(ctx context.Context, saw node.Sighting, said error) error {
	w.t.Confirmations = 0
	if gone := w.orphan(ctx, saw); gone {
		saw.Conflict = true
		over, err := w.conclusive(ctx, saw)
		if err != nil {
			return err
		}
		if over {
			return w.end(ctx, saw)
		}
	}
	if w.doubted() && saw.Differ == "" {
		if err := w.note(ctx, "", ""); err != nil {
			return err
		}
	}
	w.loop.later(w.t.ID)
	if said != nil {
		return fmt.Errorf("not seen yet, and %w", said)
	}
	return nil
}

func (w *work) sealed() chain.Sealed { return chain.Sealed{TxID: w.t.TxID, Raw: w.t.Raw} }

// send gives the node the bytes, unless a younger row that conflicts with this one
// is with the network: then the row is only looked for.
func (w *work) send(ctx context.Context, sealed chain.Sealed) (saw node.Sighting, said, failed error) {
	outbid, competes, err := w.loop.Store.Outbid(ctx, w.t.ID)
	if err != nil {
		w.database = err
		return saw, nil, err
	}
	if outbid {
		return saw, nil, nil
	}
	outcome, said := w.deliver(ctx, sealed)
	failpoint.At(failpoint.Answered)
	w.sum.taken = w.sum.taken || outcome == node.Accepted
	if competes && fault.Is(said, string(node.Rival)) {
		said = fault.New(string(node.Fee), "replace it with a higher fee", "its fee is too low to take the place of the transaction that it replaces: %w", said)
	}
	if outcome == node.Accepted && w.t.State == pending.Broadcasting {
		if err := w.move(ctx, pending.Accept, nil); err != nil {
			return saw, said, err
		}
		failpoint.At(failpoint.Accepted)
	}
	if saw, err = w.node.Look(ctx, sealed); err != nil {
		return node.Sighting{}, cmp.Or(said, err), nil
	}
	return saw, said, nil
}

// deliver gives the bytes to whoever sends this row.
func (w *work) deliver(ctx context.Context, sealed chain.Sealed) (node.Outcome, error) {
	if r := w.loop.Relay; r != nil {
		if o, mine, err := r.Send(ctx, &w.t); mine || err != nil {
			return o, err
		}
	}
	return w.node.Send(ctx, sealed)
}

// sendable refuses a row that must not leave.
func sendable(t *pending.Transaction) error {
	if t.TxID == "" || len(t.Raw) == 0 || t.Asserted || t.CancelRequested {
		return fault.New("broadcast.unsealed", "report this as a defect", "transaction %s is not ready to be broadcast", t.ID)
	}
	return nil
}

// seen records a transaction that the network has.
func (w *work) seen(ctx context.Context, saw node.Sighting) error {
	w.t.Confirmations = saw.Confirmations
	confirmed := func(t *pending.Transaction) error {
		t.Confirmations = saw.Confirmations
		return nil
	}
	if w.t.State == pending.Broadcasting {
		if err := w.move(ctx, pending.Accept, confirmed); err != nil {
			return err
		}
	}
	depth := w.loop.Depth[w.t.Network]
	if depth == 0 {
		return fault.New("config.confirmations", "set confirmations for it in config.toml", "no confirmations are set for %s", w.t.Network)
	}
	if saw.Differ != "" {
		w.complain(ctx, differ(saw))
	}
	if saw.Confirmations < depth || saw.Few || w.database != nil {
		return w.database
	}
	if saw.Failed {
		return w.fail(ctx, pending.Fail, pending.Executed, "the transaction is in a block, and its execution failed")
	}
	return w.move(ctx, pending.Confirm, confirmed)
}

func (l *Loop) settles() time.Duration {
	if l.Settle > 0 {
		return l.Settle
	}
	return settle
}

const conflicted, expired = pending.Conflicted, "chain.expired"

// end closes a row that can never land. The end of a payment is not decided by
// one answer: the first is noted in the row, where other processes find it too,
// and a later look must say the same, with none in between that says otherwise.
func (w *work) end(ctx context.Context, saw node.Sighting) error {
	e, code, reason := pending.Expire, expired, "it was not in any block before its blockhash expired"
	if saw.Conflict {
		e, code, reason = pending.Fail, conflicted, "another transaction has taken its place for good"
	}
	if w.t.Noted.After(w.loop.Now().Add(ahead)) {
		if err := w.note(ctx, "", ""); err != nil {
			return err
		}
	}
	if w.t.Code != code || w.t.Noted.IsZero() {
		return w.note(ctx, code, reason+", says the node; to be asked again")
	}
	if w.loop.Now().Sub(w.t.Noted) < w.loop.settles() {
		return nil
	}
	if saw.Conflict {
		if err := w.withdraw(ctx); err != nil {
			return err
		}
	}
	return w.fail(ctx, e, code, reason)
}

// doubted reports whether an earlier look said that the row can never land.
func (w *work) doubted() bool {
	return w.t.Code == conflicted || w.t.Code == expired || w.t.Code == reorged && w.t.State == pending.Complete
}

// note says in the row what keeps it from landing.
func (w *work) note(ctx context.Context, code, reason string) error {
	if w.t.Code == code && w.t.Reason == reason {
		return nil
	}
	if w.database = w.loop.Store.Note(context.WithoutCancel(ctx), w.t.ID, code, reason); w.database == nil {
		w.t.Code, w.t.Reason = code, reason
	}
	return w.database
}

// complain reports an error of the row's turn, and notes it in the row unless a
// doubt is there, which an error neither confirms nor removes.
func (w *work) complain(ctx context.Context, err error) {
	w.loop.problem(w.sum, fmt.Errorf("transaction %s: %w", w.t.ID, err), "id", w.t.ID.String(), "txid", w.t.TxID)
	if code := fault.Code(err); (w.t.State == pending.Broadcasting || node.Alarm(code)) && !w.doubted() {
		what, cure := node.Words(code) // never what the node wrote
		if what == "" {
			what = quote.Line(err.Error())
		} else if cure != "" {
			what += "; " + cure
		}
		_ = w.note(ctx, code, what) // w.database tells
	}
}

func (w *work) fail(ctx context.Context, e pending.Event, code, reason string) error {
	return w.move(ctx, e, func(t *pending.Transaction) error {
		t.Code, t.Reason = code, reason
		return nil
	})
}

// move commits one event. A state.conflict means that somebody else moved the
// row: its turn is over. Any other error is the database's.
func (w *work) move(ctx context.Context, e pending.Event, change func(*pending.Transaction) error) error {
	// What a node has shown is written down even while the program ends.
	t, err := w.loop.Store.Move(context.WithoutCancel(ctx), w.t.ID, e, change)
	if err != nil {
		if !fault.Is(err, "state.conflict") && !fault.Is(err, "deadline.passed") && !fault.Is(err, "broadcast.unsealed") {
			w.database = err
		}
		return err
	}
	w.t = t
	w.sum.count(t.State)
	w.loop.Log.Info("broadcast", "id", t.ID.String(), "network", string(t.Network), "txid", t.TxID, "state", string(t.State))
	if ended(t.State) {
		w.loop.forget(t.ID)
	}
	return nil
}

func (l *Loop) memory(id bundle.ID) memory {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rows[id]
}

func (l *Loop) remember(id bundle.ID, change func(*memory)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rows == nil {
		l.rows = make(map[bundle.ID]memory)
	}
	m := l.rows[id]
	change(&m)
	l.rows[id] = m
}

func (l *Loop) forget(id bundle.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.rows, id)
}

// later doubles the time until the row's bytes are sent again.
func (l *Loop) later(id bundle.ID) {
	l.remember(id, func(m *memory) {
		m.wait = min(max(2*m.wait, l.every()), maxBackoff)
		m.next = l.Now().Add(m.wait)
	})
}

func (l *Loop) soon(id bundle.ID) {
	l.remember(id, func(m *memory) { m.wait, m.next = 0, time.Time{} })
}
