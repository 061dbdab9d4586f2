package harden

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"coldsign/shared/fault"
)

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const devHead = "Inter-|   Receive  |  Transmit\n face |bytes    packets |bytes\n"

func TestInterfaces(t *testing.T) {
	quiet := map[string]string{
		"class/net/lo/flags": "0x9\n", "class/net/eth0/flags": "0x1002\n", "class/net/bonding_masters": "",
	}
	for _, c := range []struct {
		name      string
		sys, proc map[string]string
		want      []string
	}{
		{"only loopback is up", quiet, map[string]string{"self/net/dev": devHead + "    lo: 1 1\n  eth0: 0 0\n"}, nil},
		{"sysfs shows one up", map[string]string{"class/net/wlan0/flags": "0x1003"}, nil, []string{"wlan0"}},
		{"flags that cannot be read count as up", map[string]string{"class/net/x/flags": "zz"}, nil, []string{"x"}},
		{"only the route table shows it", quiet, map[string]string{
			"self/net/dev": devHead + "  eth0: 0 0\n", "self/net/route": "Iface\tDestination\neth0\t00000000\n",
		}, []string{"eth0"}},
		{"only IPv6 shows it", quiet, map[string]string{
			"self/net/dev": devHead + "  eth0: 0 0\n", "self/net/if_inet6": "fe80 02 40 20 80     eth0\n",
		}, []string{"eth0"}},
	} {
		got, err := Interfaces(tree(t, c.sys), tree(t, c.proc))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestSockets(t *testing.T) {
	root := t.TempDir()
	fd := filepath.Join(root, "self", "fd")
	if err := os.MkdirAll(fd, 0o700); err != nil {
		t.Fatal(err)
	}
	os.Symlink("/dev/null", filepath.Join(fd, "0"))
	os.Symlink("socket:[4711]", filepath.Join(fd, "3"))
	got, err := Sockets(root)
	if err != nil || !slices.Equal(got, []string{"3"}) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCheck(t *testing.T) {
	proc := tree(t, map[string]string{"self/net/dev": devHead + "    lo: 1 1\n"})
	quiet := map[string]string{"class/net/lo/flags": "0x9\n"}
	with := func(more map[string]string) string {
		all := map[string]string{}
		for _, m := range []map[string]string{quiet, more} {
			for k, v := range m {
				all[k] = v
			}
		}
		return tree(t, all)
	}
	for _, c := range []struct{ name, sys, proc, code string }{
		{"a quiet machine", with(nil), proc, ""},
		{"an interface", with(map[string]string{"class/net/eth0/flags": "0x1003"}), proc, "network.interface"},
		{"a radio", with(map[string]string{"class/rfkill/rfkill0/state": "1\n", "class/rfkill/rfkill0/type": "bluetooth\n"}), proc, "network.radio"},
		{"a radio of unknown state", with(map[string]string{"class/rfkill/rfkill0/type": "wlan\n"}), proc, "network.radio"},
		{"a radio that is blocked", with(map[string]string{"class/rfkill/rfkill0/state": "0\n", "class/rfkill/rfkill1/state": "2\n"}), proc, ""},
		{"no sysfs", t.TempDir(), proc, "network.unknown-state"},
		{"no procfs", with(nil), t.TempDir(), "network.unknown-state"},
		{"a kernel without network", tree(t, map[string]string{"class/tty/x": ""}), tree(t, map[string]string{"self/status": ""}), ""},
		{"up without an address, seen by procfs alone", with(nil), tree(t, map[string]string{
			"self/net/dev":       devHead + "  eth0: 0 0\n  eth1: 0 0\n",
			"self/net/dev_mcast": "2    eth1            1     0     333300000001\n4    eth0            1     0     01005e000001\n"}), "network.interface"},
	} {
		err := Check(c.sys, c.proc)
		if c.code == "" && err != nil || c.code != "" && !fault.Is(err, c.code) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestSwap(t *testing.T) {
	head := "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	for text, want := range map[string]int{"": 0, head: 0, head + "/dev/sda2   partition 100 0 -2\n/swap file 1 1 -3\n": 2} {
		if got := Swap(tree(t, map[string]string{"swaps": text})); len(got) != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if len(Swap(t.TempDir())) != 1 {
		t.Error("what cannot be seen counts as none")
	}
	if len(Swap(tree(t, map[string]string{"meminfo": ""}))) != 0 {
		t.Error("a kernel without swap has some")
	}
}
