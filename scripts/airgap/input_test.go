package airgap

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"coldsign/scripts/tamper"
)

// pair gives one end of a connected pair of sockets; the other end stays open.
func pair(t *testing.T) *os.File {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return theirs
}

// Plain write(2) works on a socket that was handed over, whatever a filter says of
// the calls that make one. No flag waives it.
func TestInheritedSocketIsRefused(t *testing.T) {
	dir, _ := fresh(t)
	before := files(t, dir)
	commands := [][]string{{"wallet", "list"}, {"init", "--home", "new"}, {"review", "requests.cbor"}, {"review", "--scan", "-"}, {"journal", "verify"}, {"journal", "show"}}
	for name, give := range map[string]func(*exec.Cmd, *os.File){
		"standard input": func(cmd *exec.Cmd, s *os.File) { cmd.Stdin = s },
		"descriptor 3":   func(cmd *exec.Cmd, s *os.File) { cmd.ExtraFiles = []*os.File{s} },
		"descriptor 9": func(cmd *exec.Cmd, s *os.File) {
			cmd.ExtraFiles = []*os.File{6: s}
		},
	} {
		for _, args := range commands {
			t.Run(name+" "+strings.Join(args, " "), func(t *testing.T) {
				t.Parallel()
				cmd := bare(dir, append([]string{args[0]}, append(args[1:], "--passphrase-file", "pass", "--allow-network-interfaces")...)...)
				if args[0] != "init" {
					cmd.Args = append(cmd.Args, "--home", "home")
				}
				give(cmd, pair(t))
				refused(t, ends(t, cmd), "network.socket")
				unchanged(t, dir, before)
			})
		}
	}
	// Other things that are handed over are no reason to refuse.
	cmd := offline(dir, "wallet", "list")
	cmd.Stdin, _ = held(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	cmd.ExtraFiles = []*os.File{null}
	if r := ends(t, cmd); r.status != 0 || !strings.Contains(r.out, keyID) {
		t.Errorf("a pipe and a file: %s", r)
	}
}

// A kernel without the filter is refused by name; one without what adds to it is not.
func TestKernelThatLacksSomething(t *testing.T) {
	amd64(t)
	for _, c := range []struct{ fake, code string }{
		{"seccomp=fail:ENOSYS", "harden.seccomp"},
		{"seccomp=fail:EINVAL", "harden.seccomp"},
		{"seccomp=fail:EACCES", "harden.seccomp"},
		{"landlock_create_ruleset=fail:ENOSYS", ""},
		{"landlock_create_ruleset=fail:EOPNOTSUPP", ""},
		{"memfd_secret=fail:ENOSYS", ""},
	} {
		t.Run(c.fake, func(t *testing.T) {
			t.Parallel()
			dir, _ := fresh(t)
			before := files(t, dir)
			f, err := tamper.ParseFake(c.fake)
			if err != nil {
				t.Fatal(err)
			}
			r, said := attacked(t, offline(dir, "wallet", "list"), tamper.Plan{Fakes: []tamper.Fake{f}})
			if r.Faked == 0 {
				t.Fatalf("the call was never made: %s", r)
			}
			if c.code == "" {
				if said.status != 0 || !r.Filtered || !strings.Contains(said.out, keyID) {
					t.Errorf("it does without: %s\n%s", r, said)
				}
				return
			}
			refused(t, said, c.code)
			if !strings.Contains(said.words, "CONFIG_SECCOMP_FILTER") {
				t.Errorf("the kernel's option is not named: %s", said.words)
			}
			unchanged(t, dir, before)
		})
	}
}

// A user who may lock 16 KiB of memory, with and without the kernel's secret
// memory: it works or says what is missing. It never hangs.
func TestLittleLockedMemory(t *testing.T) {
	needs(t, "prlimit")
	dir, _ := fresh(t)
	give(t, dir)
	limited := func(args ...string) *exec.Cmd {
		return ordinary(before(offline(dir, args...), "prlimit", "--memlock=16384"))
	}
	worksOrSays := func(t *testing.T, r result) {
		t.Helper()
		t.Logf("status %d %s", r.status, r.words)
		if r.status == 0 && strings.Contains(r.out, keyID) {
			return
		}
		refused(t, r, "memory.lock")
	}
	t.Run("plain", func(t *testing.T) { worksOrSays(t, ends(t, limited("wallet", "list"))) })
	t.Run("new keys", func(t *testing.T) {
		r := ends(t, limited("wallet", "new", "--chain", "ETH", "--testnet", "--count", "40"))
		if r.status != 0 {
			refused(t, r, "memory.lock")
		}
		t.Logf("status %d %s", r.status, r.words)
	})
	t.Run("no secret memory", func(t *testing.T) {
		amd64(t)
		r, said := attacked(t, limited("wallet", "list"), tamper.Plan{Fakes: []tamper.Fake{{Call: "memfd_secret", Way: tamper.Fail, Errno: unix.ENOSYS}}})
		if r.Faked == 0 {
			t.Fatalf("it never asked for secret memory: %s", r)
		}
		worksOrSays(t, said)
	})
	t.Run("no locked memory at all", func(t *testing.T) {
		amd64(t)
		_, said := attacked(t, ordinary(offline(dir, "wallet", "list")), tamper.Plan{Fakes: []tamper.Fake{
			{Call: "memfd_secret", Way: tamper.Fail, Errno: unix.ENOSYS}, {Call: "mlock", Way: tamper.Fail, Errno: unix.ENOMEM}}})
		refused(t, said, "memory.lock")
	})
}
