// Allthreads makes an allowed call on every thread, which the audit must let pass.
package main

import "syscall"

func main() {
	_, _, _ = syscall.AllThreadsSyscall(syscall.SYS_PRCTL, 38, 1, 0)
}
