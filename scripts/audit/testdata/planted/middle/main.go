// Middle jumps past the first instruction of the general call.
package main

import _ "syscall"

func enter()

func main() {
	enter()
}
