package reader

import "math"

// equaliser undoes what blur does: each sampled module holds some of its
// neighbours.
type equaliser struct {
	*layout
	seen  []float32 // greys without the light's slope: about -1 dark, 1 light
	soft  []float32 // what each module is: -1 dark, 1 light, and between
	fixed []bool    // soft is certain
}

func newEqualiser(l *layout, greys []float32) *equaliser {
	const radius = 12 // modules: as many dark as light, and little slope
	e := &equaliser{layout: l, seen: greys, soft: make([]float32, len(greys)), fixed: make([]bool, len(greys))}
	means := smooth(greys, l.stride, radius)
	for i, g := range greys {
		e.seen[i] = g - means[i]
		means[i] = float32(math.Abs(float64(e.seen[i])))
	}
	for i, m := range smooth(means, l.stride, radius) {
		e.seen[i] /= m + 0.5
	}
	for i, k := range l.kind {
		if k != data {
			e.soft[i], e.fixed[i] = sign(int(k)), true
		}
	}
	return e
}

// inside calls f with the first and last but one index of each row of the symbol.
func (e *equaliser) inside(f func(from, to int)) {
	for y := range e.size {
		from := (y+margin)*e.stride + margin
		f(from, from+e.size)
	}
}

// sharpen is the quick way, enough for most: each module less some of the eight
// around it.
func (e *equaliser) sharpen() {
	s, n := e.seen, e.stride
	e.inside(func(from, to int) {
		for i := from; i < to; i++ {
			if !e.fixed[i] {
				e.soft[i] = 1.8*s[i] - 0.25*(s[i-1]+s[i+1]+s[i-n]+s[i+n]) + 0.05*(s[i-n-1]+s[i-n+1]+s[i+n-1]+s[i+n+1])
			}
		}
	})
}

// taps are how far a module shines into those around it: the 13 of a half plane,
// the other half being the same.
const taps = 13

func (e *equaliser) places() (at [taps]int) {
	k := 1
	for y := range 3 {
		for x := -2; x <= 2; x++ {
			if y > 0 || x > 0 {
				at[k] = y*e.stride + x
				k++
			}
		}
	}
	return at
}

// learn measures the blur from what the modules are taken for.
func (e *equaliser) learn() (blur [taps]float32, ok bool) {
	const n = taps + 1
	var a [n * n]float64
	var b [n]float64
	places := e.places()
	for i := margin*e.stride + margin; i < (e.size+margin)*e.stride-margin; i += 7 {
		v := [n]float64{taps: 1, 0: float64(e.soft[i])}
		for k := 1; k < taps; k++ {
			v[k] = float64(e.soft[i-places[k]] + e.soft[i+places[k]])
		}
		for j := range v {
			for k := range j + 1 {
				a[n*j+k] += v[j] * v[k]
			}
			b[j] += v[j] * float64(e.seen[i])
		}
	}
	for j := range n {
		for k := range j {
			a[n*k+j] = a[n*j+k]
		}
	}
	ok = solve(a[:], b[:])
	for k := range blur {
		blur[k] = float32(b[k])
	}
	return blur, ok && blur[0] > 0
}

// relax finds the modules, each between dark and light, whose blurred image
// differs least from what was seen: by least squares, one module at a time. It
// gives how sure each is.
func (e *equaliser) relax() (sure []float32, ok bool) {
	const sweeps = 3
	for i, v := range e.soft {
		e.soft[i] = max(-1, min(1, v))
	}
	blur, ok := e.learn()
	if !ok {
		return nil, false
	}
	places := e.places()
	var offsets [2*taps - 1]int
	var weights [2*taps - 1]float32
	var power float32
	for k, at := range places {
		offsets[k], weights[k] = at, blur[k]
		if k > 0 {
			offsets[taps-1+k], weights[taps-1+k] = -at, blur[k]
		}
	}
	for _, w := range weights {
		power += w * w
	}
	rest := make([]float32, len(e.seen))
	e.inside(func(from, to int) {
		for i := from; i < to; i++ {
			sum := e.seen[i]
			for k, o := range offsets {
				sum -= weights[k] * e.soft[i+o]
			}
			rest[i] = sum
		}
	})
	// What is left over slowly changing is light, not modules.
	for i, m := range smooth(rest, e.stride, 10) {
		rest[i] -= m
	}
	sure = make([]float32, len(e.seen))
	for range sweeps {
		e.inside(func(from, to int) {
			for i := from; i < to; i++ {
				if e.fixed[i] {
					continue
				}
				var sum float32
				for k, o := range offsets {
					sum += weights[k] * rest[i+o]
				}
				want := e.soft[i] + sum/power
				sure[i] = want
				want = max(-1, min(1, want))
				step := want - e.soft[i]
				if step > -0.01 && step < 0.01 {
					continue
				}
				e.soft[i] = want
				for k, o := range offsets {
					rest[i+o] -= weights[k] * step
				}
			}
		})
	}
	return sure, true
}
