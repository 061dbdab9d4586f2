package harden

import (
	"os"
	"path/filepath"
)

// Access is a place that the process may still reach behind the wall.
type Access struct {
	Path  string
	Write bool // make, change and remove what is in a folder; read and write a device
}

// Reads gives access to what is read: files, folders with all that is in them.
// Empty names and "-" name nothing.
func Reads(paths ...string) (list []Access) {
	for _, p := range paths {
		if p != "" && p != "-" {
			list = append(list, Access{Path: p})
		}
	}
	return list
}

// Writes gives access to the folders that files are written in: a file is replaced
// by renaming another beside it.
func Writes(files ...string) (list []Access) {
	for _, p := range files {
		if p != "" && p != "-" {
			list = append(list, Access{Path: filepath.Dir(filepath.Clean(p)), Write: true})
		}
	}
	return list
}

// always is what every command reads: the clock's zone, and what the kernel tells
// of this process and of the network.
func always() []Access {
	return append(Reads("/proc", "/sys/class", "/sys/devices", "/etc/localtime", "/usr/share/zoneinfo"), Access{Path: os.DevNull, Write: true}, Access{Path: "/dev/tty", Write: true})
}
