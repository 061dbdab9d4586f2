package harden

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// data is struct seccomp_data.
type data struct {
	number, arch uint32
	args         [6]uint64
}

// judge runs a filter as the kernel would (socket filters of linux/filter.h).
func judge(t *testing.T, p []instruction, d data) uint32 {
	t.Helper()
	raw := binary.LittleEndian.AppendUint32(nil, d.number)
	raw = binary.LittleEndian.AppendUint32(raw, d.arch)
	raw = binary.LittleEndian.AppendUint64(raw, 0)
	for _, a := range d.args {
		raw = binary.LittleEndian.AppendUint64(raw, a)
	}
	var acc uint32
	for pc := 0; pc < len(p); pc++ {
		in := p[pc]
		yes := false
		switch in.Code {
		case loadWord:
			acc = binary.LittleEndian.Uint32(raw[in.K:])
			continue
		case give:
			return in.K
		case jumpEqual:
			yes = acc == in.K
		case jumpAbove:
			yes = acc >= in.K
		case jumpBits:
			yes = acc&in.K != 0
		default:
			t.Fatalf("instruction %#x is unknown", in.Code)
		}
		if yes {
			pc += int(in.Jt)
		} else {
			pc += int(in.Jf)
		}
	}
	t.Fatal("the filter ends without a verdict")
	return 0
}

// names reads the numbers of a machine from the file that the kernel's tables were
// generated into, in golang.org/x/sys.
func names(t *testing.T, arch string) map[string]uint32 {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "unix", "zsysnum_linux_"+arch+".go"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]uint32{}
	for _, m := range regexp.MustCompile(`SYS_(\w+)\s+= (\d+)`).FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.ParseUint(m[2], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.ToLower(m[1])] = uint32(n)
	}
	if len(found) < 200 {
		t.Fatalf("only %d calls of %s", len(found), arch)
	}
	return found
}

func machines() map[string]table { return map[string]table{"amd64": amd64(), "arm64": arm64()} }

func TestNumbers(t *testing.T) {
	for arch, table := range machines() {
		known := names(t, arch)
		for i, c := range free() {
			if table.plain[i] != known[c.Name] {
				t.Errorf("%s: %s is %d, not %d", arch, c.Name, known[c.Name], table.plain[i])
			}
		}
		for name, n := range map[string]uint32{"clone": table.clone, "prctl": table.prctl, "tgkill": table.tgkill, "ioctl": table.ioctl, "mmap": table.mmap, "mprotect": table.mprotect} {
			if n != known[name] {
				t.Errorf("%s: %s is %d, not %d", arch, name, known[name], n)
			}
		}
	}
}

// Every number there is: what is on the list passes, all else kills.
func TestFilter(t *testing.T) {
	const pid = 4711
	for arch, table := range machines() {
		p := table.filter(pid)
		free, passed := map[uint32]bool{}, 0
		for _, n := range table.plain {
			free[n] = true
		}
		for n := range uint32(2000) {
			verdict := judge(t, p, data{number: n, arch: table.arch, args: [6]uint64{^uint64(0), ^uint64(0), ^uint64(0)}})
			if verdict != allow && verdict != killProcess {
				t.Fatalf("%s: call %d gets %#x", arch, n, verdict)
			}
			// With all bits set, of the others only clone passes.
			if want := free[n] || n == table.clone; want != (verdict == allow) {
				t.Errorf("%s: call %d gets %#x", arch, n, verdict)
			}
			if verdict == allow {
				passed++
			}
			for name, d := range map[string]data{
				"x32":        {number: n | x32Bit, arch: table.arch},
				"i386 entry": {number: n, arch: 0x40000003},
				"arm entry":  {number: n, arch: 0x40000028},
				"negative":   {number: n | 1<<31, arch: table.arch},
				"no arch":    {number: n},
			} {
				if judge(t, p, d) != killProcess {
					t.Errorf("%s: call %d passes as %s", arch, n, name)
				}
			}
		}
		if passed != len(table.plain)+1 {
			t.Errorf("%s: %d calls pass, %d are on the list", arch, passed, len(table.plain)+1)
		}
		known := names(t, arch)
		for _, name := range strings.Fields(`socket socketpair connect bind listen accept accept4 sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg
			shutdown getsockname getpeername setsockopt getsockopt execve execveat ptrace bpf io_uring_setup io_uring_enter io_uring_register
			process_vm_readv process_vm_writev pidfd_getfd pidfd_open kill tkill seccomp unshare setns mount clone3 memfd_create kexec_load
			init_module finit_module perf_event_open userfaultfd keyctl open_by_handle_at splice sendfile vmsplice tee mknodat symlinkat`) {
			n, ok := known[name]
			if !ok {
				t.Errorf("%s: no call %s", arch, name)
			}
			for _, a := range []uint64{0, 1, 2, cloneThread, pid, ^uint64(0)} {
				if judge(t, p, data{number: n, arch: table.arch, args: [6]uint64{a, a, a, a, a, a}}) != killProcess {
					t.Errorf("%s: %s passes with %#x", arch, name, a)
				}
			}
		}
		arguments(t, arch, table, p, pid)
	}
}

func arguments(t *testing.T, arch string, table table, p []instruction, pid uint64) {
	for _, c := range []struct {
		name string
		n    uint32
		args [6]uint64
		pass bool
	}{
		{"a thread", table.clone, [6]uint64{0x50f00}, true},
		{"no thread", table.clone, [6]uint64{0x50f00 &^ cloneThread}, false},
		{"fork", table.clone, [6]uint64{17}, false},
		{"name memory", table.prctl, [6]uint64{setVMA}, true},
		{"dumpable", table.prctl, [6]uint64{4, 1}, false},
		{"own thread", table.tgkill, [6]uint64{pid, 9, 23}, true},
		{"other process", table.tgkill, [6]uint64{pid + 1, 9, 23}, false},
		{"all processes", table.tgkill, [6]uint64{^uint64(0)}, false},
		{"memory", table.mmap, [6]uint64{0, 4096, 3, 0x22}, true},
		{"code", table.mmap, [6]uint64{0, 4096, 7, 0x22}, false},
		{"code", table.mmap, [6]uint64{0, 4096, 5, 2}, false},
		{"no code", table.mprotect, [6]uint64{0, 4096, 1}, true},
		{"code", table.mprotect, [6]uint64{0, 4096, 5}, false},
		{"modes", table.ioctl, [6]uint64{0, 0x5401}, true},
		{"size", table.ioctl, [6]uint64{0, 0x5413}, true},
		{"camera", table.ioctl, [6]uint64{0, 0xc0d05605}, true},
		{"type for the user", table.ioctl, [6]uint64{0, 0x5412}, false}, // TIOCSTI
		{"console paste", table.ioctl, [6]uint64{0, 0x541c}, false},     // TIOCLINUX
		{"switch consoles", table.ioctl, [6]uint64{0, 0x5606}, false},   // VT_ACTIVATE
		{"lock consoles", table.ioctl, [6]uint64{0, 0x560b}, false},     // VT_LOCKSWITCH
		{"an interface", table.ioctl, [6]uint64{0, 0x8914}, false},      // SIOCSIFFLAGS
		{"a tap device", table.ioctl, [6]uint64{0, 0x400454ca}, false},  // TUNSETIFF
	} {
		if got := judge(t, p, data{number: c.n, arch: table.arch, args: c.args}); (got == allow) != c.pass {
			t.Errorf("%s: %s: call %d with %x gets %#x", arch, c.name, c.n, c.args, got)
		}
	}
}
