// Word calls the general call through a word of its own.
package main

import _ "golang.org/x/sys/unix"

func enter()

func main() {
	enter()
}
