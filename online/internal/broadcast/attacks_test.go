package broadcast

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/quorum"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// again is the loop of a process that was started anew.
func again(l *Loop) *Loop {
	return &Loop{Store: l.Store, Nodes: l.Nodes, Depth: l.Depth, Deep: l.Deep, Log: l.Log, Now: l.Now, Settle: l.Settle}
}

// A node takes the bytes and the answer is lost, a thousand times, and every other
// time the process is killed at some point of it as well: the network sees one
// transaction for each row, and each row ends complete.
func TestATT95LostAnswers(t *testing.T) {
	const runs = 1000
	dice := rand.New(rand.NewPCG(95, 1))
	for run := range runs {
		l, s, n := setup(t, row(1, net1, time.Now()))
		kill := run%2 == 1
		n.onSend = func(x chain.Sealed) (node.Outcome, error) {
			if dice.IntN(3) > 0 {
				n.sightsOf[x.TxID] = node.Sighting{Seen: true}
			}
			if kill && dice.IntN(2) == 0 {
				panic("killed")
			}
			return node.Ambiguous, errors.New("connection reset")
		}
		for turn := 0; s.get(1).State != pending.Complete; turn++ {
			if turn == 50 {
				t.Fatalf("run %d: still %s", run, s.get(1).State)
			}
			if kill && dice.IntN(2) == 0 {
				s.fail = errors.New("killed before the write") // of any move of this turn
			}
			_, err := l.Once(t.Context())
			if failed := s.fail; err != nil && failed == nil {
				t.Fatal(err)
			}
			s.fail = nil
			if l = again(l); turn > 3 && n.sightsOf["txb"].Seen {
				n.show("txb", node.Sighting{Seen: true, Confirmations: 3})
			}
		}
		for _, x := range n.sent {
			if x.TxID != "txb" || !bytes.Equal(x.Raw, []byte{1}) {
				t.Fatalf("run %d: other bytes were sent: %+v", run, x)
			}
		}
		if len(n.sent) == 0 {
			t.Fatalf("run %d: complete without a sending", run)
		}
	}
}

// A hostile text reaches neither the row, which people and programs read, nor a
// terminal: the row holds fixed words, the log quoted ones.
func TestATT105HostileText(t *testing.T) {
	for _, code := range []node.Meaning{node.Says, node.Known, node.Rival, node.Invalid, "node.unusable"} {
		l, s, n := setup(t, row(1, net1, time.Now()))
		n.onSend = func(chain.Sealed) (node.Outcome, error) {
			what, _ := node.Words(string(code))
			return code.Outcome(), fault.New(string(code), "", "%s: its words are %q", what, "\x1b[2J update at http://evil.example/ <b>now</b>")
		}
		sum := once(t, l)
		got := s.get(1)
		if what, _ := node.Words(string(code)); got.Code != string(code) || !strings.HasPrefix(got.Reason, what) || strings.Contains(got.Reason, "evil") {
			t.Errorf("row: %q %q", got.Code, got.Reason)
		}
		if len(sum.Problems) != 1 || strings.Contains(sum.Problems[0], "\x1b") || !strings.Contains(sum.Problems[0], "evil") {
			t.Errorf("problems %q", sum.Problems)
		}
	}
}

