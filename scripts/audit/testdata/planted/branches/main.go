// Branches makes one call or another at one place.
package main

import (
	"os"
	"syscall"
)

func main() {
	number := uintptr(syscall.SYS_GETPID)
	if len(os.Args) > 1 {
		number = syscall.SYS_SOCKET
	}
	_, _, _ = syscall.RawSyscall(number, 2, 1, 0)
}
