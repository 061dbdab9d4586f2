package tamper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// change ends a call that was changed at its entry: it is told what the call
// returned and sets what the program is to see.
type change func(result int64) error

// replacement is what is called where a call must do nothing: every filter lets
// getpid pass, since Go's runtime needs it to signal its threads.
const replacement = unix.SYS_GETPID

// kind tells whether the provocation is meant for threads like th.
func (t *tracer) kind(th *thread) bool {
	switch t.plan.Provoke.Thread {
	case Main:
		return th.id == t.pid
	case Old:
		return th.old && th.id != t.pid
	case New:
		return !th.old && th.id != t.pid
	}
	return true
}

// wanted tells whether the provocation comes now, in the place of th's call.
func (t *tracer) wanted(th *thread) bool {
	p := t.plan.Provoke
	if p == nil || t.report.Provoked != nil || !t.report.Filtered && !p.NoFilter || !t.kind(th) {
		return false
	}
	if p.Armed != nil {
		select {
		case <-p.Armed:
		default:
			return false
		}
	}
	if t.left > 0 {
		t.left--
		return false
	}
	return true
}

// provoke puts the forbidden call in the place of the one that th makes.
func (t *tracer) provoke(th *thread) error {
	n, err := Number(t.plan.Provoke.Call)
	if err != nil {
		return err
	}
	t.report.Provoked = &Provoked{Call: t.plan.Provoke.Call, Thread: th.id}
	return t.replace(th, n, func(r *regs) { r.Rdi, r.Rsi, r.Rdx, r.R10 = arguments(n) }, func(result int64, r *regs) {
		p := t.report.Provoked
		p.Returned, p.Result = true, result
		// Back before the instruction, with the first call's number.
		r.Rip -= 2
		r.Rax = r.Orig_rax
		r.Orig_rax = ^uint64(0)
	})
}

// arguments are some with which a call does its work, were it let through.
func arguments(n uint64) (a, b, c, d uint64) {
	switch n &^ x32 {
	case unix.SYS_SOCKET:
		return unix.AF_INET, unix.SOCK_STREAM, 0, 0
	case unix.SYS_SOCKETPAIR:
		return unix.AF_UNIX, unix.SOCK_STREAM, 0, 0
	case unix.SYS_IO_URING_SETUP:
		return 1, 0, 0, 0
	}
	return 0, 0, 0, 0
}

// replace changes number and arguments of the call that th enters. When it
// returns, the registers are again what they were, and seen sets the result.
func (t *tracer) replace(th *thread, n uint64, args func(*regs), seen func(int64, *regs)) error {
	if err := unix.PtraceGetRegs(th.id, &th.saved); err != nil {
		return err
	}
	r := th.saved
	r.Orig_rax = n
	args(&r)
	th.undo = func(result int64) error {
		r := th.saved
		seen(result, &r)
		return unix.PtraceSetRegs(th.id, &r)
	}
	return unix.PtraceSetRegs(th.id, &r)
}

// fake has the call lie if the plan says so.
func (t *tracer) fake(th *thread, name string) error {
	var plan *Fake
	for i := range t.plan.Fakes {
		if t.plan.Fakes[i].Call == name {
			plan = &t.plan.Fakes[i]
		}
	}
	if plan == nil || plan.Walled && !t.report.Filtered {
		return nil
	}
	t.seen[name]++
	if t.seen[name] < plan.From {
		return nil
	}
	t.report.Faked++
	at, length, _ := buffer(name)
	switch plan.Way {
	case Fail:
		return t.replace(th, replacement, func(*regs) {}, func(_ int64, r *regs) { r.Rax = -uint64(plan.Errno) })
	case Short:
		return t.replace(th, th.call, func(r *regs) { argument(r, length, max(argument(r, length), 2)-1) },
			func(result int64, r *regs) { r.Rax = uint64(result) })
	case Zero, Constant:
		// Asked for nothing, the call itself does nothing, and passes every filter
		// that lets the call pass.
		err := t.replace(th, th.call, func(r *regs) { argument(r, length, 0) },
			func(_ int64, r *regs) { r.Rax = argument(r, length) })
		if err != nil || plan.Way == Zero {
			return err
		}
		return poke(th.id, uintptr(argument(&th.saved, at)), bytes.Repeat([]byte{0x5a}, int(argument(&th.saved, length))))
	}
	return fmt.Errorf("no way to fake a call is called %q", plan.Way)
}

// argument gives argument i, from 0 on, of a call, and sets it first if there is
// something to set.
func argument(r *regs, i int, set ...uint64) uint64 {
	at := []*uint64{&r.Rdi, &r.Rsi, &r.Rdx, &r.R10, &r.R8, &r.R9}[i]
	for _, v := range set {
		*at = v
	}
	return *at
}

func poke(tid int, at uintptr, b []byte) error {
	if _, err := unix.PtracePokeData(tid, at, b); err != nil {
		return fmt.Errorf("cannot write into the program's memory (it needs root where the program forbids dumps): %w", err)
	}
	return nil
}

// hideVDSO takes the address of the kernel's user-space code out of what the
// kernel tells a program that has just been started.
func hideVDSO(pid int) error {
	const word, tagVDSO, tagIgnore = 8, 33, 1
	var r regs
	if err := unix.PtraceGetRegs(pid, &r); err != nil {
		return err
	}
	at := uintptr(r.Rsp)
	next := func() (uint64, error) {
		var b [word]byte
		_, err := unix.PtracePeekData(pid, at, b[:])
		at += word
		return binary.NativeEndian.Uint64(b[:]), err
	}
	// The stack holds argc, argv, 0, the environment, 0, then pairs up to a tag 0.
	if _, err := next(); err != nil {
		return err
	}
	for range 2 {
		for v := uint64(1); v != 0; {
			var err error
			if v, err = next(); err != nil {
				return err
			}
		}
	}
	for {
		tag, err := next()
		if err != nil {
			return err
		}
		switch tag {
		case 0:
			return errors.New("the kernel gives the program no vDSO")
		case tagVDSO:
			return poke(pid, at-word, binary.NativeEndian.AppendUint64(nil, tagIgnore))
		}
		if _, err := next(); err != nil {
			return err
		}
	}
}
