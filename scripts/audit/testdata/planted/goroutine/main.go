// Goroutine opens a socket in a goroutine of its own.
package main

import "syscall"

func main() {
	go syscall.RawSyscall(syscall.SYS_SOCKET, 2, 1, 0)
	select {}
}
