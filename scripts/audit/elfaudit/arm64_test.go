package elfaudit

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"
)

// Where control goes is decoded as golang.org/x/arch decodes it, over random
// instructions and over each kind that matters with random operands.
func TestArm64FlowAgrees(t *testing.T) {
	const pc = 0x400000
	kinds := []struct{ bits, free uint32 }{
		{0, 0xffffffff}, {0x94000000, 0x3ffffff}, {0x14000000, 0x3ffffff}, {0x54000000, 0xffffef}, {0x34000000, 0x81ffffff},
		{0x36000000, 0x81ffffff}, {0xd61f0000, 0x3e0}, {0xd63f0000, 0x3e0}, {0xd65f0000, 0x3e0}, {0xd4000001, 0x1fffe0},
		{0x10000000, 0x60ffffff}, {0xd4200000, 0x1fffe0},
	}
	random := rand.New(rand.NewPCG(1, 2))
	m := &arm64{}
	seen := map[flow]int{}
	for i := range 600_000 {
		k := kinds[i%len(kinds)]
		w := k.bits | random.Uint32()&k.free
		in, err := arm64asm.Decode(a64(w))
		if err != nil {
			continue
		}
		got := m.decode(a64(w), pc)
		want := insn{size: 4}
		for _, a := range in.Args {
			if rel, ok := a.(arm64asm.PCRel); ok {
				want.target = uint64(int64(pc) + int64(rel))
			}
		}
		switch in.Op {
		case arm64asm.SVC:
			want.flow = trap
		case arm64asm.HVC, arm64asm.SMC:
			want.flow = gate
		case arm64asm.BL:
			want.flow = calls
		case arm64asm.B:
			want.flow = jump
			if _, ok := in.Args[0].(arm64asm.Cond); ok {
				want.flow = branch
			}
		case arm64asm.CBZ, arm64asm.CBNZ, arm64asm.TBZ, arm64asm.TBNZ:
			want.flow = branch
		case arm64asm.BR:
			want.flow = away
		case arm64asm.RET, arm64asm.ERET, arm64asm.DRPS, arm64asm.BRK:
			want.flow = stop
		case arm64asm.ADR:
			want.ref, want.target = want.target, 0
		default: // BLR among them
			want.target, want.ref, got.ref = 0, 0, 0
		}
		if got != want {
			t.Fatalf("%08x %v: %+v, want %+v", w, in, got, want)
		}
		seen[want.flow]++
	}
	for _, f := range []flow{plain, calls, jump, branch, away, stop, trap} {
		if seen[f] < 1000 {
			t.Errorf("flow %d was tried %d times only", f, seen[f])
		}
	}
}

// Constants come out as golang.org/x/arch reads them.
func TestArm64ConstantsAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	m := &arm64{}
	tried := 0
	for i := range 400_000 {
		w := []uint32{0xd2800000, 0x92800000, 0x52800000, 0xb20003e0, 0x320003e0}[i%5] | random.Uint32()&[]uint32{0x7fffe0, 0x7ffc00}[i%5/3]
		in, err := arm64asm.Decode(a64(w))
		if err != nil || in.Op != arm64asm.MOV {
			continue
		}
		s := entered()
		m.effect(a64(w), 0, s)
		var want int64
		switch a := in.Args[1].(type) {
		case arm64asm.Imm64:
			want = int64(a.Imm)
		case arm64asm.Imm:
			want = int64(a.Imm)
		default:
			continue
		}
		if w>>31 == 0 {
			want = int64(uint32(want))
		}
		if i%5 >= 3 && (want == -1 || want == 0xffffffff) {
			continue // reserved, which golang.org/x/arch does not know
		}
		if got := s.regs[0]; got != (value{constant, want}) {
			t.Fatalf("%08x %v: %+v", w, in, got)
		}
		tried++
	}
	if tried < 100_000 {
		t.Errorf("only %d constants compared", tried)
	}
}

// An instruction that writes a register leaves nothing old known of it: a number
// that was constant before must not pass for one after.
func TestArm64ForgetsWhatIsWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	m := &arm64{}
	tried := 0
	for range 1_000_000 {
		w := random.Uint32()
		in, err := arm64asm.Decode(a64(w))
		if err != nil || quiet(in.Op) {
			continue
		}
		r, ok := in.Args[0].(arm64asm.Reg)
		if !ok || r > arm64asm.X30 {
			continue
		}
		n := int(r-arm64asm.W0) % 32
		if n == regZero || in.Op == arm64asm.MOV && in.Args[0] == in.Args[1] {
			continue
		}
		s := entered()
		old := s.regs[n]
		m.effect(a64(w), 0, s)
		if s.regs[n] == old {
			t.Fatalf("%08x %v: its target is still known", w, in)
		}
		tried++
	}
	if tried < 50_000 {
		t.Errorf("only %d instructions tried", tried)
	}
}

// quiet tells of operations whose first register operand is read, not written.
func quiet(op arm64asm.Op) bool {
	switch op {
	case arm64asm.B, arm64asm.BL, arm64asm.BR, arm64asm.BLR, arm64asm.RET, arm64asm.CBZ, arm64asm.CBNZ, arm64asm.TBZ, arm64asm.TBNZ,
		arm64asm.CMP, arm64asm.CMN, arm64asm.TST, arm64asm.CCMP, arm64asm.CCMN,
		arm64asm.STR, arm64asm.STRB, arm64asm.STRH, arm64asm.STUR, arm64asm.STURB, arm64asm.STURH, arm64asm.STTR, arm64asm.STTRB,
		arm64asm.STTRH, arm64asm.STP, arm64asm.STNP, arm64asm.STLR, arm64asm.STLRB, arm64asm.STLRH, arm64asm.MSR, arm64asm.SYS, arm64asm.DC, arm64asm.IC, arm64asm.AT, arm64asm.TLBI:
		return true
	}
	return false
}
