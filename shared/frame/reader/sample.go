package reader

import (
	"math"

	"coldsign/shared/frame/picture"
)

// bells are the weights of three pixels in a row, by where between two pixels
// their middle is, in 1/32: a quadratic B-spline, which takes off noise and
// hardly blurs. They sum to 256.
var bells = func() (w [33][3]int) {
	for i := range w {
		d := float64(i)/32 - 0.5
		l, r := (0.5-d)*(0.5-d)/2, (0.5+d)*(0.5+d)/2
		w[i][0], w[i][2] = int(math.Round(256*l)), int(math.Round(256*r))
		w[i][1] = 256 - w[i][0] - w[i][2]
	}
	return w
}()

// sample gives the greys of all modules and the margin, row by row. The exact
// places are computed for every eighth module and interpolated between.
func (s *pose) sample(p *picture.Plane) []float32 {
	const span, one = 8, 1 << 16
	stride := s.size + 2*margin
	greys := make([]float32, 0, stride*stride)
	right, bottom := (p.Width-1)*one-1, (p.Height-1)*one-1
	for v := range stride {
		x1, y1 := s.project(0.5-margin, float64(v)+0.5-margin)
		for u := 0; u < stride; u += span {
			x0, y0 := x1, y1
			x1, y1 = s.project(float64(u+span)+0.5-margin, float64(v)+0.5-margin)
			x, y := int(x0*one), int(y0*one)
			dx, dy := int((x1-x0)*one/span), int((y1-y0)*one/span)
			for range min(span, stride-u) {
				i, j := max(one, min(right, x)), max(one, min(bottom, y))
				wx, wy := &bells[i>>11&31], &bells[j>>11&31]
				o := (j>>16-1)*p.Stride + i>>16 - 1
				var sum int
				for k := range 3 {
					row := p.Pix[o : o+3]
					sum += wy[k] * (wx[0]*int(row[0]) + wx[1]*int(row[1]) + wx[2]*int(row[2]))
					o += p.Stride
				}
				greys = append(greys, float32(sum)*(1.0/65536))
				x, y = x+dx, y+dy
			}
		}
	}
	return greys
}

// smooth gives the means over squares of up to radius around each value.
func smooth(v []float32, stride, radius int) []float32 {
	lines := make([]float32, len(v))
	turn := func(from, to []float32, next, step int) {
		for line := range stride {
			at := line * next
			var sum, count float32
			for i := -radius; i < stride; i++ {
				if in := i + radius; in < stride {
					sum += from[at+in*step]
					count++
				}
				if out := i - radius - 1; out >= 0 {
					sum -= from[at+out*step]
					count--
				}
				if i >= 0 {
					to[at+i*step] = sum / count
				}
			}
		}
	}
	turn(v, lines, stride, 1)
	out := make([]float32, len(v))
	turn(lines, out, 1, stride)
	return out
}
