package broadcast

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

const net1, net2 chain.ID = "eip155:1", "eip155:2"

// row is a signed transaction, made an hour ago.
func row(n byte, network chain.ID, now time.Time) pending.Transaction {
	return pending.Transaction{
		ID: bundle.ID{n}, Network: network, State: pending.Signed, TxID: "tx" + string('a'+rune(n)), Raw: []byte{n}, Bundle: 1,
		Created: now.Add(-time.Hour), Updated: now.Add(-time.Minute),
	}
}

func setup(t *testing.T, rows ...pending.Transaction) (*Loop, *memoryStore, *memoryNode) {
	s := newStore(time.Now, rows...)
	n := &memoryNode{t: t, store: s, sightsOf: make(map[string]node.Sighting)}
	n.onSend = n.takes
	return &Loop{
		Store: s, Nodes: map[chain.ID]node.Node{net1: n}, Depth: map[chain.ID]uint64{net1: 3, net2: 3},
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}, s, n
}

func once(t *testing.T, l *Loop) Summary {
	t.Helper()
	sum, err := l.Once(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func wantState(t *testing.T, s *memoryStore, n byte, want pending.State) {
	t.Helper()
	if got := s.get(n); got.State != want {
		t.Fatalf("row %d is %s, want %s (%s)", n, got.State, want, got.Code)
	}
}

func TestLifeOfAPayment(t *testing.T) {
	l, s, n := setup(t, row(1, net1, time.Now()))
	if sum := once(t, l); sum.Accepted != 1 || sum.Looked != 1 || sum.Waiting != 1 || sum.Problems != nil {
		t.Errorf("got %+v", sum)
	}
	wantState(t, s, 1, pending.Broadcast)
	n.show("txb", node.Sighting{Seen: true, Confirmations: 2})
	once(t, l)
	wantState(t, s, 1, pending.Broadcast)
	if got := s.get(1).Confirmations; got != 2 {
		t.Errorf("%d confirmations, want 2", got)
	}
	n.show("txb", node.Sighting{Seen: true, Confirmations: 3})
	if sum := once(t, l); sum.Completed != 1 || sum.Waiting != 0 {
		t.Errorf("got %+v", sum)
	}
	wantState(t, s, 1, pending.Complete)
	if got := s.get(1).Confirmations; got != 3 {
		t.Errorf("%d confirmations, want 3", got)
	}
	if want := []pending.Event{pending.Intend, pending.Accept, pending.Confirm}; !slices.Equal(s.events, want) || len(n.sent) != 1 {
		t.Errorf("events %v, %d sent", s.events, len(n.sent))
	}
	if sum := once(t, l); sum.Looked != 0 || len(l.rows) != 0 {
		t.Errorf("a complete row is still worked on: %+v, %d remembered", sum, len(l.rows))
	}
}

// The answer is lost after the bytes have left (crash points K8 to K10).
func TestLostAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		lands bool // the network got the bytes
		state pending.State
	}{"arrived": {true, pending.Broadcast}, "dropped": {false, pending.Broadcasting}} {
		t.Run(name, func(t *testing.T) {
			l, s, n := setup(t, row(1, net1, time.Now()))
			n.onSend = func(x chain.Sealed) (node.Outcome, error) {
				if c.lands {
					n.sightsOf[x.TxID] = node.Sighting{Seen: true}
				}
				return node.Ambiguous, errors.New("connection reset")
			}
			once(t, l)
			wantState(t, s, 1, c.state)
			n.onSend = n.takes
			again := &Loop{Store: l.Store, Nodes: l.Nodes, Depth: l.Depth, Log: l.Log, Now: l.Now} // the process was restarted
			once(t, again)
			wantState(t, s, 1, pending.Broadcast)
			for _, x := range n.sent {
				if x.TxID != "txb" || !bytes.Equal(x.Raw, []byte{1}) {
					t.Errorf("other bytes were sent: %+v", x)
				}
			}
			if want := map[bool]int{true: 1, false: 2}[c.lands]; len(n.sent) != want {
				t.Errorf("sent %d times, want %d", len(n.sent), want)
			}
		})
	}
}

