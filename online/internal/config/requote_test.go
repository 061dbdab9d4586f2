package config

import (
	"testing"
	"time"

	"coldsign/shared/fault"
)

// TestRequoteWait: a failure that may be mended is told at once unless a wait is set, and
// none is for ever.
func TestRequoteWait(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "0s": 0, "15m": 15 * time.Minute, "168h": maxWait} {
		if got, err := (requote{text}).read(); err != nil || got != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"15", "soon", "-1m", "169h"} {
		if _, err := (requote{text}).read(); !fault.Is(err, "config.requote") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
