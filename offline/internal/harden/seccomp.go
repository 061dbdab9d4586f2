package harden

// The system call filter is classic BPF over struct seccomp_data (seccomp(2)):
// an allow-list, everything else ends the whole process. It is made here and not
// by a library: an auditor reads these lines and knows what the kernel was told.

// instruction is struct sock_filter of linux/filter.h.
type instruction struct {
	Code   uint16
	Jt, Jf uint8
	K      uint32
}

// The few operations that the filter is made of (linux/bpf_common.h).
const (
	loadWord  = 0x20 // BPF_LD | BPF_W | BPF_ABS
	jumpEqual = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
	jumpAbove = 0x35 // BPF_JMP | BPF_JGE | BPF_K
	jumpBits  = 0x45 // BPF_JMP | BPF_JSET | BPF_K
	give      = 0x06 // BPF_RET | BPF_K

	allow       = 0x7fff0000 // SECCOMP_RET_ALLOW
	killProcess = 0x80000000 // SECCOMP_RET_KILL_PROCESS, Linux 4.14

	offNumber = 0 // struct seccomp_data
	offArch   = 4
	offArgs   = 16

	x32Bit = 0x40000000 // __X32_SYSCALL_BIT: the same calls under other numbers
)

// argument is the place of the low half of argument i; both architectures are
// little-endian, and no argument that is looked at has more than 32 bits.
func argument(i uint32) instruction { return instruction{Code: loadWord, K: offArgs + 8*i} }

// table is what a machine calls by number.
type table struct {
	arch  uint32 // AUDIT_ARCH_*
	plain []uint32
	// Calls that are allowed with some arguments only.
	clone, prctl, tgkill, ioctl, mmap, mprotect uint32
}

// Arguments that pass.
const (
	cloneThread = 0x00010000 // CLONE_THREAD: a thread of ours, no new process
	setVMA      = 0x53564d41 // PR_SET_VMA: the runtime names its memory
	protExec    = 4          // PROT_EXEC: no new code
)

// controls are the ioctls that pass. Of a console: read and set its modes, drop what
// was typed ahead, ask its size; TIOCSTI, which types for the user, is none of them.
// Of a camera (V4L2): what package camera asks, of the type that consoles have too.
func controls() []uint32 {
	return []uint32{
		0x5401, 0x5402, 0x5403, 0x5404, // TCGETS, TCSETS, TCSETSW, TCSETSF
		0x540b, 0x5413, // TCFLSH, TIOCGWINSZ
		0x80685600, 0xc0d05605, 0xc0145608, 0xc0585609, // VIDIOC_QUERYCAP, S_FMT, REQBUFS, QUERYBUF
		0xc058560f, 0xc0585611, 0x40045612, 0x40045613, 0xc0cc5616, // QBUF, DQBUF, STREAMON, STREAMOFF, S_PARM
	}
}

// filter makes the program for a machine. pid is the process: signals go to its
// own threads only.
func (t table) filter(pid uint32) []instruction {
	p := []instruction{
		{Code: loadWord, K: offArch},
		{Code: jumpEqual, Jt: 1, K: t.arch}, // i386 entry on amd64 has another
		{Code: give, K: killProcess},
		{Code: loadWord, K: offNumber},
		{Code: jumpAbove, Jf: 1, K: x32Bit},
		{Code: give, K: killProcess},
	}
	for _, n := range t.plain {
		p = append(p, instruction{Code: jumpEqual, Jf: 1, K: n}, instruction{Code: give, K: allow})
	}
	p = append(p, when(t.clone, argument(0), instruction{Code: jumpBits, Jf: 1, K: cloneThread})...)
	p = append(p, when(t.prctl, argument(0), instruction{Code: jumpEqual, Jf: 1, K: setVMA})...)
	p = append(p, when(t.tgkill, argument(0), instruction{Code: jumpEqual, Jf: 1, K: pid})...)
	p = append(p, when(t.mmap, argument(2), instruction{Code: jumpBits, Jt: 1, K: protExec})...)
	p = append(p, when(t.mprotect, argument(2), instruction{Code: jumpBits, Jt: 1, K: protExec})...)
	for _, command := range controls() {
		p = append(p, when(t.ioctl, argument(1), instruction{Code: jumpEqual, Jf: 1, K: command})...)
	}
	return append(p, instruction{Code: give, K: killProcess})
}

// when allows call number n if the last of test goes on to the next instruction,
// and else goes on with n loaded again.
func when(n uint32, test ...instruction) []instruction {
	p := []instruction{{Code: jumpEqual, Jf: uint8(len(test) + 2), K: n}}
	p = append(p, test...)
	return append(p, instruction{Code: give, K: allow}, instruction{Code: loadWord, K: offNumber})
}
