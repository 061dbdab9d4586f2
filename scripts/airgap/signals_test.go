package airgap

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"coldsign/scripts/tamper"
)

// fatal are the signals at which Go's runtime prints a traceback, with arguments,
// and dumps core if it may.
func fatal() []syscall.Signal {
	return []syscall.Signal{unix.SIGQUIT, unix.SIGABRT, unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP, unix.SIGSYS}
}

const question = "anything else stops: "

// crashing lets a program dump core, and has Go's runtime ask for it.
func crashing(cmd *exec.Cmd, loud bool) *exec.Cmd {
	cmd = before(cmd, "sh", "-c", `ulimit -c unlimited && exec "$@"`, "sh")
	if loud {
		cmd.Env = append(cmd.Env, "GOTRACEBACK=crash")
	}
	return cmd
}

// signing is a command that asks for the passphrase and for approval.
func signing() []string {
	return strings.Fields("sign requests.cbor --out answers.cbor --home home --allow-network-interfaces")
}

// asked brings the offline half to the approval question: the keystore is unlocked,
// and its keys are in memory.
func asked(t *testing.T, dir string, loud bool) *terminal {
	t.Helper()
	cmd := crashing(bare(dir, signing()...), loud)
	x := seat(t, cmd, cmd.Start)
	x.toTheQuestion()
	return x
}

func (x *terminal) toTheQuestion() {
	x.t.Helper()
	x.reads("passphrase: ")
	x.types(passphrase + "\n")
	x.reads("REQUEST 1 of 1")
	x.reads(question)
}

// However a signal ends the process while it holds keys, a person gets one line,
// the exit status is 3, and nothing of a secret is anywhere.
func TestFatalSignalsTellNothing(t *testing.T) {
	dumpsCore(t)
	for _, sig := range fatal() {
		for _, loud := range []bool{false, true} {
			name := unix.SignalName(sig)
			if loud {
				name += " with GOTRACEBACK=crash"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				dir, p := withoutPass(t)
				x := asked(t, dir, loud)
				if err := x.cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				r := x.ends()
				line := strings.TrimSuffix(strings.TrimPrefix(r.out, "\r\n"), "\r\n")
				if r.status != 3 || !strings.HasPrefix(line, "error: signal.fatal: stopped by "+unix.SignalName(sig)+";") || strings.ContainsAny(line, "\r\n") {
					t.Errorf("status %d, signal %d, said %q", r.status, r.signal, r.out)
				}
				silent(t, x, dir, p)
			})
		}
	}
}

// When Go's runtime itself gives up it prints a traceback that nothing in the
// program can catch. Nobody sees it.
func TestRuntimeThatGivesUpTellsNothing(t *testing.T) {
	amd64(t)
	dumpsCore(t)
	for _, c := range []struct {
		call, traceback string
		errno           syscall.Errno
		from            int
	}{
		{"mmap", "all", unix.ENOMEM, 1}, {"mmap", "crash", unix.ENOMEM, 4}, {"futex", "all", unix.EFAULT, 1}, {"futex", "crash", unix.EFAULT, 40},
	} {
		t.Run(fmt.Sprintf("%s from %d on, GOTRACEBACK=%s", c.call, c.from, c.traceback), func(t *testing.T) {
			t.Parallel()
			dir, p := withoutPass(t)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := bare(dir, append(signing(), "--passphrase-file", filepath.Join(p.dir, "pass"))...)
			cmd.Env = append(cmd.Env, "GOGC=1", "GOTRACEBACK="+c.traceback)
			plan := tamper.Plan{Fakes: []tamper.Fake{{Call: c.call, Way: tamper.Fail, Errno: c.errno, From: c.from, Walled: true}}}
			x, end := watched(ctx, t, cmd, plan)
			r := end()
			if r.Status == 0 || r.Faked == 0 || !r.Filtered {
				t.Errorf("it came through: %s\n%s", r, x.screen)
			}
			for _, word := range []string{"goroutine", "runtime", "fatal error"} {
				if strings.Contains(string(x.screen), word) {
					t.Errorf("a traceback was printed:\n%s", x.screen)
				}
			}
			silent(t, x, dir, p)
			t.Log(r)
		})
	}
	r, said := attacked(t, planted(t, "map"), tamper.Plan{Fakes: []tamper.Fake{{Call: "mmap", Way: tamper.Fail, Errno: unix.ENOMEM, From: 40}}})
	if r.Status == 0 || !strings.Contains(said.words, "goroutine") {
		t.Errorf("a careless program prints no traceback: %s\n%s", r, said)
	}
}

