// Package broadcast takes sealed transactions to their networks and watches
// them until they are deep enough.
//
//	loop := &broadcast.Loop{Store: s, Nodes: nodes, Depth: depths, Log: log, Now: time.Now}
//	err := loop.Run(ctx)            // beside the API
//	summary, err := loop.Once(ctx)  // on the command line
//
// The intent to send is on disk before the first byte leaves. A retry sends the
// identical bytes. What a node says, and that it says nothing, moves no state;
// what moves it is the transaction seen under the id computed here, or a node
// naming that id as taken. So a crash or a lost reply at any point is mended by
// doing the same again.
package broadcast

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
)

const (
	interval   = 10 * time.Second // between rounds, when the Loop names none
	settle     = 2 * time.Minute  // see Loop.Settle
	history    = 24 * time.Hour   // how far back a node is trusted to know what landed
	maxBackoff = 10 * time.Minute // between two sendings of the same bytes
	batch      = 256              // rows of one round
	watchEvery = time.Minute      // between two looks at a complete row
	coverEvery = time.Hour        // between two notes of how far a row is covered
	rowTime    = 90 * time.Second // for everything asked about one row
	misses     = 3                // failed rows in a row after which a node is left alone for the round
)

// Store is what the loop needs of the database.
type Store interface {
	// Due lists rows that are signed, broadcasting or broadcast, those looked at
	// longest ago first.
	Due(ctx context.Context, limit int) ([]pending.Transaction, error)
	// Move commits one event of the transition table, or returns state.conflict.
	Move(ctx context.Context, id bundle.ID, e pending.Event, change func(*pending.Transaction) error) (pending.Transaction, error)
	// Note says what keeps a row from landing; no code, that nothing does. The
	// row's Noted is since when it has that code.
	Note(ctx context.Context, id bundle.ID, code, reason string) error
	// Seen notes that a row had its turn.
	Seen(ctx context.Context, id bundle.ID, confirmations uint64) error
	// Outbid reports whether a younger row that conflicts with this one is with the
	// network, so that this one is not sent any more, and whether there are such rows
	// of ours at all.
	Outbid(ctx context.Context, id bundle.ID) (outbid, competes bool, err error)
	// Rivals gives the rows that compete with one another with the tenant's row, itself
	// among them.
	Rivals(ctx context.Context, tenant string, id bundle.ID) ([]pending.Transaction, error)
	// Parked lists signed rows of which nothing is sent, and that others may have sent,
	// last looked at before the given time.
	Parked(ctx context.Context, before time.Time, limit int) ([]pending.Transaction, error)
	// Doubt notes that a parked row can never land, as nodes say, or that they do not
	// say so any more.
	Doubt(ctx context.Context, id bundle.ID, doubt bool) error
	Watcher
}

// Watcher is what outlives the loop of what it has seen.
type Watcher interface {
	// Watched lists complete rows that a reorganization may still reach, last looked
	// at before the given time.
	Watched(ctx context.Context, before time.Time, limit int) ([]pending.Transaction, error)
	// Watching notes that a complete row had its turn; deep, that it needs no other.
	Watching(ctx context.Context, id bundle.ID, deep bool) error
	// Cover notes that a row was looked for just now, without a gap before.
	Cover(ctx context.Context, id bundle.ID) error
	// Covered gives the time of the last Cover.
	Covered(ctx context.Context, id bundle.ID) (time.Time, error)
}

// Watch is told how the rounds go.
type Watch interface {
	// Round tells that a network had its turn, and of how many problems in it.
	Round(network chain.ID, problems int)
	// Node tells whether the network's nodes answered for it.
	Node(network chain.ID, up bool)
}

// Relay sends some rows in the place of their node.
type Relay interface {
	// Send gives on the sealed bytes, like node.Node's; mine is false of a row that its
	// node is to get.
	Send(ctx context.Context, t *pending.Transaction) (o node.Outcome, mine bool, err error)
}

// Loop broadcasts. Its fields are set before the first call and then left
// alone; Run and Once may not run at the same time.
type Loop struct {
	Store    Store
	Nodes    map[chain.ID]node.Node
	Depth    map[chain.ID]uint64 // confirmations that make a row complete; without one it never is
	Deep     map[chain.ID]uint64 // confirmations up to which a complete row is watched for a reorganization; without one it is not
	Log      *slog.Logger
	Now      func() time.Time
	Interval time.Duration   // between rounds; 0 means 10 s
	Wake     <-chan struct{} // begins a round at once; nil never does

	// Relay is asked before a node is given anything; it may be nil.
	Relay Relay

	// Parents gives the transactions of which a row spends outputs; it may be nil, and
	// then what those become ends no row.
	Parents func(context.Context, *pending.Transaction) ([]Parent, error)

	// Bytes gives the transaction of a row under its id, of one that is not sealed as
	// well where its id does not depend on signatures; it may be nil.
	Bytes func(*pending.Transaction) (s chain.Sealed, ok bool)

	// Watch is told how each round went; it may be nil.
	Watch Watch

	// Settle is how old a row must be, and how long its node must stand by it,
	// before "it can never land" is believed; 0 means two minutes. A node that lags
	// by less cannot mislead: it may not know a young blockhash, nor yet the
	// transaction.
	Settle time.Duration

	mu   sync.Mutex
	rows map[bundle.ID]memory
}