func TestWordsAndSilenceMoveNothing(t *testing.T) {
	for name, c := range map[string]struct {
		outcome node.Outcome
		says    string
	}{
		"already known, and nothing there": {node.Ambiguous, "already known"},
		"nonce too low":                    {node.Ambiguous, "nonce too low"},
		"insufficient funds":               {node.Rejected, "insufficient funds"},
		"dust":                             {node.Rejected, "dust"},
		"silence":                          {node.Ambiguous, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			l, s, n := setup(t, row(1, net1, time.Now()))
			n.onSend = func(chain.Sealed) (node.Outcome, error) { return c.outcome, errors.New(c.says) }
			for range 5 {
				sum := once(t, l)
				if len(sum.Problems) != 1 || !strings.Contains(sum.Problems[0], c.says) || sum.Waiting != 1 {
					t.Errorf("got %+v", sum)
				}
				wantState(t, s, 1, pending.Broadcasting)
			}
		})
	}
	t.Run("the node is down", func(t *testing.T) {
		a, b := row(1, net1, time.Now()), row(2, net1, time.Now())
		b.State = pending.Broadcast
		l, s, n := setup(t, a, b)
		n.down = errors.New("connection refused")
		for range 5 {
			once(t, l)
		}
		wantState(t, s, 1, pending.Broadcasting)
		wantState(t, s, 2, pending.Broadcast)
	})
	t.Run("another network", func(t *testing.T) {
		l, s, n := setup(t, row(1, net1, time.Now()))
		n.wrong = fault.New("node.network", "", "wrong network")
		if sum := once(t, l); len(sum.Problems) != 1 || sum.Waiting != 1 || len(n.sent) != 0 {
			t.Errorf("got %+v, %d sent", sum, len(n.sent))
		}
		wantState(t, s, 1, pending.Signed)
	})
	t.Run("no node", func(t *testing.T) {
		l, s, _ := setup(t, row(1, net2, time.Now()))
		if sum := once(t, l); len(sum.Problems) != 1 || sum.Waiting != 1 {
			t.Errorf("got %+v", sum)
		}
		wantState(t, s, 1, pending.Signed)
	})
	t.Run("no depth", func(t *testing.T) {
		l, s, n := setup(t, row(1, net1, time.Now()))
		delete(l.Depth, net1)
		n.show("txb", node.Sighting{Seen: true, Confirmations: 1 << 40})
		if sum := once(t, l); len(sum.Problems) != 1 {
			t.Errorf("got %+v", sum)
		}
		wantState(t, s, 1, pending.Broadcast)
	})
}

func TestNothingLeavesWithoutTheIntentOnDisk(t *testing.T) {
	l, s, n := setup(t, row(1, net1, time.Now()))
	s.fail = errors.New("disk full")
	if _, err := l.Once(t.Context()); err == nil || len(n.sent) != 0 {
		t.Errorf("error %v, %d sent", err, len(n.sent))
	}
	wantState(t, s, 1, pending.Signed)
}

func TestCancelledAndUnsealedStay(t *testing.T) {
	wish, empty, asserted := row(1, net1, time.Now()), row(2, net1, time.Now()), row(3, net1, time.Now())
	wish.CancelRequested = true
	empty.Raw = nil
	asserted.Asserted = true
	l, s, n := setup(t, wish, empty, asserted)
	once(t, l)
	for i := range byte(3) {
		wantState(t, s, i+1, pending.Signed)
	}
	if len(n.sent) != 0 {
		t.Errorf("%d sent", len(n.sent))
	}
	// The wish may also come between Due and the intent.
	late := row(4, net1, time.Now())
	s.rows[late.ID] = late
	w := &work{loop: l, node: n, t: late, sum: new(Summary)}
	late.CancelRequested = true
	s.rows[late.ID] = late
	if err := w.step(t.Context()); !fault.Is(err, "broadcast.unsealed") || w.database != nil || len(n.sent) != 0 {
		t.Errorf("error %v, %d sent", err, len(n.sent))
	}
}

func TestVanishedIsSentAgain(t *testing.T) {
	l, s, n := setup(t, row(1, net1, time.Now()))
	once(t, l)
	n.show("txb", node.Sighting{Seen: true, Confirmations: 2})
	once(t, l)
	n.show("txb", node.Sighting{}) // a reorganization, and the pool was lost
	n.onSend = func(chain.Sealed) (node.Outcome, error) { return node.Accepted, nil }
	once(t, l)
	wantState(t, s, 1, pending.Broadcast)
	if len(n.sent) != 2 || s.get(1).Confirmations != 0 {
		t.Errorf("sent %d times, %d confirmations", len(n.sent), s.get(1).Confirmations)
	}
}

