package elfaudit

import (
	"golang.org/x/arch/x86/x86asm"
)

// amd64 reads x86-64 code. Register numbers are the processor's: 0 is RAX, which
// holds the system call's number, and Go's first integer argument; 4 is RSP.
type amd64 struct{}

const (
	regAX = 0
	regSP = 4
	regBP = 5
)

func (amd64) number() int { return regAX }

// pushed is what a call instruction puts on the stack.
func (amd64) pushed() int64 { return 8 }

func (amd64) begin() {}

// trim gives the length of a function's code without the filler behind it.
func (amd64) trim(code []byte) int { return min(trim(code, 0xcc), trim(code, 0)) }

func trim(code []byte, filler byte) int {
	for len(code) > 0 && code[len(code)-1] == filler {
		code = code[:len(code)-1]
	}
	return len(code)
}

// decode tells where control goes and which addresses the instruction forms.
func (amd64) decode(code []byte, pc uint64) insn {
	if n := arithmeticLength(code); n > 0 {
		return insn{size: n}
	}
	in, err := x86asm.Decode(code, 64)
	if err != nil || in.Op == 0 || in.Len <= 0 || in.Len > len(code) { // no Op: a prefix of nothing known
		return insn{flow: bad, size: 1}
	}
	out := insn{size: in.Len}
	next := pc + uint64(in.Len)
	rel, direct := in.Args[0].(x86asm.Rel)
	if direct {
		out.target = next + uint64(int64(rel))
	}
	switch in.Op {
	case x86asm.SYSCALL:
		out.flow = trap
	case x86asm.SYSENTER:
		out.flow = gate
	case x86asm.INT:
		if n, ok := in.Args[0].(x86asm.Imm); ok && n == 3 {
			out.flow = stop
		} else {
			out.flow = gate
		}
	case x86asm.UD1, x86asm.UD2, x86asm.HLT, x86asm.INTO:
		out.flow = stop
	case x86asm.CALL:
		out.flow = calls
		if !direct {
			out.flow = plain // of what it calls nothing is known; see the rule on addresses
		}
	case x86asm.LCALL, x86asm.LJMP, x86asm.IRET, x86asm.IRETD, x86asm.IRETQ, x86asm.SYSEXIT, x86asm.SYSRET, x86asm.LRET:
		out.flow = gate // far transfers can leave 64-bit mode
	case x86asm.JMP:
		out.flow = jump
		if !direct {
			out.flow = away
		}
	case x86asm.RET:
		out.flow = stop
	default:
		if direct {
			out.flow = branch
		} else {
			out.ref = address(in, next)
		}
	}
	return out
}

// address gives the address that an instruction forms: LEA from the program
// counter, or a constant; 0 if none. Loading a word is not forming its address.
func address(in x86asm.Inst, next uint64) uint64 {
	for _, a := range in.Args {
		switch a := a.(type) {
		case x86asm.Mem:
			if in.Op == x86asm.LEA {
				if a.Base == x86asm.RIP {
					return next + uint64(a.Disp)
				}
				if a.Base == 0 && a.Index == 0 {
					return uint64(a.Disp)
				}
			}
		case x86asm.Imm:
			if a > 0xffff {
				return uint64(a)
			}
		}
	}
	return 0
}

// register gives the number and width in bytes of a general register, or -1.
func register(r x86asm.Reg) (n int, width int) {
	switch {
	case r >= x86asm.RAX && r <= x86asm.R15:
		return int(r - x86asm.RAX), 8
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return int(r - x86asm.EAX), 4
	case r >= x86asm.AX && r <= x86asm.R15W:
		return int(r - x86asm.AX), 2
	case r >= x86asm.AL && r <= x86asm.BL:
		return int(r - x86asm.AL), 1
	case r >= x86asm.AH && r <= x86asm.BH:
		return int(r - x86asm.AH), 1
	case r >= x86asm.SPB && r <= x86asm.R15B:
		return int(r-x86asm.SPB) + 4, 1
	}
	return -1, 0
}

// arithmeticLength gives the length of an instruction that x86asm does not know,
// of the kinds that only compute, or 0 for others: those with a VEX or EVEX
// prefix, and ADCX and ADOX.
func arithmeticLength(code []byte) int {
	if len(code) < 5 {
		return vexLength(code)
	}
	at := 0
	if code[at] == 0x66 || code[at] == 0xf3 {
		at++
	}
	if at > 0 && code[at]&0xf0 == 0x40 { // REX
		at++
	}
	if at > 0 && len(code) > at+3 && code[at] == 0x0f && code[at+1] == 0x38 && code[at+2] == 0xf6 {
		return operands(code, at+3)
	}
	return vexLength(code)
}

// vexLength gives the length of an instruction with a VEX or EVEX prefix.
func vexLength(code []byte) int {
	if len(code) < 3 {
		return 0
	}
	space, at := 0, 0 // of opcodes: 1 is 0F, 2 is 0F38, 3 is 0F3A
	switch code[0] {
	case 0xc5:
		space, at = 1, 2
	case 0xc4:
		space, at = int(code[1]&0x1f), 3
	case 0x62:
		space, at = int(code[1]&0x07), 4
	}
	if space < 1 || space > 3 || at >= len(code) {
		return 0
	}
	op := code[at]
	if space == 1 && op == 0x77 && code[0] != 0x62 { // VZEROUPPER has no operand
		return at + 1
	}
	n := operands(code, at+1)
	if n > 0 && (space == 3 || space == 1 && (op >= 0x70 && op <= 0x73 || op == 0xc2 || op >= 0xc4 && op <= 0xc6)) {
		n++ // a constant byte
	}
	if n > len(code) {
		return 0
	}
	return n
}

// operands gives where the operands that begin with a ModRM byte at code[at]
// end, or 0 if code is too short.
func operands(code []byte, at int) int {
	if at >= len(code) {
		return 0
	}
	mod, rm := code[at]>>6, code[at]&7
	at++
	if mod != 3 && rm == 4 { // SIB
		if at >= len(code) {
			return 0
		}
		if mod == 0 && code[at]&7 == 5 {
			at += 4
		}
		at++
	}
	switch {
	case mod == 1:
		at++
	case mod == 2, mod == 0 && rm == 5:
		at += 4
	}
	if at > len(code) {
		return 0
	}
	return at
}
