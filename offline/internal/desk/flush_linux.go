package desk

import "golang.org/x/sys/unix"

// flush forgets what was typed and not read yet.
func flush(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }
