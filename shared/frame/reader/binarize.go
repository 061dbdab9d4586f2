package reader

import "coldsign/shared/frame/picture"

// tile is the side of the squares of pixels that share a threshold.
const tile = 16

// binary tells dark pixels from light ones by a threshold half way between the
// darkest and the lightest nearby.
type binary struct {
	*picture.Plane
	columns int
	levels  []uint8 // thresholds, tile by tile
}

// extremes are the darkest and the lightest of each tile, at one size of tiles.
type extremes struct {
	w, h   int
	lo, hi []uint8
}

func newExtremes(w, h int) extremes {
	return extremes{w, h, make([]uint8, w*h), make([]uint8, w*h)}
}

func binarize(p *picture.Plane) *binary {
	sizes := []extremes{measure(p)}
	for e := sizes[0]; e.w > 3 || e.h > 3; e = sizes[len(sizes)-1] {
		sizes = append(sizes, e.halved())
	}
	// From the whole picture down: a smaller area decides when it has most of the
	// contrast of the larger one. Else it lies within one module, or off the symbol.
	var above extremes
	for i := len(sizes) - 1; i >= 0; i-- {
		e := sizes[i].spread()
		if above.w > 0 {
			for y := range e.h {
				for x := range e.w {
					at, up := y*e.w+x, y/2*above.w+x/2
					if 5*int(e.hi[at]-e.lo[at]) < 3*int(above.hi[up]-above.lo[up]) {
						e.hi[at], e.lo[at] = above.hi[up], above.lo[up]
					}
				}
			}
		}
		above = e
	}
	b := &binary{p, above.w, make([]uint8, above.w*above.h)}
	for i := range b.levels {
		b.levels[i] = uint8((int(above.lo[i]) + int(above.hi[i]) + 1) / 2)
	}
	return b
}

// measure takes the extremes of the means of two by two pixels.
func measure(p *picture.Plane) extremes {
	e := newExtremes((p.Width+tile-1)/tile, (p.Height+tile-1)/tile)
	for i := range e.lo {
		e.lo[i] = 255
	}
	for y := 0; y+1 < p.Height; y += 2 {
		one, two := p.Pix[y*p.Stride:][:p.Width], p.Pix[(y+1)*p.Stride:][:p.Width]
		for tx := range e.w {
			at := y/tile*e.w + tx
			lo, hi := int(e.lo[at])*4, int(e.hi[at])*4
			end := min(tx*tile+tile, p.Width)
			a, b := one[tx*tile:end], two[tx*tile:end]
			for i := 0; i+1 < len(a) && i+1 < len(b); i += 2 {
				g := int(a[i]) + int(a[i+1]) + int(b[i]) + int(b[i+1])
				lo, hi = min(lo, g), max(hi, g)
			}
			e.lo[at], e.hi[at] = uint8(lo/4), uint8(hi/4)
		}
	}
	return e
}

// sharpened gives the picture with less noise and less blur: the mean of three by
// three pixels, away from the mean of seven by seven around them.
func sharpened(p *picture.Plane) *picture.Plane {
	const near, far, edge = 1, 3, 4
	out := &picture.Plane{Width: p.Width, Height: p.Height, Stride: p.Width, Pix: make([]byte, p.Width*p.Height)}
	row := func(y int) []byte { return p.Pix[max(0, min(p.Height-1, y))*p.Stride:][:p.Width] }
	small, large := make([]int, p.Width+2*edge), make([]int, p.Width+2*edge) // sums of columns
	for y := range p.Height {
		for sums, reach := range map[*[]int]int{&small: near, &large: far} {
			if y == 0 {
				for k := -reach; k <= reach; k++ {
					for x, g := range row(k) {
						(*sums)[edge+x] += int(g)
					}
				}
			} else {
				gone, s := row(y-reach-1), (*sums)[edge:]
				for x, g := range row(y + reach) {
					s[x] += int(g) - int(gone[x])
				}
			}
			for i := range edge {
				(*sums)[i], (*sums)[edge+p.Width+i] = (*sums)[edge], (*sums)[edge+p.Width-1]
			}
		}
		s, l := 0, 0
		for i := range 2*far + 1 {
			l += large[i+edge-far-1]
			if i < 2*near+1 {
				s += small[i+edge-near-1]
			}
		}
		to := out.Pix[y*p.Width:][:p.Width]
		for x := range to {
			s += small[x+edge+near] - small[x+edge-near-1]
			l += large[x+edge+far] - large[x+edge-far-1]
			to[x] = uint8(max(0, min(255, (s*(4<<16/9)-l*(3<<16/49))>>16)))
		}
	}
	return out
}

func (e extremes) halved() extremes {
	h := newExtremes((e.w+1)/2, (e.h+1)/2)
	for y := range h.h {
		for x := range h.w {
			lo, hi := uint8(255), uint8(0)
			for _, j := range [2]int{2 * y, min(2*y+1, e.h-1)} {
				for _, i := range [2]int{2 * x, min(2*x+1, e.w-1)} {
					lo, hi = min(lo, e.lo[j*e.w+i]), max(hi, e.hi[j*e.w+i])
				}
			}
			h.lo[y*h.w+x], h.hi[y*h.w+x] = lo, hi
		}
	}
	return h
}

// spread gives each tile the extremes of the tiles around it too.
func (e extremes) spread() extremes {
	s := newExtremes(e.w, e.h)
	for y := range e.h {
		for x := range e.w {
			lo, hi := uint8(255), uint8(0)
			for j := max(0, y-1); j <= min(e.h-1, y+1); j++ {
				for i := max(0, x-1); i <= min(e.w-1, x+1); i++ {
					lo, hi = min(lo, e.lo[j*e.w+i]), max(hi, e.hi[j*e.w+i])
				}
			}
			s.lo[y*e.w+x], s.hi[y*e.w+x] = lo, max(lo, hi)
		}
	}
	return s
}

// level is how much lighter than its threshold a pixel is.
func (b *binary) level(x, y int) int {
	return int(b.Pix[y*b.Stride+x]) - int(b.levels[y/tile*b.columns+x/tile])
}
