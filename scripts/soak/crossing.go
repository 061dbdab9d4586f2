package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"coldsign/scripts/halves"
)

// killed runs a command of a shipped program and kills it as it enters a system call:
// the n-th of that name, of those that have to do with the path; no path, of all.
func (d *driver) killed(call string, n int, path string, run func() error) (bool, error) {
	wrap := []string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n)}
	if path != "" {
		wrap = append(wrap, "-P", path)
	}
	d.Wrap, d.Env = wrap, []string{"GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1"} // strace stops at each signal
	err := run()
	d.Wrap, d.Env = nil, nil
	if err != nil && strings.Contains(err.Error(), "signal: killed") {
		return true, nil
	}
	return false, err
}

// crossings carries so many payments across the gap, each by itself, and kills the
// programs on the way at K2 to K7.
func (d *driver) crossings(ctx context.Context, times int) error {
	for range times {
		if _, err := d.some(ctx, 1, "K2", "K3", "K4", "K5", "K6", "K7"); err != nil {
			return err
		}
		if err := d.crossed(ctx, "K"); err != nil {
			return err
		}
	}
	return nil
}

// crossed carries everything that is pending across the gap; with points, killed at
// each of them.
func (d *driver) crossed(ctx context.Context, points string) error {
	var files []string
	x, err := d.exporting(ctx, points != "", &files)
	if err != nil {
		return err
	}
	request := d.same("requests", files)
	if _, err := d.Review(ctx, request); err != nil {
		return err
	}
	files = nil
	sign := func() error {
		name := d.file("answers")
		files = append(files, name)
		_, err := d.Sign(ctx, request, name, x.Digest)
		return err
	}
	if points != "" {
		if err := d.at("K4", "journal", func() (bool, error) {
			if rand.IntN(2) == 0 {
				return d.killed("fsync", 1, "offline/journal.coldsign", sign)
			}
			return d.killed("renameat", 1, "offline/journal.head", sign)
		}); err != nil {
			return err
		}
		d.empty(files)
		if err := d.at("K5", "answer", func() (bool, error) {
			if rand.IntN(2) == 0 { // the file is whole, and has its name only in memory
				return d.killed("fsync", 1, d.Dir, sign)
			}
			return d.killed("renameat", 1, fmt.Sprintf("answers-%d.cbor", d.files+1), sign)
		}); err != nil {
			return err
		}
	}
	if err := sign(); err != nil {
		return err
	}
	answer := d.same("answers", files)
	take := func() error { _, err := d.Import(ctx, answer); return err }
	if points != "" {
		if err := d.torn(ctx, answer, "answers", func(name string) error { _, err := d.Import(ctx, name); return err }); err != nil {
			return err
		}
		if err := d.at("K6", "import", func() (bool, error) {
			return d.killed("pwrite64", 1+rand.IntN(20), d.Path("online/coldsign.db-wal"), take)
		}); err != nil {
			return err
		}
		if err := d.states(ctx, "exported"); err != nil {
			return fmt.Errorf("K6: %w", err)
		}
		if err := d.at("K7", "import", func() (bool, error) { return d.killed("write", 1, "", take) }); err != nil {
			return err
		}
		if err := d.states(ctx, "signed", "broadcasting", "broadcast", "complete"); err != nil {
			return fmt.Errorf("K7: %w", err)
		}
	}
	d.bundles++
	return take()
}

// exporting makes the bundle, killed at K2 and K3 where points are wanted.
func (d *driver) exporting(ctx context.Context, points bool, files *[]string) (x halves.Exported, err error) {
	export := func() error {
		name := d.file("requests")
		*files = append(*files, name)
		x, err = d.Export(ctx, name)
		return err
	}
	if points {
		if err := d.at("K2", "export", func() (bool, error) {
			if rand.IntN(2) == 0 {
				return d.killed("write", 1, "", export) // the file is empty
			}
			return d.killed("renameat", 1, "", export)
		}); err != nil {
			return x, err
		}
		d.empty(*files)
		if err := d.at("K3", "export", func() (bool, error) { return d.killed("fsync", 1, d.Dir, export) }); err != nil {
			return x, err
		}
		if _, err := os.Stat(d.Path((*files)[len(*files)-1])); err != nil {
			return x, fmt.Errorf("K3: %w", err)
		}
	}
	return x, export()
}

// at runs a command that is to be killed, and counts it.
func (d *driver) at(name, what string, run func() (bool, error)) error {
	hit, err := run()
	if err == nil && !hit {
		err = fmt.Errorf("%s was not killed", what)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	d.met(name)
	return nil
}

// empty wants none of the files to be there, since the command was killed before.
func (d *driver) empty(files []string) {
	for _, name := range files {
		if _, err := os.Stat(d.Path(name)); err == nil {
			d.breakf("%s is there, and the command that writes it was killed before", name)
		}
	}
}

// states wants the last payment to be in one of them.
func (d *driver) states(ctx context.Context, want ...string) error {
	p := d.payments[len(d.payments)-1]
	row, err := d.Get(ctx, p.id)
	if err == nil && !slices.Contains(want, row.State) {
		err = fmt.Errorf("%s is %s, not %s", p.key, row.State, want)
	}
	return err
}

// temporary is a new folder for homes.
func temporary() (string, error) {
	dir, err := os.MkdirTemp("", "coldsign-soak-")
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}
