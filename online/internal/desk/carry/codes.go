package carry

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/qr"
	"coldsign/shared/quote"
)

// stream is a message that was cut into codes. Those after the first pass are made
// when a page asks for them: there is no end to them.
type stream struct {
	mu   sync.Mutex
	s    *frame.Stream
	only []uint64 // the codes that are shown, by number from 0; nil for all
	used uint64   // the higher, the later
}

// pass is how many codes are shown until everything was shown once.
func (s *stream) pass() uint64 {
	if s.only != nil {
		return uint64(len(s.only))
	}
	return s.s.Pass
}

// frame makes the nth code that is shown.
func (s *stream) frame(n uint64) (qr.Matrix, error) {
	if s.only != nil {
		n = s.only[n%uint64(len(s.only))]
	}
	return s.s.Frame(n)
}

// codes gives codes from..from+count-1 of a message as bits: two bytes for the
// modules on each side of a code, two for how many codes follow, four for how many
// make a pass, all with the highest byte first; then each code row by row, eight
// modules to a byte from the highest bit, 1 for dark, filled up with 0.
func (g *Gap) codes(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	shape, err := shapeOf(q)
	if err != nil {
		return err
	}
	from, err1 := strconv.ParseUint(q.Get("from"), 10, 64)
	count, err2 := strconv.ParseUint(q.Get("count"), 10, 64)
	if err1 != nil || err2 != nil || from >= maxNumber || count == 0 || count > maxFrames {
		return wrong("the page asked for codes that there are not")
	}
	s, err := g.stream(r, r.PathValue("name"), shape)
	if err != nil {
		return err
	}
	out, err := s.draw(from, count)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(out)
	return nil
}

func shapeOf(q url.Values) (s frame.Shape, err error) {
	s = frame.Shape{Format: frame.Format(q.Get("format")), Only: q.Get("only")}
	if s.Version, err = strconv.Atoi(q.Get("version")); err == nil && q.Get("fragment") != "" {
		s.Fragment, err = strconv.Atoi(q.Get("fragment"))
	}
	if err != nil || s.Fragment < 0 || s.Fragment > 2953 || len(s.Only) > maxList {
		return s, wrong("the page asked for codes of no such shape")
	}
	return s, nil
}

// stream cuts a message into codes, or finds it cut. The message is read each time:
// a name can come to stand for another one when the halves are paired again, or for
// one that must not leave any more.
func (g *Gap) stream(r *http.Request, name string, shape frame.Shape) (*stream, error) {
	m, err := g.message(r.Context(), name)
	if err == nil {
		m, err = m.As(shape.Format)
	}
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%x %+v", sha256.Sum256(m.Data), shape)
	if s := g.kept(key); s != nil {
		return s, nil
	}
	s, err := newStream(m, shape)
	if err != nil {
		return nil, err
	}
	g.keep(key, s)
	return s, nil
}

// newStream cuts a message. Pieces of native codes are numbered by their encoder, from
// 0; those of a UR and of a BBQr are its first codes, from 1 as the other side tells.
func newStream(m frame.Message, shape frame.Shape) (s *stream, err error) {
	list := shape.Only
	if shape.Format != frame.Native {
		shape.Only = ""
	}
	s = &stream{}
	if s.s, err = frame.NewStream(m, shape); err != nil || list == "" || shape.Format == frame.Native {
		return s, err
	}
	k := s.s.Pass
	if shape.Format == frame.UR && k > 1 { // as many sums follow the pieces
		k /= 2
	}
	s.only, err = pieces(list, k)
	return s, err
}

// pieces reads a list of pieces 1 to k, "1,7-9", each named once, in their order.
func pieces(list string, k uint64) (numbers []uint64, err error) {
	next := uint64(1)
	for part := range strings.SplitSeq(list, ",") {
		from, to, many := strings.Cut(strings.TrimSpace(part), "-")
		first, err := strconv.ParseUint(from, 10, 32)
		last := first
		if err == nil && many {
			last, err = strconv.ParseUint(to, 10, 32)
		}
		if err != nil || first < next || last < first || last > k {
			return nil, fault.New("frame.list", `write it like "1,7-9"`, "%s is no list of pieces from 1 to %d, each named once, in their order", quote.String(part[:min(len(part), 40)]), k)
		}
		for next = first; next <= last; next++ {
			numbers = append(numbers, next-1)
		}
	}
	return numbers, nil
}

func (g *Gap) kept(key string) *stream {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.streams[key]
	if s != nil {
		s.used = g.tick()
	}
	return s
}

// keep makes room by letting go of what was not asked for longest.
func (g *Gap) keep(key string, s *stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.streams) >= maxStreams {
		oldest := ""
		for k, o := range g.streams {
			if oldest == "" || o.used < g.streams[oldest].used {
				oldest = k
			}
		}
		delete(g.streams, oldest)
	}
	s.used = g.tick()
	g.streams[key] = s
}

// tick counts uses; g.mu is held.
func (g *Gap) tick() uint64 {
	g.uses++
	return g.uses
}

func (s *stream) draw(from, count uint64) (out []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range count {
		m, err := s.frame(from + i)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = make([]byte, 0, 8+int(count)*((m.Size*m.Size+7)/8))
			out = binary.BigEndian.AppendUint16(out, uint16(m.Size))
			out = binary.BigEndian.AppendUint16(out, uint16(count))
			out = binary.BigEndian.AppendUint32(out, uint32(min(s.pass(), 1<<32-1)))
		}
		out = appendBits(out, m)
	}
	return out, nil
}

func appendBits(out []byte, m qr.Matrix) []byte {
	at := len(out)
	out = append(out, make([]byte, (len(m.Dark)+7)/8)...)
	for i, dark := range m.Dark {
		if dark {
			out[at+i/8] |= 0x80 >> (i % 8)
		}
	}
	return out
}