// several is a network with two nodes that must agree.
func several(t *testing.T, rows ...pending.Transaction) (*Loop, *memoryStore, *memoryNode, *memoryNode) {
	l, s, a := setup(t, rows...)
	b := &memoryNode{t: t, store: s, sightsOf: make(map[string]node.Sighting)}
	b.onSend = b.takes
	q, err := quorum.New([]quorum.Member{{Name: "node 1", Node: a}, {Name: "node 2", Node: b}}, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	l.Nodes[net1], l.Deep = q, map[chain.ID]uint64{net1: 10}
	return l, s, a, b
}

// One node claims the depth, and the other disagrees, is silent, or lags: nothing
// is complete until both show it.
func TestATT109OneNodeClaims(t *testing.T) {
	l, s, a, b := several(t, row(1, net1, time.Now()))
	once(t, l)
	wantState(t, s, 1, pending.Broadcast)
	a.show("txb", node.Sighting{Seen: true, Confirmations: 3})
	for name, c := range map[string]struct {
		saw   node.Sighting
		down  error
		alarm bool
	}{
		"in the pool": {node.Sighting{Seen: true}, nil, true},
		"not there":   {node.Sighting{}, nil, true},
		"conflict":    {node.Sighting{Conflict: true}, nil, true},
		"failed":      {node.Sighting{Seen: true, Confirmations: 3, Failed: true}, nil, true},
		"lags":        {node.Sighting{Seen: true, Confirmations: 2}, nil, false},
		"silent":      {node.Sighting{}, errors.New("connection refused"), false},
	} {
		b.show("txb", c.saw)
		b.down = c.down
		for range 3 {
			sum := once(t, l)
			wantState(t, s, 1, pending.Broadcast)
			if got := s.get(1); (got.Code == "node.differ") != c.alarm || c.alarm && (len(sum.Problems) != 1 || !strings.Contains(sum.Problems[0], "node 2")) {
				t.Errorf("%s: code %q, problems %q", name, got.Code, sum.Problems)
			}
		}
		b.down = nil
		b.show("txb", node.Sighting{Seen: true, Confirmations: 1})
		once(t, l)
		if got := s.get(1).Code; got != "" {
			t.Errorf("%s: still %q", name, got)
		}
	}
	b.show("txb", node.Sighting{Seen: true, Confirmations: 3})
	once(t, l)
	wantState(t, s, 1, pending.Complete)
}

// The end of a payment needs both nodes too: a minority that does not find it, or
// says that it expired, ends nothing.
func TestATT102MinorityEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, a, b := several(t, row(1, net1, time.Now()))
		a.onSend = func(chain.Sealed) (node.Outcome, error) { return node.Ambiguous, nil }
		b.onSend = a.onSend
		a.show("txb", node.Sighting{Expired: true})
		for _, saw := range []node.Sighting{{}, {Seen: true}, {Conflict: true}} {
			b.show("txb", saw)
			for range 4 {
				once(t, l)
				time.Sleep(settle)
			}
			if got := s.get(1); ended(got.State) {
				t.Fatalf("%+v: %s", saw, got.State)
			}
		}
		b.show("txb", node.Sighting{Expired: true})
		b.down = errors.New("connection refused")
		for range 4 {
			once(t, l)
			time.Sleep(settle)
		}
		if got := s.get(1); ended(got.State) {
			t.Fatalf("one of two answers: %s", got.State)
		}
		b.down = nil
		once(t, l)
		time.Sleep(settle)
		once(t, l)
		wantState(t, s, 1, pending.Expired)
		if got := s.get(1).Code; got != expired {
			t.Errorf("code %q", got)
		}
	})
}

