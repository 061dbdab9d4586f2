// Package quorum asks several nodes of one network as one, so that no single one
// is believed:
//
//	n, err := quorum.New([]quorum.Member{{"node 1", a}, {"node 2", b}}, 2, depth)
//
// A transaction is as deep as that many nodes show it, and can never land when
// that many show so and none shows it. A node that is down stops nobody; one that
// contradicts the others is named. One is enough for seeing it at all.
package quorum

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"coldsign/online/internal/node"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Member is one of the nodes; the name is for people.
type Member struct {
	Name string
	Node node.Node
}

// Quorum is a node.Node.
type Quorum struct {
	members []Member
	views   int
	depth   uint64

	mu  sync.Mutex
	out []error // by member: why it is not asked, nil if it is
}

// New makes a quorum: views of the members must agree on what is final, at depth
// confirmations.
func New(members []Member, views int, depth uint64) (*Quorum, error) {
	if views < 1 || views > len(members) {
		return nil, fault.New("config.views", "add nodes, or lower views", "%d nodes cannot give %d views", len(members), views)
	}
	return &Quorum{members: members, views: views, depth: depth, out: make([]error, len(members))}, nil
}

// each calls f for every node that is asked, at the same time. A client that
// breaks is an error of its own.
func (q *Quorum) each(asked []error, f func(i int, n node.Node) error) []error {
	errs := make([]error, len(q.members))
	var all sync.WaitGroup
	for i, m := range q.members {
		if asked[i] != nil {
			errs[i] = asked[i]
			continue
		}
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fault.New("node.panic", "report this as a defect", "the node client broke: %q", fmt.Sprint(p))
				}
			}()
			errs[i] = f(i, m.Node)
		})
	}
	all.Wait()
	return errs
}

func (q *Quorum) asked() []error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.out)
}

// named says which node an error is of, where there are several.
func (q *Quorum) named(i int, err error) error {
	if len(q.members) == 1 {
		return err
	}
	return fmt.Errorf("%s: %w", q.members[i].Name, err)
}

// first gives the first error that a person should see: an alarm before others.
func (q *Quorum) first(errs []error) error {
	var found error
	for i, err := range errs {
		if err != nil && (found == nil || node.Alarm(fault.Code(err)) && !node.Alarm(fault.Code(found))) {
			found = q.named(i, err)
		}
	}
	return found
}

// Check asks each node which network it serves. One that does not answer, or
// serves another, is left out until the next Check; with none left it is an error.
func (q *Quorum) Check(ctx context.Context) error {
	errs := q.each(make([]error, len(q.members)), func(_ int, n node.Node) error { return n.Check(ctx) })
	q.mu.Lock()
	q.out = errs
	q.mu.Unlock()
	if slices.Contains(errs, nil) {
		return nil
	}
	return q.first(errs)
}

// Troubles are those that the last Check found.
func (q *Quorum) Troubles() []error {
	var list []error
	for i, err := range q.asked() {
		if err != nil {
			list = append(list, q.named(i, err))
		}
	}
	return list
}

// Send gives the bytes to every node. Accepted is what one accepts; an alarm of
// another is told all the same.
func (q *Quorum) Send(ctx context.Context, s chain.Sealed) (node.Outcome, error) {
	outcomes := make([]node.Outcome, len(q.members))
	errs := q.each(q.asked(), func(i int, n node.Node) (err error) {
		outcomes[i], err = n.Send(ctx, s)
		return err
	})
	said := q.first(errs)
	if slices.Contains(outcomes, node.Accepted) {
		if !node.Alarm(fault.Code(said)) {
			said = nil
		}
		return node.Accepted, said
	}
	for i, o := range outcomes {
		if o == node.Ambiguous && q.asked()[i] == nil {
			return node.Ambiguous, said
		}
	}
	return node.Rejected, said
}

// Look looks the transaction up at every node.
func (q *Quorum) Look(ctx context.Context, s chain.Sealed) (node.Sighting, error) {
	saw := make([]node.Sighting, len(q.members))
	errs := q.each(q.asked(), func(i int, n node.Node) (err error) {
		saw[i], err = n.Look(ctx, s)
		return err
	})
	var views []view
	for i, err := range errs {
		if err == nil {
			views = append(views, view{q.members[i].Name, saw[i]})
		}
	}
	if len(views) == 0 {
		return node.Sighting{}, q.first(errs)
	}
	return q.agree(views), nil
}

// view is what one node has shown.
type view struct {
	name string
	node.Sighting
}

