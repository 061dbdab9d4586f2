package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// counts is what happened, by kind.
type counts struct {
	mu sync.Mutex
	of map[string]map[string]int // by group, then kind
}

func (c *counts) add(group, kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]map[string]int{}
	}
	if c.of[group] == nil {
		c.of[group] = map[string]int{}
	}
	c.of[group][kind]++
}

func (c *counts) group(name string) map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.of[name])
}

// tally is what became of the payments that have to do with a crash point.
type tally struct{ Intended, Made, Doubled, Lost, Stuck int }

// result is what the reconciler found at the end.
type result struct {
	Intended, Made, Cancelled, Doubled, Lost, Stuck int
	Broken                                          []string // each invariant that does not hold, in words

	Points map[string]*tally
}

func (r result) clean() bool { return len(r.Broken) == 0 && r.Doubled+r.Lost+r.Stuck == 0 }

// table prints the figures.
func (d *driver) table(w io.Writer, r result, took time.Duration) {
	line := func(what string, n any) { fmt.Fprintf(w, "%-42s %8v\n", what, n) }
	block := func(title string, group map[string]int) {
		total := 0
		for _, n := range group {
			total += n
		}
		line(title, total)
		for _, kind := range slices.Sorted(maps.Keys(group)) {
			line("  "+kind, group[kind])
		}
	}
	block("kill -9", d.counts.group("kill"))
	block("torn or flipped bundles, all refused", d.counts.group("bad"))
	block("things done twice", d.counts.group("twice"))
	faults := map[string]int{}
	for _, n := range d.nodes {
		n.mu.Lock()
		for kind, k := range n.counts {
			faults[kind] += k
		}
		n.mu.Unlock()
	}
	block("node faults", faults)
	if d.server != nil {
		block("database faults, PostgreSQL with "+strconv.Itoa(d.Replicas), d.counts.group("database"))
	}
	d.ledger.mu.Lock()
	reorgs := maps.Clone(d.ledger.reorgs)
	d.ledger.mu.Unlock()
	block("reorganizations", reorgs)
	line("bundles across the gap", d.bundles)
	line("reconciled", d.reconciled)
	line("payments intended", r.Intended)
	line("  made", r.Made)
	line("  cancelled, and not made", r.Cancelled)
	line("  doubled", r.Doubled)
	line("  lost", r.Lost)
	line("  stuck", r.Stuck)
	line("duration", took.Round(time.Second))
	for _, b := range r.Broken {
		fmt.Fprintln(w, "BROKEN", b)
	}
}
