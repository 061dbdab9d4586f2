package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"coldsign/shared/durable"
	"coldsign/shared/fault"
)

// unfinished is in a home from before the first file of an init or a restore until
// after the last: what such a one left when it was killed is of no use, and only then
// may the next try clear it away.
const unfinished = "unfinished"

func (a *app) isUnfinished() bool {
	_, err := os.Lstat(filepath.Join(a.opt.home, unfinished))
	return err == nil
}

// begin clears what a try that was killed left, and marks the home. Its lock is held.
func (a *app) begin() error {
	marker := filepath.Join(a.opt.home, unfinished)
	if a.isUnfinished() {
		if err := a.clear(); err != nil {
			return err
		}
	}
	return durable.Write(marker, []byte("an init or a restore was begun here: run it again\n"))
}

// finish takes the mark away: the home is whole.
func (a *app) finish() error {
	if err := os.Remove(filepath.Join(a.opt.home, unfinished)); err != nil {
		return fault.New("file.write", "", "cannot remove %q in the home", unfinished)
	}
	return durable.SyncDir(a.opt.home)
}

// clear removes the files that init and restore make.
func (a *app) clear() error {
	for _, dir := range []string{"documents", "."} {
		list, err := os.ReadDir(filepath.Join(a.opt.home, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.New("file.read", "", "cannot look into the home %q", a.opt.home)
		}
		for _, e := range list {
			if dir == "." && !made(e.Name()) {
				continue
			}
			if err := os.Remove(filepath.Join(a.opt.home, dir, e.Name())); err != nil {
				return fault.New("file.write", "remove it", "cannot remove %q from the unfinished home", e.Name())
			}
		}
	}
	return durable.SyncDir(a.opt.home)
}

// made reports whether init or restore makes a file of this name in a home.
func made(name string) bool {
	name = strings.TrimPrefix(name, ".") // a temporary file
	return strings.HasPrefix(name, "keystore.age") || strings.HasPrefix(name, "journal.") || name == "documents"
}

// noHome refuses a home that holds anything but what an earlier try to restore left.
func (a *app) noHome() error {
	list, err := os.ReadDir(a.opt.home)
	if errors.Is(err, fs.ErrNotExist) || err == nil && a.isUnfinished() {
		return nil
	}
	if err != nil {
		return fault.New("file.read", "", "cannot look into the home %q", a.opt.home)
	}
	for _, e := range list {
		left := strings.HasPrefix(e.Name(), "."+unfinished+".") || strings.HasPrefix(e.Name(), ".scan.state.")
		if !left && !slices.Contains([]string{"lock", "scan.state"}, e.Name()) {
			return fault.New("home.exists", "use another --home, or move it away", "there is something in %q", a.opt.home)
		}
	}
	return nil
}
