// Number opens a socket by its number.
package main

import "syscall"

func main() {
	_, _, _ = syscall.Syscall(syscall.SYS_SOCKET, 2, 1, 0)
}
