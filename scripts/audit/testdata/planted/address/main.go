// Address calls the general call through a register.
package main

import _ "golang.org/x/sys/unix"

func enter()

func main() {
	enter()
}
