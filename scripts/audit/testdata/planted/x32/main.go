// X32 opens a socket by the number of another calling convention.
package main

import "syscall"

func main() {
	_, _, _ = syscall.RawSyscall(0x40000000|syscall.SYS_SOCKET, 2, 1, 0)
}
