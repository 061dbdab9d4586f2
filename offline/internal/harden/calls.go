package harden

// call is a system call with its number on each machine (linux
// arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h).
type call struct {
	Name         string
	Amd64, Arm64 uint32
}

// free are the calls that pass with any argument: what Go's runtime needs to run,
// and files. scripts/audit prints what the binary holds; a call that is not here
// ends the process. The most frequent come first.
func free() []call {
	return []call{
		// The runtime: threads, time, memory, the poller, signals.
		{"futex", 202, 98}, {"read", 0, 63}, {"write", 1, 64},
		{"epoll_pwait", 281, 22}, {"nanosleep", 35, 101}, {"clock_gettime", 228, 113},
		{"madvise", 28, 233}, {"munmap", 11, 215}, {"mincore", 27, 232},
		{"epoll_ctl", 233, 21}, {"epoll_create1", 291, 20}, {"eventfd2", 290, 19}, {"pipe2", 293, 59},
		{"rt_sigaction", 13, 134}, {"rt_sigprocmask", 14, 135}, {"rt_sigreturn", 15, 139}, {"sigaltstack", 131, 132},
		{"sched_yield", 24, 124}, {"sched_getaffinity", 204, 123}, {"restart_syscall", 219, 128},
		{"getpid", 39, 172}, {"gettid", 186, 178}, {"geteuid", 107, 175},
		{"exit", 60, 93}, {"exit_group", 231, 94},
		// Files.
		{"openat", 257, 56}, {"close", 3, 57}, {"fstat", 5, 80}, {"newfstatat", 262, 79}, {"readlinkat", 267, 78},
		{"getdents64", 217, 61}, {"lseek", 8, 62}, {"pread64", 17, 67}, {"pwrite64", 18, 68},
		{"fcntl", 72, 25}, {"flock", 73, 32}, {"fsync", 74, 82}, {"ftruncate", 77, 46},
		{"mkdirat", 258, 34}, {"unlinkat", 263, 35}, {"renameat", 264, 38}, {"linkat", 265, 37},
		{"ppoll", 271, 73}, // a camera, a key pressed
		// Keys.
		{"getrandom", 318, 278}, {"mlock", 149, 228}, {"memfd_secret", 447, 447},
	}
}

const (
	archAmd64 = 0xc000003e // AUDIT_ARCH_X86_64
	archArm64 = 0xc00000b7 // AUDIT_ARCH_AARCH64
)

func amd64() table {
	t := table{arch: archAmd64, clone: 56, prctl: 157, tgkill: 234, ioctl: 16, mmap: 9, mprotect: 10}
	for _, c := range free() {
		t.plain = append(t.plain, c.Amd64)
	}
	return t
}

func arm64() table {
	t := table{arch: archArm64, clone: 220, prctl: 167, tgkill: 131, ioctl: 29, mmap: 222, mprotect: 226}
	for _, c := range free() {
		t.plain = append(t.plain, c.Arm64)
	}
	return t
}
