package main

import (
	"os/exec"
	"runtime"
)

// hostArch is the machine that a C compiler found here builds for.
func hostArch() string { return runtime.GOARCH }

// hasCompiler tells whether the control that needs a C compiler can be built.
func hasCompiler() bool {
	_, err := exec.LookPath("gcc")
	return err == nil
}
