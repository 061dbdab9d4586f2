// Package tamper runs a program under ptrace(2) and stands between it and the
// kernel, to prove from outside what a release binary does when it is attacked:
//
//	r, err := tamper.Run(ctx, tamper.Plan{
//		Cmd:     exec.Command("coldsign-offline", "selftest"),
//		Provoke: &tamper.Provoke{Call: "socket", Thread: tamper.Old},
//	})
//	// r.Signal == "SIGSYS": the filter killed it
//
// It makes a thread call what it never would (Provoke), has calls lie or fail
// (Fake), and counts and lists all calls. The binary is not changed for it, and
// needs no hook. It works on linux/amd64.
package tamper

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Plan says what to run and what to do to it.
type Plan struct {
	// Cmd is the program, not started. It becomes the leader of a process group of
	// its own, and is killed when the tracer ends.
	Cmd     *exec.Cmd
	Provoke *Provoke
	Fakes   []Fake
	// NoVDSO hides the kernel's code in user space, so that the clock and the
	// random source that are read there become system calls.
	NoVDSO bool
	// Started is told the process id once it runs; nil for nobody.
	Started func(pid int)
	// Log gets "THREAD NAME" for each system call, and the counts at the end.
	Log io.Writer
}

// Thread is a kind of thread of a program.
type Thread string

// The kinds of threads. A thread is old when it was there before the program
// installed its seccomp filter, and new when it came after.
const (
	Any  Thread = ""
	Main Thread = "main"
	Old  Thread = "old" // but not the main thread
	New  Thread = "new"
)

// Provoke puts one forbidden call in the place of another, once the program has
// installed a seccomp filter. The filter sees it after we changed it. If the call
// returns, the call that was there first is made after it.
type Provoke struct {
	Call   string // a name, "x32:" and a name, or a number
	Thread Thread
	After  int // how many calls of such threads to leave alone first
	// Armed holds the provocation back until it is closed; nil for at once.
	Armed <-chan struct{}
	// NoFilter provokes from the start, in programs that have no filter.
	NoFilter bool
}

// Way is how a call is faked.
type Way string

// The ways. All but Fail are for getrandom and read, which fill a buffer.
const (
	Fail     Way = "fail"     // the call does nothing and returns an error
	Short    Way = "short"    // it gives one byte less than asked for, but one at least
	Zero     Way = "zero"     // it says it filled the buffer, and left it as it was
	Constant Way = "constant" // it fills the buffer with one byte, over and over
)

// Fake makes a call lie. The zero From is the first call of that name.
type Fake struct {
	Call  string
	Way   Way
	Errno syscall.Errno // of Fail
	From  int           // which call of that name, from 1 on, is the first to be faked
	// Walled counts and fakes only calls that come after the program's filter.
	Walled bool
}

// ParseFake reads CALL=short, CALL=zero, CALL=constant or CALL=fail:ERRNO.
func ParseFake(text string) (Fake, error) {
	call, way, found := strings.Cut(text, "=")
	f := Fake{Call: call, Way: Way(way)}
	if _, err := Number(call); err != nil || !found {
		return f, fmt.Errorf("%q is not CALL=WAY", text)
	}
	switch f.Way {
	case Short, Zero, Constant:
		if _, _, ok := buffer(call); !ok {
			return f, fmt.Errorf("%s fills no buffer: it can only fail", call)
		}
		return f, nil
	}
	name, ok := strings.CutPrefix(way, "fail:")
	if !ok {
		return f, fmt.Errorf("%q is no way to fake a call: use short, zero, constant or fail:ERRNO", way)
	}
	f.Way = Fail
	if name == "EOPNOTSUPP" {
		name = "ENOTSUP" // one number with two names
	}
	for e := syscall.Errno(1); e < maxErrno; e++ {
		if unix.ErrnoName(e) == name {
			f.Errno = e
			return f, nil
		}
	}
	return f, fmt.Errorf("no error %q", name)
}

// maxErrno is above every error that the kernel gives a program.
const maxErrno = 134

// buffer tells which arguments of a call are its buffer and its length.
func buffer(call string) (at, length int, ok bool) {
	switch call {
	case "getrandom":
		return 0, 1, true
	case "read":
		return 1, 2, true
	}
	return 0, 0, false
}

// Report is what happened.
type Report struct {
	Status   int            `json:"status"`             // exit status, -1 when a signal ended it
	Signal   string         `json:"signal,omitempty"`   // the signal that ended it, e.g. "SIGSYS"
	Filtered bool           `json:"filtered"`           // a seccomp filter was installed
	Threads  int            `json:"threads"`            // how many there were, all told
	Calls    map[string]int `json:"calls"`              // by name, as the program made them
	Faked    int            `json:"faked"`              // calls that lied
	Provoked *Provoked      `json:"provoked,omitempty"` // nil when nothing was provoked
}

// Provoked is what came of a provocation.
type Provoked struct {
	Call     string `json:"call"`
	Thread   int    `json:"thread"`
	Returned bool   `json:"returned"` // the kernel let it through to the call itself
	Result   int64  `json:"result"`   // what it returned then
}

// Total is the number of all system calls.
func (r Report) Total() (n int) {
	for _, c := range r.Calls {
		n += c
	}
	return n
}

// String tells the report on one line.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ended with status %d", r.Status)
	if r.Signal != "" {
		b.Reset()
		fmt.Fprintf(&b, "killed by %s", r.Signal)
	}
	fmt.Fprintf(&b, " after %d system calls in %d threads", r.Total(), r.Threads)
	if !r.Filtered {
		b.WriteString("; no seccomp filter")
	}
	if r.Faked > 0 {
		fmt.Fprintf(&b, "; %d faked", r.Faked)
	}
	if p := r.Provoked; p != nil && p.Returned {
		fmt.Fprintf(&b, "; %s provoked in thread %d returned %d", p.Call, p.Thread, p.Result)
	} else if p != nil {
		fmt.Fprintf(&b, "; %s provoked in thread %d never returned", p.Call, p.Thread)
	}
	return b.String()
}

// check finds mistakes in a plan before anything is started.
func (p *Plan) check() error {
	if p.Cmd == nil {
		return errors.New("no program to run")
	}
	if p.Provoke != nil {
		if _, err := Number(p.Provoke.Call); err != nil {
			return err
		}
		switch p.Provoke.Thread {
		case Any, Main, Old, New:
		default:
			return fmt.Errorf("no kind of thread is called %q: main, old or new", p.Provoke.Thread)
		}
	}
	for _, f := range p.Fakes {
		if _, err := Number(f.Call); err != nil {
			return err
		}
		if _, _, ok := buffer(f.Call); !ok && f.Way != Fail {
			return fmt.Errorf("%s fills no buffer: it can only fail", f.Call)
		}
	}
	return nil
}
