package readme

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The drill of offline/RESTORE.md, as it would be pasted. What it says is what the page
// shows, but for what is new each time.
func TestDrillWorksAsPasted(t *testing.T) {
	page, err := os.ReadFile("../../offline/RESTORE.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(sh)?\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 4 || blocks[0][1] != "sh" {
		t.Fatalf("the page has %d blocks", len(blocks))
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "bin", "coldsign-offline"), "./offline")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-e", "-u", "-o", "pipefail", "-c", blocks[0][2])
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	raw, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	said := forms(string(raw))
	for i, block := range blocks[1:] {
		if want := forms(block[2]); !strings.Contains(said, want) {
			t.Errorf("output %d of the page is not what comes out:\n%s\n%s", i+1, want, said)
		}
	}
}

// forms takes out of a text what is new each time, and what is said beside each result.
func forms(s string) string {
	s = regexp.MustCompile(`(?m)^(REHEARSAL:|WARNING: NOT AIR-GAPPED:|WARNING: SWAP).*\n`).ReplaceAllString(s, "")
	s = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|0x[0-9A-Za-z]{40}|tb1[0-9a-z]+|[xt]pub[0-9A-Za-z]+|\b[0-9a-f]{64}\b|\b[0-9a-f]{32}\b|\b[0-9a-f]{16}\b|\b[0-9a-f]{8}\b|set [0-9a-f]{4}|20[0-9-]+T[0-9:]+Z`).ReplaceAllString(s, "X")
	return s
}
