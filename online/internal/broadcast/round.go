package broadcast

import (
	"context"
	"fmt"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// network gives each row of one network a turn. Unless all is set, rows that
// wait before they are sent again are passed over. The error is the database's.
func (l *Loop) network(ctx context.Context, network chain.ID, rows []pending.Transaction, all bool) (sum Summary, failed error) {
	noted := 0 // rows whose turn is; each at once, as a kill may come
	defer func() { l.turn(ctx, rows[noted:]) }()
	if l.Watch != nil {
		defer func() { l.Watch.Round(network, len(sum.Problems)) }()
	}
	n := l.Nodes[network]
	if n == nil {
		l.absent(&sum, network, rows, fault.New("node.missing", "add a [[network]] table to config.toml", "no node is configured for %s", network))
		return sum, nil
	}
	err := guard(func() error { return n.Check(ctx) })
	if l.Watch != nil {
		l.Watch.Node(network, err == nil)
	}
	if err != nil {
		l.absent(&sum, network, rows, fmt.Errorf("%s: %w", network, err))
		return sum, nil
	}
	if g, ok := n.(node.Group); ok {
		for _, err := range g.Troubles() {
			l.problem(&sum, fmt.Errorf("%s: %w", network, err), "network", network)
		}
	}
	missed := 0
	for i := range rows {
		l.turn(ctx, rows[noted:i])
		noted = i
		watched := watched(&rows[i]) || parked(&rows[i])
		if ctx.Err() != nil || missed == misses {
			if !watched {
				sum.Waiting++
			}
			continue
		}
		if !all && l.Now().Before(l.memory(rows[i].ID).next) {
			continue
		}
		w := &work{loop: l, node: n, t: rows[i], sum: &sum}
		rowCtx, cancel := context.WithTimeout(ctx, rowTime)
		err := guard(func() error { return w.turn(rowCtx) })
		cancel()
		rows[i].Confirmations = w.t.Confirmations
		if watched {
			sum.Watched++
		} else if sum.Looked++; !ended(w.t.State) {
			sum.Waiting++
		}
		if missed++; err == nil || fault.Is(err, "state.conflict") || fault.Is(err, "deadline.passed") {
			missed = 0 // the node has no part in it
		}
		// A conflict means that another process moved the row: nothing is wrong.
		if err != nil && w.database == nil && !fault.Is(err, "state.conflict") {
			w.complain(ctx, err)
		}
		if w.database != nil {
			l.Log.Error("cannot store what became of a transaction", "id", w.t.ID.String(), "error", w.database)
			return sum, w.database
		}
	}
	return sum, nil
}

// absent notes that a network has no node now. Rows of which nothing is sent wait for none.
func (l *Loop) absent(sum *Summary, network chain.ID, rows []pending.Transaction, why error) {
	for i := range rows {
		if !parked(&rows[i]) {
			sum.Waiting++
		}
	}
	if sum.Waiting > 0 {
		l.problem(sum, why, "network", network)
	}
}

// parked reports whether nothing of a signed row is sent any more.
func parked(t *pending.Transaction) bool { return t.State == pending.Signed && t.CancelRequested }

func ended(s pending.State) bool {
	return s == pending.Complete || s == pending.Failed || s == pending.Expired
}

func (l *Loop) problem(sum *Summary, err error, about ...any) {
	sum.Problems = append(sum.Problems, err.Error())
	say := l.Log.Warn
	if node.Alarm(fault.Code(err)) {
		say = l.Log.Error
	}
	say("broadcast", append(about, "code", fault.Code(err), "error", err.Error())...)
}

// turn sends rows to the end of the queue.
func (l *Loop) turn(ctx context.Context, rows []pending.Transaction) {
	ctx = context.WithoutCancel(ctx)
	for _, t := range rows {
		var err error
		if watched(&t) {
			err = l.Store.Watching(ctx, t.ID, false)
		} else {
			err = l.Store.Seen(ctx, t.ID, t.Confirmations)
		}
		if err != nil {
			l.Log.Error("cannot note a turn", "id", t.ID.String(), "error", err)
			return
		}
	}
}

// guard turns a panic in a node client into an error.
func guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.New("node.panic", "report this as a defect", "the node client broke: %q", fmt.Sprint(p))
		}
	}()
	return do()
}
