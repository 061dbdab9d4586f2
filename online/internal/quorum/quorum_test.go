package quorum

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coldsign/online/internal/node"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

const depth = 3

// fake is a node that says and shows what it is told to.
type fake struct {
	saw       node.Sighting
	look      error
	check     error
	outcome   node.Outcome
	said      error
	breaks    bool
	remembers bool
	asked     atomic.Int32
}

func (f *fake) Check(context.Context) error { return f.check }
func (f *fake) Send(context.Context, chain.Sealed) (node.Outcome, error) {
	f.asked.Add(1)
	return f.outcome, f.said
}
func (f *fake) Look(context.Context, chain.Sealed) (node.Sighting, error) {
	f.asked.Add(1)
	if f.breaks {
		panic("a defect\x1b[2J")
	}
	return f.saw, f.look
}
func (f *fake) Remembers(context.Context, chain.Sealed, time.Time) (bool, error) {
	return f.remembers, f.look
}

func group(t *testing.T, views int, nodes ...*fake) *Quorum {
	t.Helper()
	var members []Member
	for i, n := range nodes {
		members = append(members, Member{fmt.Sprintf("node %d", i+1), n})
	}
	q, err := New(members, views, depth)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func seen(n uint64) node.Sighting { return node.Sighting{Seen: true, Confirmations: n} }

func TestATT109Views(t *testing.T) {
	down := errors.New("connection refused")
	at := func(list ...any) (nodes []*fake) {
		for _, x := range list {
			switch x := x.(type) {
			case error:
				nodes = append(nodes, &fake{look: x})
			case node.Sighting:
				nodes = append(nodes, &fake{saw: x})
			case int:
				nodes = append(nodes, &fake{saw: seen(uint64(x))})
			}
		}
		return nodes
	}
	failed, gone, expired, none := node.Sighting{Seen: true, Confirmations: 3, Failed: true}, node.Sighting{Conflict: true}, node.Sighting{Expired: true}, node.Sighting{}
	for name, c := range map[string]struct {
		views int
		nodes []*fake
		want  node.Sighting // Differ apart
		names string        // that Differ holds
	}{
		"one node":                         {1, at(3), node.Sighting{Seen: true, Confirmations: 3, Most: 3}, ""},
		"one node, nothing":                {1, at(none), none, ""},
		"one node, conflict":               {1, at(gone), gone, ""},
		"both deep":                        {2, at(3, 3), node.Sighting{Seen: true, Confirmations: 3, Most: 3}, ""},
		"one lags":                         {2, at(4, 2), node.Sighting{Seen: true, Confirmations: 2, Most: 4}, ""},
		"one claims, one has not":          {2, at(9, none), node.Sighting{Seen: true, Confirmations: 0, Most: 9}, "node 1: it is deep enough; node 2: it is in no block"},
		"one claims, one in the pool":      {2, at(9, 0), node.Sighting{Seen: true, Confirmations: 0, Most: 9}, "node 2: it is in no block"},
		"one claims, one denies":           {2, at(9, gone), node.Sighting{Seen: true, Confirmations: 0, Most: 9}, "node 2: it can never land"},
		"one in a block, one denies":       {2, at(1, expired), node.Sighting{Seen: true, Confirmations: 0, Most: 1}, "node 1: it is in a block; node 2: it can never land"},
		"one down":                         {2, at(9, down), node.Sighting{Seen: true, Confirmations: 2, Most: 9, Few: true}, ""},
		"one of three down":                {2, at(9, down, 5), node.Sighting{Seen: true, Confirmations: 5, Most: 9}, ""},
		"two of three":                     {2, at(9, none, 5), node.Sighting{Seen: true, Confirmations: 5, Most: 5}, "node 2"},
		"one of three":                     {2, at(none, none, 5), node.Sighting{Seen: true, Confirmations: 0, Most: 0}, "node 3: it is deep enough; node 1, node 2"},
		"one view of two":                  {1, at(9, none), node.Sighting{Seen: true, Confirmations: 9, Most: 0}, "node 2"},
		"both conflict":                    {2, at(gone, gone), gone, ""},
		"one conflict":                     {2, at(gone, none), none, ""},
		"one conflict, one down":           {2, at(gone, down), node.Sighting{Few: true}, ""},
		"conflict and expired":             {2, at(gone, expired), none, ""},
		"both expired":                     {2, at(expired, expired), expired, ""},
		"both expired, one as of long ago": {2, at(node.Sighting{Expired: true, AsOf: 9}, node.Sighting{Expired: true, AsOf: 5}), node.Sighting{Expired: true, AsOf: 5}, ""},
		"two of three expired lately":      {2, at(node.Sighting{Expired: true, AsOf: 9}, node.Sighting{Expired: true, AsOf: 2}, node.Sighting{Expired: true, AsOf: 8}), node.Sighting{Expired: true, AsOf: 8}, ""},
		"conflict of both, one expired":    {2, at(node.Sighting{Conflict: true, AsOf: 9}, node.Sighting{Expired: true, AsOf: 2}, node.Sighting{Conflict: true, AsOf: 8}), node.Sighting{Conflict: true, AsOf: 8}, ""},
		"two of three conflict, one sees":  {2, at(gone, gone, 0), node.Sighting{Seen: true}, ""},
		"both failed":                      {2, at(failed, failed), node.Sighting{Seen: true, Confirmations: 3, Failed: true, Most: 3}, ""},
		"one failed, one done":             {2, at(failed, 3), node.Sighting{Seen: true, Confirmations: 2, Most: 3}, "node 2: it was done; node 1: it failed"},
		"one failed, one done, one view":   {1, at(failed, 3), node.Sighting{Seen: true, Confirmations: 2, Most: 3}, "it failed"},
		"a huge claim":                     {2, at(node.Sighting{Seen: true, Confirmations: 1 << 63}, 3), node.Sighting{Seen: true, Confirmations: 3, Most: 1 << 63}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := group(t, c.views, c.nodes...).Look(t.Context(), chain.Sealed{})
			differ := got.Differ
			got.Differ = ""
			if err != nil || got != c.want || (differ == "") != (c.names == "") || !strings.Contains(differ, c.names) {
				t.Errorf("got %+v %q, %v, want %+v %q", got, differ, err, c.want, c.names)
			}
		})
	}
	if _, err := group(t, 2, at(down, down)...).Look(t.Context(), chain.Sealed{}); err == nil || !strings.Contains(err.Error(), "node 1: connection refused") {
		t.Errorf("nobody answers: %v", err)
	}
}

