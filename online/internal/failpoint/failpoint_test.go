package failpoint

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestOnlyInTestBuilds: what is shipped knows nothing of failpoints, and the test
// build does.
func TestOnlyInTestBuilds(t *testing.T) {
	for _, c := range []struct {
		tags string
		has  bool
	}{{"", false}, {"failpoint", true}} {
		program := filepath.Join(t.TempDir(), "online")
		build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", c.tags, "-o", program, "coldsign/online")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		raw, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"COLDSIGN_FAILPOINT", "COLDSIGN_CLOCK", "internal/failpoint.At"} {
			if got := bytes.Contains(raw, []byte(word)); got != c.has {
				t.Errorf("tags %q: %s is in it: %v", c.tags, word, got)
			}
		}
	}
}
