package tamper

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The test binary is the planted program too, when this names what it shall do.
const plantEnv = "TAMPER_PLANT"

func TestMain(m *testing.M) {
	words := strings.Fields(os.Getenv(plantEnv))
	if len(words) == 0 {
		os.Exit(m.Run())
	}
	if err := plant(words); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("done")
}

func plant(words []string) error {
	switch words[0] {
	case "wall", "open":
		return threads(words[0] == "wall")
	case "random":
		return random()
	case "lock":
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		return errors.Join(err, unix.Mlock(b), unix.Mlock(b))
	case "time":
		var sum int
		for range 1000 {
			sum += time.Now().Nanosecond()
		}
		if sum == 0 {
			return errors.New("the clock stands still")
		}
		return nil
	case "die":
		n, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		return errors.Join(syscall.Kill(os.Getpid(), syscall.Signal(n)), syscall.Pause())
	case "exit":
		os.Exit(7)
	case "sleep":
		return syscall.Pause()
	case "exec":
		return exec.Command("true").Run()
	}
	return errors.New("no such plant")
}

// random prints what getrandom gave.
func random() error {
	for range 2 {
		b := make([]byte, 16)
		n, _, e := syscall.Syscall(unix.SYS_GETRANDOM, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0)
		if e != 0 {
			fmt.Println("failed", unix.ErrnoName(e))
			continue
		}
		fmt.Println(n, hex.EncodeToString(b))
	}
	return nil
}

// threads starts some, installs a filter that kills what goes wrong here, starts
// some more, and ends when all have made calls.
func threads(wall bool) error {
	release := make(chan struct{})
	var started, ended sync.WaitGroup
	start := func() {
		started.Add(1)
		ended.Go(func() {
			runtime.LockOSThread()
			started.Done()
			<-release
			for range 50 {
				syscall.Getppid()
			}
		})
	}
	for range 3 {
		start()
	}
	started.Wait()
	if wall {
		if err := filter(); err != nil {
			return err
		}
	}
	for range 3 {
		start()
	}
	started.Wait()
	for range 20 {
		syscall.Getppid()
	}
	close(release)
	ended.Wait()
	return nil
}

