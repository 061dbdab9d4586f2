package console

import (
	"os"
	"os/signal"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// dropTyped forgets what was typed before the question.
func dropTyped(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }

// undo is what a signal that ends the program must not leave behind: an echo that is
// off, a secret on the screen. The zero value is ready.
type undo struct {
	sync.Mutex // who writes a secret to the screen holds it
	list       []func()
	over       func()
}

// push has f run when a signal ends the program, before those that were pushed
// earlier. What it gives runs f and forgets it, the latest first.
func (u *undo) push(f func()) (pop func()) {
	u.Lock()
	defer u.Unlock()
	if len(u.list) == 0 {
		u.over = u.watch()
	}
	u.list = append(u.list, f)
	return func() {
		u.Lock()
		defer u.Unlock()
		f()
		if u.list = u.list[:len(u.list)-1]; len(u.list) == 0 {
			u.over()
		}
	}
}

// watch waits for a signal that ends the program.
func (u *undo) watch() (over func()) {
	stop, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(stop, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	go func() {
		select {
		case <-stop:
			u.Lock() // for ever: nothing secret is shown any more
			for _, f := range slices.Backward(u.list) {
				f()
			}
			os.Exit(1)
		case <-done:
		}
	}()
	return func() {
		signal.Stop(stop)
		close(done)
	}
}

// mode changes the terminal until loud is called, or a signal ends the program.
func (u *undo) mode(fd int, change func(*unix.Termios)) (loud func(), err error) {
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	loud = u.push(func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) })
	now := *before
	change(&now)
	return loud, unix.IoctlSetTermios(fd, unix.TCSETS, &now)
}

// silence switches the echo off, and gives what switches it on again.
func silence(u *undo, fd int) (loud func(), err error) {
	return u.mode(fd, func(t *unix.Termios) {
		t.Lflag = t.Lflag&^unix.ECHO | unix.ICANON | unix.ISIG
		t.Iflag |= unix.ICRNL
	})
}

// hold takes the keys away that stop the program or abort it, and would leave the
// screen as it is: Ctrl-Z and Ctrl-\.
func hold(u *undo, fd int) (free func(), err error) {
	return u.mode(fd, func(t *unix.Termios) { t.Cc[unix.VSUSP], t.Cc[unix.VQUIT] = 0, 0 }) // _POSIX_VDISABLE
}
