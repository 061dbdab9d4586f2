package bbqr

import "math/bits"

// BBQr allows a window of 1 KiB (wbits 10), and a receiver may have no more memory.
// compress/flate always uses 32 KiB, so what follows writes deflate (RFC 1951) with
// a reach of its own: that of zlib with wbits 10 (deflate.h, MAX_DIST), which every
// receiver has met. The codes are the fixed ones, so that there is little to read:
// a PSBT gets at most 7 % larger than with codes of its own, a small one no larger.
const (
	reach    = 1024 - 262
	minMatch = 3
	maxMatch = 257 // 258 has a code to itself, which is not worth a case
	maxTries = 512 // places that are compared for one match
)

// compressor finds what occurred before. Positions are counted from 1: 0 is none.
type compressor struct {
	data   []byte
	latest [1 << 15]int // position of the latest three bytes of a hash
	before []int        // for each position, the one before of the same hash

	out  []byte
	acc  uint32 // bits that are no byte yet, the first lowest
	held int
}

// deflate makes one block (RFC 1951, section 3.2.6).
func deflate(data []byte) []byte {
	c := &compressor{data: data, before: make([]int, len(data))}
	c.put(1|1<<1, 3) // the last block, with fixed codes
	for i := 0; i < len(data); {
		n, distance := c.longest(i)
		c.add(i)
		if next, _ := c.longest(i + 1); n < minMatch || next > n {
			c.code(int(data[i]))
			i++
			continue
		}
		s, extra, size := bucket(n-minMatch, 3)
		c.code(257 + s)
		c.put(extra, size)
		s, extra, size = bucket(distance-1, 2)
		c.put(reverse(s, 5), 5)
		c.put(extra, size)
		for i++; n > 1; n-- {
			c.add(i)
			i++
		}
	}
	c.code(256)
	c.put(0, 7) // fills up the last byte
	return c.out
}

func (c *compressor) hash(i int) *int {
	d := c.data[i : i+minMatch]
	return &c.latest[(int(d[0])<<10^int(d[1])<<5^int(d[2]))%len(c.latest)]
}

func (c *compressor) add(i int) {
	if i+minMatch <= len(c.data) {
		h := c.hash(i)
		c.before[i], *h = *h, i+1
	}
}

// longest finds the longest match of what is at i, of these the nearest.
func (c *compressor) longest(i int) (length, distance int) {
	if i+minMatch > len(c.data) {
		return 0, 0
	}
	most := min(maxMatch, len(c.data)-i)
	j := *c.hash(i) - 1
	for tries := 0; j >= 0 && i-j <= reach && tries < maxTries && length < most; tries++ {
		n := 0
		for n < most && c.data[j+n] == c.data[i+n] {
			n++
		}
		if n > length {
			length, distance = n, i-j
		}
		j = c.before[j] - 1
	}
	return length, distance
}

// put writes the n low bits of v, the lowest first.
func (c *compressor) put(v, n int) {
	c.acc |= uint32(v) << c.held
	for c.held += n; c.held >= 8; c.held -= 8 {
		c.out = append(c.out, byte(c.acc))
		c.acc >>= 8
	}
}

// code writes the fixed code of a literal, a length or the end.
func (c *compressor) code(s int) {
	switch {
	case s < 144:
		c.put(reverse(0x30+s, 8), 8)
	case s < 256:
		c.put(reverse(0x190+s-144, 9), 9)
	case s < 280:
		c.put(reverse(s-256, 7), 7)
	default:
		c.put(reverse(0xc0+s-280, 8), 8)
	}
}

func reverse(v, n int) int { return int(bits.Reverse16(uint16(v)) >> (16 - n)) }

// bucket gives the symbol of a length or distance, which is its leading bits and
// their place, and the extra bits, which are the rest.
func bucket(v, keep int) (s, extra, size int) {
	size = max(0, bits.Len(uint(v))-keep)
	return size<<(keep-1) + v>>size, v & (1<<size - 1), size
}
