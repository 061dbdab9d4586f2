package airgap

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// trace is what strace saw of one or more programs.
type trace struct {
	runs    int            // programs that were started
	threads map[string]int // calls by thread
	calls   map[string]int // by name
	bad     []string       // calls that reach out of the process
}

func newTrace() *trace { return &trace{threads: map[string]int{}, calls: map[string]int{}} }

// entered is a call in strace's list; what is resumed was entered before.
var entered = regexp.MustCompile(`^([0-9]+) +([a-z0-9_]+)\((.*)`)

// reaches names the calls that no part of the offline half makes: sockets, other
// programs, other processes' memory, and ways around filters.
func reaches() []string {
	return strings.Fields(`socket socketpair connect bind listen accept accept4 sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg
		shutdown getsockname getpeername setsockopt getsockopt
		execveat fork vfork clone3 ptrace bpf io_uring_setup io_uring_enter io_uring_register
		process_vm_readv process_vm_writev process_madvise pidfd_open pidfd_getfd pidfd_send_signal kcmp
		userfaultfd perf_event_open add_key request_key keyctl init_module finit_module kexec_load
		mount umount2 unshare setns chroot pivot_root`)
}

// read adds the list of one program, started once.
func (x *trace) read(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	execs := 0
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := entered.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		name := m[2]
		x.threads[m[1]]++
		x.calls[name]++
		switch {
		case name == "execve":
			if execs++; execs > 1 {
				x.bad = append(x.bad, lines.Text())
			}
		case slices.Contains(reaches(), name), strings.HasPrefix(name, "syscall_"),
			name == "clone" && !strings.Contains(m[3], "CLONE_THREAD"):
			x.bad = append(x.bad, lines.Text())
		}
	}
	if execs == 0 {
		return fmt.Errorf("%s: strace saw no program start:\n%.300s", file, b)
	}
	x.runs++
	return lines.Err()
}

// total counts all calls.
func (x *trace) total() (n int) {
	for _, c := range x.calls {
		n += c
	}
	return n
}

// String is a summary: calls by how often they were made.
func (x *trace) String() string {
	names := slices.SortedFunc(maps.Keys(x.calls), func(a, b string) int {
		if d := x.calls[b] - x.calls[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, x.calls[name])
	}
	return fmt.Sprintf("%d programs, %d threads, %d system calls of %d kinds, %d that reach out: %s",
		x.runs, len(x.threads), x.total(), len(names), len(x.bad), strings.Join(names, ", "))
}

// under puts strace in front of a command; its list goes to file. Two dashes end
// strace's own flags.
func under(file string, cmd *exec.Cmd) *exec.Cmd {
	return before(cmd, "strace", "-f", "-qq", "-o", file, "--")
}

// before puts words in front of a command.
func before(cmd *exec.Cmd, words ...string) *exec.Cmd {
	x := exec.Command(words[0], append(append(words[1:], cmd.Path), cmd.Args[1:]...)...)
	x.Dir, x.Env, x.Stdin, x.ExtraFiles, x.SysProcAttr = cmd.Dir, cmd.Env, cmd.Stdin, cmd.ExtraFiles, cmd.SysProcAttr
	return x
}

// A check that cannot fail is worth nothing: programs that do what must not be
// done are caught by it.
func TestStraceSeesSocketsAndPrograms(t *testing.T) {
	needs(t, "strace")
	for _, c := range []struct{ plant, call string }{{"socket", "socket("}, {"exec", "execve("}} {
		t.Run(c.plant, func(t *testing.T) {
			t.Parallel()
			list := filepath.Join(t.TempDir(), "strace")
			if r := ends(t, under(list, planted(t, c.plant))); r.status != 0 {
				t.Fatal(r)
			}
			found(t, list, c.call)
		})
	}
	t.Run("online half", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		list := filepath.Join(dir, "strace")
		cmd := exec.Command(programs.Online, "serve", "--listen", "127.0.0.1:0", "--home", "online")
		cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir}
		cmd = under(list, cmd)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		late := time.AfterFunc(patience, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		defer late.Stop()
		line, _ := bufio.NewReader(out).ReadString('\n')
		// strace passes the signal on, since it is sent to the group.
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
		if !strings.HasPrefix(line, "listening on ") {
			t.Fatalf("serve says %q", line)
		}
		found(t, list, "socket(")
		found(t, list, "listen(")
	})
}

// found wants a list to hold a call that reaches out.
func found(t *testing.T, list, call string) {
	t.Helper()
	x := newTrace()
	if err := x.read(list); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(x.bad, func(line string) bool { return strings.Contains(line, call) }) {
		t.Errorf("%s was not seen: %s", call, x)
	}
}

func TestTraceIsReadAsStraceWritesIt(t *testing.T) {
	list := filepath.Join(t.TempDir(), "strace")
	if err := os.WriteFile(list, []byte(`10    execve("./a", ["a"], 0x7ffd /* 3 vars */) = 0
10    clone(child_stack=0xc0, flags=CLONE_VM|CLONE_THREAD|CLONE_SYSVSEM <unfinished ...>
11    read(0,  <unfinished ...>
10    <... clone resumed>) = 11
11    <... read resumed>"socket(1)", 9) = 9
10    --- SIGURG {si_signo=SIGURG, si_code=SI_TKILL} ---
11    syscall_0x29(0x2, 0x1, 0) = -1 ENOSYS (Function not implemented)
11    clone(child_stack=NULL, flags=SIGCHLD) = 12
10    exit_group(0) = ?
11    +++ exited with 0 +++
`), 0o600); err != nil {
		t.Fatal(err)
	}
	x := newTrace()
	if err := x.read(list); err != nil {
		t.Fatal(err)
	}
	if x.total() != 6 || len(x.threads) != 2 || x.calls["clone"] != 2 || len(x.bad) != 2 {
		t.Errorf("read %s: %q", x, x.bad)
	}
	if err := os.WriteFile(list, []byte("strace: cannot attach\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := x.read(list); err == nil {
		t.Error("a list without a program was taken")
	}
}
