// Package readme runs the session of the README as it would be pasted.
package readme

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSessionWorksAsPasted(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```sh\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("the README has no session")
	}
	dir := t.TempDir()
	for _, half := range []string{"online", "offline"} {
		build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "bin", "coldsign-"+half), "./"+half)
		build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	// A free port in place of the README's, which may be taken. And pairing
	// without --confirm shows the words and fails, which matters under -e only.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	session := strings.NewReplacer("127.0.0.1:8190", addr,
		"WORDS=$(online pair", "WORDS=$( (online pair", "< /dev/null |", "< /dev/null || true) |").Replace(string(found[1]))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-e", "-u", "-o", "pipefail", "-c", session)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	// Whatever the session started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"LEAVES    0.1 sepETH (100000000000000000 base units)", "0x 0000 0000 0000 0000 0000 0000 0000 0000 0000 dEaD",
		`said      by the requester, unproven: "invoice 4711"`, "signed 1, refused 0", "ETH  signed",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the session does not show %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
