// Hidden jumps into the middle of an instruction, where a system call is.
package main

func enter()

func main() {
	enter()
}