// filter kills the process at a handful of calls, and at the numbers of x32.
func filter() error {
	const load, jump, atLeast, give, allow, kill = 0x20, 0x15, 0x35, 0x06, 0x7fff0000, 0x80000000
	bad := []uint32{unix.SYS_SOCKET, unix.SYS_CONNECT, unix.SYS_IO_URING_SETUP, unix.SYS_PTRACE, unix.SYS_EXECVE, unix.SYS_BPF}
	code := []unix.SockFilter{{Code: load, K: 0}, {Code: atLeast, K: x32, Jt: uint8(len(bad) + 1)}}
	for i, n := range bad {
		code = append(code, unix.SockFilter{Code: jump, K: n, Jt: uint8(len(bad) - i)})
	}
	code = append(code, unix.SockFilter{Code: give, K: allow}, unix.SockFilter{Code: give, K: kill})
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	// Who is not root must forgo new rights in the very thread that asks.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	// The flag is TSYNC: for all threads.
	if _, _, e := syscall.Syscall(unix.SYS_SECCOMP, 1, 1, uintptr(unsafe.Pointer(&prog))); e != 0 {
		return e
	}
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// attack runs a plant under a plan.
func attack(t *testing.T, words string, p Plan) (Report, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out bytes.Buffer
	p.Cmd = exec.Command("/proc/self/exe")
	p.Cmd.Env = append(os.Environ(), plantEnv+"="+words)
	p.Cmd.Stdout, p.Cmd.Stderr = &out, &out
	r, err := Run(ctx, p)
	if err != nil {
		t.Fatalf("%s: %v\n%s", words, err, out.String())
	}
	return r, out.String()
}

func TestProvoke(t *testing.T) {
	for _, call := range []string{"socket", "connect", "io_uring_setup", "execve", "ptrace", "bpf", "x32:socket", "0x40000029"} {
		for _, kind := range []Thread{Main, Old, New, Any} {
			t.Run(call+" "+string(kind), func(t *testing.T) {
				t.Parallel()
				r, out := attack(t, "wall", Plan{Provoke: &Provoke{Call: call, Thread: kind}})
				if r.Signal != "SIGSYS" || r.Status != -1 || !r.Filtered || out != "" {
					t.Errorf("%s, printed %q", r, out)
				}
				if p := r.Provoked; p == nil || p.Returned {
					t.Errorf("the provocation returned: %+v", p)
				}
			})
		}
	}
}

// A call that the filter lets pass is made, tells what it returned, and the
// program notices nothing. Without such controls TestProvoke could not fail.
func TestProvokeIsHarmlessWhereNothingForbidsIt(t *testing.T) {
	for _, c := range []struct {
		plant string
		p     Provoke
		works func(int64) bool
	}{
		{"wall", Provoke{Call: "getppid", Thread: Old}, func(n int64) bool { return n == int64(os.Getpid()) }},
		{"wall", Provoke{Call: "getppid", Thread: New, After: 20}, func(n int64) bool { return n == int64(os.Getpid()) }},
		{"wall", Provoke{Call: "bind", Thread: Main, After: 3}, func(n int64) bool { return n < 0 }},
		{"open", Provoke{Call: "socket", NoFilter: true, After: 200}, func(n int64) bool { return n > 2 }},
		{"open", Provoke{Call: "socket", NoFilter: true, Thread: Old}, func(n int64) bool { return n > 2 }},
		{"open", Provoke{Call: "execve", NoFilter: true, Thread: Main, After: 30}, func(n int64) bool { return n == -int64(syscall.EFAULT) }},
	} {
		r, out := attack(t, c.plant, Plan{Provoke: &c.p})
		if r.Status != 0 || r.Filtered != (c.plant == "wall") || out != "done\n" {
			t.Errorf("%+v: %s, printed %q", c.p, r, out)
		}
		if p := r.Provoked; p == nil || !p.Returned || !c.works(p.Result) {
			t.Errorf("%+v: it gave %+v", c.p, p)
		}
	}
	r, out := attack(t, "wall", Plan{})
	if r.Status != 0 || r.Provoked != nil || out != "done\n" || r.Threads < 7 {
		t.Errorf("without a provocation: %s, printed %q", r, out)
	}
	r, _ = attack(t, "open", Plan{Provoke: &Provoke{Call: "socket"}})
	if r.Status != 0 || r.Provoked != nil {
		t.Errorf("without a filter nothing is provoked unless asked: %s", r)
	}
}

// A provocation waits until it is armed.
func TestArmed(t *testing.T) {
	never := make(chan struct{})
	r, out := attack(t, "wall", Plan{Provoke: &Provoke{Call: "socket", Armed: never}})
	if r.Status != 0 || r.Provoked != nil || out != "done\n" {
		t.Errorf("never armed: %s, printed %q", r, out)
	}
	armed, pid := make(chan struct{}), 0
	start := func(n int) { pid = n; close(armed) }
	r, _ = attack(t, "wall", Plan{Provoke: &Provoke{Call: "socket", Thread: Main, Armed: armed}, Started: start})
	if r.Signal != "SIGSYS" || r.Provoked == nil || r.Provoked.Thread != pid {
		t.Errorf("armed: %s, in process %d", r, pid)
	}
}

func TestFake(t *testing.T) {
	const filled, empty = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", "00000000000000000000000000000000"
	// Go's runtime asks for random bytes at its start too when it has no vDSO;
	// with one all calls are the plant's own.
	for _, c := range []struct {
		fake string
		from int
		want []string // the lines, "" for random bytes
	}{
		{"getrandom=fail:EIO", 1, []string{"failed EIO", "failed EIO"}},
		{"getrandom=fail:ENOSYS", 2, []string{"", "failed ENOSYS"}},
		{"getrandom=zero", 1, []string{"16 " + empty, "16 " + empty}},
		{"getrandom=zero", 2, []string{"", "16 " + empty}},
		{"getrandom=constant", 1, []string{"16 " + filled, "16 " + filled}},
	} {
		f, err := ParseFake(c.fake)
		if err != nil {
			t.Fatal(err)
		}
		f.From = c.from
		r, out := attack(t, "random", Plan{Fakes: []Fake{f}})
		lines := strings.Split(out, "\n")
		if r.Status != 0 || r.Faked != 3-c.from || len(lines) != 4 {
			t.Fatalf("%s: %s, printed %q", c.fake, r, out)
		}
		for i, want := range c.want {
			if want != "" && lines[i] != want || want == "" && (len(lines[i]) != 35 || strings.Contains(lines[i], empty)) {
				t.Errorf("%s: line %d is %q, want %q", c.fake, i, lines[i], want)
			}
		}
	}
	// 15 random bytes and one that was not touched.
	f, _ := ParseFake("getrandom=short")
	_, out := attack(t, "random", Plan{Fakes: []Fake{f}})
	for line := range strings.Lines(strings.TrimSuffix(out, "done\n")) {
		if !strings.HasPrefix(line, "15 ") || !strings.HasSuffix(line, "00\n") || strings.Contains(line, empty[2:]) {
			t.Errorf("short: %q", line)
		}
	}
	_, out = attack(t, "random", Plan{})
	if strings.Contains(out, empty) || strings.Contains(out, filled) || strings.Count(out, "\n16 ") != 1 {
		t.Errorf("without a fake: %q", out)
	}
}

func TestFakeAnyCall(t *testing.T) {
	for _, c := range []struct {
		plant, fake string
		from        int
		want        string
	}{
		{"lock", "mlock=fail:ENOMEM", 1, "error: cannot allocate memory\ncannot allocate memory\n"},
		{"lock", "mlock=fail:ENOMEM", 2, "error: cannot allocate memory\n"},
		{"lock", "memfd_secret=fail:ENOSYS", 1, "done\n"},
		{"wall", "seccomp=fail:ENOSYS", 1, "error: function not implemented\n"},
		{"wall", "landlock_create_ruleset=fail:EOPNOTSUPP", 1, "done\n"},
	} {
		f, err := ParseFake(c.fake)
		if err != nil {
			t.Fatal(err)
		}
		f.From = c.from
		r, out := attack(t, c.plant, Plan{Fakes: []Fake{f}})
		if out != c.want || r.Filtered && f.Call == "seccomp" {
			t.Errorf("%s: %s, printed %q", c.fake, r, out)
		}
	}
}

// A fake may wait for the filter.
func TestFakeBehindTheFilter(t *testing.T) {
	f := Fake{Call: "getppid", Way: Fail, Errno: syscall.EIO, From: 320, Walled: true}
	if r, out := attack(t, "wall", Plan{Fakes: []Fake{f}}); r.Faked != 1 || out != "done\n" {
		t.Errorf("behind the filter: %s, printed %q", r, out)
	}
	if r, _ := attack(t, "open", Plan{Fakes: []Fake{f}}); r.Faked != 0 || r.Calls["getppid"] != 320 {
		t.Errorf("without a filter: %s", r)
	}
	f = Fake{Call: "mlock", Way: Fail, Errno: syscall.ENOMEM, Walled: true}
	if r, out := attack(t, "lock", Plan{Fakes: []Fake{f}}); r.Faked != 0 || out != "done\n" {
		t.Errorf("without a filter: %s, printed %q", r, out)
	}
}

func TestEnds(t *testing.T) {
	if r, _ := attack(t, "exit", Plan{}); r.Status != 7 || r.Signal != "" {
		t.Errorf("exit 7: %s", r)
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGHUP} {
		if r, _ := attack(t, fmt.Sprintf("die %d", s), Plan{}); r.Signal != unix.SignalName(s) || r.Status != -1 {
			t.Errorf("%s: %s", unix.SignalName(s), r)
		}
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), plantEnv+"=sleep")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r, err := Run(ctx, Plan{Cmd: cmd})
	if r.Signal != "SIGKILL" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the time was over: %s, %v", r, err)
	}
	if _, err := Run(t.Context(), Plan{Cmd: exec.Command("/nowhere/at/all")}); err == nil {
		t.Error("a program that is not there was run")
	}
}

