package airgap

import (
	"os/exec"
	"strings"
	"testing"
)

// Where one view shows an interface that is up, the machine is not air-gapped,
// whatever the other shows. Under a namespace of its own a process sees no network
// in /proc, while an old sysfs shows it still, and the other way round.
func TestInterfaceUpIsRefused(t *testing.T) {
	needs(t, "unshare", "mount", "ip")
	// up makes an interface and switches it on, with the first kind that this
	// kernel has; both ends of a veth are here.
	const up = `(ip link add d0 type veth peer name d1 || ip link add d0 type dummy || ip tuntap add d0 mode tun) 2>/dev/null && ip link set d0 up`
	// hold keeps the namespace that is left behind: without anybody in it the kernel
	// takes it down, interface and all, when it finds the time.
	const hold = `exec 9</proc/self/ns/net`
	const empty = `mount -t sysfs sysfs /sys`
	for _, c := range []struct {
		name, script string
		up           bool
	}{
		{"both views show none", empty + ` && exec "$@"`, false},
		{"loopback is up", empty + ` && ip link set lo up && exec "$@"`, false},
		{"both views show it", empty + ` && ` + up + ` && exec "$@"`, true},
		{"sysfs alone shows it", empty + ` && ` + up + ` && ` + hold + ` && exec unshare -n -- "$@"`, true},
		{"procfs alone shows it", empty + ` && exec unshare -n -- sh -c '` + up + ` && exec "$@"' sh "$@"`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir, _ := fresh(t)
			in := func(cmd *exec.Cmd) *exec.Cmd {
				return before(cmd, "unshare", "-r", "-n", "-m", "--", "sh", "-c", c.script, "sh")
			}
			if r := ends(t, in(exec.Command("true"))); r.status != 0 {
				t.Skipf("this kernel gives this user no such network (as root it may): %s", r)
			}
			list := []string{"wallet", "list", "--home", "home", "--passphrase-file", "pass"}
			r := ends(t, in(bare(dir, list...)))
			if !c.up {
				if r.status != 0 || strings.Contains(r.words, "AIR-GAPPED") || !strings.Contains(r.out, keyID) {
					t.Error(r)
				}
				return
			}
			refused(t, r, "network.interface")
			if !strings.Contains(r.words, `"d0"`) {
				t.Errorf("the interface is not named: %s", r.words)
			}
			// For a rehearsal it is said, and then it works.
			r = ends(t, in(bare(dir, append(list, "--allow-network-interfaces")...)))
			if r.status != 0 || !strings.HasPrefix(r.words, "WARNING: NOT AIR-GAPPED") || !strings.Contains(r.words, `"d0"`) {
				t.Error(r)
			}
		})
	}
}
