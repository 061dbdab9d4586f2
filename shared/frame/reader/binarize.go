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
	w, h  int
	tiles [][2]uint8
}

func binarize(p *picture.Plane) *binary {
	sizes := []extremes{measure(p)}
	for e := sizes[0]; e.w > 1 || e.h > 1; {
		e = e.wider()
		sizes = append(sizes, e)
	}
	// From the whole picture down: a smaller area decides when it has most of the
	// contrast of the larger one. Else it lies within one module, or off the symbol.
	above := sizes[len(sizes)-1]
	for i := len(sizes) - 2; i > 0; i-- {
		e := sizes[i]
		for at := range e.tiles {
			t, up := &e.tiles[at], above.tiles[at/e.w/2*above.w+at%e.w/2]
			if 5*int(t[1]-t[0]) < 3*int(up[1]-up[0]) {
				*t = up
			}
		}
		above = e
	}
	b := &binary{p, above.w, make([]uint8, len(above.tiles))}
	for i, t := range above.tiles {
		b.levels[i] = uint8((int(t[0]) + int(t[1]) + 1) / 2)
	}
	return b
}

// measure takes the extremes of the means of two by two pixels, in tiles of half
// the side.
func measure(p *picture.Plane) extremes {
	const side = tile / 2
	e := extremes{(p.Width + side - 1) / side, (p.Height + side - 1) / side, nil}
	e.tiles = make([][2]uint8, e.w*e.h)
	for i := range e.tiles {
		e.tiles[i][0] = 255
	}
	for y := 0; y+1 < p.Height; y += 2 {
		one, two := p.Pix[y*p.Stride:][:p.Width], p.Pix[(y+1)*p.Stride:][:p.Width]
		for tx := range e.w {
			t := &e.tiles[y/side*e.w+tx]
			lo, hi := int(t[0])*4, int(t[1])*4
			end := min(tx*side+side, p.Width)
			a, b := one[tx*side:end], two[tx*side:end]
			for i := 0; i+1 < len(a) && i+1 < len(b); i += 2 {
				g := int(a[i]) + int(a[i+1]) + int(b[i]) + int(b[i+1])
				lo, hi = min(lo, g), max(hi, g)
			}
			t[0], t[1] = uint8(lo/4), uint8(hi/4)
		}
	}
	return e
}

// wider gives tiles of twice the side, each with a border of half of that.
func (e extremes) wider() extremes {
	h := extremes{(e.w + 1) / 2, (e.h + 1) / 2, nil}
	for at := range h.w * h.h {
		x, y := at%h.w*2, at/h.w*2
		t := [2]uint8{255, 0}
		for j := max(0, y-1); j < min(e.h, y+3); j++ {
			for _, c := range e.tiles[j*e.w:][max(0, x-1):min(e.w, x+3)] {
				t[0], t[1] = min(t[0], c[0]), max(t[1], c[1])
			}
		}
		t[1] = max(t[0], t[1])
		h.tiles = append(h.tiles, t)
	}
	return h
}

// sharpened gives the picture with less noise and less blur: the mean of three by
// three pixels, away from the mean of seven by seven around them.
func sharpened(p *picture.Plane) *picture.Plane {
	w := p.Width
	out := &picture.Plane{Width: w, Height: p.Height, Stride: w, Pix: make([]byte, w*p.Height)}
	near, far := make([]int, w), make([]int, w) // sums of three and seven rows
	add := func(sums []int, y, sign int) {
		if y >= 0 {
			for x, g := range p.Pix[y*p.Stride:][:w] {
				sums[x] += sign * int(g)
			}
		}
	}
	for y := range p.Height {
		copy(out.Pix[y*w:], p.Pix[y*p.Stride:][:w])
		add(far, y, 1)
		add(far, y-7, -1)
		add(near, y-2, 1)
		add(near, y-5, -1)
		if y < 6 {
			continue
		}
		to, sum := out.Pix[(y-3)*w:], 0
		for x := range w {
			if sum += far[x]; x >= 6 {
				g := (near[x-4]+near[x-3]+near[x-2])*(4<<16/9) - sum*(3<<16/49)
				to[x-3] = uint8(max(0, min(255, g>>16)))
				sum -= far[x-6]
			}
		}
	}
	return out
}

// level is how much lighter than its threshold a pixel is.
func (b *binary) level(x, y int) int {
	return int(b.Pix[y*b.Stride+x]) - int(b.levels[y/tile*b.columns+x/tile])
}
