package harden

import (
	"os"
	"path/filepath"
	"strings"
)

// Swap names the places that this machine's memory may be written out to
// (/proc/swaps). Keys are in locked memory; but scrypt's and the garbage
// collector's are not, and a machine that hibernates writes all of it.
func Swap(proc string) (places []string) {
	b, _ := os.ReadFile(filepath.Join(proc, "swaps"))
	for i, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); i > 0 && len(f) > 0 {
			places = append(places, f[0])
		}
	}
	return places
}
