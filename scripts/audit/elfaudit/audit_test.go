package elfaudit

import (
	"bytes"
	"debug/elf"
	"reflect"
	"strings"
	"testing"
	"time"
)

func machines() []elf.Machine { return []elf.Machine{elf.EM_X86_64, elf.EM_AARCH64} }

func TestTinyProgramIsClean(t *testing.T) {
	for _, m := range machines() {
		r, err := Audit(getpid(t, m))
		if err != nil || len(r.Findings) > 0 {
			t.Fatalf("%v: %v, %v", m, err, r.Findings)
		}
		if len(r.Calls) != 1 || r.Calls[0].Name != "getpid" || !reflect.DeepEqual(r.Calls[0].Functions, []string{"main.main"}) {
			t.Errorf("%v: inventory %v", m, r.Calls)
		}
	}
}

// sys is the general call, whose argument is in AX.
func sys() part {
	return part{"internal/runtime/syscall/linux.Syscall6", []byte{0x0f, 0x05, 0xc3}}
}

// Each tiny program has the general call first, 64 bytes before main.
func TestRules(t *testing.T) {
	call := []byte{0xe8, 0xbb, 0xff, 0xff, 0xff} // CALL -64-5
	at := func(n int) []byte { return []byte{0xe8, byte(0xbb - n), 0xff, 0xff, 0xff} }
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for name, c := range map[string]struct {
		code []byte
		data []uint64
		want string
	}{
		"given":               {code: join(call, []byte{0xc3}), want: "given by its caller"},
		"high half":           {code: join([]byte{0x48, 0xb8, 39, 0, 0, 0, 1, 0, 0, 0}, at(10)), want: "unknown number"},
		"after a call":        {code: join([]byte{0xb8, 39, 0, 0, 0}, at(5), at(10)), want: "not a constant"},
		"socket":              {code: join([]byte{0xb8, 41, 0, 0, 0}, at(5)), want: "41, socket: it reaches the network"},
		"conditional jump":    {code: []byte{0xb8, 41, 0, 0, 0, 0x0f, 0x84, 0xb5, 0xff, 0xff, 0xff, 0xc3}, want: "41, socket"},
		"one of two":          {code: join([]byte{0xb8, 39, 0, 0, 0, 0x74, 5, 0xb8, 41, 0, 0, 0}, at(12)), want: "not a constant"},
		"low byte changed":    {code: join([]byte{0xb8, 39, 0, 0, 0, 0xb0, 41}, at(7)), want: "not a constant"},
		"exchanged":           {code: join([]byte{0xb8, 39, 0, 0, 0, 0x93}, at(6)), want: "not a constant"},
		"written by VEX":      {code: join([]byte{0xb8, 39, 0, 0, 0, 0xc4, 0xe2, 0xfb, 0xf6, 0xc3}, at(10)), want: "not a constant"},
		"added":               {code: join([]byte{0xb8, 39, 0, 0, 0, 0x83, 0xc0, 2}, at(8)), want: "41, socket"},
		"through the stack":   {code: join([]byte{0x6a, 41, 0x58}, at(3)), want: "not a constant"},
		"not an instruction":  {code: []byte{0x06, 0xc3}, want: "no known instruction"},
		"only a prefix":       {code: []byte{0x66, 0x4c, 0x06, 0xc3}, want: "no known instruction"},
		"far call":            {code: []byte{0xff, 0x18, 0xc3}, want: "another door"},
		"past the code":       {code: []byte{0xe9, 0, 0, 1, 0}, want: "where no function is"},
		"address":             {code: []byte{0x48, 0x8d, 0x05, 0xb9, 0xff, 0xff, 0xff, 0xff, 0xd0, 0xc3}, want: "takes the address"},
		"constant address":    {code: []byte{0xb8, 0, 0x10, 0x40, 0, 0xff, 0xd0, 0xc3}, want: "takes the address"},
		"kept in the frame":   {code: join([]byte{0x48, 0x83, 0xec, 0x10, 0x48, 0xc7, 0x04, 0x24, 39, 0, 0, 0, 0xb8, 39, 0, 0, 0}, at(17), []byte{0x48, 0x8b, 0x04, 0x24}, at(26)), want: "not a constant"},
		"read from the frame": {code: join([]byte{0x48, 0x83, 0xec, 0x10, 0x48, 0xc7, 0x04, 0x24, 41, 0, 0, 0, 0x48, 0x8b, 0x04, 0x24}, at(16)), want: "41, socket"},
		"by a table":          {code: join([]byte{0xb8, 41, 0, 0, 0, 0xff, 0xe1, 0xb8, 39, 0, 0, 0}, at(12), []byte{0xc3}), data: []uint64{tinyText + 64 + 12}, want: "not a constant"},
		"word":                {code: []byte{0xc3}, data: []uint64{0, tinyText}, want: "holds the address"},
		"word inside":         {code: []byte{0xc3}, data: []uint64{tinyText + 2}, want: "holds the address"},
	} {
		r, err := Audit(tiny(t, elf.EM_X86_64, c.data, sys(), part{"main.main", c.code}))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(r.Findings) == 0 || !strings.Contains(r.Findings[0].What, c.want) {
			t.Errorf("%s: %v, want %q", name, r.Findings, c.want)
		}
	}
}

