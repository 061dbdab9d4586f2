package bundle

import (
	"bytes"
	"encoding/binary"

	"coldsign/shared/fault"
)

const version = 1

// wire is the payload. Items stays empty here: the header is encoded by itself
// and the items are put in between, so that no second copy of them is made.
type wire struct {
	Version   uint64   `cbor:"1,keyasint"`
	Kind      Kind     `cbor:"2,keyasint"`
	Sender    DeviceID `cbor:"3,keyasint"`
	Recipient DeviceID `cbor:"4,keyasint"`
	Sequence  uint64   `cbor:"5,keyasint"`
	Previous  [32]byte `cbor:"6,keyasint"`
	Created   int64    `cbor:"7,keyasint"`
	Expires   int64    `cbor:"8,keyasint"`
	Items     [][]byte `cbor:"9,keyasint"`
	Answers   []byte   `cbor:"10,keyasint,omitempty"`
	Head      *Head    `cbor:"11,keyasint,omitempty"`
	Rehearsal uint8    `cbor:"12,keyasint,omitempty"` // 1
}

// around encodes a header: the bytes before the array of items and those after.
func around(h Header) (before, after []byte, err error) {
	w := wire{Version: version, Kind: h.Kind, Sender: h.Sender, Recipient: h.Recipient, Sequence: h.Sequence,
		Previous: h.Previous, Created: h.Created, Expires: h.Expires}
	tail := 0
	if h.Kind == Receipts {
		w.Answers = h.Answers[:]
		tail = 1 + 2 + len(h.Answers) // key 10, head of 32 bytes
	}
	if h.Head != (Head{}) {
		w.Head = &h.Head
		tail += 1 + 1 + len(appendHead(nil, majorUint, h.Head.Number)) + 2 + len(h.Head.Hash) // key 11, head of two
	}
	if h.Rehearsal {
		w.Rehearsal = 1
		tail += 1 + 1 // key 12, 1
	}
	b, err := enc.Marshal(w)
	if err != nil {
		return nil, nil, err
	}
	cut := len(b) - tail
	return b[: cut-1 : cut-1], b[cut:], nil // capped: an append must not reach the tail // the byte between is the empty array
}

// appendHead appends the shortest CBOR head (RFC 8949 section 3): major type and
// argument.
func appendHead(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

// The major types in use.
const (
	majorUint  = 0
	majorBytes = 2
	majorArray = 4
	majorMap   = 5
)

// reader reads the one encoding that a payload has. After a failure every read
// gives zero. Nothing is copied or set aside before its length is checked
// against what is there.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) fail() uint64 {
	r.b, r.failed = nil, true
	return 0
}

// head reads a head of the given major type, and refuses one that is longer
// than it needs to be.
func (r *reader) head(major byte) uint64 {
	if len(r.b) == 0 || r.b[0]>>5 != major {
		return r.fail()
	}
	n, rest := uint64(r.b[0]&31), r.b[1:]
	if n < 24 {
		r.b = rest
		return n
	}
	size, least := 0, uint64(0)
	switch n {
	case 24:
		size, least = 1, 24
	case 25:
		size, least = 2, 1<<8
	case 26:
		size, least = 4, 1<<16
	case 27:
		size, least = 8, 1<<32
	default:
		return r.fail() // reserved or indefinite
	}
	if len(rest) < size {
		return r.fail()
	}
	n = 0
	for _, c := range rest[:size] {
		n = n<<8 | uint64(c)
	}
	if n < least {
		return r.fail()
	}
	r.b = rest[size:]
	return n
}

// bytes reads a byte string, which stays part of the input.
func (r *reader) bytes() []byte {
	n := r.head(majorBytes)
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) fixed(dst []byte) {
	if s := r.bytes(); len(s) != len(dst) {
		r.fail()
	} else {
		copy(dst, s)
	}
}

func (r *reader) key(k uint64) {
	if r.head(majorUint) != k {
		r.fail()
	}
}

// time reads a time; one that is out of range stays so.
func (r *reader) time() int64 { return int64(min(r.head(majorUint), MaxTime+1)) }

// parse reads a payload. It accepts one encoding of each header and item list.
func parse(payload []byte) (Header, [][]byte, error) {
	r := &reader{b: payload}
	pairs := r.head(majorMap)
	r.key(1)
	if v := r.head(majorUint); !r.failed && v != version {
		return Header{}, nil, fault.New("bundle.version", "use the same version of coldsign on both machines",
			"bundle format version %d is not known here", v)
	}
	var h Header
	r.key(2)
	kind := r.head(majorUint)
	h.Kind = Kind(min(kind, 255))
	r.key(3)
	r.fixed(h.Sender[:])
	r.key(4)
	r.fixed(h.Recipient[:])
	r.key(5)
	h.Sequence = r.head(majorUint)
	r.key(6)
	r.fixed(h.Previous[:])
	r.key(7)
	h.Created = r.time()
	r.key(8)
	h.Expires = r.time()
	r.key(9)
	items, err := r.items()
	if err != nil {
		return Header{}, nil, err
	}
	if h.Kind == Receipts {
		r.key(10)
		r.fixed(h.Answers[:])
		pairs--
	}
	if pairs > 9 && len(r.b) > 0 && r.b[0] == 11 {
		r.key(11)
		if r.head(majorArray) != 2 {
			r.fail()
		}
		h.Head.Number = r.head(majorUint)
		r.fixed(h.Head.Hash[:])
		pairs--
	}
	if pairs == 10 {
		r.key(12)
		h.Rehearsal = r.head(majorUint) == 1
		pairs--
	}
	if r.failed || pairs != 9 || len(r.b) != 0 {
		return Header{}, nil, malformed("its payload does not follow the format")
	}
	if err := h.check(); err != nil {
		return Header{}, nil, err
	}
	if err := countItems(h, len(items)); err != nil {
		return Header{}, nil, err
	}
	before, after, err := around(h)
	if err != nil || !bytes.HasPrefix(payload, before) || !bytes.HasSuffix(payload, after) {
		return Header{}, nil, malformed("its payload is not in canonical form")
	}
	return h, items, nil
}

func (r *reader) items() ([][]byte, error) {
	n := r.head(majorArray)
	if n > MaxItems {
		return nil, tooLarge("it has %d items, and %d is the most", n, MaxItems)
	}
	if n > uint64(len(r.b)) {
		r.fail()
		return nil, nil
	}
	items := make([][]byte, 0, n)
	for range n {
		items = append(items, r.bytes())
		if r.failed {
			return nil, nil
		}
	}
	return items, nil
}

func countItems(h Header, n int) error {
	switch {
	case n > MaxItems:
		return tooLarge("it has %d items, and %d is the most", n, MaxItems)
	case n == 0:
		return malformed("it has no items")
	case h.Kind == Pairing && n != 1:
		return malformed("a pairing has more than one item")
	}
	return nil
}

func tooLarge(format string, args ...any) error {
	return fault.New("bundle.size", "split it into smaller bundles", "the bundle is too large: "+format, args...)
}
