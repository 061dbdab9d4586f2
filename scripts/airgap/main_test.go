package airgap

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"coldsign/scripts/halves"
	"coldsign/scripts/rig"
)

// programs are the two release binaries, built once by TestMain.
var programs halves.Programs

// patience is how long a command may take on a loaded machine; one that takes
// longer hangs.
const patience = 60 * time.Second

// nobody is the user that tests run as which are about users without rights.
const nobody = 65534

func TestMain(m *testing.M) {
	if words := strings.Fields(os.Getenv(plantEnv)); len(words) > 0 {
		os.Exit(plant(words))
	}
	os.Exit(all(m))
}

func all(m *testing.M) int {
	dir, err := os.MkdirTemp("", "coldsign-airgap-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// Other users run the programs too.
	if err = os.Chmod(dir, 0o755); err == nil {
		programs, err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "airgap:", err)
		return 1
	}
	return m.Run()
}

// build makes the binaries as a release is made.
func build(dir string) (halves.Programs, error) {
	p := halves.Programs{Online: filepath.Join(dir, "coldsign-online"), Offline: filepath.Join(dir, "coldsign-offline")}
	root, err := rig.Root()
	if err != nil {
		return p, err
	}
	for out, pkg := range map[string]string{p.Online: "./online", p.Offline: "./offline"} {
		cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w -buildid=", "-o", out, pkg)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOEXPERIMENT=runtimesecret", "GOTOOLCHAIN=local")
		if text, err := cmd.CombinedOutput(); err != nil {
			return p, fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
		}
	}
	return p, nil
}

// result is how a program ended.
type result struct {
	status     int // -1 when a signal ended it
	signal     syscall.Signal
	out, words string // of standard output and standard error
}

func (r result) String() string {
	return fmt.Sprintf("status %d, signal %d\n%s%s", r.status, r.signal, r.out, r.words)
}

// code is the stable code of the one line of error, "" if that is not what was said.
func (r result) code() string {
	rest, ok := strings.CutPrefix(r.words, "error: ")
	code, _, found := strings.Cut(rest, ": ")
	if !ok || !found || strings.Count(r.words, "\n") != 1 {
		return ""
	}
	return code
}

// ends runs cmd to its end.
func ends(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	attr := syscall.SysProcAttr{}
	if cmd.SysProcAttr != nil {
		attr = *cmd.SysProcAttr
	}
	attr.Setpgid = true
	cmd.SysProcAttr = &attr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err := cmd.Wait()
	if !late.Stop() {
		t.Fatalf("%q hangs\n%s%s", cmd.Args, out.String(), words.String())
	}
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatalf("%q: %v", cmd.Args, err)
	}
	return ended(cmd.ProcessState, out.String(), words.String())
}

func ended(s *os.ProcessState, out, words string) result {
	r := result{status: s.ExitCode(), out: out, words: words}
	if ws := s.Sys().(syscall.WaitStatus); ws.Signaled() {
		r.signal = ws.Signal()
	}
	return r
}

// refused wants exit status 1 and one line of error with the code, and nothing on
// standard output.
func refused(t *testing.T, r result, code string) {
	t.Helper()
	if r.status != 1 || r.code() != code || r.out != "" {
		t.Errorf("want status 1 and %q, got %s", code, r)
	}
}

// needs fails where a program is missing that the tests run.
func needs(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is missing: run \"make peers\"", name)
		}
	}
}

// amd64 skips where the tracer of scripts/tamper does not work.
func amd64(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("scripts/tamper changes system calls on amd64 only")
	}
}

// eventually waits for a condition, and tells whether it came.
func eventually(t *testing.T, what string, holds func() bool) bool {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-late.C:
			t.Errorf("waited in vain: %s", what)
			return false
		case <-tick.C:
		}
	}
	return true
}

// ordinary gives cmd the rights of a user who has none, which it has already when
// root does not run the tests.
func ordinary(cmd *exec.Cmd) *exec.Cmd {
	if os.Getuid() == 0 {
		attr := syscall.SysProcAttr{}
		if cmd.SysProcAttr != nil {
			attr = *cmd.SysProcAttr
		}
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		cmd.SysProcAttr = &attr
		if self, err := os.Executable(); err == nil && cmd.Path == self {
			cmd.Path = "/proc/self/exe" // that user cannot walk to the test binary; this needs no walk
		}
	}
	return cmd
}

// give makes that user the owner of a folder.
func give(t *testing.T, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(p, nobody, nobody))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// held is a pipe whose writing end stays open while the test runs.
func held(t *testing.T) (in, typed *os.File) {
	t.Helper()
	in, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); typed.Close() })
	return in, typed
}
