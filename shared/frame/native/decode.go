package native

import (
	"slices"

	"coldsign/shared/fault"
)

// perSymbol is what keeping a symbol takes beside its bytes.
const perSymbol = 64

// Decoder collects frames, of several objects at once if need be. It is not
// safe for use by several goroutines.
type Decoder struct {
	limits   Limits
	sessions []*session // the oldest first
	done     []*session // objects that have been given out or refused, the latest last
}

// NewDecoder makes a decoder that stays within limits.
func NewDecoder(limits Limits) *Decoder { return &Decoder{limits: limits.defaults()} }

// Progress says how far the object of one frame is.
type Progress struct {
	ID     ID
	Length int // bytes that the frames carry: the object, deflated if that is smaller
	K      int // symbols that are needed
	Rank   int // independent symbols that are held; falls at a reset only

	Frames     int  // sound frames of this object
	Duplicates int  // of these, frames that brought nothing new
	Conflicts  int  // of these, frames that contradict an earlier one
	Resets     int  // times that all was there and did not fit together
	Done       bool // the object is given out: now if Object is set, else it was before

	Object []byte // the object, once
}

// Add takes the content of one QR code. An error is about this frame, or about
// the object that it belongs to; whoever scans goes on in either case. The codes
// are frame.foreign, frame.damaged, frame.version, frame.limit, and, beside a
// Progress, frame.poisoned (the session was reset) and frame.object.
func (d *Decoder) Add(frame []byte) (Progress, error) {
	o, number, symbol, err := parse(frame)
	if err != nil {
		return Progress{}, err
	}
	if i := slices.IndexFunc(d.done, func(s *session) bool { return s.object == o }); i >= 0 {
		return d.done[i].Progress, nil
	}
	s, err := d.session(o)
	if err != nil {
		return Progress{}, err
	}
	if s.add(number, symbol); s.Rank < s.K {
		return s.Progress, nil
	}
	data, ok := s.carried()
	if !ok {
		s.reset()
		s.Resets++
		return s.Progress, fault.New("frame.poisoned", "the scan starts again by itself: keep on",
			"all pieces are there, but they do not fit together: a false frame was among them")
	}
	s.reset() // forget the frames, but not that the object was here
	s.Rank = s.K
	d.sessions = slices.DeleteFunc(d.sessions, func(t *session) bool { return t == s })
	d.done = append(d.done[max(0, len(d.done)+1-d.limits.Sessions):], s)
	if o.word&deflated != 0 {
		if data, err = inflate(data); err != nil {
			return s.Progress, err
		}
	}
	s.Done = true
	p := s.Progress
	p.Object = data
	return p, nil
}

// session finds or makes the session of a frame, with room for one more symbol.
// Room is made by dropping whatever has the fewest symbols, of these the oldest:
// so any number of foreign ids only push out each other, and to push out a scan
// takes as many frames as it has received, in every session beside it.
func (d *Decoder) session(o object) (*session, error) {
	var s *session
	used := o.size + perSymbol
	for _, t := range d.sessions {
		used += len(t.held) * (t.size + perSymbol)
		if t.object == o {
			s = t
		}
	}
	for used > d.limits.Memory || s == nil && len(d.sessions) == d.limits.Sessions {
		weakest := -1
		for i, t := range d.sessions {
			if t != s && (weakest < 0 || len(t.held) < len(d.sessions[weakest].held)) {
				weakest = i
			}
		}
		if weakest < 0 {
			return nil, fault.New("frame.limit", "use larger QR codes, or send it in parts", "the object does not fit into the %d bytes of memory set aside for it", d.limits.Memory)
		}
		t := d.sessions[weakest]
		used -= len(t.held) * (t.size + perSymbol)
		d.sessions = slices.Delete(d.sessions, weakest, weakest+1)
	}
	if s == nil {
		s = newSession(o)
		d.sessions = append(d.sessions, s)
	}
	return s, nil
}

// Missing lists the source symbols of an object that have not been received, as
// in "0-3,7". It is empty for an object that is unknown or done.
func (d *Decoder) Missing(id ID) string {
	var best *session
	for _, s := range d.sessions {
		if s.id == id && (best == nil || len(s.held) > len(best.held)) {
			best = s
		}
	}
	if best == nil {
		return ""
	}
	var missing []uint32
	for i := range uint32(best.K) {
		if best.held[i] == nil {
			missing = append(missing, i)
		}
	}
	return ranges(missing)
}
