// Osexec starts another program.
package main

import "os/exec"

func main() {
	_ = exec.Command("/bin/true").Run()
}
