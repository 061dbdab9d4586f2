package elfaudit

import "encoding/binary"

// arm64 reads AArch64 code. Of its many instructions only those matter that move
// control, form addresses, or carry a constant to a register or a stack slot;
// encodings are from the Arm Architecture Reference Manual, section C4.1.
type arm64 struct {
	pages [32]uint64 // what ADRP last put in each register, in this function
}

const (
	regX8   = 8
	regZero = 31 // the zero register, or the stack pointer, as the instruction has it
)

func (*arm64) number() int { return regX8 }

// pushed is what a call instruction puts on the stack: the return address goes
// to a register.
func (*arm64) pushed() int64 { return 0 }

func (m *arm64) begin() { m.pages = [32]uint64{} }

func (*arm64) trim(code []byte) int { return trim(code, 0) }

// signed gives the n low bits of v as a number with a sign.
func signed(v uint32, n uint) int64 { return int64(int32(v<<(32-n))) >> (32 - n) }

// decode tells where control goes and which addresses the instruction forms.
func (m *arm64) decode(code []byte, pc uint64) insn {
	out := insn{size: 4}
	if len(code) < 4 || pc%4 != 0 {
		return insn{flow: bad, size: min(4, len(code))}
	}
	w := binary.LittleEndian.Uint32(code)
	rd, rn := w&31, w>>5&31
	to := func(field uint32, bits uint) uint64 { return pc + uint64(signed(field, bits)*4) }
	switch {
	case w&0xffe0001f == 0xd4000001: // SVC
		out.flow = trap
	case w&0xffe0001f == 0xd4000002, w&0xffe0001f == 0xd4000003: // HVC, SMC
		out.flow = gate
	case w&0xffe0001f == 0xd4200000, w>>16 == 0: // BRK, UDF
		out.flow = stop
	case w>>26 == 0b100101: // BL
		out.flow, out.target = calls, to(w&0x3ffffff, 26)
	case w>>26 == 0b000101: // B
		out.flow, out.target = jump, to(w&0x3ffffff, 26)
	case w>>24 == 0x54, w>>25&0x3f == 0b011010: // B.cond; CBZ, CBNZ
		out.flow, out.target = branch, to(w>>5&0x7ffff, 19)
	case w>>25&0x3f == 0b011011: // TBZ, TBNZ
		out.flow, out.target = branch, to(w>>5&0x3fff, 14)
	case w>>25 == 0b1101011: // BR, BLR, RET, ERET and their signed forms
		switch w >> 21 & 0xf {
		case 0, 8:
			out.flow = away
		case 1, 9:
			out.flow = plain // BLR: of what it calls nothing is known; see the rule on addresses
		default:
			out.flow = stop
		}
	case w&0x9f000000 == 0x10000000: // ADR
		out.ref = pc + uint64(signed(w>>5&0x7ffff, 19)<<2|int64(w>>29&3))
	case w&0x9f000000 == 0x90000000: // ADRP
		m.pages[rd] = pc&^0xfff + uint64(signed(w>>5&0x7ffff, 19)<<14|int64(w>>29&3)<<12)
	case w&0xff800000 == 0x91000000 && m.pages[rn] != 0: // ADD to what ADRP gave
		out.ref = m.pages[rn] + uint64(addend(w))
	}
	return out
}

// addend gives the constant of ADD and SUB (immediate).
func addend(w uint32) int64 { return int64(w>>10&0xfff) << (12 * (w >> 22 & 1)) }
