//go:build !linux || !(amd64 || arm64)

package harden

import (
	"os"

	"coldsign/shared/fault"
)

// FatalExit is the exit status of a program that ended in a state it does not
// know.
const FatalExit = 3

// Start refuses: elsewhere nothing shuts the process in, and what is not shut in
// must not hold keys.
func Start() (*os.File, error) {
	return os.Stderr, fault.New("harden.platform", "use Linux on amd64 or arm64", "coldsign-offline has no wall on this system and does not run without")
}

// Wall refuses, as Start does.
func Wall([]Access) error { _, err := Start(); return err }
