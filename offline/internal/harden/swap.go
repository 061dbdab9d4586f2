package harden

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Swap names the places that this machine's memory may be written out to
// (/proc/swaps). Keys are in locked memory; but scrypt's and the garbage
// collector's are not, and a machine that hibernates writes all of it.
func Swap(proc string) (places []string) {
	b, err := os.ReadFile(filepath.Join(proc, "swaps"))
	if err != nil && !(errors.Is(err, fs.ErrNotExist) && whole(proc)) {
		return []string{"what cannot be seen: " + filepath.Join(proc, "swaps")}
	}
	for i, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); i > 0 && len(f) > 0 {
			places = append(places, f[0])
		}
	}
	return places
}

// whole says whether proc shows the machine and not only processes: a kernel without
// swap has no list of it.
func whole(proc string) bool {
	_, err := os.Stat(filepath.Join(proc, "meminfo"))
	return err == nil
}