// agree makes one sighting of what the nodes have shown.
func (q *Quorum) agree(views []view) node.Sighting {
	count := func(is func(view) bool) (n int) {
		for _, v := range views {
			if is(v) {
				n++
			}
		}
		return n
	}
	all := node.Sighting{
		Seen: count(func(v view) bool { return v.Seen }) > 0,
		Few:  len(views) < q.views,
	}
	all.Differ = q.differ(views)
	if !all.Seen {
		all.Expired = count(func(v view) bool { return v.Expired }) >= q.views
		all.Conflict = count(func(v view) bool { return v.Conflict }) >= q.views
		if all.Expired || all.Conflict {
			all.AsOf = q.asOf(views, all.Expired)
		}
		return all
	}
	slices.SortFunc(views, func(a, b view) int { return cmp.Compare(b.Confirmations, a.Confirmations) }) // the deepest first
	all.Confirmations = views[min(q.views, len(views))-1].Confirmations
	all.Most = views[max(0, len(views)-q.views)].Confirmations
	deep := func(v view) bool { return v.Confirmations >= q.depth }
	failed := func(v view) bool { return deep(v) && v.Failed }
	switch {
	case count(failed) > 0 && count(failed) < count(deep), all.Few:
		// Nothing final follows from what they contradict one another about.
		all.Confirmations = min(all.Confirmations, q.depth-min(q.depth, 1))
	default:
		all.Failed = all.Confirmations > 0 && views[0].Failed
	}
	return all
}

// asOf is the time that as many nodes as must agree have proven something of, or one
// before it: 0 where their chain has no such time.
func (q *Quorum) asOf(views []view, expired bool) int64 {
	var times []int64
	for _, v := range views {
		if expired && v.Expired || !expired && v.Conflict {
			times = append(times, v.AsOf)
		}
	}
	slices.Sort(times)
	return times[len(times)-q.views]
}

// differ says how nodes contradict one another beyond one that lags: one has the
// transaction deep in its chain, and another has it in no block, or has the proof
// that it can never land, or says otherwise how it ended.
func (q *Quorum) differ(views []view) string {
	var deep, gone, without, failed, done []string
	for _, v := range views {
		switch {
		case v.Confirmations >= q.depth && v.Failed:
			failed = append(failed, v.name)
		case v.Confirmations >= q.depth:
			done = append(done, v.name)
		case v.Expired || v.Conflict:
			gone = append(gone, v.name)
		case v.Confirmations == 0:
			without = append(without, v.name)
		}
		if v.Confirmations > 0 {
			deep = append(deep, v.name)
		}
	}
	list := func(names []string) string { return strings.Join(names, ", ") }
	switch {
	case len(done) > 0 && len(failed) > 0:
		return fmt.Sprintf("%s: it was done; %s: it failed", list(done), list(failed))
	case len(deep) > 0 && len(gone) > 0:
		return fmt.Sprintf("%s: it is in a block; %s: it can never land", list(deep), list(gone))
	case len(done)+len(failed) > 0 && len(without) > 0:
		return fmt.Sprintf("%s: it is deep enough; %s: it is in no block", list(append(done, failed...)), list(without))
	}
	return ""
}

// Remembers reports whether as many nodes as must agree would show the
// transaction if it had landed since.
func (q *Quorum) Remembers(ctx context.Context, s chain.Sealed, since time.Time) (bool, error) {
	yes := make([]bool, len(q.members))
	errs := q.each(q.asked(), func(i int, n node.Node) (err error) {
		h, ok := n.(node.Historian)
		if !ok {
			return errors.New("it cannot show how far back it remembers")
		}
		yes[i], err = h.Remembers(ctx, s, since)
		return err
	})
	n := 0
	for i := range yes {
		if yes[i] && errs[i] == nil {
			n++
		}
	}
	if n >= q.views {
		return true, nil
	}
	return false, q.first(errs)
}

// Next gives the highest of what the nodes say: one that lags knows fewer
// transactions.
func (q *Quorum) Next(ctx context.Context, address string) (uint64, error) {
	next := make([]uint64, len(q.members))
	errs := q.each(q.asked(), func(i int, n node.Node) error {
		c, ok := n.(node.Counter)
		if !ok {
			return errors.New("its chain counts no transactions")
		}
		said, err := c.Next(ctx, address)
		if err == nil {
			next[i] = said
		}
		return err
	})
	if !slices.Contains(errs, nil) {
		return 0, q.first(errs)
	}
	return slices.Max(next), nil
}

// Ask gives the answer of the first node that has one: what is asked so is nobody's
// proof.
func (q *Quorum) Ask(ctx context.Context, method string, params []json.RawMessage) (answer json.RawMessage, err error) {
	errs := slices.Clone(q.asked())
	for i, m := range q.members {
		a, ok := m.Node.(node.Asker)
		if errs[i] == nil && !ok {
			errs[i] = errors.New("its chain answers no such questions")
		}
		if errs[i] == nil {
			if answer, errs[i] = a.Ask(ctx, method, params); errs[i] == nil {
				return answer, nil
			}
		}
	}
	return nil, q.first(errs)
}
