package hd

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"coldsign/shared/fault"

	"golang.org/x/sys/unix"
)

const shimVariable = "COLDSIGN_TEST_SHIM"

// shims stand between getrandom(2) and the kernel: what they give to a call for n
// bytes, and the bytes they write.
func shims() map[string]func(n uint64) (given []byte, val int64, errno int32) {
	return map[string]func(n uint64) ([]byte, int64, int32){
		"sound":       func(n uint64) ([]byte, int64, int32) { return random(int(n)), int64(n), 0 },
		"not there":   func(uint64) ([]byte, int64, int32) { return nil, 0, -int32(unix.ENOSYS) },
		"forbidden":   func(uint64) ([]byte, int64, int32) { return nil, 0, -int32(unix.EPERM) },
		"interrupted": func(uint64) ([]byte, int64, int32) { return nil, 0, -int32(unix.EINTR) },
		"nothing":     func(uint64) ([]byte, int64, int32) { return nil, 0, 0 },
		"short":       func(n uint64) ([]byte, int64, int32) { return random(int(n) - 1), int64(n) - 1, 0 },
		"unwritten":   func(n uint64) ([]byte, int64, int32) { return nil, int64(n), 0 },
		"zeros":       func(n uint64) ([]byte, int64, int32) { return make([]byte, n), int64(n), 0 },
		"constant":    func(n uint64) ([]byte, int64, int32) { return bytes.Repeat([]byte{0x5a}, int(n)), int64(n), 0 },
	}
}

// ATT-63: the system call itself fails, comes back short, or gives no randomness.
// Each case is a process of its own, one thread of which has a seccomp listener
// that answers in the kernel's place.
func TestATT63SourceUnderShim(t *testing.T) {
	if name := os.Getenv(shimVariable); name != "" {
		underShim(name)
		return
	}
	for name := range shims() {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestATT63SourceUnderShim$")
			cmd.Env = append(os.Environ(), shimVariable+"="+name)
			out, err := cmd.CombinedOutput()
			if strings.Contains(string(out), "no listener") {
				t.Skipf("this kernel, or what this process runs in, allows no seccomp listener: %s", out)
			}
			// The same block at every call: the first read passes, the next is a repeat.
			want := "entropy.source 0 0000\nentropy.source 0 0000\nentropy.source\n"
			if name == "sound" {
				want = fmt.Sprintf("ok 32 %x\nentropy.source 0 0000\nentropy.source\n", random(32)[:2])
			}
			if err != nil || !strings.HasPrefix(string(out), want) {
				t.Errorf("%v:\n%s\nwant\n%s", err, out, want)
			}
		})
	}
}

// underShim reads twice and asks for a seed, and prints how each ends.
func underShim(name string) {
	runtime.LockOSThread() // other threads keep the kernel
	fd, err := listen()
	if err != nil {
		fmt.Println("no listener:", err)
		return
	}
	go answer(fd, shims()[name])
	s := NewSource()
	for range 2 {
		b := bytes.Repeat([]byte{0xaa}, 32)
		n, err := s.Read(b)
		fmt.Printf("%s %d %x\n", code(err), n, b[:2])
	}
	_, err = Entropy(s, "")
	fmt.Println(code(err))
}

func code(err error) string {
	if err == nil {
		return "ok"
	}
	return fault.Code(err)
}

// listen has every getrandom(2) of this thread go to a listener.
func listen() (int, error) {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_GETRANDOM},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

// answer serves the listener: struct seccomp_notif and seccomp_notif_resp of
// linux/seccomp.h.
func answer(fd int, shim func(n uint64) ([]byte, int64, int32)) {
	const recv, send = 0xc0502100, 0xc0182101 // SECCOMP_IOCTL_NOTIF_RECV, _SEND
	mem, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for {
		var call [80]byte
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), recv, uintptr(unsafe.Pointer(&call[0]))); errno != 0 {
			if errno == unix.EINTR {
				continue
			}
			return
		}
		at, n := binary.NativeEndian.Uint64(call[32:]), binary.NativeEndian.Uint64(call[40:])
		given, val, errno := shim(n)
		if _, err := mem.WriteAt(given, int64(at)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		var reply [24]byte
		copy(reply[:8], call[:8])
		binary.NativeEndian.PutUint64(reply[8:], uint64(val))
		binary.NativeEndian.PutUint32(reply[16:], uint32(errno))
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), send, uintptr(unsafe.Pointer(&reply[0])))
	}
}
