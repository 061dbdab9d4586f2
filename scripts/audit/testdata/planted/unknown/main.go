// Unknown makes a call that no table has.
package main

import "syscall"

func main() {
	_, _, _ = syscall.RawSyscall(999, 0, 0, 0)
}
