// Cgo is linked with the C library.
package main

// #include <unistd.h>
import "C"

func main() { C.getpid() }
