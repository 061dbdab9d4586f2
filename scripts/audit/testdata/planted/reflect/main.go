// Reflect makes a call that only run time knows.
package main

import (
	"reflect"
	"syscall"
)

func main() {
	reflect.ValueOf(syscall.Syscall6).Call(nil)
}
