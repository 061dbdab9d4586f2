package screen

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"coldsign/shared/fault"
	"coldsign/shared/frame/qr"
)

func openPTY(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	var ioctl error
	err = raw.Control(func(fd uintptr) {
		if ioctl = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); ioctl == nil {
			n, ioctl = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
		if ioctl == nil {
			ioctl = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 60, Col: 120})
		}
	})
	if err := errors.Join(err, ioctl); err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close(); master.Close() })
	return master, slave
}

// output is what a program has written to a terminal.
type output struct {
	mu sync.Mutex
	b  []byte
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.b = append(o.b, b...)
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.b)
}

// waits until the output holds text.
func (o *output) waits(t *testing.T, text string) {
	t.Helper()
	late := time.Now().Add(20 * time.Second)
	for !strings.Contains(o.String(), text) {
		if time.Now().After(late) {
			t.Fatalf("waited in vain for %q", text)
		}
		time.Sleep(time.Millisecond)
	}
}

// However playing ends, the terminal is as it was, and takes what is typed next.
func TestTerminalIsGivenBack(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		keys, graphics string
		fails          func()
		ends           func(err error) bool
	}{
		"q":       {keys: "q", ends: func(err error) bool { return err == nil }},
		"kitty":   {keys: "q", graphics: "kitty", ends: func(err error) bool { return err == nil }},
		"escape":  {keys: "\x1b", ends: func(err error) bool { return err == nil }},
		"ctrl-c":  {keys: "\x03", ends: func(err error) bool { return err == nil }},
		"context": {ends: func(err error) bool { return errors.Is(err, context.Canceled) }},
		"panic":   {fails: func() { panic(broken) }, ends: func(err error) bool { return err == broken }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			master, slave := openPTY(t)
			var shown output
			drained := make(chan struct{})
			go func() {
				defer close(drained)
				b := make([]byte, 4096)
				for {
					n, err := master.Read(b)
					shown.Write(b[:n])
					if err != nil {
						return
					}
				}
			}()
			before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p := Player{
				In: slave, Out: slave, Version: 10, PerSecond: 20, Graphics: c.graphics,
				Size: func() (int, int, error) { return term.GetSize(int(slave.Fd())) },
				Make: func(version int) (func(uint64) (qr.Matrix, error), uint64, int, error) {
					return func(n uint64) (qr.Matrix, error) {
						if n == 2 && c.fails != nil {
							c.fails()
						}
						m, _ := symbol(t, version, int(n))
						return m, nil
					}, 3, version, nil
				},
			}
			ended := make(chan error, 1)
			go func() {
				defer func() {
					if r := recover(); r != nil {
						ended <- r.(error)
					}
				}()
				ended <- p.Play(ctx)
			}()
			if shown.waits(t, "frame 2 of 3"); c.fails == nil {
				shown.waits(t, "frame 3 of 3")
				during, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
				if err != nil || *during == *before {
					t.Errorf("the terminal echoes keys: %v", err)
				}
			}
			if c.keys == "" && c.fails == nil {
				cancel()
			} else if _, err := master.WriteString(c.keys); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				if !c.ends(err) {
					t.Error(err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("does not end")
			}
			after, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
			if err != nil || *after != *before {
				t.Errorf("the terminal is %v, was %v: %v", after, before, err)
			}
			if _, err := master.WriteString("to the shell\n"); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 100)
			if n, err := slave.Read(b); err != nil || string(b[:n]) != "to the shell\n" {
				t.Errorf("what is typed next reads %q: %v", b[:n], err)
			}
			shown.waits(t, "to the shell\r\n")
			slave.Close()
			<-drained
			v := newVT(t, 120, 60)
			v.write(shown.String())
			if v.line(0) != "to the shell" || v.modes[1049] || v.modes[2026] || !v.modes[25] || v.pen != blank {
				t.Errorf("the screen shows %q in the modes %v", v.line(0), v.modes)
			}
			if c.graphics == "kitty" && v.pictures[len(v.pictures)-1]+"\x1b\\" != kittyClear[1:] {
				t.Error("a picture stays")
			}
		})
	}
}

func TestNoTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var shown output
	p := Player{In: r, Out: &shown}
	if err := p.Play(t.Context()); !fault.Is(err, "show.terminal") || shown.String() != "" {
		t.Errorf("%v, and %q is shown", err, shown.String())
	}
}

// A terminal that goes away ends the player.
func TestHangUp(t *testing.T) {
	master, slave := openPTY(t)
	p := Player{
		In: slave, Out: &output{}, Version: 10, PerSecond: 1,
		Size: func() (int, int, error) { return 120, 60, nil },
		Make: func(version int) (func(uint64) (qr.Matrix, error), uint64, int, error) {
			return func(n uint64) (qr.Matrix, error) {
				master.Close()
				m, _ := symbol(t, version, 0)
				return m, nil
			}, 1, version, nil
		},
	}
	if err := p.Play(t.Context()); !fault.Is(err, "show.terminal") {
		t.Error(err)
	}
}

// On a slow line the parts of a key come one by one: the first is no escape key.
func TestKeyInParts(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0) // which keeps the parts apart
	if err != nil {
		t.Fatal(err)
	}
	in, line := os.NewFile(uintptr(fds[0]), "in"), os.NewFile(uintptr(fds[1]), "line")
	defer in.Close()
	defer line.Close()
	for _, c := range []struct {
		parts []string
		want  string
	}{{[]string{"\x1b", "[C"}, "\x1b[C"}, {[]string{"\x1b"}, "\x1b"}, {[]string{"+-"}, "+-"}, {nil, ""}} {
		for _, part := range c.parts {
			if _, err := line.WriteString(part); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := Typed(in, time.Millisecond); string(got) != c.want || err != nil {
			t.Errorf("%q reads %q: %v", c.parts, got, err)
		}
	}
}

// A signal, such as that of a new size, is no key and no error.
func TestSignal(t *testing.T) {
	_, slave := openPTY(t)
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGWINCH)
	defer signal.Stop(c)
	thread, ended := make(chan int, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread <- unix.Gettid()
		b, err := Typed(slave, time.Minute)
		if len(b) > 0 {
			err = fmt.Errorf("reads %q", b)
		}
		ended <- err
	}()
	id := <-thread
	for late := time.Now().Add(20 * time.Second); time.Now().Before(late); time.Sleep(time.Millisecond) {
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		default:
			if err := unix.Tgkill(os.Getpid(), id, unix.SIGWINCH); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Error("keys are waited for whatever happens")
}
