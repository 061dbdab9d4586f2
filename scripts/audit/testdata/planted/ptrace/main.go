// Ptrace attaches to another process.
package main

import "syscall"

func main() {
	_ = syscall.PtraceAttach(1)
}
