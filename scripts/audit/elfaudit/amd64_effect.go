package elfaudit

import (
	"golang.org/x/arch/x86/x86asm"
)

// effect applies an instruction to what is known. Where it does not know the
// instruction, nothing stays known of the registers or, if it may write there,
// of the stack.
func (m amd64) effect(code []byte, pc uint64, s *state) {
	if arithmeticLength(code) > 0 {
		s.forgetAll()
		return
	}
	in, err := x86asm.Decode(code, 64)
	if err != nil || in.Op == 0 {
		s.forgetAll()
		return
	}
	next := pc + uint64(in.Len)
	switch in.Op {
	case x86asm.CALL:
		s.called()
	case x86asm.SYSCALL:
		for _, r := range []int{regAX, 1, 11} { // the kernel keeps the others
			s.regs[r] = value{}
		}
		s.scribble()
	case x86asm.PUSH:
		m.push(in, s)
	case x86asm.POP:
		m.pop(in, s)
	case x86asm.MOV, x86asm.MOVQ, x86asm.MOVSXD, x86asm.MOVZX, x86asm.MOVSX, x86asm.LEA, x86asm.ADD, x86asm.SUB, x86asm.XOR,
		x86asm.INC, x86asm.DEC:
		m.write(in, s, m.result(in, s, next))
	case x86asm.AND, x86asm.OR, x86asm.ADC, x86asm.SBB, x86asm.NOT, x86asm.NEG, x86asm.SHL, x86asm.SHR, x86asm.SAR,
		x86asm.ROL, x86asm.ROR, x86asm.BSR, x86asm.BSF, x86asm.BSWAP, x86asm.POPCNT, x86asm.TZCNT, x86asm.LZCNT,
		x86asm.MOVUPS, x86asm.MOVUPD, x86asm.MOVAPS, x86asm.MOVDQU, x86asm.MOVDQA, x86asm.MOVSS, x86asm.MOVSD_XMM, x86asm.MOVD,
		x86asm.SETA, x86asm.SETAE, x86asm.SETB, x86asm.SETBE, x86asm.SETE, x86asm.SETNE, x86asm.SETG, x86asm.SETGE, x86asm.SETL,
		x86asm.SETLE, x86asm.SETS, x86asm.SETNS, x86asm.CMOVA, x86asm.CMOVAE, x86asm.CMOVB, x86asm.CMOVBE, x86asm.CMOVE,
		x86asm.CMOVNE, x86asm.CMOVG, x86asm.CMOVGE, x86asm.CMOVL, x86asm.CMOVLE, x86asm.CMOVS, x86asm.CMOVNS:
		m.write(in, s, value{})
	case x86asm.CMP, x86asm.TEST, x86asm.BT, x86asm.NOP, x86asm.JMP, x86asm.RET, x86asm.UD2, x86asm.MFENCE, x86asm.LFENCE,
		x86asm.SFENCE, x86asm.PAUSE, x86asm.PXOR, x86asm.XORPS, x86asm.UCOMISD, x86asm.UCOMISS, x86asm.PREFETCHT0, x86asm.PREFETCHNTA:
		// No general register and no memory is written.
	case x86asm.PUSHF, x86asm.PUSHFD, x86asm.PUSHFQ, x86asm.POPF, x86asm.POPFD, x86asm.POPFQ, x86asm.ENTER, x86asm.LEAVE:
		s.forget()
		s.lose()
	default:
		if _, ok := in.Args[0].(x86asm.Rel); ok {
			return // conditional branches write nothing
		}
		s.forgetAll()
		if in.Args[0] == x86asm.RSP || in.Args[1] == x86asm.RSP {
			s.lose()
		}
	}
}

// forgetAll drops registers and stack: an instruction that is not understood
// may have written either.
func (s *state) forgetAll() {
	s.forget()
	s.smear()
}

func (amd64) push(in x86asm.Inst, s *state) {
	v := value{}
	if r, ok := in.Args[0].(x86asm.Reg); ok {
		if n, width := register(r); width == 8 {
			v = s.regs[n]
		}
	}
	s.sp -= 8
	s.store(s.sp, 8, v)
}

