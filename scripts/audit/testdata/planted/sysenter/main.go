// Sysenter uses the other door of 32-bit programs.
package main

func enter()

func main() {
	enter()
}
