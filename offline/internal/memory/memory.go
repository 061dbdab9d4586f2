// Package memory keeps secrets outside the Go heap, where the garbage collector
// would copy them about, in pages that are never swapped out or dumped, behind
// pages that nobody may touch.
//
//	a, err := memory.NewArena()
//	key, err := a.Bytes(32)
//	memory.Do(func() { derive(key) }) // what derive leaves on stack and heap is erased
//	a.Close()
//
// Where the kernel has memfd_secret(2) (CONFIG_SECRETMEM) the pages are out of
// reach of the kernel itself, and of who reads another process's memory; else
// they are locked with mlock(2).
package memory

import (
	"sync"
	"unsafe"
)

const (
	firstChunk = 16 << 10 // bytes: a page or four, within the smallest limits
	maxChunk   = 1 << 20
	align      = 16
)

// Arena gives out pieces of secret memory, which all end together. It may be used
// by several goroutines. Pieces hold no Go pointers: the collector does not look
// there.
type Arena struct {
	mu     sync.Mutex
	chunks []*chunk
	free   []byte // of the last chunk
}

// NewArena makes an arena with its first pages, so that a machine that cannot lock
// memory is known before there is a secret. Error memory.lock.
func NewArena() (*Arena, error) {
	a := &Arena{}
	return a, a.grow(firstChunk)
}

// grow adds a chunk of at least n bytes.
func (a *Arena) grow(n int) error {
	size := max(firstChunk, n)
	if k := len(a.chunks); k > 0 {
		size = max(n, min(2*len(a.chunks[k-1].data), maxChunk))
	}
	c, err := newChunk(size)
	if err != nil {
		return err
	}
	a.chunks, a.free = append(a.chunks, c), c.data
	return nil
}

// Bytes gives n zero bytes. Error memory.lock.
func (a *Arena) Bytes(n int) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	whole := (n + align - 1) / align * align
	if len(a.free) < whole {
		if err := a.grow(whole); err != nil {
			return nil, err
		}
	}
	b := a.free[:n:n]
	a.free = a.free[whole:]
	return b, nil
}

// Copy gives a copy of b.
func (a *Arena) Copy(b []byte) ([]byte, error) {
	c, err := a.Bytes(len(b))
	copy(c, b)
	return c, err
}

// New gives a T in the arena, which must hold no pointers.
func New[T any](a *Arena) (*T, error) {
	var zero T
	b, err := a.Bytes(max(int(unsafe.Sizeof(zero)), 1))
	if err != nil {
		return nil, err
	}
	return (*T)(unsafe.Pointer(unsafe.SliceData(b))), nil
}

// Close wipes all that was given out and gives the pages back. A piece that is
// still used faults.
func (a *Arena) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.chunks {
		c.close()
	}
	a.chunks, a.free = nil, nil
}

// Text is b as a string without a copy, for functions that take a secret as one.
// It is valid as long as b does not change.
func Text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
