//go:build linux && (amd64 || arm64)

package memory

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"

	"coldsign/shared/fault"
)

// chunk is a mapping: a guard page, data, a guard page. data ends where the guard
// begins: one byte too far faults.
type chunk struct {
	whole []byte
	data  []byte
}

func newChunk(size int) (*chunk, error) {
	page := unix.Getpagesize()
	size = (size + page - 1) / page * page
	whole, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, refused(size, err)
	}
	c := &chunk{whole: whole, data: whole[page : page+size : page+size]}
	err = c.secret()
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENODEV) {
		err = c.locked()
	}
	if err != nil {
		_ = unix.Munmap(whole)
		return nil, refused(size, err)
	}
	return c, nil
}

// secret backs data with memfd_secret(2), which is locked by itself.
func (c *chunk) secret() error {
	fd, err := unix.MemfdSecret(unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(len(c.data))); err != nil {
		return err
	}
	return c.mapOver(fd, unix.MAP_SHARED)
}

// locked backs data with ordinary memory that stays in RAM and out of dumps.
func (c *chunk) locked() error {
	if err := c.mapOver(-1, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); err != nil {
		return err
	}
	if err := unix.Mlock(c.data); err != nil {
		return err
	}
	return errors.Join(unix.Madvise(c.data, unix.MADV_DONTDUMP), unix.Madvise(c.data, unix.MADV_WIPEONFORK))
}

// mapOver replaces the pages of data within the reserved range.
func (c *chunk) mapOver(fd, flags int) error {
	at, err := unix.MmapPtr(fd, 0, unsafe.Pointer(unsafe.SliceData(c.data)), uintptr(len(c.data)), unix.PROT_READ|unix.PROT_WRITE, flags|unix.MAP_FIXED)
	if err == nil && at != unsafe.Pointer(unsafe.SliceData(c.data)) {
		err = unix.EINVAL
	}
	return err
}

func (c *chunk) close() {
	clear(c.data)
	_ = unix.Munmap(c.whole) // the lock goes with the pages
}

func refused(size int, err error) error {
	return fault.New("memory.lock", "raise the limit (ulimit -l, RLIMIT_MEMLOCK) and run it again",
		"cannot lock %d KiB of memory for keys: %w", size>>10, err)
}
