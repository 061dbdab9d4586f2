package reader

import (
	"math"
	"sync"

	"coldsign/shared/frame/picture"
)

// pattern is a shape of known modules, as a slightly blurred camera sees it, to
// be looked for in a picture.
type pattern struct {
	reach  int       // modules from its middle that are compared
	affine bool      // its size and slant are measured too, not only its place
	coarse []float64 // at whole modules; sums to 0, its squares to 1
	fine   []float64 // the same at half modules
	steps  []float64 // what each half module says about each parameter
	params int
}

// finderPattern and alignmentPattern (ISO/IEC 18004:2015, 6.3.3 and 6.3.6).
var (
	finderPattern    = sync.OnceValue(func() *pattern { return newPattern(4, true, 3.5, 2.5, 1.5) })
	alignmentPattern = sync.OnceValue(func() *pattern { return newPattern(2, false, 2.5, 1.5, 0.5) })
)

// newPattern makes the pattern of squares within one another, the largest dark.
// Each is given by half its side.
func newPattern(reach int, affine bool, squares ...float64) *pattern {
	const sigma = 0.5 // modules
	box := func(a, half float64) float64 {
		return (math.Erf((a+half)/(sigma*math.Sqrt2)) - math.Erf((a-half)/(sigma*math.Sqrt2))) / 2
	}
	bright := func(a, b float64) (sum float64) {
		for i, s := range squares {
			sum += box(a, s) * box(b, s) * float64(i%2*2-1)
		}
		return sum
	}
	p := &pattern{reach: reach, affine: affine, params: 4}
	if affine {
		p.params = 8
	}
	var rows []float64
	r := float64(reach)
	for b := -r; b <= r; b += 0.5 {
		for a := -r; a <= r; a += 0.5 {
			t := bright(a, b)
			p.fine = append(p.fine, t)
			if a == math.Trunc(a) && b == math.Trunc(b) {
				p.coarse = append(p.coarse, t)
			}
			const d = 1.0 / 64
			ta, tb := (bright(a+d, b)-bright(a-d, b))/(2*d), (bright(a, b+d)-bright(a, b-d))/(2*d)
			rows = append(rows, []float64{t, 1, ta, tb, ta * a, ta * b, tb * a, tb * b}[:p.params]...)
		}
	}
	standard(p.coarse)
	standard(p.fine)
	// Least squares: each row times the inverse of the normal matrix.
	n := p.params
	for at := 0; at < len(rows); at += n {
		normal, row := make([]float64, n*n), append([]float64(nil), rows[at:at+n]...)
		for k := 0; k < len(rows); k += n {
			for i := range n {
				for j := range n {
					normal[i*n+j] += rows[k+i] * rows[k+j]
				}
			}
		}
		solve(normal, row)
		p.steps = append(p.steps, row...)
	}
	return p
}

// standard takes the mean off v and scales its squares to a sum of 1.
func standard(v []float64) {
	var sum, squares float64
	for _, x := range v {
		sum += x
		squares += x * x
	}
	mean := sum / float64(len(v))
	scale := 1 / math.Sqrt(squares-sum*mean)
	for i := range v {
		v[i] = (v[i] - mean) * scale
	}
}

// find looks for the pattern up to radius modules from f and gives how much what
// is there looks like it: 1 exactly, 0 not at all.
func (t *pattern) find(p *picture.Plane, f frame, radius float64) (frame, float64) {
	near := int(math.Ceil(2 * radius)) // half modules
	side := 2*near + 4*t.reach + 1
	greys := make([]float64, side*side)
	for i := range side {
		for j := range side {
			r := float64(near + 2*t.reach)
			greys[i*side+j] = grey(p, f, (float64(j)-r)/2, (float64(i)-r)/2)
		}
	}
	n := 2*near + 1
	scores, best := make([]float64, n*n), 0
	width := 2*t.reach + 1
	for at := range scores {
		var sum, squares, match float64
		from := at/n*side + at%n
		for i := range width {
			row := greys[from+2*i*side:]
			for j, c := range t.coarse[i*width : (i+1)*width] {
				g := row[2*j]
				sum += g
				squares += g * g
				match += g * c
			}
		}
		spread := squares - sum*sum/float64(width*width)
		scores[at] = match / math.Sqrt(spread+1) // +1: a plain grey is no match
		if scores[at] > scores[best] {
			best = at
		}
	}
	a, b := best%n-near, best/n-near
	peak := func(step int) float64 {
		l, m, r := scores[best-step], scores[best], scores[best+step]
		return (l - r) / (2*(l+r-2*m) - 1e-9)
	}
	da, db := 0.0, 0.0
	if near > 0 && a > -near && a < near {
		da = peak(1)
	}
	if near > 0 && b > -near && b < near {
		db = peak(n)
	}
	return f.moved((float64(a)+da)/2, (float64(b)+db)/2), scores[best]
}

// settle moves a frame that is less than a module off to where the pattern is,
// and gives how much it looks like it.
func (t *pattern) settle(p *picture.Plane, f frame, rounds int) (frame, float64) {
	score, n := 0.0, t.params
	for range rounds {
		var sum, squares, match float64
		var x [8]float64
		at, r := 0, float64(t.reach)
		for b := -r; b <= r; b += 0.5 {
			for a := -r; a <= r; a += 0.5 {
				g := grey(p, f, a, b)
				sum += g
				squares += g * g
				match += g * t.fine[at]
				for k, s := range t.steps[at*n : (at+1)*n] {
					x[k] += s * g
				}
				at++
			}
		}
		score = match / math.Sqrt(squares-sum*sum/float64(at)+1)
		if !(x[0] > 1) { // brightness upside down
			return f, 0
		}
		for k := 2; k < 8; k++ {
			x[k] = max(-0.3, min(0.3, 0.8*x[k]/x[0])) // less than all: the blur differs
		}
		f = f.moved(-x[2], -x[3])
		axes := frame{ux: f.ux, uy: f.uy, vx: f.vx, vy: f.vy}
		f.ux, f.uy = axes.at(1-x[4], -x[6])
		f.vx, f.vy = axes.at(-x[5], 1-x[7])
	}
	return f, score
}

// grey gives how light the picture is at (a, b) of a frame. A large module is
// looked at in four places: its edges are sharper than the pattern's.
func grey(p *picture.Plane, f frame, a, b float64) float64 {
	x, y := f.at(a, b)
	if math.Abs(f.ux)+math.Abs(f.uy) < 5 {
		return bilinear(p, x, y)
	}
	const d = 0.2
	ux, uy, vx, vy := d*f.ux, d*f.uy, d*f.vx, d*f.vy
	return (bilinear(p, x-ux-vx, y-uy-vy) + bilinear(p, x+ux-vx, y+uy-vy) +
		bilinear(p, x-ux+vx, y-uy+vy) + bilinear(p, x+ux+vx, y+uy+vy)) / 4
}

// bilinear interpolates the picture. Outside is what is at its edge.
func bilinear(p *picture.Plane, x, y float64) float64 {
	x, y = max(0, min(float64(p.Width-1)-1e-6, x-0.5)), max(0, min(float64(p.Height-1)-1e-6, y-0.5))
	i, j := int(x), int(y)
	x, y = x-float64(i), y-float64(j)
	o := j*p.Stride + i
	top, bottom := p.Pix[o:o+2], p.Pix[o+p.Stride:o+p.Stride+2]
	l, r := float64(top[0]), float64(top[1])
	m, n := float64(bottom[0]), float64(bottom[1])
	up, down := l+(r-l)*x, m+(n-m)*x
	return up + (down-up)*y
}
