// Package harden shuts the process in before it holds a key, and refuses to run
// where the machine could talk.
//
//	stderr, err := harden.Start()     // no dumps, no tracebacks, fatal signals
//	err = harden.NoSockets("/proc")   // handed over by the parent process
//	err = harden.Check("/sys", "/proc") // an interface that is up
//	err = harden.Wall(access)         // Landlock, then seccomp, then confirmed
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

// procfs finds interfaces that have a route, an IPv6 address or listen to all hosts.
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
	groups := allHosts(proc)
	for line := range strings.Lines(string(b)) {
		name, _, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || name == "lo" {
			continue
		}
		if hasField(route, name, 0) || hasField(route6, name, 5) || hasField(groups, name, 1) {
			up = append(up, name)
		}
	}
	return up, nil
}

// allHosts gives the lines of interfaces that listen to the group of all hosts: one
// that is up does, with an address or without.
func allHosts(proc string) (lines []byte) {
	b, _ := os.ReadFile(filepath.Join(proc, "self", "net", "dev_mcast"))
	for line := range strings.Lines(string(b)) {
		if strings.HasSuffix(strings.TrimSpace(line), " 01005e000001") {
			lines = append(lines, line...)
		}
	}
	return lines
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

// radios names what rfkill lets send: Bluetooth and the like are no interfaces.
func radios(sys string) (on []string) {
	switches, _ := filepath.Glob(filepath.Join(sys, "class", "rfkill", "*"))
	for _, dir := range switches {
		state, err := os.ReadFile(filepath.Join(dir, "state"))
		if s := strings.TrimSpace(string(state)); err == nil && (s == "0" || s == "2") { // RFKILL_STATE_SOFT_BLOCKED, HARD
			continue
		}
		kind, _ := os.ReadFile(filepath.Join(dir, "type"))
		on = append(on, strings.TrimSpace(string(kind))+" "+filepath.Base(dir))
	}
	return on
}

// NoSockets refuses when a socket was inherited. Nothing waives it.
func NoSockets(proc string) error {
	socks, err := Sockets(proc)
	if err == nil && len(socks) > 0 {
		err = fault.New("network.socket", "start coldsign-offline from a plain terminal", "a socket was inherited as file descriptor %s", strings.Join(socks, ", "))
	}
	return err
}

// Check refuses when an interface is up or a radio may send, as seen in the sysfs
// and proc trees at the given roots.
func Check(sys, proc string) error {
	for _, dir := range []string{filepath.Join(sys, "class"), filepath.Join(proc, "self")} {
		if _, err := os.Stat(dir); err != nil {
			return fault.New("network.unknown-state", "mount "+filepath.Dir(dir), "cannot tell whether this machine has a network: no %s", dir)
		}
	}
	up, err := Interfaces(sys, proc)
	if err != nil {
		return err
	}
	if len(up) > 0 {
		return fault.New("network.interface",
			"switch it off (ip link set dev NAME down); for a rehearsal give --allow-network-interfaces",
			"network interface %q is up on this machine", strings.Join(up, ", "))
	}
	if on := radios(sys); len(on) > 0 {
		return fault.New("network.radio", "switch it off (rfkill block all); for a rehearsal give --allow-network-interfaces",
			"radio %q may send on this machine", strings.Join(on, ", "))
	}
	return nil
}
