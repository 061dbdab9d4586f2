package frame

import (
	"coldsign/shared/fault"
	"coldsign/shared/frame/bbqr"
	"coldsign/shared/frame/native"
	"coldsign/shared/frame/parts"
	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/ur"
)

// Shape is how a message is cut into codes.
type Shape struct {
	Format   Format
	Version  int    // of the codes, 1 to 40: the largest that may be used
	Fragment int    // of a UR, bytes of a piece; 0 as many as fit into Version
	Only     string // native: only these pieces, as Progress.Missing of the other side lists them
}

// Stream is a message as codes to show, one after the other without end. It is
// for one goroutine.
type Stream struct {
	Pass    uint64 // frames after which everything has been shown once
	Version int    // of every code
	native  *native.Encoder
	text    func(n uint64) string
	qr      qr.Encoder
}

// NewStream cuts m into codes. The same message and shape give the same codes.
func NewStream(m Message, shape Shape) (*Stream, error) {
	if shape.Version < qr.MinVersion || shape.Version > qr.MaxVersion {
		return nil, fault.New("qr.version", "use 1 to 40", "there is no QR code of version %d", shape.Version)
	}
	if shape.Only != "" && shape.Format != Native {
		return nil, fault.New("frame.list", "show all codes again", "only native codes can be asked for by number")
	}
	switch shape.Format {
	case Native:
		return newNative(m, shape)
	case UR:
		return newUR(m, shape)
	case BBQr:
		return newBBQr(m, shape)
	case Parts:
		list, err := parts.Split(asText(m.Data), qr.ByteCapacity(shape.Version)-len("p1295of1295 "))
		return fixed(list, shape.Version), err
	case Plain:
		return fixed([]string{asText(m.Data)}, 0), nil
	}
	return nil, fault.New("frame.format", "use native, ur or bbqr", "there is no format %q", string(shape.Format))
}

func newNative(m Message, shape Shape) (*Stream, error) {
	e, err := native.NewEncoder(m.Data, qr.ByteCapacity(shape.Version))
	if err == nil && shape.Only != "" {
		e, err = e.Only(shape.Only)
	}
	if err != nil {
		return nil, err
	}
	v := shape.Version
	for v > qr.MinVersion && qr.ByteCapacity(v-1) >= e.FrameSize() {
		v--
	}
	return &Stream{Pass: e.Pass(), Version: v, native: e}, nil
}

func newUR(m Message, shape Shape) (*Stream, error) {
	size := shape.Fragment
	if size == 0 {
		size = urFragment(m.Type, len(m.Data), shape.Version)
	}
	e, err := ur.NewEncoder(m.Type, m.Data, size)
	if err != nil {
		return nil, err
	}
	k := uint64(e.K())
	s := &Stream{Pass: k, text: func(n uint64) string { return e.Part(uint32(n + 1)) }}
	if k > 1 {
		s.Pass = 2 * k // half of them sums: who lost some needs those
	}
	s.Version, err = s.fit(min(s.Pass, 8))
	return s, err
}

// urFragment is the most bytes of a piece whose part fits into a version: each
// byte is two letters, beside the type, the numbers, the head of the part and
// its checksum.
func urFragment(kind string, length, version int) int {
	letters := qr.TextCapacity(version) - len("UR:") - len(kind) - 1
	if whole := letters/2 - 4; whole >= length {
		return max(length, ur.MinFragment)
	}
	return max(letters-len("9999999-8192/"), 0)/2 - 4 - 25
}

// fit finds the version that the first n texts need, which later ones share: they
// differ in the digits of a number at most.
func (s *Stream) fit(n uint64) (int, error) {
	longest := ""
	for i := range n {
		if t := s.text(i); len(t) > len(longest) {
			longest = t
		}
	}
	room := len(longest) + 6
	for v := qr.MinVersion; v <= qr.MaxVersion; v++ {
		if qr.TextCapacity(v) >= room {
			return v, nil
		}
	}
	return 0, fault.New("qr.capacity", "use smaller fragments", "a part of %d letters fits into no QR code", len(longest))
}

func newBBQr(m Message, shape Shape) (*Stream, error) {
	if len(m.Type) != 1 {
		return nil, fault.New("frame.format", "use native or ur", "a BBQr has no type for this message")
	}
	series, err := bbqr.Split(m.Data, m.Type[0], bbqr.Options{MaxVersion: max(shape.Version, 5)})
	return fixed(series.Parts, series.Version), err
}

// fixed shows a list of texts over and over; version 0 is the smallest that fits.
func fixed(list []string, version int) *Stream {
	n := uint64(len(list))
	return &Stream{Pass: n, Version: version, text: func(i uint64) string { return list[i%n] }}
}

// Text gives the content of frame n as text, or false for native frames, which
// are bytes.
func (s *Stream) Text(n uint64) (string, bool) {
	if s.native != nil {
		return "", false
	}
	return s.text(n), true
}

// Content gives the bytes in the code of frame n.
func (s *Stream) Content(n uint64) []byte {
	if s.native != nil {
		return s.native.Frame(n)
	}
	return []byte(s.text(n))
}

// Frame makes the code of frame n.
func (s *Stream) Frame(n uint64) (qr.Matrix, error) {
	if s.native != nil {
		return s.qr.Bytes(s.native.Frame(n), s.Version, s.native.Mask(n))
	}
	return s.qr.Text(s.text(n), s.Version)
}
