package migrate

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"coldsign/offline/internal/memory"
)

// backwards are keys of mainnet.dat from their end, so that this program holds none.
var backwards = []string{
	"91d63d350ff80a4108cca7f3de7a2ece7f14f4eb2e995eda4e2b40bfe76b5ccb", // MATIC
	"8d36f779e504d0dbfeec814a2066b0108a38171d2c812c46e03f8c3b3ac529b1", // KLAY
}

// count searches all memory of the process that can be read.
func count(t *testing.T, needle string) (found int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	buf := make([]byte, 1<<20)
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || mode[0] != 'r' {
			continue
		}
		for at := from; at < to; at += int64(len(buf)) {
			n, _ := mem.ReadAt(buf[:min(to-at, int64(len(buf)))], at)
			slices.Reverse(buf[:n]) // what was read last does not match
			found += strings.Count(memory.Text(buf[:n]), needle)
			clear(buf)
		}
	}
	return found
}

// Nothing of what was decrypted stays in memory. A build without runtimesecret does
// not promise it, but for what is cleared.
func TestTatumLeavesNothing(t *testing.T) {
	const child = "COLDSIGN_TEST_CHILD"
	if os.Getenv(child) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestTatumLeavesNothing$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestTatumLeavesNothing") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	file, pass := golden(t, "mainnet.dat"), passphrase(t)
	during, wallets := make([]int, len(backwards)), 0
	var err error
	memory.Do(func() {
		err = Tatum(file, pass, func(Entry) error {
			if wallets++; wallets == 1 {
				for i, b := range backwards {
					during[i] = count(t, b)
				}
			}
			return nil
		})
	})
	if err != nil || wallets < 30 {
		t.Fatalf("%d wallets, %v", wallets, err)
	}
	memory.Collect()
	for i, b := range backwards {
		after := count(t, b)
		t.Logf("key %d: %d times while it was read, %d times after", i, during[i], after)
		if during[i] == 0 || after != 0 {
			t.Errorf("key %d: %d times while it was read, %d times after", i, during[i], after)
		}
	}
}
