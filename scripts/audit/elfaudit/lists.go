package elfaudit

// handsOn lists the only functions that may make a system call whose number
// they were given as an argument, with the reason. That they hand on their own
// argument, and nothing else, is proven from their code; whoever calls them must
// then give a constant, or be in the list too.
func handsOn() map[string]string {
	const (
		std = "the syscall package's general call"
		sys = "golang.org/x/sys/unix's general call"
	)
	return map[string]string{
		"internal/runtime/syscall/linux.Syscall6": "the one place where Go's own calls enter the kernel",
		"syscall.Syscall":                         std,
		"syscall.Syscall6":                        std,
		"syscall.RawSyscall":                      std,
		"syscall.RawSyscall6":                     std,
		"syscall.rawSyscallNoError":               std + ", for calls that cannot fail",
		"syscall.rawVforkSyscall":                 "clone for a child on the parent's stack; package os asks once whether the kernel has pidfds",
		"syscall.AllThreadsSyscall":               std + ", on every thread",
		"syscall.AllThreadsSyscall6":              std + ", on every thread",
		"golang.org/x/sys/unix.Syscall":           sys,
		"golang.org/x/sys/unix.Syscall6":          sys,
		"golang.org/x/sys/unix.RawSyscall":        sys,
		"golang.org/x/sys/unix.RawSyscall6":       sys,
		"golang.org/x/sys/unix.SyscallNoError":    sys + ", for calls that cannot fail",
		"golang.org/x/sys/unix.RawSyscallNoError": sys + ", for calls that cannot fail",
	}
}

// unproven lists the only functions whose number the audit need not see: the
// two halves of AllThreadsSyscall in the runtime. The value tells whether the
// function takes the number as its first argument, in the first integer
// register; then its callers are held to a constant like all others.
func unproven() map[string]bool {
	return map[string]bool{
		// Makes the call itself, then leaves the number in a variable of the
		// runtime and has every thread make it. Its frame is too large and too
		// much pointed into for the audit to follow the number through.
		"syscall.runtime_doAllThreadsSyscall": true,
		// Makes the call that the function above left. No other writes that
		// variable, and the linker lets no other package name it.
		"runtime.runPerThreadSyscall": false,
	}
}

// enters lists the only functions that may hold a SYSCALL or SVC instruction.
// All are assembly of the Go tree or of golang.org/x/sys; each number in them is
// checked like any other.
func enters() []string {
	return []string{
		"internal/runtime/syscall/linux.Syscall6",
		"syscall.rawSyscallNoError", "syscall.rawVforkSyscall", "syscall.gettimeofday",
		"golang.org/x/sys/unix.SyscallNoError", "golang.org/x/sys/unix.RawSyscallNoError", "golang.org/x/sys/unix.gettimeofday",
		"runtime.clone", "runtime.closefd", "runtime.exit", "runtime.exitThread", "runtime.futex", "runtime.getpid", "runtime.gettid",
		"runtime.madvise", "runtime.mincore", "runtime.nanotime1", "runtime.open", "runtime.osyield", "runtime.raise",
		"runtime.raiseproc", "runtime.read", "runtime.rt_sigaction", "runtime.rtsigprocmask", "runtime.sched_getaffinity",
		"runtime.settls", "runtime.sigaltstack", "runtime.sigreturn__sigaction", "runtime.setitimer", "runtime.pipe2",
		"runtime.sysMmap", "runtime.sysMunmap", "runtime.tgkill", "runtime.timer_create", "runtime.timer_delete",
		"runtime.timer_settime", "runtime.usleep", "runtime.walltime", "runtime.write1", "time.now",
	}
}

// bannedPackage says why a package must not be in the file, or nothing.
func bannedPackage(path string) string {
	switch path {
	case "net", "crypto/tls", "crypto/x509":
		return "it is, or drags in, a network stack"
	case "os/exec", "plugin":
		return "it starts other code"
	case "log/syslog":
		return "it writes to a socket"
	case "runtime/cgo":
		return "it links the C library, sockets included"
	}
	for _, prefix := range []string{"net/", "vendor/golang.org/x/net/", "golang.org/x/net/"} {
		if len(path) > len(prefix) && path[:len(prefix)] == prefix {
			return "it belongs to a network stack"
		}
	}
	return ""
}
