//go:build failpoint

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// At ends the process when COLDSIGN_FAILPOINT names the place: no deferred call runs,
// nothing is flushed.
func At(place string) {
	if os.Getenv("COLDSIGN_FAILPOINT") == place {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// Now is the time, and as many seconds more as the file COLDSIGN_CLOCK says, which
// may change at any time: a clock that is set.
func Now() time.Time {
	raw, _ := os.ReadFile(os.Getenv("COLDSIGN_CLOCK"))
	seconds, _ := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 32)
	return time.Now().Round(0).Add(time.Duration(seconds) * time.Second)
}
