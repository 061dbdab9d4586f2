//go:build linux && (amd64 || arm64)

package harden

import (
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"coldsign/shared/fault"
)

// Landlock (landlock(7)) takes away files, and what it knows of sockets and of
// signals to others. It is the second lock on files only: sockets are seccomp's.

const (
	readFile = unix.LANDLOCK_ACCESS_FS_READ_FILE
	readDir  = unix.LANDLOCK_ACCESS_FS_READ_DIR
	// writes in a folder of ours; no execute, no devices, sockets, FIFOs or symbolic links made.
	writeFile = unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	writeDir  = writeFile | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG
)

// attributes is struct landlock_ruleset_attr; its length says how much of it a
// kernel knows.
type attributes struct{ files, network, scope uint64 }

// abi gives what a kernel of a Landlock version can take away, and the length of
// attributes that it knows.
func abi(version uintptr) (attributes, uintptr) {
	a, size := attributes{files: 1<<13 - 1}, uintptr(8)
	if version >= 2 {
		a.files |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		a.files |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		a.network, size = unix.LANDLOCK_ACCESS_NET_BIND_TCP|unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, 16
	}
	if version >= 5 {
		a.files |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 6 {
		a.scope, size = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET|unix.LANDLOCK_SCOPE_SIGNAL, 24
	}
	return a, size
}

// landlock confines the files of all threads. A kernel without it is no error: it
// adds to the wall, which stands without it.
func landlock(access []Access) error {
	version, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e != 0 || version == 0 {
		return nil
	}
	a, size := abi(version)
	fd, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&a)), size, 0)
	if e != 0 {
		return noLandlock(e)
	}
	defer unix.Close(int(fd))
	for _, place := range append(always(), access...) {
		if err := rule(int(fd), place, a.files); err != nil {
			return err
		}
	}
	// Every thread takes both steps by itself: a thread's restriction is its own.
	if _, _, e := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); e != 0 {
		return noLandlock(e)
	}
	if _, _, e := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); e != 0 {
		return noLandlock(e)
	}
	return nil
}

// rule allows one place. What is not there needs no rule: opening it says so.
func rule(ruleset int, place Access, known uint64) error {
	at, err := unix.Open(place.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENAMETOOLONG) {
		return nil
	}
	if err != nil {
		return fault.New("file.read", "", "cannot open %q: %w", place.Path, err)
	}
	defer unix.Close(at)
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil {
		return fault.New("file.read", "", "cannot look at %q: %w", place.Path, err)
	}
	rights := uint64(readFile)
	switch folder := st.Mode&unix.S_IFMT == unix.S_IFDIR; {
	case folder && place.Write:
		rights |= readDir | writeDir | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	case folder:
		rights |= readDir
	case place.Write:
		rights |= writeFile | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	r := unix.LandlockPathBeneathAttr{Allowed_access: rights & known, Parent_fd: int32(at)}
	if _, _, e := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&r)), 0, 0, 0); e != 0 {
		return noLandlock(e)
	}
	return nil
}

func noLandlock(err error) error {
	return fault.New("harden.landlock", "start it from a plain terminal", "the kernel has Landlock but refuses it: %w", os.NewSyscallError("landlock", err))
}
