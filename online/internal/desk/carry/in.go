package carry

import (
	"crypto/rand"
	"encoding/hex"
	"runtime"
	"sync"

	"coldsign/online/internal/crossing"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/reader"
)

// Kinds of what comes in.
const (
	kindAnswers = "answers"
	kindKeys    = "keys"
	kindPairing = "pairing"
)

// scan is one message on its way in. Pictures may be read several at once; what
// they hold is put together under mu.
type scan struct {
	id, kind string
	of       crossing.Of
	reader   *reader.Reader
	used     uint64 // the higher, the later; under Gap.mu

	mu       sync.Mutex
	joiner   *frame.Joiner
	best     frame.Progress // of the message that is furthest
	message  *frame.Message // once it is whole
	pictures int
	codes    int // parts of a message among what was read
	notes    []string
	ids      []string // transactions of the answers that were taken
}

// Seen is what a page gets after each picture.
type Seen struct {
	Scan     string          `json:"scan"`
	Kind     string          `json:"kind"`
	Outlines [][4][2]float64 `json:"outlines"` // of codes that were read, in pixels of the picture, from the top left corner clockwise
	Progress *Progress       `json:"progress"` // null before any part of a message
	Notes    []string        `json:"notes"`    // what else is in view
	Pictures int             `json:"pictures"`
	Codes    int             `json:"codes"`
	Whole    *Whole          `json:"whole"` // null until all is there
}

// Progress says how far a message is: independent pieces, not codes seen.
type Progress struct {
	Format  frame.Format `json:"format"`
	Type    string       `json:"type,omitempty"`
	Have    int          `json:"have"`
	Need    int          `json:"need"`
	Bytes   int          `json:"bytes,omitempty"`
	Missing string       `json:"missing,omitempty"` // pieces that were not seen themselves
	Resets  int          `json:"resets,omitempty"`  // times that all was there and did not fit together
}

// Whole names a message that is there.
type Whole struct {
	What  string `json:"what"`
	Bytes int    `json:"bytes"`
	Words string `json:"words"` // as the other screen shows them
}

// readersAtOnce leaves the rest of the process a core, if there are several.
func readersAtOnce() int { return max(1, runtime.GOMAXPROCS(0)) }

// wanted says what a scan of a kind is for.
func wanted(kind string) (func(frame.Message) error, bool) {
	f, ok := map[string]func(frame.Message) error{
		kindAnswers: crossing.IsAnswer, kindKeys: crossing.IsKeys, kindPairing: frame.IsBundle,
	}[kind]
	return f, ok
}

func newScan(kind string, of crossing.Of) (*scan, error) {
	f, ok := wanted(kind)
	if !ok {
		return nil, wrong("the page asked for a scan of no known kind")
	}
	var id [16]byte
	rand.Read(id[:]) // never fails
	return &scan{id: hex.EncodeToString(id[:]), kind: kind, of: of, reader: reader.New(), joiner: frame.NewJoiner(f)}, nil
}

// put keeps a scan, in the place of the one that rested longest when there are many.
func (g *Gap) put(s *scan) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.scans) >= maxScans && g.scans[s.id] == nil {
		oldest := ""
		for id, o := range g.scans {
			if oldest == "" || o.used < g.scans[oldest].used {
				oldest = id
			}
		}
		delete(g.scans, oldest)
	}
	s.used = g.tick()
	g.scans[s.id] = s
}

func (g *Gap) scan(id string) (*scan, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.scans[id]
	if s == nil {
		return nil, fault.New("carry.missing", "scan again from the start", "this scan is over")
	}
	s.used = g.tick()
	return s, nil
}

// see takes in what a picture holds.
func (s *scan) see(p *picture.Plane) Seen {
	symbols := s.reader.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pictures++
	var out [][4][2]float64
	var notes []string
	for _, c := range symbols {
		var corners [4][2]float64
		for i, at := range c.Corners {
			corners[i] = [2]float64{at.X, at.Y}
		}
		out = append(out, corners)
		notes = noted(notes, s.add(c.Content()))
	}
	return s.seen(out, notes)
}

// add takes in the content of one code, and gives what is to be told of it. s.mu is
// held.
func (s *scan) add(content []byte) (note string) {
	if s.message != nil {
		return ""
	}
	e := s.joiner.Add(content)
	if p := e.Progress; p.Need > 0 {
		s.codes++
		if p.Have*max(s.best.Need, 1) >= s.best.Have*p.Need || p.Name == s.best.Name {
			s.best = p
		}
	}
	if e.Message != nil {
		s.message = e.Message
	}
	if e.Note != "" {
		s.notes = append(s.notes, e.Note)
		s.notes = s.notes[max(0, len(s.notes)-maxNotes):]
	}
	return e.Note
}

// told says how far the scan is, with what else was in view.
func (s *scan) told(notes []string) Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen(nil, notes)
}

// seen says how far the scan is. s.mu is held.
func (s *scan) seen(outlines [][4][2]float64, notes []string) Seen {
	v := Seen{Scan: s.id, Kind: s.kind, Outlines: outlines, Notes: notes, Pictures: s.pictures, Codes: s.codes}
	if p := s.best; p.Need > 0 {
		v.Progress = &Progress{p.Format, p.Type, p.Have, p.Need, p.Bytes, clip(p.Missing()), p.Resets}
	}
	if m := s.message; m != nil {
		v.Whole = whole(*m)
	}
	return v
}

// clip keeps a list of pieces short enough for a page.
func clip(list string) string {
	if len(list) > 200 {
		return list[:200] + "..."
	}
	return list
}
