package native

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"slices"

	"coldsign/shared/fault"
)

// session is what has been received of one object. What it takes grows with the
// frames received, never with what they announce.
type session struct {
	object
	symbols map[uint32][]byte // as received; those of a solved block are its source symbols
	blocks  []block
	shown   int // the highest rank since the last reset

	frames, duplicates, conflicts, resets int
}

// block counts what is held of one block.
type block struct {
	sources int
	coded   []uint32 // numbers
}

func (b block) rank() int { return b.sources + len(b.coded) }

func newSession(o object) *session {
	s := &session{object: o}
	s.reset()
	return s
}

func (s *session) reset() {
	s.symbols, s.blocks, s.shown = map[uint32][]byte{}, make([]block, s.object.blocks()), 0
}

func (s *session) isSource(number uint32) bool { return number < uint32(s.object.symbols()) }

// rank counts the independent symbols held. Fewer symbols than a block needs are
// taken as independent: that n of them are not has a probability of 256^(n-1-size
// of block). Once there are enough, solve drops those that are not.
func (s *session) rank() int {
	n := 0
	for _, b := range s.blocks {
		n += b.rank()
	}
	s.shown = max(s.shown, n)
	return s.shown
}

// add keeps a symbol. Of two with one number and different data one is false,
// and nobody can say which: the later one stays, so that one clean pass mends
// what was poisoned before it.
func (s *session) add(number uint32, symbol []byte) {
	s.frames++
	at := s.block(number)
	b := &s.blocks[at]
	if old, ok := s.symbols[number]; ok {
		if bytes.Equal(old, symbol) {
			s.duplicates++
			return
		}
		s.conflicts++
		s.symbols[number] = symbol
		return
	}
	need := s.inBlock(at)
	if b.rank() == need {
		s.duplicates++
		return
	}
	s.symbols[number] = symbol
	if s.isSource(number) {
		b.sources++
	} else {
		b.coded = append(b.coded, number)
	}
	if b.rank() == need && len(b.coded) > 0 {
		s.solve(at)
	}
}

// solve finds the missing source symbols of a block that has as many coded ones.
// If these turn out to depend on each other, it drops what is too much.
func (s *session) solve(at int) {
	b := &s.blocks[at]
	slices.Sort(b.coded) // one result, in whatever order they came
	var missing []int    // places in the block
	for i := range s.inBlock(at) {
		if s.symbols[s.place(at, i)] == nil {
			missing = append(missing, i)
		}
	}
	n := len(missing)
	matrix, known := make([][]byte, n), make([][]byte, n)
	for r, number := range b.coded {
		factors := s.coefficients(number)
		matrix[r] = make([]byte, n)
		for j, i := range missing {
			matrix[r][j] = factors[i]
		}
		known[r] = s.symbols[number]
	}
	pivot := invert(matrix)
	if slices.Contains(pivot, -1) {
		s.drop(b, pivot)
		return
	}
	sums := newTable(s.size)
	for r, number := range b.coded {
		sums.clear()
		for i, c := range s.coefficients(number) {
			if source := s.symbols[s.place(at, i)]; source != nil {
				sums.collect(source, c)
			}
		}
		sums.addSum(known[r])
	}
	apply(matrix, pivot, known)
	for r, number := range b.coded {
		delete(s.symbols, number)
		s.symbols[s.place(at, missing[pivot[r]])] = known[r]
	}
	b.sources, b.coded = b.sources+n, nil
}

// place gives the number of source symbol i of a block.
func (s *session) place(at, i int) uint32 { return uint32(at + i*len(s.blocks)) }

func (s *session) drop(b *block, pivot []int) {
	var keep []uint32
	for r, number := range b.coded {
		if pivot[r] >= 0 {
			keep = append(keep, number)
		} else {
			delete(s.symbols, number)
		}
	}
	b.coded = keep
}

func (s *session) complete() bool {
	for at, b := range s.blocks {
		if b.sources != s.inBlock(at) {
			return false
		}
	}
	return true
}

// carried puts the source symbols together, if they are what the id says.
func (s *session) carried() ([]byte, bool) {
	h, left := s.digest(), s.length()
	for i := range uint32(s.object.symbols()) {
		h.Write(s.symbols[i][:min(left, s.size)])
		left -= s.size
	}
	if ID(h.Sum(nil)) != s.id {
		return nil, false
	}
	data := make([]byte, 0, s.length()+s.size)
	for i := range uint32(s.object.symbols()) {
		data = append(data, s.symbols[i]...)
	}
	return data[:s.length()], true
}

// inflate undoes deflate, for not a byte more than was announced.
func inflate(carried []byte, limit int) ([]byte, error) {
	bad := fault.New("frame.object", "send it again", "the frames fit together, but what they carry cannot be unpacked")
	if len(carried) < 4 {
		return nil, bad
	}
	size, packed := uint64(binary.BigEndian.Uint32(carried)), carried[4:]
	if size == 0 || size > uint64(limit) || size > maxInflate*uint64(len(packed)) {
		return nil, bad
	}
	in := bytes.NewReader(packed) // it reads single bytes, so flate takes none too many
	out, r := make([]byte, size), flate.NewReader(in)
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, bad
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF || in.Len() != 0 {
		return nil, bad
	}
	return out, nil
}
