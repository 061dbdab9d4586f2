//go:build linux && (amd64 || arm64)

package harden

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"coldsign/shared/frame/camera"
)

// TestMain is also the process behind the wall that the tests start: the wall can
// not be taken down again.
func TestMain(m *testing.M) {
	if what := os.Getenv("COLDSIGN_BEHIND"); what != "" {
		behind(what, os.Getenv("COLDSIGN_FROM"), os.Getenv("COLDSIGN_DIR"))
	}
	os.Exit(m.Run())
}

// provoke makes a system call that the wall does not let through.
func provoke(what string) {
	switch what {
	case "socket":
		_, _ = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	case "unix socket":
		_, _ = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	case "socketpair":
		_, _ = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	case "connect":
		_ = unix.Connect(0, &unix.SockaddrInet4{})
	case "execve":
		_ = unix.Exec("/bin/true", nil, nil)
	case "fork":
		_, _, _ = syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	case "ptrace":
		_ = unix.PtraceAttach(1)
	case "io_uring":
		_, _, _ = syscall.RawSyscall(unix.SYS_IO_URING_SETUP, 1, 0, 0)
	case "code":
		_, _ = unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	case "type for the user":
		b := byte('x')
		_ = unix.IoctlSetPointerInt(0, unix.TIOCSTI, int(b))
	case "kill another":
		_ = unix.Kill(1, 0)
	case "dumpable":
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
	case "nothing":
	default:
		panic(what)
	}
}

// behind puts up the wall with threads that were there before it, and provokes from
// one of the kinds of threads.
func behind(what, from, dir string) {
	say := func(format string, args ...any) { fmt.Fprintf(os.Stdout, format+"\n", args...) }
	old := make(chan func())
	var ready sync.WaitGroup
	for range 8 {
		ready.Add(1)
		go func() {
			runtime.LockOSThread()
			ready.Done()
			for f := range old {
				f()
			}
		}()
	}
	ready.Wait()
	if err := Wall([]Access{{Path: dir, Write: true}}); err != nil {
		say("no wall: %v", err)
		os.Exit(4)
	}
	say("wall")
	files(say, dir)
	done := make(chan bool)
	f := func() { provoke(what); done <- true }
	switch from {
	case "main":
		go f() // the main goroutine's thread or another: any
	case "old":
		old <- f
	case "new":
		go func() {
			runtime.LockOSThread() // a goroutine that ends locked takes its thread along
			done <- true
		}()
		<-done
		go func() { runtime.LockOSThread(); f() }()
	}
	<-done
	if err := Confirm("/proc"); err != nil {
		say("outside: %v", err)
	}
	say("lived")
	os.Exit(0)
}

// files says what can be done with files behind the wall.
func files(say func(string, ...any), dir string) {
	inside := filepath.Join(dir, "inside")
	err := errors.Join(os.WriteFile(inside, []byte("x"), 0o600), os.Rename(inside, inside+"2"), os.Mkdir(inside, 0o700), os.Remove(inside+"2"))
	say("inside: %v", err)
	_, err = os.ReadFile("/etc/passwd")
	say("outside: %v", err != nil)
}

func child(t *testing.T, what, from string) (string, syscall.WaitStatus) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "COLDSIGN_BEHIND="+what, "COLDSIGN_FROM="+from, "COLDSIGN_DIR="+t.TempDir())
	out, err := cmd.Output()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// haveLandlock says whether files are confined here.
func haveLandlock() bool {
	v, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return e == 0 && v > 0
}

func TestWall(t *testing.T) {
	before := fmt.Sprintf("wall\ninside: <nil>\noutside: %v\n", haveLandlock())
	out, status := child(t, "nothing", "old")
	if out != before+"lived\n" || status.ExitStatus() != 0 {
		t.Fatalf("without a provocation: %q, %v", out, status)
	}
	kinds := strings.Split("socket,unix socket,socketpair,connect,execve,fork,ptrace,io_uring,code,type for the user,kill another,dumpable", ",")
	for _, what := range kinds {
		for _, from := range []string{"main", "old", "new"} {
			t.Run(what+" from "+from, func(t *testing.T) {
				t.Parallel()
				out, status := child(t, what, from)
				if out != before || !status.Signaled() || status.Signal() != unix.SIGSYS {
					t.Errorf("%q, %v", out, status)
				}
			})
		}
	}
}

// A process that is not behind a wall is not confirmed.
func TestConfirmCanFail(t *testing.T) {
	if err := Confirm("/proc"); err == nil || !strings.Contains(err.Error(), "is not under the system call filter") {
		t.Errorf("%v", err)
	}
	if err := Confirm(t.TempDir()); err == nil {
		t.Error("no /proc, and confirmed")
	}
	status := func(seccomp, nnp string) string {
		return tree(t, map[string]string{"self/task/1/status": "Name:\tx\nNoNewPrivs:\t1\nSeccomp:\t2\nx\n", "self/task/2/status": "Name:\tx\nNoNewPrivs:\t" + nnp + "\nSeccomp:\t" + seccomp + "\nx\n"})
	}
	for _, mode := range []string{"2", "3"} { // 3: the filter has just killed it, and the process is about to end
		if err := Confirm(status(mode, "1")); err != nil {
			t.Error(err)
		}
	}
	for _, c := range [][2]string{{"0", "1"}, {"1", "1"}, {"2", "0"}} {
		if Confirm(status(c[0], c[1])) == nil {
			t.Errorf("a thread with %v is confirmed", c)
		}
	}
}

func TestAttributes(t *testing.T) {
	var last uint64
	for version := uintptr(1); version <= 8; version++ {
		a, size := abi(version)
		if a.files < last || size != 8 && size != 16 && size != 24 || a.files>>16 != 0 {
			t.Errorf("version %d: %+v, %d bytes", version, a, size)
		}
		last = a.files
	}
	if a, size := abi(7); a.files != 1<<16-1 || a.network != 3 || a.scope != 3 || size != 24 {
		t.Errorf("%+v, %d", a, size)
	}
}

func TestPlaces(t *testing.T) {
	if got := fmt.Sprint(Reads("", "-", "a"), Writes("", "-", "b", "c/d", "/e/")); got != "[{a false}] [{. true} {c true} {/ true}]" {
		t.Error(got)
	}
}

// What the camera asks passes, and nothing else of its type.
func TestCameraPasses(t *testing.T) {
	asked := camera.Controls()
	if len(asked) < 9 {
		t.Fatalf("%d requests", len(asked))
	}
	for arch, table := range machines() {
		p := table.filter(1)
		for _, n := range asked {
			if judge(t, p, data{number: table.ioctl, arch: table.arch, args: [6]uint64{3, uint64(n)}}) != allow {
				t.Errorf("%s: request %#x of the camera kills", arch, n)
			}
		}
		for n := range uint64(0x10000) {
			if judge(t, p, data{number: table.ioctl, arch: table.arch, args: [6]uint64{3, n}}) == allow && !slices.Contains(controls(), uint32(n)) {
				t.Errorf("%s: request %#x passes", arch, n)
			}
		}
	}
}
