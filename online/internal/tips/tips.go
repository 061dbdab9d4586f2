// Package tips looks at all nodes at once, for people: which answers, how far it is, and
// whether those of one network are of one mind.
//
//	list := tips.Look(ctx, []tips.Network{{Name: "sepolia", Nodes: nodes, Views: 2}}, time.Now)
package tips

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"

	"coldsign/online/internal/node"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

const (
	most    = 10 * time.Second // for one node
	maxText = 240              // characters of what a node or its transport says
	apart   = 3                // blocks that nodes of one mind may be apart
)

// Network is one network with its nodes.
type Network struct {
	ID          chain.ID
	Chain, Name string
	Views       int // nodes that must agree on what is final
	Nodes       []Node
}

// Node is one of them.
type Node struct {
	Name    string
	Address string // as configured: it may hold a key, and is never shown whole
	node.Node
}

// Seen is what was seen of a network.
type Seen struct {
	ID          chain.ID
	Chain, Name string
	Views       int
	Up          int // nodes that answer for this network
	Apart       bool
	Nodes       []State
}

// Enough reports whether as many nodes answer as must agree.
func (s Seen) Enough() bool { return s.Up >= s.Views }

// State is what was seen of a node.
type State struct {
	Name    string
	Address string // scheme and host
	Up      bool   // it answers, and for this network
	Height  uint64
	Behind  uint64    // blocks behind the furthest of the network's nodes
	Block   time.Time // that the newest block names; zero when the node does not tell
	Took    time.Duration
	Code    string // of what is wrong
	Text    string // the same in words: printable, capped, without the node's secrets
}

// Look asks all nodes at the same time. One that hangs costs its own time only.
func Look(ctx context.Context, networks []Network, now func() time.Time) []Seen {
	list := make([]Seen, len(networks))
	var all sync.WaitGroup
	for i, n := range networks {
		list[i] = Seen{ID: n.ID, Chain: n.Chain, Name: n.Name, Views: n.Views, Nodes: make([]State, len(n.Nodes))}
		for k, one := range n.Nodes {
			all.Go(func() { list[i].Nodes[k] = look(ctx, one, now) })
		}
	}
	all.Wait()
	for i := range list {
		list[i].compare()
	}
	return list
}

// compare finds who is behind.
func (s *Seen) compare() {
	var top uint64
	for _, n := range s.Nodes {
		top = max(top, n.Height)
		if n.Up {
			s.Up++
		}
	}
	for k := range s.Nodes {
		if n := &s.Nodes[k]; n.Up && n.Height > 0 {
			n.Behind = top - n.Height
			s.Apart = s.Apart || n.Behind > apart
		}
	}
}

func look(ctx context.Context, n Node, now func() time.Time) (s State) {
	s = State{Name: n.Name, Address: Redacted(n.Address)}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	began := now()
	defer func() {
		s.Took = now().Sub(began)
		if what := recover(); what != nil { // a client that breaks on one answer takes no page down
			s.Up, s.Code, s.Text = false, "node.panic", short("the node client broke: "+fmt.Sprint(what))
		}
	}()
	err := n.Check(ctx)
	if s.Up = err == nil; s.Up {
		if t, ok := n.Node.(node.Tipped); ok {
			var tip node.Tip
			if tip, err = t.Tip(ctx); err == nil {
				s.Height, s.Block = tip.Height, tip.Time
			}
		}
	}
	if err != nil {
		s.Code, s.Text = fault.Code(err), short(err.Error())
	}
	return s
}

func short(text string) string {
	if text = quote.Line(text); len(text) > maxText {
		text = text[:maxText] + "..."
	}
	return text
}

// Redacted leaves of an address what names the machine: paths, queries and users may be
// secrets.
func Redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "(hidden)"
	}
	text := u.Scheme + "://" + u.Host
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		text += "/..."
	}
	return quote.Line(text)
}
