//go:build !failpoint

package failpoint

import "time"

// At does nothing.
func At(string) {}

// Now is the time.
func Now() time.Time { return time.Now() }