// A node that is down, on another network or broken is left out and named; the
// others go on.
func TestTroubles(t *testing.T) {
	good, wrong, broken := &fake{saw: seen(3)}, &fake{check: fault.New("node.network", "", "another network")}, &fake{breaks: true}
	q := group(t, 1, good, wrong, broken)
	if err := q.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list := q.Troubles(); len(list) != 1 || list[0].Error() != "node 2: another network" || !fault.Is(list[0], "node.network") {
		t.Errorf("troubles %v", list)
	}
	saw, err := q.Look(t.Context(), chain.Sealed{})
	if err != nil || saw != (node.Sighting{Seen: true, Confirmations: 3, Most: 3}) || wrong.asked.Load() != 0 {
		t.Errorf("%+v, %v, the wrong one was asked %d times", saw, err, wrong.asked.Load())
	}
	wrong.check = nil
	if err := q.Check(t.Context()); err != nil || len(q.Troubles()) != 0 {
		t.Errorf("%v, %v", err, q.Troubles())
	}
	for _, f := range []*fake{good, wrong, broken} {
		f.check = errors.New("down")
	}
	if err := q.Check(t.Context()); err == nil || err.Error() != "node 1: down" {
		t.Errorf("all are down: %v", err)
	}
	if one := group(t, 1, &fake{check: errors.New("down")}); one.Check(t.Context()).Error() != "down" {
		t.Error("a single node is not named")
	}
}

func TestSend(t *testing.T) {
	says := func(o node.Outcome, m node.Meaning) *fake {
		f := &fake{outcome: o}
		if m != "" {
			f.said = fault.New(string(m), "", "said")
		}
		return f
	}
	yes, known := says(node.Accepted, ""), says(node.Ambiguous, node.Known)
	rival, poor := says(node.Ambiguous, node.Rival), says(node.Rejected, node.Funds)
	for name, c := range map[string]struct {
		nodes []*fake
		want  node.Outcome
		code  node.Meaning
	}{
		"all":               {[]*fake{yes, yes}, node.Accepted, ""},
		"one":               {[]*fake{poor, yes}, node.Accepted, ""},
		"one, and an alarm": {[]*fake{yes, rival}, node.Accepted, node.Rival},
		"known":             {[]*fake{poor, known}, node.Ambiguous, node.Funds},
		"an alarm first":    {[]*fake{poor, known, rival}, node.Ambiguous, node.Rival},
		"all refuse":        {[]*fake{poor, poor}, node.Rejected, node.Funds},
	} {
		got, err := group(t, 1, c.nodes...).Send(t.Context(), chain.Sealed{})
		if got != c.want || (err == nil) != (c.code == "") || err != nil && !fault.Is(err, string(c.code)) {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
}

func TestRemembers(t *testing.T) {
	yes, no, down := &fake{remembers: true}, &fake{}, &fake{remembers: true, look: errors.New("down")}
	for i, c := range []struct {
		views int
		nodes []*fake
		want  bool
	}{{1, []*fake{yes}, true}, {1, []*fake{no}, false}, {2, []*fake{yes, no}, false}, {2, []*fake{yes, down}, false}, {2, []*fake{yes, no, yes}, true}} {
		if got, _ := group(t, c.views, c.nodes...).Remembers(t.Context(), chain.Sealed{}, time.Now()); got != c.want {
			t.Errorf("%d: %v", i, got)
		}
	}
}

// counting is a node of a chain whose accounts count.
type counting struct {
	*fake
	next uint64
}

func (c counting) Next(context.Context, string) (uint64, error) { return c.next, c.look }

func TestNext(t *testing.T) {
	down := errors.New("down")
	for name, c := range map[string]struct {
		nodes []node.Node
		want  uint64
		ok    bool
	}{
		"one lags":        {[]node.Node{counting{&fake{}, 5}, counting{&fake{}, 7}}, 7, true},
		"one is down":     {[]node.Node{counting{&fake{look: down}, 9}, counting{&fake{}, 0}}, 0, true},
		"all are down":    {[]node.Node{counting{&fake{look: down}, 9}}, 0, false},
		"it counts none":  {[]node.Node{&fake{}}, 0, false},
		"one counts none": {[]node.Node{&fake{}, counting{&fake{}, 3}}, 3, true},
	} {
		var members []Member
		for i, n := range c.nodes {
			members = append(members, Member{fmt.Sprint(i), n})
		}
		q, err := New(members, 1, depth)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := q.Next(t.Context(), "0x"); (err == nil) != c.ok || err == nil && got != c.want {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
}

func TestNew(t *testing.T) {
	for _, c := range []struct{ nodes, views int }{{0, 1}, {1, 0}, {1, 2}, {2, 3}, {2, -1}} {
		if _, err := New(make([]Member, c.nodes), c.views, depth); !fault.Is(err, "config.views") {
			t.Errorf("%d nodes and %d views: %v", c.nodes, c.views, err)
		}
	}
}