func TestEnds(t *testing.T) {
	for name, c := range map[string]struct {
		saw   node.Sighting
		age   time.Duration // since creation
		moved time.Duration // since the last move
		from  pending.State
		want  pending.State
		code  string
	}{
		"failed in a block":         {node.Sighting{Seen: true, Confirmations: 3, Failed: true}, time.Hour, 0, pending.Broadcast, pending.Failed, "chain.failed"},
		"failed, not deep":          {node.Sighting{Seen: true, Confirmations: 2, Failed: true}, time.Hour, 0, pending.Broadcast, pending.Broadcast, ""},
		"expired":                   {node.Sighting{Expired: true}, time.Hour, 0, pending.Broadcasting, pending.Expired, "chain.expired"},
		"expired before it left":    {node.Sighting{Expired: true}, time.Hour, 0, pending.Signed, pending.Expired, "chain.expired"},
		"expired, but young":        {node.Sighting{Expired: true}, time.Minute, 0, pending.Broadcasting, pending.Broadcast, ""},
		"expired, but too long ago": {node.Sighting{Expired: true}, 99 * time.Hour, 25 * time.Hour, pending.Broadcast, pending.Broadcast, ""},
		"old request, sent lately":  {node.Sighting{Expired: true}, 99 * time.Hour, time.Hour, pending.Broadcast, pending.Expired, "chain.expired"},
		"conflict":                  {node.Sighting{Conflict: true}, time.Hour, 0, pending.Broadcast, pending.Failed, "chain.conflict"},
		"conflict, but young":       {node.Sighting{Conflict: true}, time.Second, 0, pending.Broadcast, pending.Broadcast, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				r := row(1, net1, now)
				r.State, r.Created, r.Updated = c.from, now.Add(-c.age), now.Add(-c.moved)
				l, s, n := setup(t, r)
				n.show("txb", c.saw)
				n.onSend = func(chain.Sealed) (node.Outcome, error) { return node.Accepted, nil }
				once(t, l)
				if c.code != "" && !c.saw.Seen { // one answer is not enough, nor two at once
					for _, wait := range []time.Duration{0, settle - time.Millisecond, time.Millisecond} {
						if got := s.get(1); ended(got.State) || got.Code != c.code || got.Noted.IsZero() || len(n.sent) != 0 {
							t.Fatalf("after one answer: %s %q, %d sent", got.State, got.Code, len(n.sent))
						}
						time.Sleep(wait)
						l = &Loop{Store: l.Store, Nodes: l.Nodes, Depth: l.Depth, Log: l.Log, Now: l.Now} // each time another process
						once(t, l)
					}
				}
				wantState(t, s, 1, c.want)
				if got := s.get(1).Code; got != c.code {
					t.Errorf("code %q, want %q", got, c.code)
				}
				once(t, l) // a broken series of looks is not mended by looking again
				wantState(t, s, 1, c.want)
			})
		})
	}
}

// The answers that come after a node has said that a row can never land, and
// what becomes of the row when it says so again.
func TestDoubt(t *testing.T) {
	gone, other := node.Sighting{Conflict: true}, node.Sighting{Expired: true}
	for name, c := range map[string]struct {
		then []node.Sighting // one for each look, settle apart
		down bool            // the node does not answer the first of them
		want pending.State   // "" as it was
		code string
		sent int
	}{
		"the same":             {[]node.Sighting{gone}, false, pending.Failed, conflicted, 1},
		"another end":          {[]node.Sighting{other}, false, "", expired, 1},
		"another end, twice":   {[]node.Sighting{other, other}, false, pending.Expired, expired, 1},
		"it is there":          {[]node.Sighting{{Seen: true}}, false, pending.Broadcast, "", 1},
		"it was there between": {[]node.Sighting{{Seen: true}, gone}, false, pending.Broadcast, conflicted, 1},
		"nothing between":      {[]node.Sighting{{}, gone}, false, "", conflicted, 2},
		"silence between":      {[]node.Sighting{gone, gone}, true, pending.Failed, conflicted, 1},
	} {
		for _, from := range []pending.State{pending.Broadcasting, pending.Broadcast} {
			synctest.Test(t, func(t *testing.T) {
				l, s, n := setup(t, row(1, net1, time.Now()))
				ambiguous := func(chain.Sealed) (node.Outcome, error) { return node.Ambiguous, nil }
				if from == pending.Broadcasting {
					n.onSend = ambiguous
				}
				once(t, l)
				n.onSend = ambiguous
				n.show("txb", gone)
				once(t, l)
				wantState(t, s, 1, from)
				if c.down {
					n.down = errors.New("connection refused")
				}
				for _, saw := range c.then {
					time.Sleep(settle)
					n.show("txb", saw)
					once(t, l)
					n.down = nil
				}
				want := c.want
				if want == "" {
					want = from
				}
				if got := s.get(1); got.State != want || got.Code != c.code || len(n.sent) != c.sent {
					t.Errorf("%s, from %s: %s, code %q, sent %d times, want %s %q %d", name, from, got.State, got.Code, len(n.sent), want, c.code, c.sent)
				}
			})
		}
	}
}

