// Wrapper has a general call of its own.
package main

import "syscall"

//go:noinline
func call(number uintptr) { _, _, _ = syscall.RawSyscall(number, 0, 0, 0) }

func main() {
	call(syscall.SYS_GETPID)
}
