package reader

import (
	"cmp"
	"math"
	"slices"

	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/qr"
)

// Least likeness of what is taken for a pattern: see pattern.find.
const (
	likeFinder    = 0.65
	likeAlignment = 0.5
)

// corners are where the middles of the finder patterns of a symbol are.
func corners(size int) [3][2]float64 {
	far := float64(size) - 3.5
	return [3][2]float64{{3.5, 3.5}, {far, 3.5}, {3.5, far}}
}

// measured gives the exact places, sizes and slants of three finder patterns.
func (t triple) measured(p *picture.Plane) (f [3]frame, ok bool) {
	a, b, c := t.corners[0], t.corners[1], t.corners[2]
	lb, lc := math.Hypot(b.x-a.x, b.y-a.y), math.Hypot(c.x-a.x, c.y-a.y)
	ux, uy, vx, vy := (b.x-a.x)/lb, (b.y-a.y)/lb, (c.x-a.x)/lc, (c.y-a.y)/lc
	// The runs are along rows and columns, not along the symbol's sides.
	shrink := max(math.Abs(ux), math.Abs(uy))
	for i, q := range t.corners {
		m := q.module * shrink
		at, _ := finderPattern().find(p, frame{q.x, q.y, ux * m, uy * m, vx * m, vy * m}, 1)
		var score float64
		f[i], score = finderPattern().settle(p, at, 5)
		if score < likeFinder || math.Hypot(f[i].x-q.x, f[i].y-q.y) > 3*m {
			return f, false
		}
	}
	return f, true
}

// versions gives the versions that three finder patterns can belong to, the
// likeliest first.
func versions(p *picture.Plane, f [3]frame) []int {
	along := func(a, b frame, ax, ay, bx, by float64) float64 {
		// Between two places of a line in perspective lies the geometric mean.
		return math.Hypot(b.x-a.x, b.y-a.y) / math.Sqrt(math.Hypot(ax, ay)*math.Hypot(bx, by))
	}
	size := 7 + (along(f[0], f[1], f[0].ux, f[0].uy, f[1].ux, f[1].uy)+along(f[0], f[2], f[0].vx, f[0].vy, f[2].vx, f[2].vy))/2
	guess := (size*1.015 - 17) / 4 // 4 % too few to 1 % too many
	var likely []int
	if v := int(math.Round(guess)); v < 8 && v > 0 {
		likely = append(likely, v)
	}
	// The version information, twice six by three modules beside the finder
	// patterns: how well each version agrees with the greys.
	var greys [36]float64
	for i := range 18 {
		greys[i] = grey(p, f[1], float64(i%3)-7, float64(i/3)-3)
		greys[18+i] = grey(p, f[2], float64(i/3)-3, float64(i%3)-7)
	}
	standard(greys[:])
	best, score := 0, 2.5 // of 6
	for v := max(7, int(guess-1)); v <= min(qr.MaxVersion, int(guess+3)); v++ {
		word, sum := versionWord(v), 0.0
		for i, g := range greys {
			sum += g * float64(1-2*(word>>(i%18)&1))
		}
		if sum > score {
			best, score = v, sum
		}
	}
	if best > 0 && !slices.Contains(likely, best) {
		likely = append(likely, best)
	}
	return likely
}

// newPose starts from three finder patterns: no perspective, no distortion.
func newPose(p *picture.Plane, f [3]frame, version int) *pose {
	w, h := float64(p.Width), float64(p.Height)
	s := &pose{size: qr.Size(version), mx: w / 2, my: h / 2, reach: math.Hypot(w, h) / 2}
	half := float64(s.size) / 2
	k := half / (2*half - 7) / s.reach
	ux, uy, vx, vy := (f[1].x-f[0].x)*k, (f[1].y-f[0].y)*k, (f[2].x-f[0].x)*k, (f[2].y-f[0].y)*k
	x, y := (f[1].x+f[2].x)/2, (f[1].y+f[2].y)/2
	s.h = [9]float64{ux, vx, (x - s.mx) / s.reach, uy, vy, (y - s.my) / s.reach, 0, 0, 1}
	return s
}

// seen gives what three finder patterns say about a pose: each its middle and,
// with less weight, its size and slant.
func seen(f [3]frame, size int) []sight {
	var sights []sight
	for i, c := range corners(size) {
		for _, d := range [5][2]float64{{0, 0}, {3, 0}, {-3, 0}, {0, 3}, {0, -3}} {
			x, y := f[i].at(d[0], d[1])
			s := sight{c[0] + d[0], c[1] + d[1], x, y, 0.25}
			if d == [2]float64{} {
				s.weight = 2
			}
			sights = append(sights, s)
		}
	}
	return sights
}

// align looks for the alignment patterns and fits the pose to them. They are
// taken in waves: each within reach modules of what is known by then, and
// looked for the farther around, the farther it is from that.
func (s *pose) align(p *picture.Plane, f [3]frame, reach, growth float64) bool {
	sights := seen(f, s.size)
	if !s.fit(sights) {
		return false
	}
	known := []sight{sights[0], sights[5], sights[10]}
	pending := slices.Clone(layouts[s.version()][0]().centres)
	for len(pending) > 0 {
		var wave []sight
		var later [][2]int
		for _, c := range pending {
			u, v := float64(c[0])+0.5, float64(c[1])+0.5
			apart := func(k sight) float64 { return max(math.Abs(k.u-u), math.Abs(k.v-v)) }
			nearest := slices.MinFunc(known, func(a, b sight) int { return cmp.Compare(apart(a), apart(b)) })
			far := apart(nearest)
			if far > reach {
				later = append(later, c)
				continue
			}
			at := s.frame(u, v)
			if growth > 0 {
				x, y := s.project(nearest.u, nearest.v)
				at.x, at.y = at.x+nearest.x-x, at.y+nearest.y-y
			}
			at, score := alignmentPattern().find(p, at, 1+growth*far)
			if score < likeAlignment {
				continue
			}
			if at, score = alignmentPattern().settle(p, at, 2); score >= likeAlignment {
				wave = append(wave, sight{u, v, at.x, at.y, score * score})
			}
		}
		if len(wave) == 0 {
			reach *= 2
		}
		pending = later
		known = append(known, wave...)
		sights = append(sights, wave...)
		if !s.fit(sights) {
			return false
		}
	}
	return true
}

// follow moves a pose to where its finder patterns are now.
func (s *pose) follow(p *picture.Plane) (f [3]frame, ok bool) {
	for i, c := range corners(s.size) {
		at, score := finderPattern().find(p, s.frame(c[0], c[1]), 2.5)
		if score < likeFinder {
			return f, false
		}
		if f[i], score = finderPattern().settle(p, at, 2); score < likeFinder {
			return f, false
		}
	}
	return f, true
}