// A complete payment that a reorganization takes out of its block is on its way
// again with the same bytes, once it has been seen twice, and is never built anew.
func TestATT100ReorgTakesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, n := setup(t, row(1, net1, time.Now()))
		l.Deep = map[chain.ID]uint64{net1: 10}
		once(t, l)
		n.show("txb", node.Sighting{Seen: true, Confirmations: 3})
		once(t, l)
		wantState(t, s, 1, pending.Complete)
		time.Sleep(watchEvery)

		// A node that blinks takes nothing back.
		n.show("txb", node.Sighting{Seen: true, Confirmations: 2})
		sum := once(t, l)
		wantState(t, s, 1, pending.Complete)
		if len(sum.Problems) != 1 || s.get(1).Code != reorged || sum.Watched != 1 || sum.Looked != 0 {
			t.Errorf("%+v, code %q", sum, s.get(1).Code)
		}
		time.Sleep(watchEvery)
		n.show("txb", node.Sighting{Seen: true, Confirmations: 4})
		once(t, l)
		if got := s.get(1); got.State != pending.Complete || got.Code != "" {
			t.Fatalf("%s %q", got.State, got.Code)
		}
		// Silence neither.
		n.down = errors.New("connection refused")
		time.Sleep(2 * settle)
		once(t, l)
		once(t, again(l))
		wantState(t, s, 1, pending.Complete)
		n.down = nil

		n.show("txb", node.Sighting{})
		time.Sleep(watchEvery)
		once(t, l)
		wantState(t, s, 1, pending.Complete)
		time.Sleep(settle)
		sum = once(t, again(l)) // another process sees it for the second time
		wantState(t, s, 1, pending.Broadcast)
		if sum.Reorged != 1 || len(sum.Problems) != 1 {
			t.Errorf("%+v", sum)
		}
		for _, x := range n.sent {
			if x.TxID != "txb" || !bytes.Equal(x.Raw, []byte{1}) {
				t.Errorf("other bytes were sent: %+v", x)
			}
		}
		if len(n.sent) != 2 {
			t.Errorf("sent %d times", len(n.sent))
		}
		n.show("txb", node.Sighting{Seen: true, Confirmations: 3})
		once(t, l)
		wantState(t, s, 1, pending.Complete)
		if want := []pending.Event{pending.Intend, pending.Accept, pending.Confirm, pending.Reorg, pending.Confirm}; !slices.Equal(s.events, want) {
			t.Errorf("events %v", s.events)
		}
		n.show("txb", node.Sighting{Seen: true, Confirmations: 10})
		time.Sleep(watchEvery)
		once(t, l)
		if len(s.watch) != 0 {
			t.Error("a deep row is still watched")
		}
		n.show("txb", node.Sighting{})
		time.Sleep(settle)
		if sum := once(t, l); sum.Watched != 0 {
			t.Errorf("%+v", sum)
		}
	})
}

// In the reorganization somebody else's transaction took the nonce.
func TestATT100ConflictWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, a, b := several(t, row(1, net1, time.Now()))
		once(t, l)
		show := func(saw node.Sighting) {
			a.show("txb", saw)
			b.show("txb", saw)
		}
		show(node.Sighting{Seen: true, Confirmations: 3})
		once(t, l)
		wantState(t, s, 1, pending.Complete)
		rival := func(chain.Sealed) (node.Outcome, error) {
			return node.Ambiguous, fault.New(string(node.Rival), "", "another transaction")
		}
		a.onSend, b.onSend = rival, rival
		a.show("txb", node.Sighting{}) // one node alone takes nothing back
		for range 3 {
			time.Sleep(settle)
			once(t, l)
		}
		if got := s.get(1); got.State != pending.Complete || got.Code != "node.differ" {
			t.Fatalf("%s %q", got.State, got.Code)
		}
		show(node.Sighting{})
		for range 2 {
			time.Sleep(settle)
			once(t, l)
		}
		if got := s.get(1); got.State != pending.Broadcast || got.Code != string(node.Rival) || !strings.HasPrefix(got.Reason, "ALARM") {
			t.Fatalf("%s %q %q", got.State, got.Code, got.Reason)
		}
		show(node.Sighting{Conflict: true})
		for range 2 {
			time.Sleep(settle)
			once(t, l)
		}
		if got := s.get(1); got.State != pending.Failed || got.Code != conflicted {
			t.Errorf("%s %q", got.State, got.Code)
		}
		sends := len(a.sent) + len(b.sent)
		show(node.Sighting{}) // the stranger's is gone: ours is not sent by itself
		a.show("txb", node.Sighting{Seen: true, Confirmations: 3})
		once(t, l) // and one node alone brings nothing back
		if got := s.get(1); got.State != pending.Failed || len(a.sent)+len(b.sent) != sends {
			t.Errorf("%s, sent %d times", got.State, len(a.sent)+len(b.sent)-sends)
		}
		show(node.Sighting{Seen: true, Confirmations: 1}) // somebody else had kept it
		sum := once(t, l)
		if got := s.get(1); got.State != pending.Broadcast || got.Code != reorged || !strings.HasPrefix(got.Reason, "ALARM") || sum.Reorged != 1 {
			t.Errorf("%s %q %q", got.State, got.Code, got.Reason)
		}
		show(node.Sighting{Seen: true, Confirmations: 3})
		once(t, l)
		wantState(t, s, 1, pending.Complete)
		for _, x := range append(a.sent, b.sent...) {
			if x.TxID != "txb" {
				t.Errorf("another transaction was sent: %+v", x)
			}
		}
	})
}

