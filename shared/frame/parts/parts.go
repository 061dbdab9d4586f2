// Package parts puts together what comes in numbered parts without redundancy:
// every part must be seen, in any order. It reads and writes "p1of3 data", which
// Krux and Specter speak, and collects for package bbqr.
//
//	var c parts.Collector
//	part, err := parts.Parse(text) // of one QR code
//	p, err := c.Add(part)          // p.Parts is set once all are there
//
// Nothing in these formats tells one series from another of the same shape, so
// whoever uses what was put together must check it. A part that contradicts those
// before makes its series start again: yesterday's code or a false one costs a loop,
// never the scan.
package parts

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"coldsign/shared/fault"
)

// Part is one of Total parts of a series, counted from 0.
type Part struct {
	Series       string // what all parts of the series have in common
	Index, Total int
	Data         []byte
}

// Progress says how far the series of one part is.
type Progress struct {
	Series      string
	Have, Total int
	Done        bool     // all parts are given out: now if Parts is set, else before
	Parts       [][]byte // all parts in order, once; not to be changed
}

// Collector collects parts, of several series at once if need be. The zero value
// is ready; it is for one goroutine at a time.
type Collector struct {
	all []*series // the oldest first
}

type series struct {
	name string
	data [][]byte // nil for a part that is not there
	have int
	done bool
}

// Add takes one part. An error is about this part or its series, and whoever scans
// goes on: parts.part, or parts.conflict when the series starts again.
func (c *Collector) Add(p Part) (out Progress, err error) {
	if p.Total < 1 || p.Total > MaxTotal || p.Index < 0 || p.Index >= p.Total || len(p.Data) == 0 || len(p.Data) > MaxPart {
		return out, fault.New("parts.part", "", "number %d of %d parts has %d bytes, which cannot be", p.Index+1, p.Total, len(p.Data))
	}
	s := c.find(p)
	if !s.fits(p) {
		if !s.done { // else it is the next series
			err = fault.New("parts.conflict", "the scan starts again by itself: keep on",
				"part %d of %d contradicts parts that came before", p.Index+1, p.Total)
		}
		*s = series{name: p.Series, data: make([][]byte, p.Total)}
	}
	if s.data[p.Index] == nil {
		s.data[p.Index] = bytes.Clone(p.Data)
		s.have++
	}
	out = Progress{Series: s.name, Have: s.have, Total: p.Total, Done: s.have == p.Total}
	if out.Done && !s.done {
		out.Parts, s.done = s.data, true
	}
	return out, err
}

// fits reports whether a part goes with those that are there: equal to what came
// under its number, and as long as the others if neither is the last.
func (s *series) fits(p Part) bool {
	if d := s.data[p.Index]; d != nil {
		return bytes.Equal(d, p.Data)
	}
	body := s.data[:p.Total-1]
	i := slices.IndexFunc(body, func(d []byte) bool { return d != nil })
	return i < 0 || p.Index == p.Total-1 || len(body[i]) == len(p.Data)
}

// find finds the series of a part, or makes it: in the place of one that is done or,
// if none is, of that with the fewest parts. So foreign codes push out each other.
func (c *Collector) find(p Part) *series {
	for _, s := range c.all {
		if s.name == p.Series && len(s.data) == p.Total {
			return s
		}
	}
	if len(c.all) == MaxSeries {
		weakest := slices.MinFunc(c.all, func(a, b *series) int { return a.weight() - b.weight() })
		c.all = slices.DeleteFunc(c.all, func(s *series) bool { return s == weakest })
	}
	s := &series{name: p.Series, data: make([][]byte, p.Total)}
	c.all = append(c.all, s)
	return s
}

func (s *series) weight() int {
	if s.done {
		return 0
	}
	return s.have
}

// Forget drops a series, for one whose parts turned out not to fit together.
func (c *Collector) Forget(name string) {
	c.all = slices.DeleteFunc(c.all, func(s *series) bool { return s.name == name })
}

// Missing lists the parts of a series that have not come, counted from 0.
func (c *Collector) Missing(name string) (missing []int) {
	for _, s := range c.all {
		for i, d := range s.data {
			if s.name == name && d == nil {
				missing = append(missing, i)
			}
		}
	}
	return missing
}

// Parse reads the text of one code: "p", the number from 1, "of", the total, a
// space, data.
func Parse(text string) (Part, error) {
	m := regexp.MustCompile(`(?s)^p([1-9][0-9]{0,3})of([1-9][0-9]{0,3}) (.+)$`).FindStringSubmatch(text)
	if m == nil {
		return Part{}, fault.New("parts.part", "", "no part in the form p1of3")
	}
	index, _ := strconv.Atoi(m[1])
	total, _ := strconv.Atoi(m[2])
	return Part{Series: "p of " + m[2], Index: index - 1, Total: total, Data: []byte(m[3])}, nil
}

// Split cuts text into parts of at most size bytes each, as few and as equal as can be.
func Split(text string, size int) ([]string, error) {
	for total := 1; total <= MaxTotal; total++ {
		each := (len(text) + total - 1) / total
		if len(fmt.Sprintf("p%dof%d ", total, total))+each > size {
			continue
		}
		var out []string
		for chunk := range slices.Chunk([]byte(text), max(each, 1)) {
			out = append(out, string(chunk))
		}
		for i := range out {
			out[i] = fmt.Sprintf("p%dof%d %s", i+1, len(out), out[i])
		}
		return out, nil
	}
	return nil, fault.New("parts.size", "use larger QR codes", "%d bytes do not fit into %d parts of %d bytes", len(text), MaxTotal, size)
}
