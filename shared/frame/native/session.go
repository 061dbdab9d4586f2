package native

import (
	"bytes"
	"slices"
)

// session is what has been received of one object. What it takes grows with the
// frames received, never with what they announce.
type session struct {
	object
	Progress
	held    map[uint32][]byte // symbols as received, and source symbols as solved
	sources []int             // of these, source symbols in each block
	coded   [][]uint32        // and the numbers of coded ones
}

func newSession(o object) *session {
	s := &session{object: o, Progress: Progress{ID: o.id, Length: o.length(), K: o.symbols()}}
	s.reset()
	return s
}

func (s *session) reset() {
	s.held, s.Rank = map[uint32][]byte{}, 0
	s.sources, s.coded = make([]int, s.blocks()), make([][]uint32, s.blocks())
}

// add keeps a symbol. Of two with one number and different data one is false,
// and nobody can say which: the later one stays, so that one clean pass mends
// what was poisoned before it.
func (s *session) add(number uint32, symbol []byte) {
	s.Frames++
	at := s.block(number)
	old, have := s.held[number]
	switch {
	case have && !bytes.Equal(old, symbol):
		s.Conflicts++
		s.held[number] = symbol
	case have || s.sources[at] == s.inBlock(at):
		s.Duplicates++
	default:
		s.held[number] = symbol
		if number < uint32(s.K) {
			s.sources[at]++
		} else {
			s.coded[at] = append(s.coded[at], number)
		}
		if n := len(s.coded[at]); n > 0 && s.sources[at]+n == s.inBlock(at) {
			s.solve(at)
		}
		s.Rank = max(s.Rank, s.rank())
	}
}

// rank counts the independent symbols held. Fewer symbols than a block needs are
// taken as independent: that n of them are not has a probability of 256^(n-1-size
// of block). Once there are enough, solve drops those that are not.
func (s *session) rank() (n int) {
	for at := range s.coded {
		n += s.sources[at] + len(s.coded[at])
	}
	return n
}

// place gives the number of source symbol i of a block.
func (s *session) place(at, i int) uint32 { return uint32(at + i*len(s.coded)) }

// solve finds the missing source symbols of a block that has as many coded ones.
// If these turn out to depend on each other, it drops what is too much.
func (s *session) solve(at int) {
	numbers := slices.Sorted(slices.Values(s.coded[at])) // one result, in whatever order they came
	var missing []int                                    // places in the block
	rows := make([][]byte, s.inBlock(at))
	for i := range rows {
		if rows[i] = s.held[s.place(at, i)]; rows[i] == nil {
			missing = append(missing, i)
		}
	}
	matrix, known := make([][]byte, len(numbers)), make([][]byte, len(numbers))
	for r, number := range numbers {
		factors := s.coefficients(number)
		matrix[r] = make([]byte, 0, len(missing))
		for _, i := range missing {
			matrix[r] = append(matrix[r], factors[i])
		}
		known[r] = s.held[number]
	}
	pivot := invert(matrix)
	if slices.Contains(pivot, -1) {
		s.coded[at] = nil
		for r, number := range numbers {
			if pivot[r] < 0 {
				delete(s.held, number)
			} else {
				s.coded[at] = append(s.coded[at], number)
			}
		}
		return
	}
	sums := newTable(s.size)
	for r, number := range numbers {
		sums.addProducts(known[r], rows, s.coefficients(number))
	}
	apply(matrix, known)
	for r, number := range numbers {
		delete(s.held, number)
		s.held[s.place(at, missing[pivot[r]])] = known[r]
	}
	s.sources[at], s.coded[at] = len(rows), nil
}

// carried puts the source symbols together, if they are what the id says.
func (s *session) carried() ([]byte, bool) {
	h, left := s.digest(), s.Length
	for i := range uint32(s.K) {
		h.Write(s.held[i][:min(left, s.size)])
		left -= s.size
	}
	if ID(h.Sum(nil)) != s.id {
		return nil, false
	}
	data := make([]byte, 0, s.K*s.size)
	for i := range uint32(s.K) {
		data = append(data, s.held[i]...)
	}
	return data[:s.Length], true
}