// memory is what the loop remembers of a row. Losing it delays, no more.
type memory struct {
	wait    time.Duration // between two sendings
	next    time.Time     // not to be sent before
	covered time.Time     // up to when a node would have shown it landed; see conclusive
	kept    time.Time     // the same, as the database has it
	read    bool          // kept has been read
}

// Summary counts what became of the rows of one pass. Problems has a line for
// each node or row that needs a person.
type Summary struct {
	Looked    int      `json:"looked"`
	Accepted  int      `json:"accepted"`
	Completed int      `json:"completed"`
	Failed    int      `json:"failed"`
	Expired   int      `json:"expired"`
	Waiting   int      `json:"waiting"`           // still on their way
	Watched   int      `json:"watched,omitempty"` // complete or withdrawn, and looked at all the same
	Reorged   int      `json:"reorged,omitempty"` // complete, and on their way again
	Problems  []string `json:"problems,omitempty"`

	taken bool // a node has taken a transaction of it, or shows one
}

func (s *Summary) count(to pending.State) {
	switch to {
	case pending.Broadcast:
		s.Accepted++
	case pending.Complete:
		s.Completed++
	case pending.Failed:
		s.Failed++
	case pending.Expired:
		s.Expired++
	}
}

func (s *Summary) add(o Summary) {
	s.Looked += o.Looked
	s.Accepted += o.Accepted
	s.Completed += o.Completed
	s.Failed += o.Failed
	s.Expired += o.Expired
	s.Waiting += o.Waiting
	s.Watched += o.Watched
	s.Reorged += o.Reorged
	s.Problems = append(s.Problems, o.Problems...)
}

// Run broadcasts until ctx ends. Each network has its own worker, so a node that
// does not answer delays its own network only.
func (l *Loop) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	var mu sync.Mutex
	busy := make(map[chain.ID]bool)
	for {
		rows, err := l.due(ctx, l.Now().Add(-watchEvery))
		if err != nil && ctx.Err() == nil {
			l.Log.Error("cannot read what to broadcast", "error", err)
		}
		for network, group := range byNetwork(rows) {
			mu.Lock()
			free := !busy[network]
			busy[network] = true
			mu.Unlock()
			if !free {
				// To the end of the queue: they must not hide other networks' rows.
				l.turn(ctx, group)
				continue
			}
			workers.Go(func() {
				l.network(ctx, network, group, false)
				mu.Lock()
				defer mu.Unlock()
				delete(busy, network)
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.Wake:
		case <-time.After(l.every()):
		}
	}
}

func (l *Loop) every() time.Duration {
	if l.Interval > 0 {
		return l.Interval
	}
	return interval
}

// Once gives every row one turn now. The error is the database's; what nodes
// and rows had to say is in the summary.
func (l *Loop) Once(ctx context.Context) (Summary, error) {
	var total Summary
	done := make(map[bundle.ID]bool)
	begun := l.Now().Add(time.Millisecond) // the database's resolution
	for {
		rows, err := l.due(ctx, begun)
		if err != nil {
			return total, err
		}
		var fresh []pending.Transaction
		for _, t := range rows {
			if !done[t.ID] {
				done[t.ID] = true
				fresh = append(fresh, t)
			}
		}
		if len(fresh) == 0 || ctx.Err() != nil {
			return total, ctx.Err()
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		var failed error
		for network, group := range byNetwork(fresh) {
			wg.Go(func() {
				sum, err := l.network(ctx, network, group, true)
				mu.Lock()
				defer mu.Unlock()
				total.add(sum)
				if err != nil {
					failed = err
				}
			})
		}
		wg.Wait()
		if failed != nil {
			return total, failed
		}
	}
}

// Send gives one sealed row its turn at once, beside Run and other replicas: all
// send the same bytes. It reports whether a node has taken the transaction or shows
// it, also where the database could not be told, which is the error. What the node
// had to say is in the row then.
func (l *Loop) Send(ctx context.Context, row pending.Transaction) (taken bool, err error) {
	sum, err := l.network(ctx, row.Network, []pending.Transaction{row}, true)
	return sum.taken, err
}

// due gives rows to look at: those on their way, and parked and complete ones that were last
// looked at before the given time.
func (l *Loop) due(ctx context.Context, before time.Time) ([]pending.Transaction, error) {
	rows, err := l.Store.Due(ctx, batch)
	if err != nil {
		return rows, err
	}
	parked, err := l.Store.Parked(ctx, before, batch)
	rows = append(rows, parked...)
	if err != nil || len(l.Deep) == 0 {
		return rows, err
	}
	watched, err := l.Store.Watched(ctx, before, batch)
	return append(rows, watched...), err
}

func byNetwork(rows []pending.Transaction) map[chain.ID][]pending.Transaction {
	groups := make(map[chain.ID][]pending.Transaction)
	for _, t := range rows {
		groups[t.Network] = append(groups[t.Network], t)
	}
	return groups
}
