package optics

import (
	"io"
	"math"
	"math/rand/v2"
	"time"

	"coldsign/shared/frame/picture"
)

// Film is what a camera sees of a display, in virtual time: nothing waits.
type Film struct {
	Shown     func(i int) Show // picture i that the display shows, all of one layout
	Count     int              // pictures shown; the film ends with the last. 0 never ends
	ShownRate float64          // pictures shown a second
	Scene     Scene            // where the display is and what the light is like
	Drift     float64          // how far a hand moves, in pixels, within some seconds
	Rate      float64          // pictures the camera takes a second
	Readout   float64          // share of the time of a picture from its first row to its last
	Exposure  time.Duration    // of each row; with the readout less than a picture is shown
	Phase     float64          // share of a shown picture that is over when the camera starts
	Lost      float64          // share of pictures that the camera loses
	Burst     float64          // how many it loses at a time, on average; 0 makes losses independent
	Repeated  float64          // share of pictures that it gives a second time
	Seed      uint64
}

// Camera takes the pictures of a film. It is a picture.Source.
type Camera struct {
	film    Film
	random  *rand.Rand
	next    int // picture of the camera
	losing  bool
	last    *picture.Plane
	panels  [3]*panel // those of the shown pictures around the last one
	shown   [3]int
	wobbles [9]wobble
}

// wobble is one slow swing of the hand.
type wobble struct{ size, rate, phase float64 }

// NewCamera starts at the first shown picture.
func NewCamera(f Film) *Camera {
	c := &Camera{film: f, random: source(f.Seed, 'c'), shown: [3]int{-1, -1, -1}}
	r := source(f.Seed, 'w')
	for i := range c.wobbles {
		c.wobbles[i] = wobble{size: r.Float64(), rate: span{0.1, 0.6}.draw(r), phase: 2 * math.Pi * r.Float64()}
	}
	return c
}

// Next takes the next picture.
func (c *Camera) Next() (*picture.Plane, error) {
	f := &c.film
	if c.last != nil && c.random.Float64() < f.Repeated {
		again := *c.last
		again.Pix = append([]byte(nil), c.last.Pix...)
		again.Time += time.Duration(float64(time.Second) / f.Rate / 2) // drivers give them a time of their own
		c.last = nil
		return &again, nil
	}
	for c.lose() {
		c.next++
	}
	at := float64(c.next) / f.Rate
	mix := f.timing(at)
	first, _ := mix(0)
	last, weight := mix(f.Scene.Height - 1)
	if weight > 0 {
		last++
	}
	if f.Count > 0 && last >= f.Count {
		return nil, io.EOF
	}
	scene := c.scene(at)
	c.load(first, last)
	p := film(scene, func(y int) (int, int) {
		i, w := mix(y)
		return i - first, w
	}, newView(scene, c.panels[0].w, c.panels[0].h), c.panels[:last-first+1])
	p.Time = time.Duration(at * float64(time.Second))
	c.next++
	if f.Repeated > 0 {
		c.last = p
	}
	return p, nil
}

// lose decides whether the next picture is lost: two states, and a mean stay in
// the bad one that makes losses independent unless longer bursts are wanted.
func (c *Camera) lose() bool {
	f := &c.film
	if f.Lost <= 0 {
		return false
	}
	stay := max(f.Burst, 1/(1-f.Lost))
	if c.losing {
		c.losing = c.random.Float64() >= 1/stay
	} else {
		c.losing = c.random.Float64() < f.Lost/(1-f.Lost)/stay
	}
	return c.losing
}

// timing says which shown pictures each row of a picture begun at the given time sees.
func (f *Film) timing(at float64) Mix {
	row := f.Readout / f.Rate / float64(f.Scene.Height) * f.ShownRate
	exposure := f.Exposure.Seconds() * f.ShownRate
	return func(y int) (int, int) {
		start := at*f.ShownRate + f.Phase + row*float64(y)
		first := math.Floor(start)
		if exposure <= 0 {
			return int(first), 0
		}
		return int(first), int(256 * max(0, start+exposure-first-1) / exposure)
	}
}

// scene is where a drifting hand holds the camera at a time.
func (c *Camera) scene(at float64) Scene {
	s, drift := c.film.Scene, c.film.Drift
	swing := func(i int) (sum float64) {
		for _, w := range c.wobbles[i : i+3] {
			sum += w.size * math.Sin(2*math.Pi*w.rate*at+w.phase)
		}
		return sum * drift
	}
	s.X += swing(0)
	s.Y += swing(3)
	s.Fill *= 1 + swing(6)/float64(s.Height)
	s.Rotation += swing(2) / float64(s.Height) * 30
	s.Seed = source(c.film.Seed, uint64(c.next)).Uint64()
	return s
}

// load keeps the panels of shown pictures first to last.
func (c *Camera) load(first, last int) {
	old, were := c.panels, c.shown
	for i := range c.panels {
		c.panels[i], c.shown[i] = nil, first+i
		for j, n := range were {
			if n == first+i {
				c.panels[i] = old[j]
			}
		}
		if c.panels[i] == nil && first+i <= last {
			c.panels[i] = newPanel(c.film.Shown(first + i))
		}
	}
}
