//go:build linux && (amd64 || arm64)

package harden

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"coldsign/shared/fault"
)

const (
	setModeFilter   = 1 // SECCOMP_SET_MODE_FILTER
	actionAvailable = 2 // SECCOMP_GET_ACTION_AVAIL
	threadSync      = 1 // SECCOMP_FILTER_FLAG_TSYNC: every thread, or none
)

// program is struct sock_fprog.
type program struct {
	n     uint16
	first *instruction
}

func machine() table {
	if runtime.GOARCH == "arm64" {
		return arm64()
	}
	return amd64()
}

// Wall shuts the process in, for good: files outside access are out of reach where
// the kernel has Landlock, and any system call that is not on the list kills the
// process. It returns when every thread is confirmed to be inside.
//
// Errors: harden.seccomp when the kernel cannot, harden.confirm when a thread
// stayed outside. Nothing may be done with keys then.
func Wall(access []Access) error {
	if err := landlock(access); err != nil {
		return err
	}
	if err := seccomp(); err != nil {
		return err
	}
	return Confirm("/proc")
}

func seccomp() error {
	// A filter is taken only from the thread that gave up new privileges.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	action := uint32(killProcess)
	if _, _, e := unix.Syscall(unix.SYS_SECCOMP, actionAvailable, 0, uintptr(unsafe.Pointer(&action))); e != 0 {
		return noFilter(e)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return noFilter(err)
	}
	f := machine().filter(uint32(os.Getpid()))
	p := program{uint16(len(f)), &f[0]}
	tid, _, e := unix.Syscall(unix.SYS_SECCOMP, setModeFilter, threadSync, uintptr(unsafe.Pointer(&p)))
	runtime.KeepAlive(f)
	if e != 0 {
		return noFilter(e)
	}
	if tid != 0 {
		return fault.New("harden.seccomp", "start it again, plainly", "thread %d could not be brought under the system call filter", tid)
	}
	return nil
}

func noFilter(err error) error {
	return fault.New("harden.seccomp", "use a kernel of 4.14 or later with CONFIG_SECCOMP=y and CONFIG_SECCOMP_FILTER=y",
		"the kernel gives no system call filter (%w), and without it nothing is signed here", err)
}

// Confirm reads from the kernel that each thread has the filter and can gain no
// privileges.
func Confirm(proc string) error {
	tasks, err := filepath.Glob(filepath.Join(proc, "self", "task", "*", "status"))
	if err != nil || len(tasks) == 0 {
		return fault.New("harden.confirm", "mount /proc", "cannot see this process's threads in /proc")
	}
	for _, path := range tasks {
		b, err := os.ReadFile(path)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) || bytes.Contains(b, []byte("\nState:\tX")) {
			continue // a thread that has just ended
		}
		// Mode 2 is SECCOMP_MODE_FILTER; mode 3, SECCOMP_MODE_DEAD, what the filter has just killed.
		if err != nil || !bytes.Contains(b, []byte("\nNoNewPrivs:\t1\n")) ||
			!bytes.Contains(b, []byte("\nSeccomp:\t2\n")) && !bytes.Contains(b, []byte("\nSeccomp:\t3\n")) {
			return fault.New("harden.confirm", "report it with the kernel's version", "thread %s is not under the system call filter", filepath.Base(filepath.Dir(path)))
		}
	}
	return nil
}
