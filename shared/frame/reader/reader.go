// Package reader finds and reads QR codes (ISO/IEC 18004:2015) in grey pictures.
//
//	r := reader.New()
//	for {
//		p, err := source.Next()
//		for _, s := range r.Read(p) {
//			fmt.Printf("%q\n", s.Content())
//		}
//	}
//
// A code is looked for once (finder.go, locate.go) and then followed from picture
// to picture, which is faster and reads in worse light (reader.go). Its modules
// are sampled as greys (sample.go), the blur is undone (equalise.go), and what
// the error correction makes of them (decode.go, rs.go) is taken apart strictly
// (segments.go).
//
// Pictures are hostile: their size and the work on each are bounded in limits.go.
// Error correction sometimes "corrects" garbage. Content that matters needs a
// checksum of its own.
package reader

import (
	"slices"
	"sync"

	"coldsign/shared/frame/picture"
)

// Point is a place in a picture in pixels; its top left corner is (0, 0).
type Point struct{ X, Y float64 }

// Symbol is a code that was read.
type Symbol struct {
	Version  int
	Level    byte // 'L', 'M', 'Q' or 'H'
	Mask     int  // 0 to 7; -1 when not known
	Segments []Segment
	Corners  [4]Point // in the picture: its top left, top right, bottom right, bottom left
}

// Content gives the data of the segments one after the other.
func (s Symbol) Content() []byte {
	var all []byte
	for _, g := range s.Segments {
		all = append(all, g.Data...)
	}
	return all
}

// Reader reads codes from pictures that follow one another. It can be used by
// several goroutines at once.
type Reader struct {
	mu     sync.Mutex
	tracks []track
	looked int // pictures since all of one was searched
}

// track is a symbol that is followed.
type track struct {
	pose   pose
	missed int // pictures in which it was not read
}

// New makes a Reader that has not seen anything yet.
func New() *Reader { return &Reader{} }

// Acquire reads every code in a picture that comes alone.
func Acquire(p *picture.Plane) []Symbol { return New().Read(p) }

// Read reads every code in the picture.
func (r *Reader) Read(p *picture.Plane) (symbols []Symbol) {
	defer func() {
		if recover() != nil { // no picture is known that does this
			symbols = nil
		}
	}()
	return r.read(p)
}

func (r *Reader) read(p *picture.Plane) (symbols []Symbol) {
	if p.Width < 16 || p.Height < 16 || p.Width > MaxPixels/p.Height {
		return nil
	}
	r.mu.Lock()
	before := slices.Clone(r.tracks)
	r.looked++
	search := len(before) == 0 || r.looked >= rescan
	r.mu.Unlock()
	var after []track
	for _, t := range before {
		f, ok := t.pose.follow(p)
		if !ok || !t.pose.align(p, f, 1000, 0) {
			search = true
			continue
		}
		t.missed++
		if s, ok := t.pose.read(p); ok {
			symbols = append(symbols, s)
			t.missed = 0
		}
		if t.missed < maxMissed {
			after = append(after, t)
		}
	}
	if search {
		found, tracks, seen := acquire(p, p, after)
		if len(found)+len(after) == 0 {
			more := false
			if found, tracks, more = acquire(p, sharpened(p), nil); len(found) == 0 && (seen || more) {
				if s, ok := second(p); ok {
					found = []Symbol{s}
				}
			}
		}
		symbols = append(symbols, found...)
		after = append(after, tracks...)
	}
	r.mu.Lock()
	r.tracks = after[:min(len(after), maxTracks)]
	if search {
		r.looked = 0
	}
	r.mu.Unlock()
	return symbols
}

// read samples and decodes the symbol at a pose.
func (s *pose) read(p *picture.Plane) (Symbol, bool) {
	symbol, ok := decode(s.version(), s.sample(p))
	symbol.Corners = s.outline()
	return symbol, ok
}

// acquire looks for symbols where none is followed, in p or what was made of it,
// and reports whether it saw finder patterns.
func acquire(p, search *picture.Plane, known []track) (symbols []Symbol, tracks []track, seen bool) {
	var open []candidate
	for _, c := range binarize(search).candidates() {
		if !slices.ContainsFunc(known, func(t track) bool { return t.pose.covers(c) }) {
			open = append(open, c)
		}
	}
	// Of many codes in view the triples that are looked at may belong to some only:
	// when those are read, the others are looked at alone.
	for {
		found, more := examine(p, open, &tracks)
		symbols, seen = append(symbols, found...), seen || more
		rest := slices.DeleteFunc(slices.Clone(open), func(c candidate) bool {
			return slices.ContainsFunc(tracks, func(t track) bool { return t.pose.covers(c) })
		})
		if len(found) == 0 || len(rest) < 3 || len(tracks) >= maxTracks {
			return symbols, tracks, seen
		}
		open = rest
	}
}

// examine reads what the most promising triples of candidates lead to, but for
// those on symbols that were read already.
func examine(p *picture.Plane, open []candidate, tracks *[]track) (symbols []Symbol, seen bool) {
	decodes := 0
	for _, t := range triples(open) {
		if slices.ContainsFunc(*tracks, func(k track) bool {
			return k.pose.covers(t.corners[0]) || k.pose.covers(t.corners[1]) || k.pose.covers(t.corners[2])
		}) {
			continue
		}
		f, ok := t.measured(p)
		if !ok {
			continue
		}
		seen = true
		for _, v := range versions(p, f) {
			s := newPose(p, f, v)
			if decodes == maxDecodes || !s.align(p, f, 32, 0.06) {
				continue
			}
			decodes++
			if symbol, ok := s.read(p); ok {
				symbols, *tracks = append(symbols, symbol), append(*tracks, track{pose: *s})
				break
			}
		}
	}
	return symbols, seen
}

// covers reports whether a candidate lies on the symbol.
func (s *pose) covers(c candidate) bool {
	q := s.outline()
	for i := range q {
		a, b := q[i], q[(i+1)%4]
		if (b.X-a.X)*(c.y-a.Y)-(b.Y-a.Y)*(c.x-a.X) < 0 {
			return false
		}
	}
	return true
}
