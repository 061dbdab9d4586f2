package airgap

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a program on a pseudo-terminal, with a person at it.
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	more   chan []byte // what the program wrote, closed at its end
	screen []byte      // all of it
	seen   int         // up to where the person has read
	late   *time.Timer
}

func openPTY() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	raw, err := master.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	var n int
	var ioctl error
	err = raw.Control(func(fd uintptr) {
		if ioctl = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); ioctl == nil {
			n, ioctl = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err = errors.Join(err, ioctl); err != nil {
		return nil, nil, err
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	return master, slave, err
}

// seat gives cmd a terminal; begin starts it.
func seat(t *testing.T, cmd *exec.Cmd, begin func() error) *terminal {
	t.Helper()
	master, slave, err := openPTY()
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	x := &terminal{t: t, master: master, cmd: cmd, more: make(chan []byte, 1024)}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	x.late = time.AfterFunc(patience, func() { cmd.Process.Kill() })
	go func() {
		defer close(x.more)
		for {
			b := make([]byte, 4096)
			n, err := master.Read(b)
			if n > 0 {
				x.more <- b[:n]
			}
			if err != nil {
				return // EIO: the program has gone
			}
		}
	}()
	t.Cleanup(func() { x.late.Stop(); master.Close() })
	return x
}

// reads waits until text stands on the screen, after what was read before.
func (x *terminal) reads(text string) {
	x.t.Helper()
	for {
		if i := bytes.Index(x.screen[x.seen:], []byte(text)); i >= 0 {
			x.seen += i + len(text)
			return
		}
		b, ok := <-x.more
		if !ok {
			x.t.Fatalf("ended, or waited in vain, without %q:\n%s", text, x.screen)
		}
		x.screen = append(x.screen, b...)
	}
}

func (x *terminal) types(text string) {
	x.t.Helper()
	if _, err := x.master.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// rest is what is shown after that which was read, until the program has gone.
func (x *terminal) rest() string {
	x.t.Helper()
	for b := range x.more {
		x.screen = append(x.screen, b...)
	}
	if !x.late.Stop() {
		x.t.Fatalf("it hangs:\n%s", x.screen)
	}
	return string(x.screen[x.seen:])
}

// ends waits for the end.
func (x *terminal) ends() result {
	x.t.Helper()
	out := x.rest()
	_ = x.cmd.Wait()
	return ended(x.cmd.ProcessState, out, "")
}