// What keeps a row from landing is shown with it until a node takes it.
func TestNotes(t *testing.T) {
	l, s, n := setup(t, row(1, net1, time.Now()))
	n.onSend = func(chain.Sealed) (node.Outcome, error) {
		return node.Rejected, fault.New("node.rejected", "", "insufficient funds\x1b[2J")
	}
	once(t, l)
	if got := s.get(1); got.State != pending.Broadcasting || got.Code != "node.rejected" || !strings.Contains(got.Reason, "insufficient funds") || strings.Contains(got.Reason, "\x1b") {
		t.Errorf("%s %q %q", got.State, got.Code, got.Reason)
	}
	n.down = fault.New("node.answer", "", "connection refused")
	once(t, l)
	if got := s.get(1); got.Code != "node.answer" {
		t.Errorf("code %q", got.Code)
	}
	n.down, n.onSend = nil, n.takes
	once(t, l)
	if got := s.get(1); got.State != pending.Broadcast || got.Code != "" || got.Reason != "" {
		t.Errorf("%s %q %q", got.State, got.Code, got.Reason)
	}
}

// Another process moves the row while this one works on it: nothing is wrong.
func TestOtherProcess(t *testing.T) {
	l, s, _ := setup(t, row(1, net1, time.Now()), row(2, net1, time.Now()), row(3, net1, time.Now()), row(4, net1, time.Now()), row(5, net1, time.Now()))
	l.Store = &contended{memoryStore: s}
	sum := once(t, l)
	if sum.Problems != nil || sum.Looked != 5 || sum.Accepted != 1 {
		t.Errorf("%+v", sum)
	}
	for i := range byte(4) { // more than the misses after which a node is left alone
		if got := s.get(i + 1); got.State != pending.Signed || got.Code != "" {
			t.Errorf("row %d is %s %q", i+1, got.State, got.Code)
		}
	}
	wantState(t, s, 5, pending.Broadcast)
}

// contended is a store in which somebody else is faster with every row but 5.
type contended struct{ *memoryStore }

func (c *contended) Move(ctx context.Context, id bundle.ID, e pending.Event, change func(*pending.Transaction) error) (pending.Transaction, error) {
	if id[0] != 5 {
		return pending.Transaction{}, fault.New("state.conflict", "", "moved")
	}
	return c.memoryStore.Move(ctx, id, e, change)
}

// A deadline stops what has not left yet, and nothing else.
func TestDeadline(t *testing.T) {
	now := time.Now()
	var rows []pending.Transaction
	for i := range byte(4) {
		r := row(i, net1, now)
		r.Deadline = now.Add(-time.Hour).Unix()
		rows = append(rows, r)
	}
	rows[1].Deadline = now.Add(time.Hour).Unix()
	rows[2].State, rows[3].State = pending.Broadcasting, pending.Broadcast
	l, s, n := setup(t, rows...)
	sum := once(t, l)
	if len(sum.Problems) != 1 || !strings.Contains(sum.Problems[0], rows[0].ID.String()) || len(n.sent) != 3 {
		t.Errorf("%+v, %d sent", sum, len(n.sent))
	}
	for i, want := range []pending.State{pending.Signed, pending.Broadcast, pending.Broadcast, pending.Broadcast} {
		wantState(t, s, byte(i), want)
	}
	if got := s.get(0); got.Code != "deadline.passed" || !got.CancelRequested {
		t.Errorf("%+v", got)
	}
}

