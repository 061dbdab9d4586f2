// Uring sets up a ring through which other calls go unseen.
package main

import "syscall"

func main() {
	_, _, _ = syscall.RawSyscall(425, 1, 0, 0)
}
