package memory

import (
	"bytes"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func arena(t *testing.T) *Arena {
	t.Helper()
	a, err := NewArena()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// faults reports whether f touches memory that is not there.
func faults(f func()) (faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { faulted = recover() != nil }()
	f()
	return false
}

func TestPieces(t *testing.T) {
	a := arena(t)
	var pieces [][]byte
	for _, n := range []int{1, 32, 64, 15, 16, 17, 5000, 20000, 3 << 20, 0} {
		b, err := a.Bytes(n)
		if err != nil || len(b) != n || cap(b) != n || !bytes.Equal(b, make([]byte, n)) {
			t.Fatalf("%d bytes: %d of %d, %v", n, len(b), cap(b), err)
		}
		if n > 0 && uintptr(unsafe.Pointer(&b[0]))%align != 0 {
			t.Errorf("%d bytes at %p", n, b)
		}
		pieces = append(pieces, b)
	}
	for i, p := range pieces {
		for j := range p {
			p[j] = byte(i + 1)
		}
	}
	for i, p := range pieces {
		if !bytes.Equal(p, bytes.Repeat([]byte{byte(i + 1)}, len(p))) {
			t.Errorf("piece %d is shared with another", i)
		}
	}
	c, err := a.Copy([]byte("secret"))
	if err != nil || string(c) != "secret" || Text(c) != "secret" || unsafe.StringData(Text(c)) != &c[0] {
		t.Errorf("%q, %v", c, err)
	}
	type pair [2]uint64
	p, err := New[pair](a)
	if err != nil || *p != (pair{}) {
		t.Errorf("%v, %v", p, err)
	}
	a.Close()
	// The pages are gone, or the runtime has taken the addresses for something else.
	var kept byte
	for i, p := range pieces[:len(pieces)-1] {
		if !faults(func() { kept = p[len(p)/2] }) && kept == byte(i+1) {
			t.Errorf("piece %d can be read after Close", i)
		}
	}
	a.Close() // twice is once
}

func TestTogether(t *testing.T) {
	a := arena(t)
	var wg sync.WaitGroup
	seen := make([][]byte, 64)
	for i := range seen {
		wg.Go(func() { seen[i], _ = a.Copy(bytes.Repeat([]byte{byte(i)}, 1000)) })
	}
	wg.Wait()
	for i, b := range seen {
		if !bytes.Equal(b, bytes.Repeat([]byte{byte(i)}, 1000)) {
			t.Errorf("piece %d was overwritten", i)
		}
	}
}

// Both kinds of pages: guards on both sides, and what the kernel says of them.
func TestPages(t *testing.T) {
	page := unix.Getpagesize()
	for name, back := range map[string]func(*chunk) error{"memfd_secret": (*chunk).secret, "mlock": (*chunk).locked} {
		t.Run(name, func(t *testing.T) {
			if fd, err := unix.MemfdSecret(0); name == "memfd_secret" && (err != nil || unix.Close(fd) != nil) {
				t.Skip("this kernel has no memfd_secret(2)")
			}
			c, err := newChunk(1)
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			if err := back(c); err != nil {
				t.Fatal(err)
			}
			if len(c.data) != page {
				t.Fatalf("%d bytes", len(c.data))
			}
			first, last := unsafe.Pointer(&c.data[0]), unsafe.Pointer(&c.data[page-1])
			*(*byte)(first), *(*byte)(last) = 1, 2
			if !faults(func() { *(*byte)(unsafe.Add(last, 1)) = 1 }) || !faults(func() { *(*byte)(unsafe.Add(first, -1)) = 1 }) {
				t.Error("one byte too far is no fault")
			}
			flags := smaps(t, uintptr(first))
			want := "lo"
			if name == "mlock" {
				want = "lo dd wf"
			}
			for _, f := range strings.Fields(want) {
				if !strings.Contains(flags+" ", " "+f+" ") {
					t.Errorf("the kernel does not say %q of the page: %s", f, flags)
				}
			}
		})
	}
}

// smaps gives the kernel's flags of the mapping that starts at an address.
func smaps(t *testing.T, at uintptr) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	here := false
	for line := range strings.Lines(string(b)) {
		if from, _, ok := strings.Cut(line, "-"); ok && !strings.Contains(from, ":") {
			here = strings.EqualFold(strings.TrimLeft(from, "0"), strings.TrimLeft(hex(at), "0"))
		}
		if here && strings.HasPrefix(line, "VmFlags:") {
			return strings.TrimSpace(strings.TrimPrefix(line, "VmFlags:"))
		}
	}
	t.Fatal("the page is not among the mappings")
	return ""
}

func hex(n uintptr) (s string) {
	for ; n > 0; n >>= 4 {
		s = string("0123456789abcdef"[n&15]) + s
	}
	return s
}

func TestDo(t *testing.T) {
	ran := false
	Do(func() { ran = true })
	if !ran {
		t.Error("Do did not run it")
	}
	defer func() {
		if recover() != "x" {
			t.Error("a panic got lost")
		}
	}()
	Do(func() { panic("x") })
}
