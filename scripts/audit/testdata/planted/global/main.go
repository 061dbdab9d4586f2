// Global makes a call whose number is a variable that could be written.
package main

import "syscall"

var number uintptr = syscall.SYS_GETPID

func main() {
	_, _, _ = syscall.RawSyscall(number, 0, 0, 0)
}
