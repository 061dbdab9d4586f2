package elfaudit

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The table agrees with the numbers that golang.org/x/sys generates from the
// kernel's own headers.
func TestTableAgreesWithKernel(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^\s+SYS_(\w+)\s+= (\d+)$`)
	for _, arch := range []string{"amd64", "arm64"} {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "unix", "zsysnum_linux_"+arch+".go"))
		if err != nil {
			t.Fatal(err)
		}
		kernel := map[string]uint64{}
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			n, _ := strconv.ParseUint(m[2], 10, 64)
			kernel[strings.ToLower(m[1])] = n
		}
		if len(kernel) < 250 {
			t.Fatalf("%s: only %d numbers to compare with", arch, len(kernel))
		}
		rows := 0
		for n, c := range table(arch) {
			if kernel[c.name] != n || n == 0 && c.name != "read" && c.name != "io_setup" {
				t.Errorf("%s: %s is %d here, %d in the kernel", arch, c.name, n, kernel[c.name])
			}
			rows++
		}
		if rows < 150 {
			t.Errorf("%s: only %d rows", arch, rows)
		}
	}
}

// A number in two rows could be denied by one and allowed by the other.
func TestTableHasNoDoubles(t *testing.T) {
	if lines := strings.Count(allowedCalls, "\n"); len(allowed()) != lines {
		t.Errorf("%d calls in %d lines", len(allowed()), lines)
	}
	seen := map[string]string{}
	for _, c := range append(denied(), allowed()...) {
		for _, key := range []string{c.name, "amd64 " + strconv.Itoa(c.amd64), "arm64 " + strconv.Itoa(c.arm64)} {
			if strings.HasSuffix(key, " -1") {
				continue
			}
			if other, ok := seen[key]; ok {
				t.Errorf("%s and %s share %s", c.name, other, key)
			}
			seen[key] = c.name
		}
	}
}

func TestWhatMustBeDenied(t *testing.T) {
	numbers := func(arch string, from, to int) (all []uint64) {
		for n := from; n <= to; n++ {
			if c := table(arch)[uint64(n)]; c.why == network {
				all = append(all, uint64(n))
			}
		}
		return all
	}
	for _, c := range []struct {
		arch string
		want []uint64
	}{
		{"amd64", []uint64{41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 288, 299, 307}},
		{"arm64", []uint64{198, 199, 200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210, 211, 212, 242, 243, 269}},
	} {
		if got := numbers(c.arch, 0, 1000); !slices.Equal(got, c.want) {
			t.Errorf("%s: network numbers %v, want %v", c.arch, got, c.want)
		}
		denied := map[string]bool{}
		for _, row := range table(c.arch) {
			denied[row.name] = row.why != ""
		}
		for _, name := range strings.Fields(`execve execveat ptrace bpf io_uring_setup io_uring_enter io_uring_register pidfd_getfd
			process_vm_readv process_vm_writev kexec_load kexec_file_load init_module finit_module`) {
			if !denied[name] {
				t.Errorf("%s: %s is not denied", c.arch, name)
			}
		}
		for _, row := range table(c.arch) {
			if denied[row.name] && row.why == "" {
				t.Errorf("%s: %s is denied and allowed", c.arch, row.name)
			}
		}
	}
}

func TestBannedPackages(t *testing.T) {
	for name, want := range map[string]string{
		"net.(*Dialer).DialContext":                           "net",
		"net/http.(*Client).Do":                               "net/http",
		"vendor/golang.org/x/net/dns/dnsmessage.(*Parser).A":  "vendor/golang.org/x/net/dns/dnsmessage",
		"type:.eq.net.IPNet":                                  "net",
		"os/exec.Command.func1":                               "os/exec",
		"slices.SortFunc[go.shape.[]net.IP,go.shape.string]":  "slices",
		"gopkg.in/yaml%2ev3.(*parser).parse":                  "gopkg.in/yaml%2ev3",
		"internal/poll.(*FD).Read":                            "internal/poll",
		"coldsign/shared/chain/evm.(*Tx).ToSign":              "coldsign/shared/chain/evm",
		"memeqbody":                                           "",
		"github.com/makiuchi-d/gozxing.ReaderException.error": "github.com/makiuchi-d/gozxing",
	} {
		if got := string(packageOf([]byte(name))); got != want {
			t.Errorf("package of %s: %q, want %q", name, got, want)
		}
	}
	for _, p := range strings.Fields("net net/http net/netip crypto/tls crypto/x509 os/exec plugin log/syslog runtime/cgo vendor/golang.org/x/net/idna") {
		if bannedPackage(p) == "" {
			t.Errorf("%s passes", p)
		}
	}
	for _, p := range strings.Fields("os internal/poll runtime netlib coldsign/net syscall") {
		if why := bannedPackage(p); why != "" {
			t.Errorf("%s is banned: %s", p, why)
		}
	}
}
