package ur

import (
	"crypto/subtle"
	"hash/crc32"
	"math/bits"
	"slices"
)

// row is an equation: the pieces whose bits are set add up, by XOR, to data.
type row struct {
	bits []uint64
	data []byte
}

// first gives the lowest piece of a row, or -1 if there is none.
func (r row) first() int {
	for i, w := range r.bits {
		if w != 0 {
			return 64*i + bits.TrailingZeros64(w)
		}
	}
	return -1
}

func (r row) has(i int) bool { return r.bits[i/64]>>(i%64)&1 != 0 }

func (r row) count() (n int) {
	for _, w := range r.bits {
		n += bits.OnesCount64(w)
	}
	return n
}

// session is what has been received of one message. What it takes grows with
// the parts received, never with what they announce.
type session struct {
	Progress
	rows  map[int]row // by their lowest piece
	texts []string    // the parts that brought something new, as many as rows
}

// rowSize is what a row takes: bits, data, the text, and 320 bytes for the rest.
func (id ID) rowSize() int { return (id.K+63)/64*8 + 3*id.Fragment + 320 }

func (id ID) row(pieces []int, data []byte) row {
	r := row{make([]uint64, (id.K+63)/64), data}
	for _, i := range pieces {
		r.bits[i/64] |= 1 << (i % 64)
	}
	return r
}

// add brings a row into echelon form: Gaussian elimination, one row at a time.
// Of two rows with the same lowest piece the one with fewer pieces stays, so
// that plain pieces stay plain.
func (s *session) add(r row, text string) {
	for i := r.first(); i >= 0; i = r.first() {
		have, ok := s.rows[i]
		if !ok {
			s.rows[i], s.texts = r, append(s.texts, text)
			s.Rank++
			return
		}
		if r.count() < have.count() {
			r, have, s.rows[i] = have, r, r
		}
		for w, v := range have.bits {
			r.bits[w] ^= v
		}
		subtle.XORBytes(r.data, r.data, have.data)
	}
	if slices.Max(r.data) != 0 {
		s.Conflicts++ // one of the parts is false, and nobody can say which
	} else {
		s.Duplicates++
	}
}

// solve gives the message of K rows, if it is what the checksum says. It uses
// the rows up.
func (s *session) solve() ([]byte, bool) {
	message := make([]byte, s.K*s.Fragment)
	for i := s.K - 1; i >= 0; i-- {
		piece, r := message[i*s.Fragment:][:s.Fragment], s.rows[i]
		copy(piece, r.data)
		for j := i + 1; j < s.K; j++ {
			if r.has(j) {
				subtle.XORBytes(piece, piece, message[j*s.Fragment:][:s.Fragment])
			}
		}
	}
	message = message[:s.Length]
	return message, crc32.ChecksumIEEE(message) == s.Checksum
}