// TestATT100FailedIsDoneElsewhere: what failed in a block that a reorganization took away
// is done in another one: it is complete then, and an alarm says so. It is not sent again.
func TestATT100FailedIsDoneElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, a, b := several(t, row(1, net1, time.Now()))
		once(t, l)
		show := func(saw node.Sighting) {
			a.show("txb", saw)
			b.show("txb", saw)
		}
		show(node.Sighting{Seen: true, Confirmations: 3, Failed: true})
		once(t, l)
		sends := len(a.sent) + len(b.sent)
		for name, saw := range map[string][2]node.Sighting{
			"failed still":        {{Seen: true, Confirmations: 4, Failed: true}, {Seen: true, Confirmations: 4, Failed: true}},
			"in no block":         {{}, {}},
			"done, and not deep":  {{Seen: true, Confirmations: 2}, {Seen: true, Confirmations: 2}},
			"one says that it is": {{Seen: true, Confirmations: 4}, {Seen: true, Confirmations: 4, Failed: true}},
			"one alone has it":    {{Seen: true, Confirmations: 4}, {}},
		} {
			a.show("txb", saw[0])
			b.show("txb", saw[1])
			for range 2 {
				time.Sleep(settle)
				once(t, l)
			}
			if got := s.get(1); got.State != pending.Failed || got.Code != pending.Executed || len(a.sent)+len(b.sent) != sends {
				t.Fatalf("%s: %s %q, sent %d times", name, got.State, got.Code, len(a.sent)+len(b.sent)-sends)
			}
		}
		show(node.Sighting{Seen: true, Confirmations: 3})
		sum := once(t, l)
		if got := s.get(1); got.State != pending.Complete || sum.Reorged != 1 || len(sum.Problems) != 1 || !strings.Contains(sum.Problems[0], "ALARM") {
			t.Errorf("%s, %q", got.State, sum.Problems)
		}
		for _, saw := range []node.Sighting{{Seen: true, Confirmations: 10, Failed: true}, {}} { // deep, or gone for a week
			l, s, a, b := several(t, row(1, net1, time.Now()))
			once(t, l)
			a.show("txb", node.Sighting{Seen: true, Confirmations: 3, Failed: true})
			b.show("txb", node.Sighting{Seen: true, Confirmations: 3, Failed: true})
			once(t, l)
			a.show("txb", saw)
			b.show("txb", saw)
			time.Sleep(stranger + time.Hour)
			once(t, l)
			if len(s.watch) != 0 {
				t.Errorf("it is looked at for ever: %+v", saw)
			}
		}
	})
}

// "Nonce too low" and "inputs missing or spent" say nothing by themselves: ours
// was mined, or another was.
func TestATT110OursOrAnother(t *testing.T) {
	for _, ours := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			l, s, n := setup(t, row(1, net1, time.Now()))
			n.onSend = func(x chain.Sealed) (node.Outcome, error) {
				return node.Ambiguous, fault.New(string(node.Spent), "", "nonce too low")
			}
			once(t, l)
			wantState(t, s, 1, pending.Broadcasting)
			saw, want := node.Sighting{Conflict: true}, pending.Failed
			if ours {
				saw, want = node.Sighting{Seen: true, Confirmations: 3}, pending.Complete
			}
			n.show("txb", saw)
			once(t, l)
			time.Sleep(settle)
			once(t, l)
			wantState(t, s, 1, want)
			if len(n.sent) != 1 {
				t.Errorf("sent %d times", len(n.sent))
			}
		})
	}
}

