package harden

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
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
