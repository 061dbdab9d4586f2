package optics

import (
	"math"

	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/qr"
)

// Mix says what row y of a picture saw: shown picture first, and weight of 256
// parts of the one after it, in the order they were given to Mixed.
type Mix func(y int) (first, weight int)

// Render takes a picture of one shown picture.
func Render(s Scene, show Show) *picture.Plane {
	return Mixed(s, func(int) (int, int) { return 0, 0 }, show)
}

// Blend takes a picture while another shown picture shines through.
func Blend(s Scene, show, other Show, share float64) *picture.Plane {
	return Mixed(s, func(int) (int, int) { return 0, int(256 * share) }, show, other)
}

// Mixed takes a picture of shown pictures that change meanwhile. All must have
// the same layout.
func Mixed(s Scene, mix Mix, shows ...Show) *picture.Plane {
	panels := make([]*panel, len(shows))
	for i, show := range shows {
		panels[i] = newPanel(show)
	}
	return film(s, mix, newView(s, panels[0].w, panels[0].h), panels)
}

func film(s Scene, mix Mix, v *view, panels []*panel) *picture.Plane {
	light := newRaster(v, panels[0].w, panels[0].h).expose(mix, panels)
	blur(light, s.Width, s.Height, s.Blur)
	return s.develop(light)
}

// panel is the light of each module, quiet zones included: 0 or 255.
type panel struct {
	w, h  int
	light []uint8
}

func newPanel(show Show) *panel {
	cell, w, h := show.size()
	p := &panel{w: w, h: h, light: make([]uint8, w*h)}
	for i := range p.light {
		p.light[i] = 255
	}
	for i, m := range show.Symbols {
		x0, y0 := i%show.Columns*cell+qr.QuietZone, i/show.Columns*cell+qr.QuietZone
		for y := range m.Size {
			row := p.light[(y0+y)*w+x0:]
			for x := range m.Size {
				if m.Dark[y*m.Size+x] {
					row[x] = 0
				}
			}
		}
	}
	return p
}

// A picture is sampled 3 by 3 times a pixel. The exact mapping is computed only
// at the corners of tiles and interpolated inside them: at 10 % distortion that
// is a hundredth of a pixel off.
const (
	super = 3
	tile  = 16
	unit  = 1 << 16 // fixed point: one module
	full  = 28 * super * super * 255
)

type node struct{ x, y, room float64 }

type raster struct {
	scene   Scene
	w, h    int // modules of the panel
	columns int // of nodes
	nodes   []node
	dots    uint32
	mask    [256]uint8 // light of a display pixel, 16 by 16
}

func newRaster(v *view, w, h int) *raster {
	s := v.scene
	r := &raster{scene: s, w: w, h: h, columns: (s.Width+tile-1)/tile + 1, dots: uint32(s.Dots * 16)}
	rnd := source(s.Seed, 'r')
	p, q := 0.5+rnd.Float64(), 6*rnd.Float64()
	for j := range (s.Height+tile-1)/tile + 1 {
		for i := range r.columns {
			px, py := float64(i*tile), float64(j*tile)
			x, y := v.panel(px, py)
			// The room: furniture out of focus.
			a, b := px/float64(s.Height)*p*5+q, py/float64(s.Height)*p*7-q
			r.nodes = append(r.nodes, node{x, y, 0.3 + 0.1*math.Sin(a)*math.Sin(b) + 0.1*math.Sin(3*b-a)})
		}
	}
	for i := range r.mask {
		r.mask[i] = 255
		if i%16 < 3 || i/16 < 3 {
			r.mask[i] = uint8(255 * (1 - s.Moire))
		}
	}
	return r
}

// expose gives the light of each pixel, row by row, up to full.
func (r *raster) expose(mix Mix, panels []*panel) []uint16 {
	w := r.scene.Width
	light := make([]uint16, w*r.scene.Height)
	other := make([]uint16, w)
	for y := range r.scene.Height {
		row := light[y*w : (y+1)*w]
		first, weight := mix(y)
		r.row(row, y, panels[first])
		if weight == 0 {
			continue
		}
		clear(other)
		r.row(other, y, panels[first+1])
		for x, a := range row {
			row[x] = uint16((int(a)*(256-weight) + int(other[x])*weight) >> 8)
		}
	}
	return light
}

// row adds the samples of pixel row y.
func (r *raster) row(row []uint16, y int, p *panel) {
	for sub := range super {
		at := float64(y%tile) + (float64(sub)+0.5)/super
		top := r.nodes[y/tile*r.columns:]
		bottom := r.nodes[(y/tile+1)*r.columns:]
		left := between(top[0], bottom[0], at/tile)
		for i := range r.columns - 1 {
			right := between(top[i+1], bottom[i+1], at/tile)
			r.span(row[i*tile:min((i+1)*tile, len(row))], left, right, p)
			left = right
		}
	}
	for x := range row {
		row[x] *= full / (super * super * 255)
	}
}

func between(a, b node, t float64) node {
	return node{a.x + (b.x-a.x)*t, a.y + (b.y-a.y)*t, a.room + (b.room-a.room)*t}
}

// span samples one line of one tile.
func (r *raster) span(row []uint16, left, right node, p *panel) {
	inside := func(n node) bool { return n.x >= 0 && n.y >= 0 && n.x < float64(r.w) && n.y < float64(r.h) }
	in, whole := inside(left) || inside(right), inside(left) && inside(right)
	// A line that passes a corner of the panel between two nodes is taken as
	// outside: it only ever meets the quiet zone.
	const steps = super * tile
	if !in {
		room, step := left.room*super*255, (right.room-left.room)/tile*super*255
		for i := range row {
			row[i] += uint16(room + step*float64(i))
		}
		return
	}
	x, y := int(left.x*unit), int(left.y*unit)
	dx, dy := int((right.x-left.x)*unit/steps), int((right.y-left.y)*unit/steps)
	x, y = x+dx/2, y+dy/2
	outside := uint16(left.room * 255)
	for i := range row {
		var sum uint16
		for range super {
			if whole || x >= 0 && y >= 0 && x < r.w*unit && y < r.h*unit {
				u := uint32(x&(unit-1)) * r.dots >> 16 & 15
				v := uint32(y&(unit-1)) * r.dots >> 16 & 15
				sum += uint16(p.light[y>>16*r.w+x>>16] & r.mask[v<<4|u])
			} else {
				sum += outside
			}
			x, y = x+dx, y+dy
		}
		row[i] += sum
	}
}