// The signals that ask a program to end do so, without a word of what it held.
func TestEndingSignals(t *testing.T) {
	// Under nohup the programs would inherit that SIGHUP is ignored; not while we take it.
	taken := make(chan os.Signal, 1)
	signal.Notify(taken, unix.SIGHUP)
	t.Cleanup(func() { signal.Stop(taken) })
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			t.Parallel()
			dir, p := withoutPass(t)
			x := asked(t, dir, true)
			if err := x.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			r := x.ends()
			if r.status == 0 || strings.Contains(r.out, "goroutine") {
				t.Errorf("status %d, said %q", r.status, r.out)
			}
			silent(t, x, dir, p)
			// What it leaves is in order.
			if err := os.WriteFile(filepath.Join(dir, "pass"), []byte(passphrase+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := ends(t, offline(dir, "journal", "verify")); r.status != 0 {
				t.Error(r)
			}
		})
	}
}

// withoutPass gives a home whose passphrase is in no file.
func withoutPass(t *testing.T) (string, *template) {
	t.Helper()
	dir, p := fresh(t)
	if err := os.Remove(filepath.Join(dir, "pass")); err != nil {
		t.Fatal(err)
	}
	return dir, p
}

// silent wants nothing signed, and no secret on the screen or in a file.
func silent(t *testing.T, x *terminal, dir string, p *template) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "answers.cbor")); err == nil {
		t.Error("an answer was written")
	}
	forms := canary(p.key)
	if found := leaks(forms, x.screen); len(found) > 0 {
		t.Errorf("the screen shows %q:\n%s", found, x.screen)
	}
	if found := leaksBelow(t, forms, dir); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
	if cores, _ := filepath.Glob(filepath.Join(dir, "core*")); len(cores) > 0 {
		t.Errorf("core files: %q", cores)
	}
}

// dumpsCore makes sure that a careless program does leave its secret in a core file
// here, so that the absence of one says something. Root sets where cores go, for
// as long as the test runs.
func dumpsCore(t *testing.T) {
	t.Helper()
	const setting = "/proc/sys/kernel/core_pattern"
	was, err := os.ReadFile(setting)
	if err != nil {
		t.Fatal(err)
	}
	if s := strings.TrimSpace(string(was)); s != "core" && !strings.HasPrefix(s, "core.") {
		if err := os.WriteFile(setting, []byte("core\n"), 0o644); err != nil {
			t.Logf("cores go to %q here, and only root may have them in a file: what is in a core is not shown", s)
			return
		}
		t.Cleanup(func() { os.WriteFile(setting, was, 0o644) }) //nolint:errcheck // as it was
	}
	dir := t.TempDir()
	cmd := crashing(planted(t, "secret"), true)
	cmd.Dir = dir
	x := seat(t, cmd, cmd.Start)
	x.types(passphrase + "\n")
	x.reads("ready")
	if err := cmd.Process.Signal(unix.SIGABRT); err != nil {
		t.Fatal(err)
	}
	if r := x.ends(); r.signal != unix.SIGABRT || !strings.Contains(r.out, "goroutine") {
		t.Fatalf("a careless program ended with %s", r)
	}
	if found := leaksBelow(t, canary([]byte("no such key")), dir); len(found) == 0 {
		cores, _ := filepath.Glob(filepath.Join(dir, "*"))
		t.Logf("a careless program left %q without its secret: cores are not written here (a hard limit?)", cores)
	} else {
		t.Logf("a careless program leaves %q", found)
	}
}