func TestCountsAndLog(t *testing.T) {
	var log bytes.Buffer
	r, _ := attack(t, "wall", Plan{Log: &log})
	// 20 calls of the main goroutine and 50 in each of six threads.
	if r.Calls["getppid"] != 320 || r.Calls["seccomp"] != 1 || r.Calls["socket"] != 0 || r.Calls["exit_group"] != 1 {
		t.Errorf("counted %v", r.Calls)
	}
	list, counts, ok := strings.Cut(log.String(), "\n\n")
	if !ok || strings.Count(list, "\n")+1 != r.Total() || strings.Count(list, " getppid\n") != 320 {
		t.Errorf("%d lines for %d calls", strings.Count(list, "\n")+1, r.Total())
	}
	if !strings.HasPrefix(counts, fmt.Sprintf("%d system calls in %d threads\n", r.Total(), r.Threads)) || !strings.Contains(counts, " 320 getppid\n") {
		t.Errorf("the counts are\n%s", counts)
	}
	// A process that the program starts is followed too.
	if r, _ := attack(t, "exec", Plan{}); r.Calls["execve"] < 1 || r.Calls["arch_prctl"] < 2 {
		t.Errorf("another process was not followed: %v", r.Calls)
	}
}

func TestNoVDSO(t *testing.T) {
	with, _ := attack(t, "time", Plan{})
	without, out := attack(t, "time", Plan{NoVDSO: true})
	if n := without.Calls["clock_gettime"]; n < 1000 || out != "done\n" {
		t.Errorf("%d clock calls, printed %q", n, out)
	}
	t.Logf("clock_gettime: %d calls with the vDSO, %d without", with.Calls["clock_gettime"], without.Calls["clock_gettime"])
}

