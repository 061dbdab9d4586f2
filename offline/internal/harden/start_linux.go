//go:build linux && (amd64 || arm64)

package harden

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"coldsign/shared/fault"
)

// FatalExit is the exit status of a program that ended in a state it does not
// know: a signal, or a fault of its own.
const FatalExit = 3

// Start is the first thing that the program does. No other process of the user may
// look into its memory, nothing is dumped, and the runtime's tracebacks, which
// print arguments, go nowhere: descriptor 2 becomes /dev/null, and what people
// should read goes to the stream that Start returns, a copy of the old one.
//
// Signals that would print a traceback end the program with a fixed line and
// FatalExit.
func Start() (stderr *os.File, err error) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fault.New("harden.dump", "", "the kernel does not shut this process's memory to others: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return nil, fault.New("harden.dump", "", "cannot forbid a core dump: %w", err)
	}
	raiseLocked()
	// Not unix.FcntlInt: it takes the call's number from a variable, which the audit
	// of the binary cannot vouch for.
	fd, _, e := unix.Syscall(unix.SYS_FCNTL, 2, unix.F_DUPFD_CLOEXEC, 3)
	if e != 0 {
		return nil, fault.New("harden.stderr", "start it with a standard error", "cannot copy standard error: %w", e)
	}
	stderr = os.NewFile(fd, "standard error")
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return stderr, fault.New("harden.stderr", "", "cannot open %s: %w", os.DevNull, err)
	}
	defer unix.Close(null)
	if err := unix.Dup3(null, 2, 0); err != nil {
		return stderr, fault.New("harden.stderr", "", "cannot put standard error away: %w", err)
	}
	die(stderr)
	return stderr, nil
}

// raiseLocked lets as much memory be locked as the user may at all.
func raiseLocked() {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l) == nil && l.Cur < l.Max {
		l.Cur = l.Max
		_ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &l) // a lower limit is told when it is reached
	}
}

// die ends the program at a signal that would else print a traceback or dump core.
func die(stderr *os.File) {
	fatal := make(chan os.Signal, 1)
	signal.Notify(fatal, unix.SIGQUIT, unix.SIGABRT, unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP, unix.SIGSYS,
		unix.SIGSTKFLT, unix.SIGXCPU, unix.SIGXFSZ)
	modes, noTerminal := unix.IoctlGetTermios(0, unix.TCGETS)
	go func() {
		defer os.Exit(FatalExit)
		sig := <-fatal
		if noTerminal == nil { // a prompt may have switched the echo off
			_ = unix.IoctlSetTermios(0, unix.TCSETS, modes)
		}
		name := unix.SignalName(sig.(unix.Signal))
		_, _ = stderr.WriteString("error: signal.fatal: stopped by " + name + "; run \"coldsign-offline journal verify\" before going on\n")
	}()
}
