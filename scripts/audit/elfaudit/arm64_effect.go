package elfaudit

import (
	"encoding/binary"
	"math/bits"
)

// effect applies an instruction to what is known. Of one that is not listed it
// takes every register field for a target.
func (m *arm64) effect(code []byte, pc uint64, s *state) {
	if len(code) < 4 {
		s.forgetAll()
		return
	}
	w := binary.LittleEndian.Uint32(code)
	rd, rn := int(w&31), int(w>>5&31)
	switch {
	case w&0xffe0001f == 0xd4000001: // SVC: Linux keeps all but the results
		s.regs[0], s.regs[1] = value{}, value{}
		s.scribble()
	case w>>26 == 0b100101, w>>25 == 0b1101011 && w>>21&7 == 1: // BL, BLR
		s.called()
	case w>>26 == 0b000101, w>>24 == 0x54, w>>26&0x1f == 0b01101, w>>25 == 0b1101011: // branches
	case w>>12 == 0xd5032 || w>>12 == 0xd5033: // hints and barriers
	case w&0x9f000000 == 0x10000000: // ADR
		m.set(s, rd, value{constant, int64(pc) + signed(w>>5&0x7ffff, 19)<<2 | int64(w>>29&3)})
	case w&0x9f000000 == 0x90000000: // ADRP
		m.set(s, rd, value{constant, int64(pc&^0xfff) + signed(w>>5&0x7ffff, 19)<<14 | int64(w>>29&3)<<12})
	case w>>23&0x3f == 0b100010: // ADD, SUB (immediate)
		m.sum(w, rd, rn, s)
	case w>>23&0x3f == 0b100101: // MOVN, MOVZ, MOVK
		m.wide(w, rd, s)
	case w>>23&0x3f == 0b100100: // AND, ORR, EOR, ANDS (immediate)
		m.logical(w, rd, rn, s)
	case w&0x7fe0ffe0 == 0x2a0003e0: // MOV, which is ORR (register) with nothing
		m.set(s, rd, narrow(w, m.get(s, int(w>>16&31))))
	case w&0x1f000000 == 0x0b000000 && w>>21&1 == 1: // ADD, SUB (extended register): may write the stack pointer
		m.extended(w, rd, rn, s)
	case w>>25&5 == 4: // loads and stores
		m.memory(w, rd, rn, s)
	case w>>24&0x1f == 0b01010, w>>24&0x1f == 0b01011, w>>24&0x1f == 0b11010, w>>24&0x1f == 0b11011, w>>23&0x3f >= 0b100110 && w>>26&7 == 0b100:
		m.set(s, rd, value{}) // other arithmetic
	default:
		m.unsure(w, s)
		s.scribble()
	}
}

// unsure drops every register that a field of the instruction may name.
func (m *arm64) unsure(w uint32, s *state) {
	for _, shift := range []uint{0, 5, 10, 16} {
		m.set(s, int(w>>shift&31), value{})
	}
}

// get reads a register, of which the last is zero.
func (*arm64) get(s *state, r int) value {
	if r == regZero {
		return value{constant, 0}
	}
	return s.regs[r]
}

// set writes a register, of which the last does not exist.
func (*arm64) set(s *state, r int, v value) {
	if r == regZero {
		return
	}
	if v.kind == onStack {
		s.leak(v.n)
	}
	s.regs[r] = v
}

// based reads a register, of which the last is the stack pointer.
func (*arm64) based(s *state, r int) value {
	if r == regZero {
		return s.pointer()
	}
	return s.regs[r]
}

// rebase writes a register, of which the last is the stack pointer.
func (m *arm64) rebase(s *state, r int, v value) {
	if r == regZero {
		s.move(v)
		return
	}
	m.set(s, r, v)
}

// narrow gives what v becomes in a 32-bit instruction.
func narrow(w uint32, v value) value {
	switch {
	case w>>31 == 1:
		return v
	case v.kind == constant:
		return value{constant, int64(uint32(v.n))}
	}
	return value{}
}

func (m *arm64) sum(w uint32, rd, rn int, s *state) {
	n := addend(w)
	if w>>30&1 == 1 {
		n = -n
	}
	v := narrow(w, plus(m.based(s, rn), value{constant, n}))
	if w>>29&1 == 1 { // with flags: the last register is zero
		m.set(s, rd, v)
		return
	}
	m.rebase(s, rd, v)
}

func (m *arm64) extended(w uint32, rd, rn int, s *state) {
	if w>>29&1 == 1 && rd == regZero {
		return // a comparison
	}
	v, by := value{}, m.get(s, int(w>>16&31))
	if w>>13&7 == 3 && w>>10&7 == 0 && by.kind == constant { // UXTX, not shifted
		if w>>30&1 == 1 {
			by.n = -by.n
		}
		v = narrow(w, plus(m.based(s, rn), by))
	}
	if v.kind == unknown && m.based(s, rn).kind == onStack {
		s.leak(m.based(s, rn).n)
	}
	if w>>29&1 == 1 {
		m.set(s, rd, v)
		return
	}
	m.rebase(s, rd, v)
}

