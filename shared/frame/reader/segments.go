package reader

import "math/bits"

// Mode is what a segment is made of (ISO/IEC 18004:2015, table 2).
type Mode uint8

// The modes that are read. Structured append and FNC1 are refused.
const (
	Numeric      Mode = 1
	Alphanumeric Mode = 2
	Byte         Mode = 4
	ECI          Mode = 7
	Kanji        Mode = 8
)

// Segment is a part of a symbol's content. Digits and alphanumeric characters
// are ASCII, bytes are as they are, Kanji are Shift JIS. ECI has no data: which
// characters the bytes stand for is not for a reader to guess.
type Segment struct {
	Mode Mode
	Data []byte
}

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// codings say how characters are written (ISO/IEC 18004:2015, 7.4): the length of
// their count by version, how many go together, in how many bits when they are
// one, two or three, and to what base.
var codings = map[Mode]struct {
	count    [3]int
	together int
	bits     [4]int
	base     int
}{
	Numeric:      {[3]int{10, 12, 14}, 3, [4]int{0, 4, 7, 10}, 10},
	Alphanumeric: {[3]int{9, 11, 13}, 2, [4]int{0, 6, 11}, 45},
	Byte:         {[3]int{8, 16, 16}, 1, [4]int{0, 8}, 1 << 8},
	Kanji:        {[3]int{8, 10, 12}, 1, [4]int{0, 13}, 1 << 13},
}

// bitstream reads the bits of the data codewords.
type bitstream struct {
	data []uint8
	at   int
	bad  bool // more was read than there is
}

func (b *bitstream) left() int { return 8*len(b.data) - b.at }

func (b *bitstream) read(n int) (v int) {
	if n > b.left() {
		b.bad = true
		return 0
	}
	for ; n > 0; n-- {
		v = v<<1 | int(b.data[b.at>>3]>>(7-b.at&7)&1)
		b.at++
	}
	return v
}

// parse takes corrected data codewords apart. It refuses what no encoder makes.
func parse(words []uint8, version int) ([]Segment, bool) {
	b := &bitstream{data: words}
	segments := []Segment{}
	for b.left() >= 4 {
		mode := Mode(b.read(4))
		if mode == 0 {
			break
		}
		s := Segment{Mode: mode}
		switch mode {
		case Numeric, Alphanumeric, Byte, Kanji:
			ok := false
			if s.Data, ok = b.segment(mode, version); !ok {
				return nil, false
			}
		case ECI:
			// One to three bytes: the ones ahead of the first zero say how many more.
			more := bits.LeadingZeros8(^uint8(b.read(8)))
			if more > 2 {
				return nil, false
			}
			b.read(8 * more)
		default:
			return nil, false
		}
		if b.bad {
			return nil, false
		}
		segments = append(segments, s)
	}
	return segments, b.padded()
}

// padded reports whether the rest is what the standard fills a symbol up with.
func (b *bitstream) padded() bool {
	if n := b.left() % 8; b.read(n) != 0 {
		return false
	}
	for i := 0; b.left() > 0; i++ {
		if b.read(8) != [2]int{0xec, 0x11}[i&1] {
			return false
		}
	}
	return true
}

// segment reads a count and that many characters.
func (b *bitstream) segment(mode Mode, version int) (out []byte, ok bool) {
	c := codings[mode]
	class := 0
	if version > 26 {
		class = 2
	} else if version > 9 {
		class = 1
	}
	count := b.read(c.count[class])
	// The shortest character is a third of ten bits.
	if count*10 > b.left()*3 {
		return nil, false
	}
	for n := 0; count > 0; count -= n {
		n = min(count, c.together)
		v := b.read(c.bits[n])
		switch mode {
		case Byte:
			out = append(out, uint8(v))
		case Kanji:
			v = v/0xc0<<8 | v%0xc0
			if v += 0x8140; v > 0x9ffc {
				v += 0xc140 - 0x8140
			}
			out = append(out, uint8(v>>8), uint8(v))
		default:
			var text [3]byte
			for i := n - 1; i >= 0; i-- {
				text[i] = alphanumeric[v%c.base]
				v /= c.base
			}
			if v > 0 {
				return nil, false
			}
			out = append(out, text[:n]...)
		}
	}
	return out, !b.bad
}
