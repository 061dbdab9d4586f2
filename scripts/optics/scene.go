// Package optics films a display that shows QR codes: a camera that was never
// there, the same on every run.
//
//	show := optics.Show{Columns: 1, Symbols: []qr.Matrix{m}}
//	scene := optics.GradeB.Scene(1920, 1080, show, seed)
//	plane := optics.Render(scene, show)              // one picture
//	camera := optics.NewCamera(film)                 // a picture.Source
//	for _, c := range optics.Set() { c.Picture() }   // the fixed 960 pictures
//
// Modelled: pinhole perspective, radial lens distortion, the display's own
// pixels (moire), blur, gamma, contrast, uneven light, noise, JPEG, rolling
// shutter, exposure over a change of the display. Not modelled: colour, the
// sensor's colour filter, focus that hunts, how slowly a liquid crystal turns.
// What reads well here is a ranking and an upper bound, not a promise.
package optics

import (
	"math"
	"math/rand/v2"

	"coldsign/shared/frame/qr"
)

// Show is what the display shows at one moment: symbols of one size in rows of
// Columns, each with its quiet zone, on white.
type Show struct {
	Columns int
	Symbols []qr.Matrix
}

// One shows a single symbol.
func One(m qr.Matrix) Show { return Show{Columns: 1, Symbols: []qr.Matrix{m}} }

// size gives the modules of one cell with its quiet zone, and of the whole panel.
func (s Show) size() (cell, width, height int) {
	cell = s.Symbols[0].Size + 2*qr.QuietZone
	return cell, cell * s.Columns, cell * ((len(s.Symbols) + s.Columns - 1) / s.Columns)
}

// Pose is where the display is, as the camera sees it.
type Pose struct {
	Fill         float64 // height of the panel, quiet zones included, in heights of the picture
	X, Y         float64 // its middle, in pixels from the middle of the picture
	Rotation     float64 // degrees, in the plane of the picture
	TiltX, TiltY float64 // degrees, about the horizontal and the vertical axis
	Lens         float64 // radial distortion in the corner of the picture: 0.01 is 1 %
}

// Look is how the light becomes a picture.
type Look struct {
	Blur         float64 // standard deviation in pixels
	Gamma        float64 // what the camera does to light: grey = light^Gamma
	Black, White float64 // greys of dark and light modules
	Gradient     float64 // how much darker the far side is: 0.3 is 30 %
	Angle        float64 // where the far side is, in degrees
	Noise        float64 // standard deviation in greys
	JPEG         int     // quality; 0 leaves JPEG out
	Dots         float64 // display pixels to a module
	Moire        float64 // how much light is missing between display pixels
}

// Scene is one picture to be taken.
type Scene struct {
	Width, Height int
	Pose
	Look
	Seed uint64 // of the noise and the room behind the display
}

// Grade is how good the conditions are.
type Grade byte

// The grades: A a careful hand, B an ordinary one, C a bad day.
const (
	GradeA Grade = 'A'
	GradeB Grade = 'B'
	GradeC Grade = 'C'
)

// span is a range to draw from; around draws from both sides of zero.
type span [2]float64

func (s span) draw(r *rand.Rand) float64 { return s[0] + (s[1]-s[0])*r.Float64() }

func around(r *rand.Rand, most float64) float64 { return span{-most, most}.draw(r) }

// ranges are the conditions of a grade.
type ranges struct {
	fill, blur           span
	rotation, tilt, lens float64
	black, white         float64
	gradient, noise      float64
	moire, blend         float64
	jpeg                 int
}

func (g Grade) ranges() ranges {
	switch g {
	case GradeA:
		return ranges{fill: span{0.85, 0.93}, blur: span{0.5, 0.8}, rotation: 3, tilt: 5, lens: 0.01,
			black: 20, white: 230, gradient: 0.05, noise: 2, moire: 0.1, jpeg: 90}
	case GradeB:
		return ranges{fill: span{0.70, 0.85}, blur: span{0.7, 1.2}, rotation: 15, tilt: 12, lens: 0.03,
			black: 40, white: 200, gradient: 0.15, noise: 4, moire: 0.1, jpeg: 75}
	}
	return ranges{fill: span{0.55, 0.75}, blur: span{1, 2}, rotation: 15, tilt: 20, lens: 0.05,
		black: 60, white: 170, gradient: 0.30, noise: 8, moire: 0.1, jpeg: 50, blend: 0.10}
}

// source gives the random numbers of a seed, one stream for each purpose.
func source(seed, purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, purpose)) }

// Scene draws a scene of the grade. A panel that would stick out is moved away
// from the camera until every symbol, though not every quiet zone, is in view.
func (g Grade) Scene(width, height int, show Show, seed uint64) Scene {
	r, q := source(seed, uint64(g)), g.ranges()
	s := Scene{Width: width, Height: height, Seed: seed}
	s.Fill = q.fill.draw(r)
	s.Rotation, s.TiltX, s.TiltY = around(r, q.rotation), around(r, q.tilt), around(r, q.tilt)
	s.Lens = around(r, q.lens)
	s.X, s.Y = around(r, 0.1*float64(width)), around(r, 0.02*float64(height))
	s.Blur, s.Gamma = q.blur.draw(r), span{0.8, 1.2}.draw(r)
	s.Black, s.White, s.Gradient, s.Angle = q.black, q.white, q.gradient, 360*r.Float64()
	s.Noise, s.JPEG = q.noise, q.jpeg
	s.Moire, s.Dots = q.moire, span{3, 7}.draw(r)
	for !s.inView(show) {
		s.Fill *= 0.99
	}
	return s
}

// Blend draws how much of another shown picture a picture of the grade holds.
func (g Grade) Blend(seed uint64) float64 {
	return span{0, g.ranges().blend}.draw(source(seed, 'b'))
}

// Moved is the scene a moment earlier: the display elsewhere by up to the given
// number of modules, nearer or farther by up to scale, with other noise.
func (s Scene) Moved(show Show, modules, scale float64, seed uint64) Scene {
	r := source(seed, 'm')
	_, _, h := show.size()
	module := s.Fill * float64(s.Height) / float64(h)
	angle, far := 2*math.Pi*r.Float64(), modules*module*math.Sqrt(r.Float64())
	s.X += far * math.Cos(angle)
	s.Y += far * math.Sin(angle)
	s.Fill *= 1 + around(r, scale)
	s.Seed ^= r.Uint64()
	return s
}

// inView reports whether the corners of all symbols are inside the picture.
func (s Scene) inView(show Show) bool {
	const margin = 2
	_, w, h := show.size()
	v := newView(s, w, h)
	for _, x := range []int{qr.QuietZone, w - qr.QuietZone} {
		for _, y := range []int{qr.QuietZone, h - qr.QuietZone} {
			px, py := v.project(float64(x), float64(y))
			if !(px > margin && py > margin && px < float64(s.Width)-margin && py < float64(s.Height)-margin) {
				return false
			}
		}
	}
	return true
}

// Where gives the place in the picture of a point of symbol i, in modules from
// the symbol's top left corner: what a reader should find.
func (s Scene) Where(show Show, i int, x, y float64) (px, py float64) {
	cell, w, h := show.size()
	x += float64(i%show.Columns*cell + qr.QuietZone)
	y += float64(i/show.Columns*cell + qr.QuietZone)
	return newView(s, w, h).project(x, y)
}

// ModuleSize gives the pixels to a module in the middle of an untilted panel.
func (s Scene) ModuleSize(show Show) float64 {
	_, _, h := show.size()
	return s.Fill * float64(s.Height) / float64(h)
}
