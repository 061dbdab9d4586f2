// Exec becomes another program.
package main

import "syscall"

func main() {
	_ = syscall.Exec("/bin/true", nil, nil)
}
