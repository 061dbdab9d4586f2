package airgap

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"coldsign/scripts/tamper"
)

// attacked runs the offline half under a plan of attack.
func attacked(t *testing.T, cmd *exec.Cmd, p tamper.Plan) (tamper.Report, result) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	p.Cmd = cmd
	r, err := tamper.Run(ctx, p)
	if err != nil {
		t.Fatalf("%q: %v: %s\n%s%s", cmd.Args, err, r, out.String(), words.String())
	}
	return r, result{status: r.Status, out: out.String(), words: words.String()}
}

// busy makes Go's runtime start many threads, early and late.
func busy(cmd *exec.Cmd) *exec.Cmd {
	cmd.Env = append(cmd.Env, "GOMAXPROCS=32", "GOGC=1")
	return cmd
}

// forbidden are the calls that an attacker inside the process would want, and ways
// past a filter that looks at one table of numbers only.
func forbidden() []string {
	return []string{"socket", "connect", "bind", "listen", "accept4", "socketpair", "io_uring_setup", "execve", "ptrace", "bpf", "x32:socket"}
}

// Whatever thread of the release binary reaches out, the kernel kills the process
// on the spot, and nothing comes out of it any more.
func TestReachingOutKills(t *testing.T) {
	amd64(t)
	dir, _ := fresh(t)
	// Reading changes nothing in the home: all runs share it.
	list := func() *exec.Cmd { return busy(offline(dir, "wallet", "list")) }
	for _, call := range forbidden() {
		for _, kind := range []tamper.Thread{tamper.Main, tamper.Old, tamper.New} {
			t.Run(call+" "+string(kind), func(t *testing.T) {
				// Go's runtime starts a thread when it likes: now and then none is new.
				for range 5 {
					r, said := attacked(t, list(), tamper.Plan{Provoke: &tamper.Provoke{Call: call, Thread: kind}})
					if kind == tamper.New && r.Provoked == nil && r.Status == 0 {
						continue
					}
					killed(t, r, said)
					return
				}
				t.Error("there never was such a thread")
			})
		}
	}
	r, said := attacked(t, list(), tamper.Plan{})
	if r.Status != 0 || !r.Filtered || !strings.Contains(said.out, keyID) {
		t.Errorf("left alone: %s\n%s", r, said)
	}
	// The tracer is harmless: a call that is allowed returns, and the run goes on.
	r, said = attacked(t, list(), tamper.Plan{Provoke: &tamper.Provoke{Call: "gettid", Thread: tamper.Old}})
	if r.Status != 0 || r.Provoked == nil || !r.Provoked.Returned || !strings.Contains(said.out, keyID) {
		t.Errorf("an allowed call: %s\n%s", r, said)
	}
}

func killed(t *testing.T, r tamper.Report, said result) {
	t.Helper()
	if r.Signal != "SIGSYS" || r.Provoked == nil || r.Provoked.Returned {
		t.Errorf("it lives on: %s\n%s", r, said)
	}
	if said.out != "" || strings.Contains(said.words, "error: ") {
		t.Errorf("it spoke after its end: %s", said)
	}
}

// The wall stands to the end, not only at first.
func TestReachingOutKillsLate(t *testing.T) {
	amd64(t)
	dir, _ := fresh(t)
	r, _ := attacked(t, busy(offline(dir, "wallet", "list")), tamper.Plan{})
	calls := r.Total()
	after := []int{calls / 8, calls / 4, calls / 3}
	if os.Getenv("COLDSIGN_SOAK") != "" {
		after = nil
		for n := range 200 {
			after = append(after, n*calls/400)
		}
	}
	hits := 0
	for _, n := range after {
		r, said := attacked(t, busy(offline(dir, "wallet", "list")), tamper.Plan{Provoke: &tamper.Provoke{Call: "socket", After: n}})
		if r.Provoked == nil {
			continue // it was over before
		}
		hits++
		if r.Signal != "SIGSYS" || r.Provoked.Returned {
			t.Errorf("after %d calls: %s\n%s", n, r, said)
		}
	}
	if hits == 0 {
		t.Errorf("%d calls are too few to attack late", calls)
	}
	t.Logf("killed at %d places among %d calls", hits, calls)
}

// While codes are awaited the process lives behind the wall, with several threads,
// and no key in memory yet.
func TestReachingOutKillsWhileItWaits(t *testing.T) {
	amd64(t)
	dir, _ := fresh(t)
	for _, kind := range []tamper.Thread{tamper.Main, tamper.Old} {
		t.Run(string(kind), func(t *testing.T) {
			armed := make(chan struct{})
			cmd := busy(offline(dir, "review", "--scan", "-"))
			in, typed := held(t)
			cmd.Stdin = in
			var arming sync.WaitGroup
			r, said := attacked(t, cmd, tamper.Plan{
				Provoke: &tamper.Provoke{Call: "socket", Thread: kind, Armed: armed},
				Started: func(pid int) {
					arming.Go(func() {
						if reads(t, in, typed) {
							close(armed)
							rouse(pid)
						}
					})
				},
			})
			arming.Wait()
			killed(t, r, said)
		})
	}
}

// watched runs a command on a terminal and under a plan; end waits for its end.
func watched(ctx context.Context, t *testing.T, cmd *exec.Cmd, p tamper.Plan) (x *terminal, end func() tamper.Report) {
	t.Helper()
	started, done := make(chan struct{}), make(chan error, 1)
	p.Cmd, p.Started = cmd, func(int) { close(started) }
	var r tamper.Report
	x = seat(t, cmd, func() error {
		go func() {
			var err error
			r, err = tamper.Run(ctx, p)
			done <- err
		}()
		select {
		case <-started:
			return nil
		case err := <-done:
			return err
		}
	})
	return x, func() tamper.Report {
		t.Helper()
		x.rest()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// The wall stands while keys are in memory and a person is asked.
func TestReachingOutKillsAtTheQuestion(t *testing.T) {
	amd64(t)
	for _, kind := range []tamper.Thread{tamper.Main, tamper.Old} {
		t.Run(string(kind), func(t *testing.T) {
			dir, p := withoutPass(t)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			armed := make(chan struct{})
			x, end := watched(ctx, t, busy(bare(dir, signing()...)), tamper.Plan{Provoke: &tamper.Provoke{Call: "socket", Thread: kind, Armed: armed}})
			x.toTheQuestion()
			close(armed)
			rouse(x.cmd.Process.Pid)
			r := end()
			killed(t, r, result{out: string(x.screen[x.seen:])})
			silent(t, x, dir, p)
		})
	}
}

// reads types a line and waits until the program has taken it.
func reads(t *testing.T, in, typed *os.File) bool {
	if _, err := typed.WriteString("no code\n"); err != nil {
		t.Error(err)
		return false
	}
	return eventually(t, "a line is read", func() bool {
		left, err := unix.IoctlGetInt(int(in.Fd()), unix.TIOCINQ)
		return err == nil && left == 0
	})
}

// rouse has every thread of a Go program come out of the call that it sleeps in.
func rouse(pid int) {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, d := range tasks {
		if tid, err := strconv.Atoi(d.Name()); err == nil {
			unix.Tgkill(pid, tid, unix.SIGURG) //nolint:errcheck // it may have ended
		}
	}
}
