package tamper

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// syscallStop is the signal number of a stop at a system call.
const syscallStop = syscall.Signal(unix.SIGTRAP | 0x80)

// thread is one thread of the program.
type thread struct {
	id      int
	old     bool // there before the filter
	fresh   bool // its first stop, by SIGSTOP, is still to come
	early   bool // its next stop may have begun before the filter was there
	call    uint64
	install bool   // the call it is in installs a filter
	saved   regs   // as they were at the entry of a call that was changed
	undo    change // what was done to the call it is in
}

type regs = unix.PtraceRegs

// tracer follows one program.
type tracer struct {
	plan    *Plan
	pid     int
	threads map[int]*thread
	report  Report
	names   map[uint64]string
	seen    map[string]int // calls of those that are faked
	left    int            // calls to leave alone before the provocation
	log     *bufio.Writer
	err     error // why the program was killed
}

// Run starts the program, follows it to its end and tells what happened. When ctx
// ends the program is killed, and the report holds what was seen until then.
func Run(ctx context.Context, p Plan) (Report, error) {
	if err := p.check(); err != nil {
		return Report{}, err
	}
	var report Report
	done := make(chan error, 1)
	go func() {
		// All ptrace requests come from the thread that started the program. It
		// is thrown away with this goroutine.
		runtime.LockOSThread()
		t := newTracer(&p)
		err := t.run(ctx)
		report = t.report
		done <- err
	}()
	err := <-done
	return report, err
}

func newTracer(p *Plan) *tracer {
	t := &tracer{plan: p, threads: map[int]*thread{}, names: map[uint64]string{}, seen: map[string]int{}}
	t.report = Report{Status: -1, Calls: map[string]int{}}
	if p.Provoke != nil {
		t.left = p.Provoke.After
	}
	out := p.Log
	if out == nil {
		out = io.Discard
	}
	t.log = bufio.NewWriter(out)
	return t
}

func (t *tracer) run(ctx context.Context) error {
	cmd := t.plan.Cmd
	attr := syscall.SysProcAttr{}
	if cmd.SysProcAttr != nil {
		attr = *cmd.SysProcAttr
	}
	attr.Ptrace = true
	// Waiting for a process group takes nothing from others in this process who
	// wait for their children.
	attr.Setpgid = !attr.Setsid
	cmd.SysProcAttr = &attr
	if err := cmd.Start(); err != nil {
		return err
	}
	t.pid = cmd.Process.Pid
	t.threads[t.pid] = &thread{id: t.pid}
	t.report.Threads = 1
	var alive sync.Mutex
	ended := false
	stop := context.AfterFunc(ctx, func() {
		alive.Lock()
		defer alive.Unlock()
		if !ended {
			syscall.Kill(-t.pid, syscall.SIGKILL) //nolint:errcheck // it may have ended
		}
	})
	defer stop()
	err := t.first()
	if err == nil {
		if t.plan.Started != nil {
			t.plan.Started(t.pid)
		}
		err = t.follow()
	} else {
		syscall.Kill(t.pid, syscall.SIGKILL) //nolint:errcheck // as above
	}
	alive.Lock()
	ended = true
	alive.Unlock()
	// The process is gone; this closes the pipes and waits for those who copy.
	cmd.Wait() //nolint:errcheck // how it ended is known
	return errors.Join(err, t.err, ctx.Err(), t.writeCounts())
}

