package elfaudit

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/arch/x86/x86asm"
)

// Lengths of instructions that x86asm does not know, as the GNU assembler
// writes them.
func TestArithmeticLength(t *testing.T) {
	for text, code := range map[string][]byte{
		"vzeroupper":                         {0xc5, 0xf8, 0x77},
		"vpxor %ymm1,%ymm2,%ymm3":            {0xc5, 0xed, 0xef, 0xd9},
		"vmovdqu 0x20(%rsi),%ymm0":           {0xc5, 0xfe, 0x6f, 0x46, 0x20},
		"vmovdqu %ymm0,0x120(%rsp)":          {0xc5, 0xfe, 0x7f, 0x84, 0x24, 0x20, 0x01, 0x00, 0x00},
		"vmovdqu 0x10(%rip),%ymm0":           {0xc5, 0xfe, 0x6f, 0x05, 0x10, 0x00, 0x00, 0x00},
		"vpshufd $0x39,%ymm1,%ymm1":          {0xc5, 0xfd, 0x70, 0xc9, 0x39},
		"vpslld $0x7,%ymm1,%ymm2":            {0xc5, 0xed, 0x72, 0xf1, 0x07},
		"vpalignr $0x4,%ymm1,%ymm2,%ymm3":    {0xc4, 0xe3, 0x6d, 0x0f, 0xd9, 0x04},
		"vpshufb %ymm1,%ymm2,%ymm3":          {0xc4, 0xe2, 0x6d, 0x00, 0xd9},
		"mulx %rax,%rbx,%rcx":                {0xc4, 0xe2, 0xe3, 0xf6, 0xc8},
		"rorx $0x19,%r8d,%r13d":              {0xc4, 0x43, 0x7b, 0xf0, 0xe8, 0x19},
		"vmovdqu64 0x40(%rsi),%zmm1":         {0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x4e, 0x01},
		"vpternlogd $0x96,%zmm1,%zmm2,%zmm3": {0x62, 0xf3, 0x6d, 0x48, 0x25, 0xd9, 0x96},
		"adcx %rax,%rbx":                     {0x66, 0x48, 0x0f, 0x38, 0xf6, 0xd8},
		"adox (%r8),%r9":                     {0xf3, 0x4d, 0x0f, 0x38, 0xf6, 0x08},
	} {
		if got := arithmeticLength(append(code, 0x90, 0x90, 0x90, 0x90, 0x90)); got != len(code) {
			t.Errorf("%s: length %d, want %d", text, got, len(code))
		}
		for n := range code {
			if got := arithmeticLength(code[:n]); got > n {
				t.Errorf("%s, cut to %d bytes: length %d", text, n, got)
			}
		}
	}
	for text, code := range map[string][]byte{
		"syscall": {0x0f, 0x05, 0x90, 0x90, 0x90, 0x90}, "call": {0xe8, 0, 0, 0, 0, 0x90}, "lock": {0xf0, 0x48, 0x0f, 0xb1, 0x0b, 0x90},
	} {
		if got := arithmeticLength(code); got != 0 {
			t.Errorf("%s: length %d", text, got)
		}
	}
}

// An instruction that writes a register leaves nothing old known of it, and one
// that writes the stack pointer leaves it neither.
func TestAmd64ForgetsWhatIsWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	m := amd64{}
	tried, moved := 0, 0
	for range 2_000_000 {
		code := make([]byte, 16)
		for i := range code {
			code[i] = byte(random.Uint32())
		}
		if arithmeticLength(code) > 0 {
			continue
		}
		in, err := x86asm.Decode(code, 64)
		if err != nil || reads(in.Op) {
			continue
		}
		r, ok := in.Args[0].(x86asm.Reg)
		n, width := register(r)
		if !ok || n < 0 || in.Op == x86asm.MOV && in.Args[0] == in.Args[1] {
			continue
		}
		s := entered()
		old, sp := s.regs[n], s.sp
		m.effect(code, 0x400000, s)
		if n == regSP {
			if s.framed && s.sp == sp && width == 8 && in.Op != x86asm.MOV {
				t.Fatalf("%x %v: the stack pointer is still known", code[:in.Len], in)
			}
			moved++
		} else if s.regs[n] == old {
			t.Fatalf("%x %v: its target is still known", code[:in.Len], in)
		}
		tried++
	}
	if tried < 50_000 || moved < 1000 {
		t.Errorf("only %d instructions tried, %d with the stack pointer", tried, moved)
	}
}

// reads tells of operations whose first register operand is read, not written.
func reads(op x86asm.Op) bool {
	switch op {
	case 0, x86asm.CMP, x86asm.TEST, x86asm.BT, x86asm.NOP, x86asm.PUSH, x86asm.JMP, x86asm.CALL, x86asm.UD1, x86asm.OUT:
		return true
	}
	return false
}
