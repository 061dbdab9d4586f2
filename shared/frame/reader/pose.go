package reader

import "math"

// pose is where a symbol is in the picture: a homography from its modules to a
// picture without distortion, and the radial distortion of the lens about the
// middle of the picture.
type pose struct {
	size   int // modules on each side
	h      [9]float64
	lens   float64
	mx, my float64 // middle of the picture
	reach  float64 // from there to its corners, in pixels
}

func (p *pose) version() int { return (p.size - 17) / 4 }

// project gives the place in the picture of a point of the symbol, in modules
// from its top left corner. The middle of the first pixel is at (0.5, 0.5).
func (p *pose) project(u, v float64) (x, y float64) {
	n := 2 / float64(p.size)
	u, v = u*n-1, v*n-1
	d := 1 / (p.h[6]*u + p.h[7]*v + 1)
	fx, fy := (p.h[0]*u+p.h[1]*v+p.h[2])*d, (p.h[3]*u+p.h[4]*v+p.h[5])*d
	q := p.reach * (1 + p.lens*(fx*fx+fy*fy))
	return p.mx + fx*q, p.my + fy*q
}

// frame is a place in the picture with the steps from one module to the next.
type frame struct{ x, y, ux, uy, vx, vy float64 }

func (f frame) at(a, b float64) (x, y float64) {
	return f.x + a*f.ux + b*f.vx, f.y + a*f.uy + b*f.vy
}

func (f frame) moved(a, b float64) frame {
	f.x, f.y = f.at(a, b)
	return f
}

func (p *pose) frame(u, v float64) frame {
	x, y := p.project(u, v)
	x0, y0 := p.project(u-1, v)
	x1, y1 := p.project(u+1, v)
	x2, y2 := p.project(u, v-1)
	x3, y3 := p.project(u, v+1)
	return frame{x, y, (x1 - x0) / 2, (y1 - y0) / 2, (x3 - x2) / 2, (y3 - y2) / 2}
}

// sight is a point of a symbol and where it was seen.
type sight struct{ u, v, x, y, weight float64 }

// fit moves the pose to where the sights were. What they say little about stays
// near what it was: with few sights the lens, with only three the perspective.
func (p *pose) fit(sights []sight) bool {
	const steps, unsure = 5, 0.1 // in modules
	before := p.lens
	for range steps {
		f := p.frame(float64(p.size)/2, float64(p.size)/2)
		module := math.Sqrt(math.Abs(f.ux*f.vy-f.uy*f.vx)) / p.reach
		if !(module > 0) {
			return false
		}
		var a [81]float64
		var b [9]float64
		for _, s := range sights {
			p.add(&a, &b, s, 1/module)
		}
		square := func(x float64) float64 { return x * x }
		for i := range 9 {
			a[i*10] += 1e-6 * square(unsure/module)
		}
		a[6*10] += square(unsure / 0.3)
		a[7*10] += square(unsure / 0.3)
		a[8*10] += square(unsure / 0.05)
		b[8] += square(unsure/0.05) * (before - p.lens)
		if !solve(a[:], b[:]) {
			return false
		}
		for i := range 8 {
			p.h[i] += b[i]
		}
		p.lens += b[8]
	}
	return p.sane()
}

// add adds a sight to the normal equations, in modules. One that is far off
// counts for little.
func (p *pose) add(a *[81]float64, b *[9]float64, s sight, scale float64) {
	n := 2 / float64(p.size)
	u, v := s.u*n-1, s.v*n-1
	d := 1 / (p.h[6]*u + p.h[7]*v + 1)
	fx, fy := (p.h[0]*u+p.h[1]*v+p.h[2])*d, (p.h[3]*u+p.h[4]*v+p.h[5])*d
	rr := fx*fx + fy*fy
	q := 1 + p.lens*rr
	ex, ey := ((s.x-p.mx)/p.reach-fx*q)*scale, ((s.y-p.my)/p.reach-fy*q)*scale
	w := s.weight / (1 + (ex*ex+ey*ey)/(0.3*0.3))
	xx, xy, yy := (q+2*p.lens*fx*fx)*scale, 2*p.lens*fx*fy*scale, (q+2*p.lens*fy*fy)*scale
	u, v = u*d, v*d
	gx, gy := xx*fx+xy*fy, xy*fx+yy*fy
	jx := [9]float64{xx * u, xx * v, xx * d, xy * u, xy * v, xy * d, -u * gx, -v * gx, fx * rr * scale}
	jy := [9]float64{xy * u, xy * v, xy * d, yy * u, yy * v, yy * d, -u * gy, -v * gy, fy * rr * scale}
	for i := range 9 {
		wx, wy := w*jx[i], w*jy[i]
		for j := range 9 {
			a[i*9+j] += wx*jx[j] + wy*jy[j]
		}
		b[i] += wx*ex + wy*ey
	}
}

// outline gives where the corners are: top left, top right, bottom right, bottom left.
func (p *pose) outline() (q [4]Point) {
	n := float64(p.size)
	for i, c := range [4][2]float64{{0, 0}, {n, 0}, {n, n}, {0, n}} {
		q[i].X, q[i].Y = p.project(c[0], c[1])
	}
	return q
}

// sane reports whether the corners are where a camera can see them, turning right.
func (p *pose) sane() bool {
	q := p.outline()
	for i, c := range q {
		b, d := q[(i+1)%4], q[(i+3)%4]
		area := (b.X-c.X)*(d.Y-c.Y) - (b.Y-c.Y)*(d.X-c.X)
		if !(math.Abs(c.X-p.mx) < 2*p.reach && math.Abs(c.Y-p.my) < 2*p.reach && area > float64(p.size*p.size)/4) {
			return false
		}
	}
	return true
}

// solve solves a symmetric system of len(b) equations into b.
func solve(a, b []float64) bool {
	n := len(b)
	for i := range n {
		best := i
		for j := i + 1; j < n; j++ {
			if math.Abs(a[j*n+i]) > math.Abs(a[best*n+i]) {
				best = j
			}
		}
		if !(math.Abs(a[best*n+i]) > 1e-12) {
			return false
		}
		for k := range n {
			a[i*n+k], a[best*n+k] = a[best*n+k], a[i*n+k]
		}
		b[i], b[best] = b[best], b[i]
		for j := range n {
			if j == i {
				continue
			}
			f := a[j*n+i] / a[i*n+i]
			for k := i; k < n; k++ {
				a[j*n+k] -= f * a[i*n+k]
			}
			b[j] -= f * b[i]
		}
	}
	for i := range n {
		b[i] /= a[i*n+i]
	}
	return true
}
