package airgap

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// running starts cmd, which must end by itself when its input does, and kills it
// when the test ends.
func running(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	t.Cleanup(func() {
		late.Stop()
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		_ = cmd.Wait()
	})
}

// Another process of the same user cannot look into this one: no memory, no
// environment, no map, no descriptors, no debugger. That holds from the start to
// the end, whether or not a filter of the machine's own (Yama) helps.
func TestOtherProcessesCannotLookIn(t *testing.T) {
	dir, _ := fresh(t)
	give(t, dir)
	in, typed := held(t)
	target := ordinary(offline(dir, "review", "--scan", "-"))
	target.Stdin = in
	running(t, target)
	if !reads(t, in, typed) {
		return
	}
	said := look(t, target)
	if strings.Count(said, "refused") < 7 || strings.Contains(said, "allowed") {
		t.Errorf("another process of the user could look in:\n%s", said)
	}
	// The same looks into a program that forbids nothing succeed.
	in, typed = held(t)
	easy := ordinary(planted(t, "wait"))
	easy.Stdin = in
	out, err := easy.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	running(t, easy)
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	control := look(t, easy)
	typed.Close()
	yama, _ := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	if s := strings.TrimSpace(string(yama)); s != "" && s != "0" {
		t.Logf("Yama is at %s and refuses some of it to all: %s", s, control)
		return
	}
	for _, what := range []string{"mem", "environ", "maps", "fd", "process_vm_readv", "pidfd_getfd", "ptrace"} {
		if !strings.Contains(control, what+" allowed") {
			t.Errorf("%s does not work on a program that forbids nothing: this test cannot fail\n%s", what, control)
		}
	}
	t.Logf("refused: %s", strings.Join(strings.Fields(said), " "))
}

// look has a process of the same user try everything.
func look(t *testing.T, target *exec.Cmd) string {
	t.Helper()
	r := ends(t, ordinary(planted(t, "peek", fmt.Sprint(target.Process.Pid))))
	if r.status != 0 {
		t.Fatal(r)
	}
	return r.out
}

// What the kernel says of the process itself.
func TestKernelConfirmsTheWall(t *testing.T) {
	dir, _ := fresh(t)
	in, typed := held(t)
	cmd := busy(offline(dir, "review", "--scan", "-"))
	cmd.Stdin = in
	running(t, cmd)
	if !reads(t, in, typed) {
		return
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", cmd.Process.Pid))
	if err != nil || len(tasks) < 3 {
		t.Fatalf("%d threads: %v", len(tasks), err)
	}
	for _, task := range tasks {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", cmd.Process.Pid, task.Name()))
		if err != nil {
			continue // it has just ended
		}
		for _, want := range []string{"\nSeccomp:\t2\n", "\nNoNewPrivs:\t1\n"} {
			if !strings.Contains(string(b), want) {
				t.Errorf("thread %s: no %q", task.Name(), want)
			}
		}
	}
	var core unix.Rlimit
	if err := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_CORE, nil, &core); err != nil || core.Cur != 0 || core.Max != 0 {
		t.Errorf("cores may have %d, at most %d bytes: %v", core.Cur, core.Max, err)
	}
	t.Logf("%d threads behind the wall", len(tasks))
}
