package airgap

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"coldsign/scripts/tamper"
)

// Who is not root must forgo new rights in the very thread that installs the
// filter, also where Landlock has not done so for all threads before. Go moves
// goroutines between threads as it likes: many runs, many threads.
func TestFilterWithoutLandlock(t *testing.T) {
	amd64(t)
	dir, _ := fresh(t)
	give(t, dir)
	runs := 10
	if os.Getenv("COLDSIGN_SOAK") != "" {
		runs = 500
	}
	for i := range runs {
		r, said := attacked(t, ordinary(busy(offline(dir, "wallet", "list"))), tamper.Plan{
			Fakes: []tamper.Fake{{Call: "landlock_create_ruleset", Way: tamper.Fail, Errno: unix.ENOSYS}}})
		if r.Status != 0 || !r.Filtered {
			t.Fatalf("run %d: %s\n%s", i+1, r, said)
		}
	}
}