// remembering is a node that shows how far back it remembers.
type remembering struct {
	*memoryNode
	back time.Time
}

func (r *remembering) Remembers(_ context.Context, _ chain.Sealed, since time.Time) (bool, error) {
	return !r.back.After(since), nil
}

// After a day in which nobody looked, a node's not finding it is no proof, until
// the series is whole again or the node shows that it remembers all of it.
func TestGaps(t *testing.T) {
	gone := node.Sighting{Expired: true}
	days := func(t *testing.T, l *Loop, n int) {
		for range n {
			time.Sleep(20 * time.Hour)
			once(t, l)
		}
	}
	silent := func(chain.Sealed) (node.Outcome, error) { return node.Ambiguous, nil }
	t.Run("restarts do not break the series", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, s, n := setup(t, row(1, net1, time.Now()))
			n.onSend = silent
			once(t, l)
			for range 5 {
				days(t, l, 1)
				l = again(l)
			}
			n.show("txb", gone)
			once(t, l)
			time.Sleep(settle)
			once(t, again(l))
			wantState(t, s, 1, pending.Expired)
		})
	})
	t.Run("a gap does", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, s, n := setup(t, row(1, net1, time.Now()))
			n.onSend = silent
			once(t, l)
			time.Sleep(history + time.Hour)
			n.show("txb", gone)
			for range 4 {
				l = again(l)
				once(t, l)
				time.Sleep(settle)
			}
			wantState(t, s, 1, pending.Broadcasting)
			// The node remembers only a part of it, then the whole.
			r := &remembering{n, s.get(1).Created.Add(time.Second)}
			l.Nodes[net1] = r
			for range 3 {
				once(t, l)
				time.Sleep(settle)
			}
			wantState(t, s, 1, pending.Broadcasting)
			r.back = s.get(1).Created
			once(t, l)
			time.Sleep(settle)
			once(t, l)
			wantState(t, s, 1, pending.Expired)
		})
	})
	t.Run("seen in between", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, s, n := setup(t, row(1, net1, time.Now()))
			once(t, l)
			time.Sleep(history + time.Hour)
			once(t, l) // it is still in the pool: a new series begins
			n.onSend = silent
			n.show("txb", gone)
			once(t, l)
			time.Sleep(settle)
			once(t, l)
			wantState(t, s, 1, pending.Expired)
		})
	})
}

// What a younger rival has displaced is looked for, and not sent again.
func TestOutbidIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, n := setup(t, row(1, net1, time.Now()))
		once(t, l)
		n.show("txb", node.Sighting{})
		s.outbid[bundle.ID{1}] = true
		for range 3 {
			if sum := once(t, l); sum.Problems != nil {
				t.Errorf("%+v", sum)
			}
		}
		if len(n.sent) != 1 {
			t.Errorf("sent %d times", len(n.sent))
		}
		s.outbid[bundle.ID{1}] = false // the rival came to nothing
		once(t, l)
		if len(n.sent) != 2 {
			t.Errorf("sent %d times", len(n.sent))
		}
		s.outbid[bundle.ID{1}] = true
		n.show("txb", node.Sighting{Seen: true, Confirmations: 3}) // and yet it was mined
		once(t, l)
		wantState(t, s, 1, pending.Complete)
	})
}

// A rival that is our own is no alarm: the fee was too low to displace it.
func TestOwnRivalIsNoAlarm(t *testing.T) {
	for _, own := range []bool{true, false} {
		l, s, n := setup(t, row(1, net1, time.Now()))
		if own {
			s.outbid[bundle.ID{1}] = false
		}
		n.onSend = func(chain.Sealed) (node.Outcome, error) {
			return node.Ambiguous, fault.New(string(node.Rival), "", "replacement transaction underpriced")
		}
		sum := once(t, l)
		want := map[bool]node.Meaning{true: node.Fee, false: node.Rival}[own]
		if got := s.get(1); got.State != pending.Broadcasting || got.Code != string(want) || len(sum.Problems) != 1 {
			t.Errorf("own %v: %s %q, %q", own, got.State, got.Code, sum.Problems)
		}
	}
}

