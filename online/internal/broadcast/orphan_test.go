package broadcast

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/shared/chain"
)

// TestSentBeforeItsParentsAreSearched: a search for what spent the inputs of an old
// parent may take longer than a row's turn. It keeps no payment from being sent, and is
// made for one that no node takes alone.
func TestSentBeforeItsParentsAreSearched(t *testing.T) {
	for _, taken := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			l, s, n := setup(t, row(1, net1, time.Now().Add(-time.Hour)))
			if !taken {
				n.onSend = func(chain.Sealed) (node.Outcome, error) { return node.Ambiguous, nil }
			}
			asked := 0
			l.Parents = func(context.Context, *pending.Transaction) ([]Parent, error) {
				if asked++; len(n.sent) < asked {
					t.Error("its parents are searched before it is sent")
				}
				return []Parent{{Sealed: chain.Sealed{TxID: "parent"}}}, nil
			}
			for range 2 {
				once(t, l)
				time.Sleep(settle)
			}
			if taken {
				if wantState(t, s, 1, pending.Broadcast); asked != 0 {
					t.Errorf("its parents were asked for %d times", asked)
				}
				return
			}
			for _, saw := range []node.Sighting{{Conflict: true}, {}, {Conflict: true}} { // once is nothing
				n.show("parent", saw)
				once(t, l)
				wantState(t, s, 1, pending.Broadcasting)
				time.Sleep(settle)
			}
			once(t, l)
			wantState(t, s, 1, pending.Failed)
		})
	}
}

// TestSeenAfterItWasSentEndsTheDoubt: a doubt that was noted before holds no more once the
// row is seen, be it after it was sent again.
func TestSeenAfterItWasSentEndsTheDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := row(1, net1, time.Now())
		r.State = pending.Broadcast
		l, s, n := setup(t, r)
		n.show("txb", node.Sighting{Conflict: true})
		once(t, l)
		time.Sleep(settle)
		n.show("txb", node.Sighting{})
		once(t, l) // it is taken and shown
		time.Sleep(settle)
		n.show("txb", node.Sighting{Conflict: true})
		once(t, l)
		wantState(t, s, 1, pending.Broadcast)
	})
}

// TestATT99LookedForInTheFuture: a clock that ran ahead for a while, and was set back, has
// left times that are not yet. Nobody has looked for the row up to then.
func TestATT99LookedForInTheFuture(t *testing.T) {
	for name, ahead := range map[string]func(*memoryStore, *pending.Transaction, time.Time){
		"covered": func(s *memoryStore, r *pending.Transaction, at time.Time) { s.covered[r.ID] = at },
		"moved":   func(_ *memoryStore, r *pending.Transaction, at time.Time) { r.Updated = at },
	} {
		synctest.Test(t, func(t *testing.T) {
			r := row(1, net1, time.Now())
			r.State = pending.Broadcast
			r.Created, r.Updated = time.Now().Add(-72*time.Hour), time.Now().Add(-72*time.Hour)
			l, s, n := setup(t)
			ahead(s, &r, time.Now().Add(48*time.Hour))
			s.rows[r.ID] = r
			n.onSend = func(chain.Sealed) (node.Outcome, error) { return node.Ambiguous, nil }
			n.show(r.TxID, node.Sighting{Expired: true})
			for range 3 {
				once(t, l)
				time.Sleep(settle)
			}
			if got := s.get(1); got.State != pending.Broadcast {
				t.Errorf("%s: it is %s %s", name, got.State, got.Code)
			}
		})
	}
}

// TestATT99NotedInTheFuture: what was noted by a clock that ran ahead is noted anew, and
// keeps no row from its end until that clock would be right.
func TestATT99NotedInTheFuture(t *testing.T) {
	for _, withdrawn := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := row(1, net1, time.Now())
			r.State, r.Code, r.Reason, r.Noted = pending.Broadcast, expired, "it was not in any block before its blockhash expired, says the node; to be asked again", time.Now().Add(48*time.Hour)
			if withdrawn {
				r.State, r.Code, r.CancelRequested = pending.Signed, "", true
			}
			l, s, n := setup(t, r)
			n.show(r.TxID, node.Sighting{Expired: true})
			once(t, l)
			if got := s.get(1); got.State != r.State {
				t.Errorf("it is %s at the first look", got.State)
			}
			for range 2 {
				time.Sleep(settle)
				once(t, l)
			}
			wantState(t, s, 1, pending.Expired)
		})
	}
}