// first takes the stop at the program's execve and sets what is to be reported.
func (t *tracer) first() error {
	var ws syscall.WaitStatus
	if _, err := wait(t.pid, &ws); err != nil {
		return err
	}
	if !ws.Stopped() {
		return fmt.Errorf("the program did not start: status %#x", uint32(ws))
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
		unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(t.pid, options); err != nil {
		return fmt.Errorf("PTRACE_SETOPTIONS: %w", err)
	}
	if t.plan.NoVDSO {
		if err := hideVDSO(t.pid); err != nil {
			return err
		}
	}
	return unix.PtraceSyscall(t.pid, 0)
}

// wait waits for a process, or for a group with a negative number, and goes on
// when a signal comes in between.
func wait(pid int, ws *syscall.WaitStatus) (int, error) {
	for {
		tid, err := syscall.Wait4(pid, ws, unix.WALL, nil)
		if err != syscall.EINTR {
			return tid, err
		}
	}
}

// follow handles stops until the program has ended. Requests to a thread that was
// killed in between fail with ESRCH, and its end is the next thing to be heard.
func (t *tracer) follow() error {
	for {
		var ws syscall.WaitStatus
		tid, err := wait(-t.pid, &ws)
		if err != nil {
			return fmt.Errorf("lost the program: %w", err)
		}
		if ws.Exited() || ws.Signaled() {
			delete(t.threads, tid)
			if tid == t.pid {
				t.end(ws)
				return nil
			}
			continue
		}
		deliver, err := t.stopped(t.thread(tid), ws)
		if err == nil {
			err = unix.PtraceSyscall(tid, int(deliver))
		}
		if err != nil && err != syscall.ESRCH {
			t.abort(fmt.Errorf("thread %d: %w", tid, err))
		}
	}
}

// abort kills the program; the first reason is kept.
func (t *tracer) abort(err error) {
	if t.err == nil {
		t.err = err
	}
	syscall.Kill(-t.pid, syscall.SIGKILL) //nolint:errcheck // it may have ended
}

func (t *tracer) end(ws syscall.WaitStatus) {
	if ws.Exited() {
		t.report.Status = ws.ExitStatus()
		return
	}
	t.report.Signal = unix.SignalName(ws.Signal())
	// Before it kills, the kernel puts the number back where results stand.
	if p := t.report.Provoked; p != nil && ws.Signal() == syscall.SIGSYS {
		p.Returned, p.Result = false, 0
	}
}

// thread finds a thread, or notes one that is seen for the first time.
func (t *tracer) thread(id int) *thread {
	th := t.threads[id]
	if th == nil {
		th = &thread{id: id, old: !t.report.Filtered, fresh: true}
		t.threads[id] = th
		t.report.Threads++
	}
	return th
}

// stopped handles one stop and says which signal to deliver.
func (t *tracer) stopped(th *thread, ws syscall.WaitStatus) (syscall.Signal, error) {
	sig, early := ws.StopSignal(), th.early
	th.early = false
	switch {
	case sig == syscallStop:
		return 0, t.syscall(th, early)
	case sig == syscall.SIGTRAP && ws.TrapCause() > 0:
		switch ws.TrapCause() {
		case unix.PTRACE_EVENT_CLONE, unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_VFORK:
			id, err := unix.PtraceGetEventMsg(th.id)
			if err != nil {
				return 0, err
			}
			t.thread(int(id))
		}
		return 0, nil
	case sig == syscall.SIGSTOP && th.fresh:
		th.fresh = false
		return 0, nil
	}
	return sig, nil
}

// info is struct ptrace_syscall_info of ptrace(2).
type info struct {
	op    uint8
	_     [3]uint8
	_     uint32 // architecture
	_, _  uint64 // instruction and stack pointer
	value uint64 // entry: the number; exit: what is returned
	args  [6]uint64
	_     uint64
}

const (
	opEntry = 1
	opExit  = 2
)

func inspect(tid int) (info, error) {
	var i info
	_, _, e := syscall.RawSyscall6(syscall.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid), unsafe.Sizeof(i), uintptr(unsafe.Pointer(&i)), 0, 0)
	if e != 0 {
		return i, e
	}
	return i, nil
}

func (t *tracer) syscall(th *thread, early bool) error {
	i, err := inspect(th.id)
	if err != nil {
		return err
	}
	switch i.op {
	case opEntry:
		return t.entry(th, i, early)
	case opExit:
		return t.exit(th, int64(i.value))
	}
	return nil
}

func (t *tracer) entry(th *thread, i info, early bool) error {
	// The kernel looks at the low half of the number only.
	th.call = uint64(uint32(i.value))
	name, ok := t.names[th.call]
	if !ok {
		name = Name(th.call)
		t.names[th.call] = name
	}
	t.report.Calls[name]++
	fmt.Fprintln(t.log, th.id, name)
	const setModeFilter, modeFilter = 1, 2
	th.install = th.call == unix.SYS_SECCOMP && i.args[0] == setModeFilter ||
		th.call == unix.SYS_PRCTL && i.args[0] == unix.PR_SET_SECCOMP && i.args[1] == modeFilter
	// The kernel decides before the stop whether it will ask a filter.
	if !early && t.wanted(th) {
		return t.provoke(th)
	}
	return t.fake(th, name)
}

func (t *tracer) exit(th *thread, result int64) error {
	if th.install && th.undo == nil && result == 0 && !t.report.Filtered {
		t.report.Filtered = true
		for _, other := range t.threads {
			other.early = other != th
		}
		t.wake()
	}
	if th.undo == nil {
		return nil
	}
	undo := th.undo
	th.undo = nil
	return undo(result)
}

// wake makes threads that sleep in a call come out of it, so that they make
// another one. SIGURG is nothing to a program that does not ask for it, and to
// those written in Go it comes all the time.
func (t *tracer) wake() {
	if t.plan.Provoke == nil {
		return
	}
	for id, th := range t.threads {
		if t.kind(th) {
			unix.Tgkill(t.pid, id, unix.SIGURG) //nolint:errcheck // it may have ended
		}
	}
}

// writeCounts writes how often each call was made.
func (t *tracer) writeCounts() error {
	names := slices.SortedFunc(maps.Keys(t.report.Calls), func(a, b string) int {
		if d := t.report.Calls[b] - t.report.Calls[a]; d != 0 {
			return d
		}
		return slices.Compare([]byte(a), []byte(b))
	})
	fmt.Fprintf(t.log, "\n%d system calls in %d threads\n", t.report.Total(), t.report.Threads)
	for _, name := range names {
		fmt.Fprintf(t.log, "%8d %s\n", t.report.Calls[name], name)
	}
	return t.log.Flush()
}
