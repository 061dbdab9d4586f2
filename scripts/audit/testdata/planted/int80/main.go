// Int80 opens a socket by the door of 32-bit programs.
package main

func enter()

func main() {
	enter()
}
