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
	Taken                                           int      // ended, since somebody else spent what they were to spend
	Broken                                          []string // each invariant that does not hold, in words

	Points map[string]*tally
}

func (r result) clean() bool { return len(r.Broken) == 0 && r.Doubled+r.Lost+r.Stuck == 0 }

// figures prints what happened and what came of it.
type figures struct{ w io.Writer }

func (f figures) line(what string, n any) { fmt.Fprintf(f.w, "%-42s %8v\n", what, n) }

func (f figures) block(title string, group map[string]int) {
	total := 0
	for _, n := range group {
		total += n
	}
	f.line(title, total)
	for _, kind := range slices.Sorted(maps.Keys(group)) {
		f.line("  "+kind, group[kind])
	}
}

// programs prints what was done to the two halves.
func (f figures) programs(d *driver) {
	f.block("kill -9", d.counts.group("kill"))
	f.block("torn or flipped bundles, all refused", d.counts.group("bad"))
	f.block("things done twice", d.counts.group("twice"))
}

// nodes prints what nodes did wrong.
func (f figures) nodes(nodes ...*faulty) {
	faults := map[string]int{}
	for _, n := range nodes {
		n.mu.Lock()
		for kind, k := range n.counts {
			faults[kind] += k
		}
		n.mu.Unlock()
	}
	f.block("node faults", faults)
}

// end prints what became of the payments.
func (f figures) end(d *driver, r result, took time.Duration) {
	f.line("bundles across the gap", d.bundles)
	f.line("reconciled", d.reconciled)
	f.line("payments intended", r.Intended)
	f.line("  made", r.Made)
	f.line("  cancelled, and not made", r.Cancelled)
	f.line("  doubled", r.Doubled)
	f.line("  lost", r.Lost)
	f.line("  stuck", r.Stuck)
	f.line("duration", took.Round(time.Second))
	for _, b := range r.Broken {
		fmt.Fprintln(f.w, "BROKEN", b)
	}
}

// table prints the figures.
func (d *driver) table(w io.Writer, r result, took time.Duration) {
	f := figures{w}
	f.programs(d)
	var nodes []*faulty
	for _, n := range d.nodes {
		nodes = append(nodes, &n.faulty)
	}
	f.nodes(nodes...)
	if d.server != nil {
		f.block("clocks set, by days", d.counts.group("clock"))
		f.block("database faults, PostgreSQL with "+strconv.Itoa(d.Replicas), d.counts.group("database"))
	}
	d.ledger.mu.Lock()
	reorgs := maps.Clone(d.ledger.reorgs)
	d.ledger.mu.Unlock()
	f.block("reorganizations", reorgs)
	f.end(d, r, took)
}
