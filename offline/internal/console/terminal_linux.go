package console

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// dropTyped forgets what was typed before the question.
func dropTyped(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }

// silence switches the echo off, and gives what switches it on again. A signal that
// ends the program switches it on too.
func silence(fd int) (loud func(), err error) {
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	stop, over := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(stop, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	go func() {
		select {
		case <-stop:
			_ = unix.IoctlSetTermios(fd, unix.TCSETS, before)
			os.Exit(1)
		case <-over:
		}
	}()
	quiet := *before
	quiet.Lflag = quiet.Lflag&^unix.ECHO | unix.ICANON | unix.ISIG
	quiet.Iflag |= unix.ICRNL
	err = unix.IoctlSetTermios(fd, unix.TCSETS, &quiet)
	return func() {
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, before)
		signal.Stop(stop)
		close(over)
	}, err
}
