// Unixnumber opens sockets by golang.org/x/sys, whose calls hold the instruction themselves.
package main

import "golang.org/x/sys/unix"

func main() {
	_, _ = unix.RawSyscallNoError(unix.SYS_SOCKET, 2, 1, 0)
	_, _ = unix.SyscallNoError(unix.SYS_SOCKET, 2, 1, 0)
}
