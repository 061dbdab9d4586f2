package hd

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// getrandom fills b by getrandom(2), which see. It is the call itself: the wrapper
// of x/sys goes through code that the kernel maps into the process (vDSO) and that
// keeps a generator of its own there.
func getrandom(b []byte) (int, error) {
	n, _, errno := syscall.Syscall(unix.SYS_GETRANDOM, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
