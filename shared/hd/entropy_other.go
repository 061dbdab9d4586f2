//go:build !linux

package hd

import "crypto/rand"

// getrandom fills b by the standard library, which ends the program where the
// system has no randomness. No release signs here.
func getrandom(b []byte) (int, error) { return rand.Read(b) }
