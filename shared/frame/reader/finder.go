package reader

import (
	"cmp"
	"math"
	"slices"
)

// candidate is a place that looks like the middle of a finder pattern.
type candidate struct {
	x, y, module float64 // module in pixels
	hits         int     // lines through it that look right
	doubt        float64 // 0 when as many do as should
}

// runs are six edges between dark and light along a line, through what may be a
// finder pattern: 1, 1, 3, 1, 1 modules.
type runs [6]float64

// module gives the length of a module when the lengths of the runs are right.
func (r *runs) module() (m float64, ok bool) {
	m = (r[5] - r[0]) / 7
	for i := range 5 {
		length, want, slack := r[i+1]-r[i], m, 0.75*m
		if i == 2 {
			want, slack = 3*m, 1.2*m
		}
		if math.Abs(length-want) > slack {
			return 0, false
		}
	}
	return m, m > 0.8
}

func (r *runs) middle() float64 { return (r[0] + r[1] + r[2] + r[3] + r[4] + r[5]) / 6 }

// candidates looks for finder patterns row by row.
func (b *binary) candidates() []candidate {
	var found []candidate
	step := max(1, min(4, b.Height/400))
	for y := 0; y < b.Height; y += step {
		row := b.Pix[y*b.Stride:][:b.Width]
		levels := b.levels[y/tile*b.columns:]
		var edges runs
		before, wasDark := 0, false
		for tx := 0; tx < b.columns; tx++ {
			t := levels[tx]
			for x := tx * tile; x < min(b.Width, tx*tile+tile); x++ {
				if row[x] < t == wasDark {
					continue
				}
				wasDark = !wasDark
				now, last := int(row[x])-int(t), before
				if x > 0 {
					last = int(row[x-1]) - int(t)
				}
				copy(edges[:], edges[1:])
				edges[5] = float64(x) - 0.5 + crossing(last, now)
				if wasDark {
					continue
				}
				if m, ok := edges.module(); ok {
					found = b.confirm(found, edges.middle(), float64(y)+0.5, m)
				}
			}
		}
	}
	for i := range found {
		c := &found[i]
		b.remeasure(c)
		c.doubt = max(0, 1-float64(c.hits*step)/(3*c.module))
	}
	slices.SortFunc(found, func(a, b candidate) int { return cmp.Compare(a.doubt, b.doubt) })
	return found[:min(len(found), maxCandidates)]
}

// crossing gives where between two levels zero is.
func crossing(a, b int) float64 {
	if a == b {
		return 0.5
	}
	return max(0, min(1, float64(a)/float64(a-b)))
}

// confirm looks along other lines through what looks right along a row.
func (b *binary) confirm(found []candidate, x, y, m float64) []candidate {
	for i := range found {
		f := &found[i]
		if math.Abs(f.x-x) < 2*f.module && math.Abs(f.y-y) < 2*f.module {
			f.hits++
			return found
		}
	}
	if len(found) == 16*maxCandidates {
		return found
	}
	c := candidate{x: x, y: y, module: m, hits: 1}
	for _, step := range [][2]int{{0, 1}, {1, 0}, {1, 1}, {1, -1}} {
		at, length, ok := b.line(c.x, c.y, step[0], step[1], 3*m)
		if step[0]*step[1] == 0 {
			if !ok || length > 1.8*m || m > 1.8*length {
				return found
			}
			c.x, c.y = c.x+float64(step[0])*at, c.y+float64(step[1])*at
			c.module = length
		} else if ok {
			c.hits++
		}
	}
	c.module = (c.module + m) / 2
	if c.hits == 1 {
		return found
	}
	return append(found, c)
}

// remeasure measures a candidate again through its middle: it was found by its
// topmost line.
func (b *binary) remeasure(c *candidate) {
	at, tall, ok := b.line(c.x, c.y, 0, 1, 3*c.module)
	if !ok || math.Abs(at) > 1.5*c.module {
		return
	}
	if along, wide, ok := b.line(c.x, c.y+at, 1, 0, 3*c.module); ok {
		c.x, c.y, c.module = c.x+along, c.y+at, (tall+wide)/2
	}
}

// line looks along a line both ways from a point, and gives where the middle of
// the pattern is from there, and the length of a module, in steps.
func (b *binary) line(x, y float64, dx, dy int, longest float64) (at, module float64, ok bool) {
	var r runs
	px, py := int(x), int(y)
	if px < 0 || py < 0 || px >= b.Width || py >= b.Height || b.level(px, py) >= 0 {
		return 0, 0, false
	}
	for _, way := range [2]int{1, -1} {
		last, i, edge := b.level(px, py), 0, 0
		for edge < 3 {
			i++
			qx, qy := px+i*way*dx, py+i*way*dy
			if qx < 0 || qy < 0 || qx >= b.Width || qy >= b.Height || float64(i) > 3*longest {
				return 0, 0, false
			}
			now := b.level(qx, qy)
			if now < 0 != (last < 0) {
				place := float64(way) * (float64(i-1) + crossing(last, now))
				if way > 0 {
					r[3+edge] = place
				} else {
					r[2-edge] = place
				}
				edge++
			}
			last = now
		}
	}
	module, ok = r.module()
	at = r.middle()
	if dx != 0 {
		at += float64(px) + 0.5 - x
	} else {
		at += float64(py) + 0.5 - y
	}
	return at, module, ok
}

// triple is three candidates that may be the corners of a symbol: top left, top
// right, bottom left.
type triple struct {
	corners [3]candidate
	odd     float64 // how unlike a square
}

// triples gives the most likely ones first.
func triples(all []candidate) []triple {
	var found []triple
	for i, a := range all {
		for j, b := range all {
			if j == i || b.module > 2*a.module || a.module > 2*b.module {
				continue
			}
			bx, by := b.x-a.x, b.y-a.y
			lb := math.Hypot(bx, by)
			if lb < 8*a.module {
				continue
			}
			for k, c := range all {
				cx, cy := c.x-a.x, c.y-a.y
				cross, dot := bx*cy-by*cx, bx*cx+by*cy
				if k == i || k == j || cross <= 0 || c.module > 2*a.module || a.module > 2*c.module {
					continue
				}
				lc := math.Hypot(cx, cy)
				skew, slant := math.Abs(math.Log(lb/lc)), math.Abs(dot)/(lb*lc)
				if lc < 8*a.module || skew > 0.6 || slant > 0.55 || lb+lc > 2*220*a.module {
					continue
				}
				odd := skew + slant + math.Abs(math.Log(a.module*a.module/(b.module*c.module))) + a.doubt + b.doubt + c.doubt
				found = append(found, triple{[3]candidate{a, b, c}, odd})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b triple) int { return cmp.Compare(a.odd, b.odd) })
	return found[:min(len(found), maxTriples)]
}
