package optics

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"sync"

	"coldsign/shared/frame/picture"
)

// blur spreads light as a lens out of focus does. Integers, so that it is the
// same on every machine.
func blur(light []uint16, w, h int, sigma float64) {
	if sigma <= 0 {
		return
	}
	taps := gauss(sigma)
	n := len(taps) - 1
	line := make([]uint16, w+2*n)
	for y := range h {
		row := light[y*w : (y+1)*w]
		copy(line[n:], row)
		for i := range n {
			line[i], line[n+w+i] = row[0], row[w-1]
		}
		for x := range row {
			near := line[x : x+2*n+1]
			sum := uint32(near[n]) * taps[0]
			for k := 1; k <= n; k++ {
				sum += (uint32(near[n-k]) + uint32(near[n+k])) * taps[k]
			}
			row[x] = uint16(sum >> 15)
		}
	}
	// Down the columns by whole rows: a ring of the rows above that are not
	// blurred yet.
	above := make([][]uint16, n)
	for i := range above {
		above[i] = append([]uint16(nil), light[:w]...)
	}
	sums := make([]uint32, w)
	for y := range h {
		row := light[y*w : (y+1)*w]
		for x, a := range row {
			sums[x] = uint32(a) * taps[0]
		}
		for k := 1; k <= n; k++ {
			up := above[(y-k+n*h)%n]
			below := min(y+k, h-1) * w
			down, t := light[below:below+w], taps[k]
			for x := range sums {
				sums[x] += (uint32(up[x]) + uint32(down[x])) * t
			}
		}
		copy(above[y%n], row)
		for x, s := range sums {
			row[x] = uint16(s >> 15)
		}
	}
}

// gauss gives the middle and one side of a bell that sums to 1<<15.
func gauss(sigma float64) []uint32 {
	n := max(1, int(math.Ceil(2.5*sigma)))
	bell, sum := make([]float64, n+1), 0.0
	for i := range bell {
		bell[i] = math.Exp(-float64(i*i) / (2 * sigma * sigma))
		sum += bell[i]
		if i > 0 {
			sum += bell[i]
		}
	}
	taps, rest := make([]uint32, n+1), uint32(1<<15)
	for i := 1; i <= n; i++ {
		taps[i] = uint32(math.Round(bell[i] / sum * (1 << 15)))
		rest -= 2 * taps[i]
	}
	taps[0] = rest
	return taps
}

// bells is the normal distribution cut into equal shares, times 256.
var bells = sync.OnceValue(func() []int32 {
	table := make([]int32, 1<<14)
	for i := range table {
		p := (float64(i) + 0.5) / float64(len(table))
		table[i] = int32(math.Round(256 * math.Sqrt2 * math.Erfinv(2*p-1)))
	}
	return table
})

// develop turns light into greys.
func (s Scene) develop(light []uint16) *picture.Plane {
	p := &picture.Plane{Width: s.Width, Height: s.Height, Stride: s.Width, Pix: make([]byte, s.Width*s.Height)}
	var curve [full>>4 + 1]int64 // greys times 1<<16
	for i := range curve {
		v := math.Pow(float64(i)/float64(len(curve)-1), s.Gamma)
		curve[i] = int64((s.Black + (s.White-s.Black)*v) * (1 << 16))
	}
	// The shade is a plane: 1<<16 on the bright side.
	sin, cos := math.Sincos(s.Angle * math.Pi / 180)
	w, h := float64(s.Width), float64(s.Height)
	reach := math.Abs(w*cos) + math.Abs(h*sin)
	slope := func(f float64) int64 { return int64(s.Gradient * f / reach * (1 << 32)) }
	dx, dy := slope(cos), slope(sin)
	middle := int64((1 - s.Gradient/2) * (1 << 32))
	pcg := source(s.Seed, 'n')
	bell, noise := bells(), int64(s.Noise*(1<<8))
	for y := range s.Height {
		row := p.Pix[y*s.Width : (y+1)*s.Width]
		from := light[y*s.Width:]
		shade := middle - int64(y-s.Height/2)*dy + int64(s.Width/2)*dx
		var random uint64
		for x := range row {
			if x&3 == 0 {
				random = pcg.Uint64()
			}
			grey := curve[from[x]>>4] * (shade >> 16) >> 16
			grey += int64(bell[random&(1<<14-1)]) * noise
			random >>= 16
			row[x] = uint8(max(0, min(255, (grey+1<<15)>>16)))
			shade -= dx
		}
	}
	if s.JPEG > 0 {
		compress(p, s.JPEG)
	}
	return p
}

// compress sends the picture through JPEG, as most webcams do.
func compress(p *picture.Plane, quality int) {
	var buf bytes.Buffer
	img := &image.Gray{Pix: p.Pix, Stride: p.Stride, Rect: image.Rect(0, 0, p.Width, p.Height)}
	if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: quality}); err != nil {
		panic(err) // a picture of legal size into memory
	}
	back, err := jpeg.Decode(&buf)
	if err != nil {
		panic(err)
	}
	g := back.(*image.Gray)
	for y := range p.Height {
		copy(p.Pix[y*p.Stride:y*p.Stride+p.Width], g.Pix[y*g.Stride:])
	}
}
