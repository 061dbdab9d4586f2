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
