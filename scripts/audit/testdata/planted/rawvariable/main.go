// Rawvariable makes a harmless call through a function variable.
package main

import "syscall"

var call = syscall.RawSyscall

func main() {
	_, _, _ = call(syscall.SYS_GETPID, 0, 0, 0)
}
