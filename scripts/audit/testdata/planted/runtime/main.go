// Runtime makes a call whose number is an argument.
package main

import (
	"os"
	"strconv"
	"syscall"
)

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	_, _, _ = syscall.Syscall(uintptr(n), 0, 0, 0)
}
