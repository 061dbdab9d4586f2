// Threads makes a denied call on every thread.
package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	_, _, _ = syscall.AllThreadsSyscall(syscall.SYS_PRCTL, 38, 1, 0)
	_, _, _ = syscall.AllThreadsSyscall6(unix.SYS_BPF, 0, 0, 0, 0, 0, 0)
}
