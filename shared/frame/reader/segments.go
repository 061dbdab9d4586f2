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

// countBits is the length of the character count (ISO/IEC 18004:2015, table 3).
func (m Mode) countBits(version int) int {
	i := 0
	if version > 26 {
		i = 2
	} else if version > 9 {
		i = 1
	}
	switch m {
	case Numeric:
		return 10 + 2*i
	case Alphanumeric:
		return 9 + 2*i
	case Byte:
		return min(8+8*i, 16)
	}
	return 8 + 2*i
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
			if s.Data, ok = b.segment(mode, b.read(mode.countBits(version))); !ok {
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

// segment reads count characters.
func (b *bitstream) segment(mode Mode, count int) ([]byte, bool) {
	// The shortest character is a third of ten bits.
	if count*10 > b.left()*3 {
		return nil, false
	}
	out := make([]byte, 0, 2*count)
	for left := count; left > 0 && !b.bad; {
		switch {
		case mode == Byte:
			out = append(out, uint8(b.read(8)))
			left--
		case mode == Numeric:
			n := min(left, 3)
			v := b.read(1 + 3*n)
			digits := []byte{'0' + uint8(v/100%10), '0' + uint8(v/10%10), '0' + uint8(v%10)}
			if v >= [4]int{1, 10, 100, 1000}[n] {
				return nil, false
			}
			out = append(out, digits[3-n:]...)
			left -= n
		case mode == Alphanumeric && left > 1:
			v := b.read(11)
			if v >= 45*45 {
				return nil, false
			}
			out = append(out, alphanumeric[v/45], alphanumeric[v%45])
			left -= 2
		case mode == Alphanumeric:
			v := b.read(6)
			if v >= 45 {
				return nil, false
			}
			out = append(out, alphanumeric[v])
			left--
		default:
			v := b.read(13)
			v = v/0xc0<<8 | v%0xc0
			if v += 0x8140; v > 0x9ffc {
				v += 0xc140 - 0x8140
			}
			out = append(out, uint8(v>>8), uint8(v))
			left--
		}
	}
	return out, !b.bad
}
