// Pointer changes a constant number through a pointer.
package main

import (
	"os"
	"syscall"
)

//go:noinline
func change(n *uintptr) { *n += uintptr(len(os.Args)) }

func main() {
	number := uintptr(syscall.SYS_GETPID)
	change(&number)
	_, _, _ = syscall.RawSyscall(number, 0, 0, 0)
}
