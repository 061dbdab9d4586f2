package create

import (
	"context"
	"fmt"
	"sync"
	"time"

	"coldsign/online/internal/node"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// queues let one creation at a time pass for each name. Other processes know nothing
// of them: what they prevent is work done in vain, not conflicts.
type queues struct {
	mu   sync.Mutex
	list map[string]*queue
}

type queue struct {
	in      chan struct{} // holds a token while one is inside
	waiting int           // inside or waiting
}

// enter waits for its turn, and gives what ends it.
func (q *queues) enter(ctx context.Context, name string) (leave func(), err error) {
	q.mu.Lock()
	if q.list == nil {
		q.list = map[string]*queue{}
	}
	one := q.list[name]
	if one == nil {
		one = &queue{in: make(chan struct{}, 1)}
		q.list[name] = one
	}
	one.waiting++
	q.mu.Unlock()
	gone := func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if one.waiting--; one.waiting == 0 {
			delete(q.list, name)
		}
	}
	select {
	case one.in <- struct{}{}:
		return func() { <-one.in; gone() }, nil
	case <-ctx.Done():
		gone()
		return nil, fault.New("create.busy", "try again", "other payments of the wallet took too long")
	}
}

const (
	checkEvery = time.Minute     // between two questions which network a node serves
	retryEvery = 2 * time.Second // the same of one that did not answer well
)

// checks remembers which networks' nodes have said that they serve them.
type checks struct {
	mu   sync.Mutex
	list map[chain.ID]*checked
}

type checked struct {
	mu    sync.Mutex // held while the node is asked: others wait for its answer
	until time.Time
	err   error
}

// check asks the node which network it serves, unless it has said so just now.
func (c *checks) check(ctx context.Context, id chain.ID, n node.Node) error {
	c.mu.Lock()
	if c.list == nil {
		c.list = map[chain.ID]*checked{}
	}
	one := c.list[id]
	if one == nil {
		one = &checked{}
		c.list[id] = one
	}
	c.mu.Unlock()
	one.mu.Lock()
	defer one.mu.Unlock()
	if time.Now().Before(one.until) {
		return one.err
	}
	wait := checkEvery
	ctx, done := Shared(ctx)
	defer done()
	if one.err = n.Check(ctx); one.err != nil {
		wait = retryEvery
	}
	one.until = time.Now().Add(wait)
	return one.err
}

// Shared is the context of a question whose answer others wait for: it goes on when the
// caller that happened to ask hangs up.
func Shared(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), sharedTime)
}

// NodeError is the error of a creation that a node kept from being made. What the node
// said, and where it is, is for the log: the fault in it has fixed words.
func NodeError(err error) error {
	words, _ := node.Words(fault.Code(err))
	if words == "" || fault.Is(err, string(node.Says)) {
		words = "it does not say what it is asked for"
	}
	return fmt.Errorf("%w (%w)", fault.New("create.node", "try again, or give what the node is asked for", "the network's node is no help: %s", words), err)
}

// NoNode is the error of a creation that needs the node to know something, and there is
// none, or none that answers.
func (r *Request) NoNode(what string) error {
	if r.down != nil {
		return NodeError(r.down)
	}
	return fault.New("create.node", "configure the network's node, or give it", "%s is not given, and no node of the network can be asked", what)
}