// What has no bytes of ours, or no depth to be measured by, is not watched.
func TestWatchNeeds(t *testing.T) {
	for name, change := range map[string]func(*Loop, *pending.Transaction){
		"asserted": func(_ *Loop, r *pending.Transaction) { r.Asserted = true },
		"no bytes": func(_ *Loop, r *pending.Transaction) { r.Raw = nil },
		"no depth": func(l *Loop, _ *pending.Transaction) { delete(l.Depth, net1) },
		"no watch": func(l *Loop, _ *pending.Transaction) { l.Deep[net1] = 0 },
		"all":      nil,
	} {
		r := row(1, net1, time.Now())
		r.State = pending.Complete
		l, s, n := setup(t, r)
		l.Deep = map[chain.ID]uint64{net1: 10}
		if change != nil {
			change(l, &r)
			s.rows[r.ID] = r
		}
		s.watch[r.ID] = time.Now().Add(-time.Hour)
		n.show("txb", node.Sighting{})
		once(t, l)
		if got := s.get(1); (got.Code == reorged) != (change == nil) {
			t.Errorf("%s: %s %q", name, got.State, got.Code)
		}
	}
}

// The gap is measured to the millisecond, and a database that fails ends the round.
func TestGapEdges(t *testing.T) {
	for _, over := range []time.Duration{0, time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			l, s, n := setup(t, row(1, net1, time.Now()))
			n.onSend = func(chain.Sealed) (node.Outcome, error) { return node.Ambiguous, nil }
			once(t, l)
			time.Sleep(history + over)
			n.show("txb", node.Sighting{Expired: true})
			once(t, l)
			time.Sleep(settle)
			once(t, l)
			want := pending.Expired
			if over > 0 {
				want = pending.Broadcasting
			}
			wantState(t, s, 1, want)
		})
	}
	l, s, _ := setup(t, row(1, net1, time.Now()), row(2, net1, time.Now()))
	l.Store = &coverless{s}
	if _, err := l.Once(t.Context()); err == nil || err.Error() != "disk full" {
		t.Errorf("a failed write: %v", err)
	}
}

// coverless is a store that cannot note how far a row is covered.
type coverless struct{ *memoryStore }

func (c *coverless) Cover(context.Context, bundle.ID) error { return errors.New("disk full") }

// TestATT102FinalBlocksStandStill: the finalized blocks of a chain stand still while
// newer ones come and go on forks. Of a blockhash or nonce younger than they are they
// know nothing, and that proves nothing; once they are younger than the row, it does.
func TestATT102FinalBlocksStandStill(t *testing.T) {
	for _, gone := range []node.Sighting{{Expired: true}, {Conflict: true}} {
		synctest.Test(t, func(t *testing.T) {
			l, s, n := setup(t, row(1, net1, time.Now()))
			n.onSend = func(chain.Sealed) (node.Outcome, error) { return node.Ambiguous, nil }
			stand := s.get(1).Created.Add(settle)
			gone.AsOf = stand.Unix() - 1
			n.show("txb", gone)
			for range 4 {
				once(t, l)
				time.Sleep(settle)
			}
			if r := s.get(1); r.State != pending.Broadcasting || r.Code != "" || len(n.sent) == 0 {
				t.Fatalf("it is %s %q, and was sent %d times", r.State, r.Code, len(n.sent))
			}
			gone.AsOf = stand.Unix() + 1
			n.show("txb", gone)
			once(t, l)
			wantState(t, s, 1, pending.Broadcasting)
			time.Sleep(settle)
			once(t, l)
			if r := s.get(1); !ended(r.State) {
				t.Errorf("it is %s %q", r.State, r.Code)
			}
		})
	}
}
