// Threadsruntime makes a call whose number is an argument, on every thread.
package main

import (
	"os"
	"strconv"
	"syscall"
)

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	_, _, _ = syscall.AllThreadsSyscall(uintptr(n), 0, 0, 0)
}