func TestArm64Rules(t *testing.T) {
	const (
		getpid, socket = 0xd2801580, 0xd28018c0 // MOVD $172, R0; MOVD $198, R0
		pass, ret      = 0xf90007e0, 0xd65f03c0 // MOVD R0, 8(RSP); RET
		leak           = 0x910023e1             // ADD $8, RSP, R1
	)
	bl := func(at int) uint32 { return 0x94000000 | uint32(-(16+at))&0x3ffffff }
	for name, c := range map[string]struct {
		code []uint32
		want string
	}{
		"clean":                 {[]uint32{getpid, pass, bl(2), ret}, ""},
		"socket":                {[]uint32{socket, pass, bl(2), ret}, "198, socket: it reaches the network"},
		"tail jump":             {[]uint32{socket, pass, bl(2) &^ 0x80000000, ret}, "198, socket"},
		"high half":             {[]uint32{getpid, 0xf2c00020, pass, bl(3), ret}, "system call 4294967468: unknown number"},
		"given":                 {[]uint32{getpid, pass, 0xf90007e1, bl(3), ret}, "given by its caller"},       // MOVD R1, 8(RSP)
		"half a word":           {[]uint32{getpid, pass, 0xb9000be1, bl(3), ret}, "not a constant"},            // MOVW R1, 8(RSP)
		"a pair":                {[]uint32{getpid, pass, 0xa90087e2, bl(3), ret}, "given by its caller"},       // STP (R2, R1), 8(RSP)
		"a vector":              {[]uint32{getpid, pass, 0x3d8003e0, bl(3), ret}, "not a constant"},            // FMOVQ F0, (RSP)
		"by a pointer":          {[]uint32{getpid, pass, leak, 0xf9000022, bl(4), ret}, "given by its caller"}, // MOVD R2, (R1)
		"by an index":           {[]uint32{getpid, pass, leak, 0xf8236822, bl(4), ret}, "not a constant"},      // MOVD R2, (R1)(R3)
		"by an unknown pointer": {[]uint32{getpid, pass, leak, 0xf90000a2, bl(4), ret}, "not a constant"},      // MOVD R2, (R5)
		"by no pointer":         {[]uint32{getpid, pass, 0xf90000a2, bl(3), ret}, ""},
		"by what is called":     {[]uint32{getpid, pass, leak, bl(3), bl(4), ret}, "not a constant"},
		"exchanged":             {[]uint32{getpid, 0xf8208020, pass, bl(3), ret}, "not a constant"}, // SWPD R0, (R1), R0
		"one of two":            {[]uint32{getpid, 0xb4000041, socket, pass, bl(4), ret}, "not a constant"},
		"monitor call":          {[]uint32{0xd4000003, ret}, "another door"},
		"own instruction":       {[]uint32{0xd2801588, 0xd4000001, ret}, "not known to have one"},
		"address":               {[]uint32{0x10fffe00, 0xd63f0000, ret}, "takes the address"},             // ADR -64, R0; CALL (R0)
		"address of a page":     {[]uint32{0x90000000, 0x91000000, 0xd63f0000, ret}, "takes the address"}, // ADRP 0, R0; ADD $0, R0
	} {
		r, err := Audit(tiny(t, elf.EM_AARCH64, nil,
			part{"internal/runtime/syscall/linux.Syscall6", a64(0xf94007e8, 0xd4000001, ret)}, part{"main.main", a64(c.code...)}))
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want == "" && len(r.Findings) > 0:
			t.Errorf("%s: %v", name, r.Findings)
		case c.want != "" && (len(r.Findings) == 0 || !strings.Contains(r.Findings[0].What, c.want)):
			t.Errorf("%s: %v, want %q", name, r.Findings, c.want)
		}
	}
}

// What the headers say is judged too.
func TestOutside(t *testing.T) {
	base := func() []byte { return getpid(t, elf.EM_X86_64) }
	for name, c := range map[string]struct {
		change func(b []byte)
		want   string
	}{
		"position independent": {func(b []byte) { b[16] = byte(elf.ET_DYN) }, "not a fixed executable"},
		"writable code":        {func(b []byte) { b[64+4] = 7 }, "writable and executable"},
		"entry":                {func(b []byte) { b[24] = 1 }, "begins where no function does"},
		"overlap":              {func(b []byte) { copy(b[64+56*2+16:], b[64+16:64+24]) }, "lie over each other"},
		"interpreter":          {func(b []byte) { b[64+56*3] = byte(elf.PT_INTERP) }, "PT_INTERP"},
		"dynamic":              {func(b []byte) { b[64+56*3] = byte(elf.PT_DYNAMIC) }, "PT_DYNAMIC"},
		"cgo": {func(b []byte) {
			copy(b[strings.Index(string(b), "CGO_ENABLED=0"):], "CGO_ENABLED=1")
		}, "does not say CGO_ENABLED=0"},
		"package": {func(b []byte) { copy(b[strings.Index(string(b), "main.main"):], "net.names") }, "package net is in the file"},
		"code that no function owns": {func(b []byte) {
			// The last segment, data, becomes code with a system call in it.
			b[64+56*2+4] = 5
			copy(b[strings.Index(string(b), "go1.26.8"):], "\x0f\x05")
		}, "code that no function owns"},
	} {
		file := base()
		c.change(file)
		r, err := Audit(file)
		found := false
		for _, f := range r.Findings {
			found = found || strings.Contains(f.What, c.want)
		}
		if !found {
			t.Errorf("%s: %v, %v, want %q", name, r.Findings, err, c.want)
		}
	}
}

