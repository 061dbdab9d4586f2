// Socket opens a socket by the standard wrapper.
package main

import "syscall"

func main() {
	_, _ = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
}
