package ur

import (
	"slices"

	"coldsign/shared/fault"
)

// Decoder collects parts, of several messages at once if need be. It is not
// safe for use by several goroutines.
type Decoder struct {
	limits   Limits
	sessions []*session // the oldest first
	done     []*session // messages that have been given out, the latest last
}

// NewDecoder makes a decoder that stays within limits.
func NewDecoder(limits Limits) *Decoder { return &Decoder{limits: limits.defaults()} }

// Progress says how far the message of one part is.
type Progress struct {
	ID
	Rank       int  // independent parts that are held, of K; falls at a reset only
	Frames     int  // sound parts of this message
	Duplicates int  // of these, parts that brought nothing new
	Conflicts  int  // of these, parts that contradict earlier ones
	Resets     int  // times that all was there and did not fit together
	Done       bool // the message is given out: now if Message is set, else it was before

	Message []byte // CBOR, once
}

// Add takes the text of one QR code, in any case. An error is about this part,
// or about the message that it belongs to; whoever scans goes on in either case.
// Codes of errors: frame.foreign, frame.damaged, frame.version (UR version 1),
// frame.limit, frame.poisoned (the session was reset).
func (d *Decoder) Add(text string) (Progress, error) {
	id, number, data, err := parse(text)
	if err != nil {
		return Progress{}, err
	}
	if i := slices.IndexFunc(d.done, func(s *session) bool { return s.ID == id }); i >= 0 {
		return d.done[i].Progress, nil
	}
	s, err := d.session(id)
	if err != nil {
		return Progress{}, err
	}
	s.Frames++
	if s.add(id.row(mixed(number, id.K, id.Checksum), data), text); s.Rank < s.K {
		return s.Progress, nil
	}
	message, ok := s.solve()
	s.rows, s.texts = map[int]row{}, nil
	if !ok {
		s.Rank = 0
		s.Resets++
		return s.Progress, fault.New("frame.poisoned", "the scan starts again by itself: keep on",
			"all parts are there, but they do not fit together: a false part was among them")
	}
	s.Done = true
	d.sessions = slices.DeleteFunc(d.sessions, func(t *session) bool { return t == s })
	d.done = append(d.done[max(0, len(d.done)+1-d.limits.Sessions):], s)
	p := s.Progress
	p.Message = message
	return p, nil
}

// session finds or makes the session of a part, with room for one more row. Room
// is made by dropping whatever has the fewest rows, of these the oldest: so any
// number of foreign messages only push out each other.
func (d *Decoder) session(id ID) (*session, error) {
	var s *session
	used := id.rowSize()
	for _, t := range d.sessions {
		used += len(t.rows) * t.rowSize()
		if t.ID == id {
			s = t
		}
	}
	for used > d.limits.Memory || s == nil && len(d.sessions) == d.limits.Sessions {
		weakest := -1
		for i, t := range d.sessions {
			if t != s && (weakest < 0 || t.Rank < d.sessions[weakest].Rank) {
				weakest = i
			}
		}
		if weakest < 0 {
			return nil, fault.New("frame.limit", "use larger QR codes", "the message does not fit into the %d bytes of memory set aside for it", d.limits.Memory)
		}
		used -= len(d.sessions[weakest].rows) * d.sessions[weakest].rowSize()
		d.sessions = slices.Delete(d.sessions, weakest, weakest+1)
	}
	if s == nil {
		s = &session{Progress: Progress{ID: id}, rows: map[int]row{}}
		d.sessions = append(d.sessions, s)
	}
	return s, nil
}

// Missing lists parts which, together with those that are held, give the whole
// message: K-Rank of the numbers 1 to K. It is empty for a message that is
// unknown or done.
func (d *Decoder) Missing(id ID) (numbers []uint32) {
	for _, s := range d.sessions {
		for i := 0; s.ID == id && i < s.K; i++ {
			if s.rows[i].bits == nil {
				numbers = append(numbers, uint32(i+1))
			}
		}
	}
	return numbers
}
