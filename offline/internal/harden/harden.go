// Package harden refuses to run where the machine could talk: a network
// interface that is up, or a socket handed over by the parent process.
//
// An air gap is a property of the machine, not of the process, so both views
// are asked: sysfs shows the namespace of the mount, /proc/self/net that of the
// process. Either one is enough to refuse.
package harden

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"coldsign/shared/fault"
)

const (
	flagUp       = 0x1 // IFF_UP
	flagLoopback = 0x8 // IFF_LOOPBACK
)

// Interfaces names the network interfaces other than loopback that are up, as
// seen in the sysfs and proc trees at the given roots ("/sys", "/proc").
func Interfaces(sys, proc string) ([]string, error) {
	up, err := sysfs(sys)
	if err != nil {
		return nil, err
	}
	routes, err := procfs(proc)
	if err != nil {
		return nil, err
	}
	up = append(up, routes...)
	slices.Sort(up)
	return slices.Compact(up), nil
}

func sysfs(sys string) ([]string, error) {
	dir := filepath.Join(sys, "class", "net")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New("network.unknown-state", "", "cannot list the network interfaces: %w", err)
	}
	var up []string
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name(), "flags"))
		if err != nil {
			continue // no interface, e.g. bonding_masters
		}
		flags, err := strconv.ParseUint(strings.TrimPrefix(string(bytes.TrimSpace(b)), "0x"), 16, 32)
		if err != nil || flags&flagUp != 0 && flags&flagLoopback == 0 {
			up = append(up, e.Name())
		}
	}
	return up, nil
}

// procfs finds interfaces that carry an IPv4 or IPv6 route or have moved bytes.
func procfs(proc string) ([]string, error) {
	var up []string
	b, err := os.ReadFile(filepath.Join(proc, "self", "net", "dev"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New("network.unknown-state", "", "cannot read the network interfaces: %w", err)
	}
	route, _ := os.ReadFile(filepath.Join(proc, "self", "net", "route"))
	route6, _ := os.ReadFile(filepath.Join(proc, "self", "net", "if_inet6"))
	for line := range strings.Lines(string(b)) {
		name, _, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || name == "lo" {
			continue
		}
		if hasField(route, name, 0) || hasField(route6, name, 5) {
			up = append(up, name)
		}
	}
	return up, nil
}

func hasField(table []byte, name string, column int) bool {
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) > column && f[column] == name {
			return true
		}
	}
	return false
}

// Sockets names the file descriptors that are sockets. Plain write(2) works on
// an inherited one, whatever a filter of socket calls says.
func Sockets(proc string) ([]string, error) {
	dir := filepath.Join(proc, "self", "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fault.New("network.unknown-state", "", "cannot list the open files: %w", err)
	}
	var found []string
	for _, e := range entries {
		to, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err == nil && strings.HasPrefix(to, "socket:") {
			found = append(found, e.Name())
		}
	}
	return found, nil
}

// Check refuses when an interface is up or a socket was inherited.
func Check() error {
	socks, err := Sockets("/proc")
	if err != nil {
		return err
	}
	if len(socks) > 0 {
		return fault.New("network.socket", "start coldsign-offline from a plain terminal", "a socket was inherited as file descriptor %s", strings.Join(socks, ", "))
	}
	up, err := Interfaces("/sys", "/proc")
	if err != nil {
		return err
	}
	if len(up) > 0 {
		return fault.New("network.interface",
			"switch it off (ip link set dev NAME down); for a rehearsal give --allow-network-interfaces",
			"network interface %q is up on this machine", strings.Join(up, ", "))
	}
	return nil
}
