package airgap

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The test binary is the planted program too, when this names what it shall do.
const plantEnv = "AIRGAP_PLANT"

// planted makes a command that is the positive control of a check.
func planted(t *testing.T, words ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), plantEnv+"="+strings.Join(words, " "))
	return cmd
}

func plant(words []string) int {
	var err error
	switch words[0] {
	case "socket":
		_, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	case "exec":
		err = exec.Command("true").Run()
	case "wait":
		fmt.Println("ready")
		_, err = bufio.NewReader(os.Stdin).ReadString('\n')
	case "secret":
		err = waitWith(os.Stdin)
	case "map":
		err = mapAll()
	case "peek":
		err = peek(words[1])
	default:
		err = errors.New("no such plant")
	}
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// waitWith keeps a line in memory, as a careless program does with a key, until a
// signal comes.
func waitWith(in *os.File) error {
	secret, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = in.Read(make([]byte, 1))
	fmt.Println(len(secret))
	return err
}

// mapAll needs more and more memory.
func mapAll() error {
	var kept [][]byte
	for range 4096 {
		kept = append(kept, make([]byte, 1<<20))
	}
	fmt.Println(len(kept))
	return nil
}

// peek does to a process what a debugger does, and tells what it could do.
func peek(pid string) error {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	for _, name := range []string{"mem", "environ", "maps", "fd", "auxv", "stack"} {
		f, err := os.Open("/proc/" + pid + "/" + name)
		if err == nil && name == "fd" {
			_, err = f.Readdirnames(1)
		}
		if name == "stack" && errors.Is(err, os.ErrNotExist) {
			continue // not in every kernel
		}
		tell(name, err)
	}
	var b [8]byte
	local := unix.Iovec{Base: &b[0], Len: uint64(len(b))}
	_, err = unix.ProcessVMReadv(n, []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&b)), Len: len(b)}}, 0)
	if err == unix.EFAULT {
		err = nil // we may, but nothing is there
	}
	tell("process_vm_readv", err)
	fd, err := unix.PidfdOpen(n, 0)
	if err == nil {
		_, err = unix.PidfdGetfd(fd, 0, 0)
	}
	tell("pidfd_getfd", err)
	err = unix.PtraceAttach(n)
	tell("ptrace", err)
	if err == nil {
		var ws syscall.WaitStatus
		_, err = syscall.Wait4(n, &ws, syscall.WALL, nil)
		return errors.Join(err, unix.PtraceDetach(n))
	}
	return nil
}

func tell(what string, err error) {
	if err != nil {
		fmt.Println(what, "refused:", err)
		return
	}
	fmt.Println(what, "allowed")
}