// A payment that waits for days and is then replaced was watched all the time.
func TestLongWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, n := setup(t, row(1, net1, time.Now()))
		once(t, l)
		for range 10 {
			time.Sleep(20 * time.Hour)
			once(t, l)
		}
		n.show("txb", node.Sighting{Conflict: true})
		once(t, l)
		time.Sleep(settle)
		once(t, l)
		wantState(t, s, 1, pending.Failed)
	})
}

func TestBackoffSendsIdenticalBytesLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, n := setup(t, row(1, net1, time.Now()))
		n.onSend = func(chain.Sealed) (node.Outcome, error) { return node.Rejected, errors.New("insufficient funds") }
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		time.Sleep(time.Hour)
		n.mu.Lock()
		if len(n.sent) < 8 || len(n.sent) > 14 { // 10, 20, 40 ... 600 s
			t.Errorf("sent %d times in an hour", len(n.sent))
		}
		n.onSend = n.takes // the account was funded
		n.mu.Unlock()
		time.Sleep(maxBackoff + time.Minute)
		wantState(t, s, 1, pending.Broadcast)
		n.show("txb", node.Sighting{Seen: true, Confirmations: 3})
		time.Sleep(2 * interval) // what is seen is looked at in every round
		wantState(t, s, 1, pending.Complete)
		for _, x := range n.sent {
			if !bytes.Equal(x.Raw, []byte{1}) {
				t.Errorf("other bytes were sent: %x", x.Raw)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestDeadNodeStallsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		var rows []pending.Transaction
		for i := range byte(200) {
			rows = append(rows, row(i, net1, now))
		}
		l, s, n := setup(t, append(rows, row(250, net2, now))...)
		n.hang = true
		alive := &memoryNode{t: t, store: s, sightsOf: make(map[string]node.Sighting)}
		alive.onSend = alive.takes
		l.Nodes[net2] = alive
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		time.Sleep(time.Second)
		wantState(t, s, 250, pending.Broadcast)
		alive.show(s.get(250).TxID, node.Sighting{Seen: true, Confirmations: 3})
		time.Sleep(2 * interval)
		wantState(t, s, 250, pending.Complete)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		wantState(t, s, 0, pending.Signed)
	})
}

func TestMoreRowsThanABatch(t *testing.T) {
	now := time.Now()
	var rows []pending.Transaction
	for i := range 2*batch + 7 {
		r := row(1, net1, now)
		r.ID = bundle.ID{byte(i), byte(i >> 8)}
		r.TxID = r.ID.String()
		rows = append(rows, r)
	}
	l, s, _ := setup(t, rows...)
	if sum := once(t, l); sum.Looked != len(rows) || sum.Accepted != len(rows) {
		t.Errorf("got %+v", sum)
	}
	for id, r := range s.rows {
		if r.State != pending.Broadcast {
			t.Fatalf("row %s is %s", id, r.State)
		}
	}
}

func TestPanicIsContained(t *testing.T) {
	l, s, n := setup(t, row(1, net1, time.Now()), row(2, net2, time.Now()))
	n.broken = true
	alive := &memoryNode{t: t, store: s, sightsOf: make(map[string]node.Sighting)}
	alive.onSend = alive.takes
	l.Nodes[net2] = alive
	sum := once(t, l)
	if len(sum.Problems) != 1 || strings.Contains(sum.Problems[0], "\x1b") {
		t.Errorf("got %+v", sum)
	}
	wantState(t, s, 1, pending.Broadcasting)
	wantState(t, s, 2, pending.Broadcast)
}

// One row that the node answers nonsense for must not hide the ones behind it.
func TestPoisonRow(t *testing.T) {
	l, s, n := setup(t, row(1, net1, time.Now()), row(2, net1, time.Now()))
	l.Nodes[net1] = poisoned{n}
	once(t, l)
	wantState(t, s, 1, pending.Broadcasting)
	wantState(t, s, 2, pending.Broadcast)
}

type poisoned struct{ *memoryNode }

func (p poisoned) Look(ctx context.Context, s chain.Sealed) (node.Sighting, error) {
	if s.TxID == "txb" {
		return node.Sighting{}, errors.New("nonsense")
	}
	return p.memoryNode.Look(ctx, s)
}
