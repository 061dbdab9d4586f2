package optics

import "fmt"

// Point is the pictures of one value of the factor that a sweep changes.
type Point struct {
	Value float64
	Cases []Case
}

// Sweep changes one factor of an otherwise good picture at 1080p.
type Sweep struct {
	Name   string
	Points []Point
}

// Sweeps gives all of them, with n pictures for each value.
func Sweeps(n int) []Sweep {
	type set func(c *Case, value float64)
	size := func(c *Case, pixels float64) {
		_, _, h := c.show().size()
		c.Scene.Fill = pixels * float64(h) / float64(c.Scene.Height)
	}
	sweeps := []struct {
		name    string
		version int
		values  []float64
		set     set
	}{
		{"pixels a module, V20", 20, []float64{1, 1.5, 2, 2.5, 3, 4, 5, 6, 8}, size},
		{"pixels a module, V40", 40, []float64{1, 1.5, 1.75, 2, 2.25, 2.5, 3, 4, 5}, size},
		{"blur", 27, []float64{0.5, 1, 1.5, 2, 2.5, 3}, func(c *Case, v float64) { c.Scene.Blur = v }},
		{"noise", 27, []float64{3, 6, 12, 20, 30}, func(c *Case, v float64) { c.Scene.Noise = v }},
		{"tilt", 27, []float64{5, 10, 20, 30, 40}, func(c *Case, v float64) { c.Scene.TiltX, c.Scene.TiltY, c.Scene.Fill = v, v/2, 0.8 }},
		{"rotation", 27, []float64{10, 20, 30, 45, 90, 180}, func(c *Case, v float64) { c.Scene.Rotation, c.Scene.Fill = v, 0.68 }},
		{"contrast", 27, []float64{120, 60, 30, 15}, func(c *Case, v float64) { c.Scene.Black, c.Scene.White = 110-v/2, 110+v/2 }},
		{"lens %", 27, []float64{-10, -6, -3, 3, 6, 10}, func(c *Case, v float64) { c.Scene.Lens = v / 100 }},
		{"JPEG quality", 27, []float64{60, 30, 15, 8}, func(c *Case, v float64) { c.Scene.JPEG = int(v) }},
		{"moire", 27, []float64{0.2, 0.4}, func(c *Case, v float64) { c.Scene.Moire = v }},
		{"blend %", 27, []float64{10, 20, 30, 35, 40}, func(c *Case, v float64) { c.Share = v / 100 }},
	}
	all := make([]Sweep, len(sweeps))
	for k, s := range sweeps {
		all[k].Name = s.name
		for j, v := range s.values {
			p := Point{Value: v}
			for i := range n {
				seed := 7<<48 | uint64(k)<<32 | uint64(j)<<16 | uint64(i)
				c := good(s.version, seed)
				c.Name = fmt.Sprintf("%s %g-%02d", s.name, v, i)
				s.set(&c, v)
				p.Cases = append(p.Cases, c)
			}
			all[k].Points = append(all[k].Points, p)
		}
	}
	return all
}

// good is a case without a difficulty, not twice the same.
func good(version int, seed uint64) Case {
	c, r := newCase(version, seed), source(seed, 's')
	c.Scene = Scene{Width: 1920, Height: 1080, Seed: seed,
		Pose: Pose{Fill: 0.9, X: around(r, 100), Y: around(r, 10), Rotation: around(r, 2), TiltX: around(r, 1), TiltY: around(r, 1)},
		Look: Look{Blur: 0.6, Gamma: 1, Black: 30, White: 220, Noise: 2, JPEG: 90, Dots: span{3, 7}.draw(r), Moire: 0.1},
	}
	return c
}