func (m *arm64) wide(w uint32, rd int, s *state) {
	shift := w >> 21 & 3 * 16
	n := uint64(w>>5&0xffff) << shift
	v := value{constant, int64(n)}
	switch w >> 29 & 3 {
	case 0: // MOVN
		v.n = ^v.n
	case 2: // MOVZ
	case 3: // MOVK
		old := m.get(s, rd)
		if old.kind != constant {
			v = value{}
			break
		}
		v.n = int64(uint64(old.n)&^(0xffff<<shift) | n)
	default:
		v = value{}
	}
	m.set(s, rd, narrow(w, v))
}

func (m *arm64) logical(w uint32, rd, rn int, s *state) {
	v := value{}
	if n, ok := pattern(w); ok && w>>29&3 == 1 && rn == regZero { // ORR with zero: a constant
		v = narrow(w, value{constant, int64(n)})
	}
	if w>>29&3 == 3 { // ANDS: the last register is zero
		m.set(s, rd, v)
		return
	}
	m.rebase(s, rd, v)
}

// pattern gives the constant of a logical instruction: a run of ones, rotated,
// and repeated to fill the register (Arm ARM, DecodeBitMasks).
func pattern(w uint32) (uint64, bool) {
	n, rotate, ones := w>>22&1, w>>16&0x3f, w>>10&0x3f
	length := bits.Len32(n<<6|^ones&0x3f) - 1
	if length < 1 {
		return 0, false
	}
	size := uint32(1) << length
	ones, rotate = ones&(size-1), rotate&(size-1)
	if ones == size-1 {
		return 0, false
	}
	run := uint64(1)<<(ones+1) - 1
	run = run>>rotate | run<<(size-rotate)
	if size < 64 {
		run &= 1<<size - 1
	}
	for ; size < 64; size *= 2 {
		run |= run << size
	}
	return run, true
}

// memory applies a load or a store.
func (m *arm64) memory(w uint32, rd, rn int, s *state) {
	vector, load := w>>26&1 == 1, w>>22&1 == 1
	base := m.based(s, rn)
	switch {
	case w>>27&7 == 0b101 && w>>30 != 3: // pairs
		m.pair(w, rd, base, s)
	case w>>27&7 == 0b111 && w>>24&3 == 1: // with an unsigned offset
		size := width(w, vector)
		m.single(w, rd, base, int64(w>>10&0xfff)*size, size, vector, s)
	case w>>27&7 == 0b111 && w>>24&3 == 0 && w>>21&1 == 0: // with a signed offset, before, after or not written back
		off, size := signed(w>>12&0x1ff, 9), width(w, vector)
		switch w >> 10 & 3 {
		case 0, 2:
			m.single(w, rd, base, off, size, vector, s)
		case 1:
			m.rebase(s, rn, plus(base, value{constant, off}))
			m.single(w, rd, base, 0, size, vector, s)
		case 3:
			m.rebase(s, rn, plus(base, value{constant, off}))
			m.single(w, rd, base, off, size, vector, s)
		}
	case w>>27&7 == 0b111 && w>>21&1 == 1 && w>>10&3 == 2 && load && !vector, w>>27&7 == 0b011 && !vector:
		m.set(s, rd, value{}) // a load with a register as offset, or from near the code
	default: // atomics, exclusives, vectors of structures, prefetches
		m.unsure(w, s)
		if base.kind == onStack {
			s.smear()
			return
		}
		s.scribble()
	}
}

// width gives how many bytes a load or store moves.
func width(w uint32, vector bool) int64 {
	if vector && w>>23&1 == 1 {
		return 16
	}
	return 1 << (w >> 30)
}

func (m *arm64) single(w uint32, rd int, base value, off, size int64, vector bool, s *state) {
	at, ok := s.place(base, off)
	store := w>>22&3 == 0 || vector && w>>22&1 == 0
	switch {
	case store && vector:
		m.put(s, at, ok, size, value{})
	case store:
		m.put(s, at, ok, size, m.get(s, rd))
	case vector:
	case ok && size == 8 && w>>22&3 == 1:
		m.set(s, rd, s.load(at))
	default:
		m.set(s, rd, value{})
	}
}

func (m *arm64) pair(w uint32, rd int, base value, s *state) {
	vector, load, rn, second := w>>26&1 == 1, w>>22&1 == 1, int(w>>5&31), int(w>>10&31)
	size := int64(4) << (w >> 31)
	if vector {
		size = 4 << (w >> 30)
	}
	off := signed(w>>15&0x7f, 7) * size
	moved := plus(base, value{constant, off})
	switch w >> 23 & 3 {
	case 1: // after
		off = 0
		m.rebase(s, rn, moved)
	case 3: // before
		m.rebase(s, rn, moved)
	}
	for i, r := range []int{rd, second} {
		at, ok := s.place(base, off+int64(i)*size)
		switch {
		case load && vector:
		case load && ok && size == 8:
			m.set(s, r, s.load(at))
		case load:
			m.set(s, r, value{})
		case vector:
			m.put(s, at, ok, size, value{})
		default:
			m.put(s, at, ok, size, m.get(s, r))
		}
	}
}

func (m *arm64) put(s *state, at int64, ok bool, size int64, v value) {
	if !ok {
		s.scribble()
		return
	}
	if v.kind == onStack {
		s.leak(v.n)
	}
	s.store(at, size, v)
}