// Other children of this process are left to those who wait for them.
func TestNotOursAreLeftAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for ctx.Err() == nil {
				if err := exec.Command("true").Run(); err != nil {
					t.Errorf("another child was lost: %v", err)
				}
			}
		})
	}
	for range 5 {
		attack(t, "wall", Plan{})
	}
	cancel()
	others.Wait()
}

func TestPlansThatMakeNoSense(t *testing.T) {
	for _, text := range []string{"", "getrandom", "getrandom=", "getrandom=fail", "getrandom=fail:EWHAT", "mlock=short", "mlock=zero", "nosuch=fail:EIO"} {
		if f, err := ParseFake(text); err == nil {
			t.Errorf("%q became %+v", text, f)
		}
	}
	cmd := exec.Command("true")
	for _, p := range []Plan{{}, {Cmd: cmd, Provoke: &Provoke{Call: "nosuch"}}, {Cmd: cmd, Provoke: &Provoke{Call: "bpf", Thread: "young"}},
		{Cmd: cmd, Fakes: []Fake{{Call: "mlock", Way: Short}}}, {Cmd: cmd, Fakes: []Fake{{Call: "nosuch", Way: Fail}}}} {
		if _, err := Run(t.Context(), p); err == nil {
			t.Errorf("%+v was run", p)
		}
	}
}

// The numbers are those of the kernel's headers, as x/sys has them.
func TestNumbers(t *testing.T) {
	for name, want := range map[string]uint64{"read": unix.SYS_READ, "socket": unix.SYS_SOCKET, "accept4": unix.SYS_ACCEPT4, "socketpair": unix.SYS_SOCKETPAIR,
		"getrandom": unix.SYS_GETRANDOM, "seccomp": unix.SYS_SECCOMP, "bpf": unix.SYS_BPF, "io_uring_setup": unix.SYS_IO_URING_SETUP,
		"memfd_secret": unix.SYS_MEMFD_SECRET, "landlock_create_ruleset": unix.SYS_LANDLOCK_CREATE_RULESET, "rseq": unix.SYS_RSEQ,
		"process_vm_writev": unix.SYS_PROCESS_VM_WRITEV, "openat2": unix.SYS_OPENAT2, "x32:socket": x32 | unix.SYS_SOCKET} {
		if n, err := Number(name); n != want || err != nil {
			t.Errorf("%s is %d, %v; want %d", name, n, err, want)
		}
		if got := Name(want); got != name {
			t.Errorf("%d is called %q, want %q", want, got, name)
		}
	}
	first, second := names()
	all := slices.Concat(first, second)
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != len(first)+len(second) || n < 380 {
		t.Errorf("%d names, some twice", n)
	}
	if Name(400) != "400" || Name(x32|1) != "x32:write" {
		t.Error("numbers without a name")
	}
}

// The command reports on one line or as JSON, and ends as the program did.
func TestCommand(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "tamper")
	if out, err := exec.Command("go", "build", "-o", tool, "./cmd/tamper").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		plant  string
		args   []string
		status int
		says   string
	}{
		{"wall", []string{"-provoke", "socket", "-thread", "new"}, 128 + int(syscall.SIGSYS), "killed by SIGSYS after"},
		{"wall", []string{"-fake", "seccomp=fail:ENOSYS"}, 1, "ended with status 1 after"},
		{"wall", []string{"-json"}, 0, `"filtered":true`},
		{"exit", nil, 7, "no seccomp filter"},
		{"exit", []string{"-provoke", "nosuch"}, 1, "no system call"},
		{"exit", []string{"-fake", "mlock=zero"}, 2, "it can only fail"},
	} {
		cmd := exec.Command(tool, append(append(c.args, "--"), self)...)
		cmd.Env = append(os.Environ(), plantEnv+"="+c.plant)
		var says bytes.Buffer
		cmd.Stderr, cmd.Stdout = &says, io.Discard
		_ = cmd.Run()
		if cmd.ProcessState.ExitCode() != c.status || !strings.Contains(says.String(), c.says) {
			t.Errorf("%q of %s: status %d, %s", c.args, c.plant, cmd.ProcessState.ExitCode(), says.String())
		}
	}
}