func TestCannotBeAudited(t *testing.T) {
	base := getpid(t, elf.EM_X86_64)
	cut := func(n int) []byte { return base[:n:n] }
	with := func(at int, b byte) []byte {
		c := append([]byte{}, base...)
		c[at] = b
		return c
	}
	for name, file := range map[string][]byte{
		"empty": nil, "text": []byte("#!/bin/sh\nexit 0\n"), "header only": cut(64), "half": cut(len(base) / 2), "last byte": cut(len(base) - 1),
		"other machine": with(18, byte(elf.EM_386)), "32 bits": with(4, 1), "big endian": with(5, 2),
		"no Go": with(strings.Index(string(base), " Go buildinf"), 'x'),
	} {
		if r, err := Audit(file); err == nil {
			t.Errorf("%s: audited, with %v", name, r.Findings)
		}
	}
}

// No flipped bit makes the audit panic or hang, and none of the code's makes a
// socket pass.
func TestFlippedBits(t *testing.T) {
	for _, m := range machines() {
		base := getpid(t, m)
		clean := 0
		for i := range len(base) * 8 {
			file := append([]byte{}, base...)
			file[i/8] ^= 1 << (i % 8)
			r, err := Audit(file)
			if err == nil && len(r.Findings) == 0 {
				clean++
				for _, c := range r.Calls {
					if row, ok := table(r.Arch)[c.Number]; !ok || row.why != "" {
						t.Fatalf("%v: bit %d: %v passes", m, i, c)
					}
				}
			}
		}
		t.Logf("%v: %d of %d flips leave a clean file", m, clean, len(base)*8)
		if clean == 0 || clean == len(base)*8 {
			t.Errorf("%v: the flips show nothing", m)
		}
	}
}

// Code made to be hard to follow ends in findings, not in waiting.
func TestHardToFollow(t *testing.T) {
	jumps := make([]byte, 0, 60_000) // JMP AX, which may lead anywhere
	var words []uint64
	for len(jumps) < cap(jumps) {
		words = append(words, tinyText+64+uint64(len(jumps)))
		jumps = append(jumps, 0xff, 0xe0)
	}
	traps := bytes.Repeat([]byte{0xb8, 39, 0, 0, 0, 0x0f, 0x05}, 100_000)
	zeros := append(make([]byte, 1<<20), 0xc3)
	for name, file := range map[string][]byte{
		"jumps": tiny(t, elf.EM_X86_64, words, sys(), part{"main.main", append(jumps, 0x0f, 0x05, 0xc3)}),
		"traps": tiny(t, elf.EM_X86_64, nil, sys(), part{"main.main", traps}),
		"zeros": tiny(t, elf.EM_X86_64, nil, sys(), part{"main.main", zeros}),
		"both":  tiny(t, elf.EM_X86_64, words, sys(), part{"main.main", append(jumps, traps...)}),
	} {
		start := time.Now()
		r, err := Audit(file)
		if name != "zeros" && (err != nil || len(r.Findings) == 0) {
			t.Errorf("%s: %v, %v", name, r.Findings, err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s took %v", name, took)
		} else {
			t.Logf("%s: %v, %d findings", name, took, len(r.Findings))
		}
	}
}

func FuzzAudit(f *testing.F) {
	for _, m := range machines() {
		f.Add(getpid(f, m))
	}
	f.Add(tiny(f, elf.EM_X86_64, []uint64{tinyText + 64, tinyText + 67}, sys(), part{"main.main", []byte{0xff, 0xe0, 0x90, 0xeb, 0xfb}}))
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<16 {
			return
		}
		r, err := Audit(file)
		again, _ := Audit(file)
		if !reflect.DeepEqual(r, again) {
			t.Fatal("two audits of one file differ")
		}
		if err != nil {
			return
		}
		if len(r.Findings) > maxFindings+1 || r.Functions == 0 {
			t.Fatalf("%d findings, %d functions", len(r.Findings), r.Functions)
		}
		for _, c := range r.Calls {
			if c.Sites == 0 || len(c.Functions) == 0 {
				t.Fatalf("a call from nowhere: %v", c)
			}
		}
	})
}