func (m amd64) pop(in x86asm.Inst, s *state) {
	v := s.load(s.sp)
	s.sp += 8
	m.write(in, s, v)
}

// source reads an operand. Constants are kept as 64 bits, sign extended.
func (m amd64) source(a x86asm.Arg, s *state, width int) value {
	switch a := a.(type) {
	case x86asm.Imm:
		return value{constant, int64(a)}
	case x86asm.Reg:
		n, w := register(a)
		switch {
		case n == regSP && w == 8:
			return s.pointer()
		case n >= 0 && w == 8:
			return s.regs[n]
		case n >= 0 && w == 4 && s.regs[n].kind == constant:
			return value{constant, int64(uint32(s.regs[n].n))}
		}
	case x86asm.Mem:
		if base := m.base(a, s); a.Index == 0 && a.Segment == 0 && width == 8 {
			if at, ok := s.place(base, a.Disp); ok {
				return s.load(at)
			}
		}
	}
	return value{}
}

func (amd64) base(a x86asm.Mem, s *state) value {
	n, width := register(a.Base)
	switch {
	case width != 8:
		return value{}
	case n == regSP:
		return s.pointer()
	}
	return s.regs[n]
}

// result gives what a move or a sum yields, if it is known.
func (m amd64) result(in x86asm.Inst, s *state, next uint64) value {
	width := in.DataSize / 8
	first, second := m.source(in.Args[0], s, width), m.source(in.Args[1], s, width)
	switch in.Op {
	case x86asm.MOV, x86asm.MOVQ:
		return second
	case x86asm.LEA:
		mem, _ := in.Args[1].(x86asm.Mem)
		switch base := m.base(mem, s); {
		case mem.Base == x86asm.RIP:
			return value{constant, int64(next) + mem.Disp}
		case mem.Index != 0 || mem.Segment != 0:
			if base.kind == onStack {
				s.leak(base.n)
			}
		case mem.Base == 0:
			return value{constant, mem.Disp}
		case base.kind == constant, base.kind == onStack:
			return value{base.kind, base.n + mem.Disp}
		}
	case x86asm.ADD:
		return plus(first, second)
	case x86asm.SUB:
		if second.kind == constant {
			return plus(first, value{constant, -second.n})
		}
	case x86asm.INC:
		return plus(first, value{constant, 1})
	case x86asm.DEC:
		return plus(first, value{constant, -1})
	case x86asm.XOR:
		if a, ok := in.Args[0].(x86asm.Reg); ok && in.Args[0] == in.Args[1] && a != 0 {
			return value{constant, 0}
		}
	}
	return value{}
}

// plus adds a constant to what may have one added.
func plus(a, b value) value {
	if a.kind == constant {
		a, b = b, a
	}
	if b.kind == constant && (a.kind == constant || a.kind == onStack) {
		return value{a.kind, a.n + b.n}
	}
	return value{}
}

// write puts v where the instruction's first operand says.
func (m amd64) write(in x86asm.Inst, s *state, v value) {
	switch a := in.Args[0].(type) {
	case x86asm.Reg:
		n, width := register(a)
		switch {
		case n < 0: // a vector or segment register
			return
		case width == 4 && v.kind == constant:
			v.n = int64(uint32(v.n))
		case width != 8:
			v = value{}
		}
		if n == regSP {
			s.move(v)
			return
		}
		if v.kind == onStack && n != regBP {
			s.leak(v.n)
		}
		s.regs[n] = v
	case x86asm.Mem:
		m.put(in, a, s, v)
	}
}

// put stores v to memory.
func (m amd64) put(in x86asm.Inst, a x86asm.Mem, s *state, v value) {
	base := m.base(a, s)
	at, ok := s.place(base, a.Disp)
	size := int64(in.MemBytes)
	switch {
	case ok && a.Index == 0 && a.Segment == 0 && size > 0:
		if v.kind == onStack {
			s.leak(v.n)
		}
		s.store(at, size, v)
	case ok: // an array on the stack, or of a size that is not known
		s.smear()
	default:
		s.scribble()
	}
}
