package broadcast

import (
	"testing"
	"testing/synctest"
	"time"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
)

// TestParkedIsLookedFor: of a row that came too late, or was quoted anew, nothing is ever
// sent; what others have sent of it counts at depth, and it ends by proof that stays.
func TestParkedIsLookedFor(t *testing.T) {
	for name, c := range map[string]struct {
		saw   []node.Sighting
		state pending.State
		code  string
	}{
		"nowhere":                    {[]node.Sighting{{}, {}}, pending.Signed, pending.Requoted},
		"others have sent it":        {[]node.Sighting{{Seen: true}, {Seen: true, Confirmations: 2}}, pending.Signed, pending.Requoted},
		"it is deep":                 {[]node.Sighting{{Seen: true, Confirmations: 3}}, pending.Complete, pending.Requoted},
		"deep, says one":             {[]node.Sighting{{Seen: true, Confirmations: 3, Few: true}}, pending.Signed, pending.Requoted},
		"deep, and it failed":        {[]node.Sighting{{Seen: true, Confirmations: 3, Failed: true}}, pending.Failed, "chain.failed"},
		"it has expired, once":       {[]node.Sighting{{Expired: true}}, pending.Signed, pending.Requoted},
		"it has expired":             {[]node.Sighting{{Expired: true}, {Expired: true}}, pending.Expired, "chain.expired"},
		"a stranger is there":        {[]node.Sighting{{Conflict: true}, {Conflict: true}}, pending.Failed, pending.Conflicted},
		"so it was said, and not":    {[]node.Sighting{{Expired: true}, {}, {Expired: true}}, pending.Signed, pending.Requoted},
		"too few to say":             {[]node.Sighting{{Expired: true, Few: true}, {Expired: true, Few: true}}, pending.Signed, pending.Requoted},
		"expired before it was made": {[]node.Sighting{{Expired: true, AsOf: 1}, {Expired: true, AsOf: 1}, {Expired: true, AsOf: 1}}, pending.Signed, pending.Requoted},
		"first expired, then seen":   {[]node.Sighting{{Expired: true}, {Seen: true}, {Expired: true}}, pending.Signed, pending.Requoted},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := row(1, net1, time.Now())
				r.CancelRequested, r.Code = true, pending.Requoted
				l, s, n := setup(t, r)
				for _, saw := range c.saw {
					n.show(r.TxID, saw)
					once(t, l)
					time.Sleep(settle)
				}
				if got := s.get(1); got.State != c.state || got.State != pending.Complete && got.Code != c.code || len(n.sent) != 0 {
					t.Errorf("%s %s, %d sent", got.State, got.Code, len(n.sent))
				}
			})
		})
	}
}

// TestParkedAfterReorg: of a parked row that others had sent, and that a reorganization
// took out of its block, two looks must say that it can never land, as of every other.
func TestParkedAfterReorg(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := row(1, net1, time.Now())
		r.State, r.CancelRequested, r.Code, r.Noted = pending.Broadcast, true, reorged, time.Now().Add(-time.Hour)
		l, s, n := setup(t, r)
		look := func(saw node.Sighting, want pending.State) {
			t.Helper()
			n.show(r.TxID, saw)
			once(t, l)
			wantState(t, s, 1, want)
			time.Sleep(settle)
		}
		gone := node.Sighting{Conflict: true}
		look(node.Sighting{}, pending.Broadcast)
		look(gone, pending.Broadcast)
		look(node.Sighting{}, pending.Broadcast)
		look(gone, pending.Broadcast)
		look(node.Sighting{Seen: true}, pending.Broadcast)
		look(gone, pending.Broadcast)
		look(gone, pending.Failed)
		if len(n.sent) != 0 {
			t.Errorf("it was sent %d times", len(n.sent))
		}
	})
}

// TestATT110WithdrawnIsLookedFor: nothing is sent of a signed row that was withdrawn. If
// whoever else has its signature sends it, a person is told; else it ends by proof.
func TestATT110WithdrawnIsLookedFor(t *testing.T) {
	for name, c := range map[string]struct {
		saw    []node.Sighting
		state  pending.State
		code   string
		alarms int
	}{
		"nowhere":             {[]node.Sighting{{}, {}}, pending.Signed, "", 0},
		"others have sent it": {[]node.Sighting{{Seen: true}, {Seen: true, Confirmations: 3}}, pending.Complete, "", 2},
		"it has expired":      {[]node.Sighting{{Expired: true}, {Expired: true}}, pending.Expired, expired, 0},
		"a stranger is there": {[]node.Sighting{{Conflict: true}, {Conflict: true}}, pending.Cancelled, pending.Replaced, 0},
		"once":                {[]node.Sighting{{Conflict: true}, {}, {Conflict: true}}, pending.Signed, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := row(1, net1, time.Now())
				r.CancelRequested = true
				l, s, n := setup(t, r)
				alarms := 0
				nodes := l.Nodes
				l.Nodes = nil // of what waits for nothing a missing node is no trouble
				if sum := once(t, l); len(sum.Problems) != 0 || sum.Waiting != 0 {
					t.Errorf("without a node: %+v", sum)
				}
				l.Nodes = nodes
				for _, saw := range c.saw {
					n.show(r.TxID, saw)
					alarms += len(once(t, l).Problems)
					time.Sleep(settle)
				}
				if got := s.get(1); got.State != c.state || got.Code != c.code || alarms != c.alarms || len(n.sent) != 0 {
					t.Errorf("%s %q, %d alarms, %d sent", got.State, got.Code, alarms, len(n.sent))
				}
			})
		})
	}
}
