package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coldsign/scripts/audit/elfaudit"
)

func module(t *testing.T) string {
	t.Helper()
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// The offline half, built as it is shipped, can make no call that it must not.
func TestOfflineIsClean(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "coldsign-offline")
			if err := release(module(t), arch, out, "./offline", false); err != nil {
				t.Fatal(err)
			}
			r := auditFile(out)
			if r.err != nil {
				t.Fatal(r.err)
			}
			for _, f := range r.Findings {
				t.Error(f)
			}
			if r.Arch != arch || r.Functions < 5000 {
				t.Errorf("%s, %d functions: not the whole binary", r.Arch, r.Functions)
			}
			var names []string
			for _, c := range r.Calls {
				names = append(names, c.Name)
			}
			// What it is known to do must be seen, by each of the ways there are.
			for _, name := range []string{"read", "openat", "futex", "getrandom", "seccomp", "landlock_restrict_self", "memfd_secret", "prctl", "ioctl", "clone", "getpid"} {
				if !slices.Contains(names, name) {
					t.Errorf("%s is not in the inventory: %v", name, names)
				}
			}
			t.Log(verdict(r), names)
		})
	}
}

// Every planted program is caught, by the finding that its trick deserves.
func TestControls(t *testing.T) {
	dirs, err := os.ReadDir(filepath.Join(module(t), planted))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range controls() {
		names = append(names, c.name)
	}
	for _, d := range dirs {
		if !slices.Contains(names, d.Name()) {
			t.Errorf("%s is planted but never audited", d.Name())
		}
	}
	if len(dirs) < 30 || len(dirs) != len(names) {
		t.Fatalf("%d planted programs, %d controls", len(dirs), len(names))
	}
	dir := t.TempDir()
	t.Run("each", func(t *testing.T) {
		for _, c := range trials() {
			t.Run(c.name+"-"+c.arch, func(t *testing.T) {
				t.Parallel()
				c.run(module(t), dir)
				if c.err != nil {
					t.Fatal(c.err)
				}
				if c.wrong != "" {
					t.Fatal(c.wrong)
				}
				if c.caught != "" && len(c.want) == 0 {
					t.Fatalf("a clean program is caught: %s", c.caught)
				}
			})
		}
	})
	if !hasCompiler() {
		t.Log("no C compiler here: the cgo control was not built; pie stands in for it")
	}
}

// A check of the check: a control whose finding is not there has escaped.
func TestControlsCanEscape(t *testing.T) {
	socket := result{Report: elfaudit.Report{Findings: []elfaudit.Finding{{Function: "main.main", Address: 1, What: "system call 41"}}}}
	for _, c := range []struct {
		control control
		result  result
		escapes bool
	}{
		{control{want: []string{"system call 41"}}, socket, false},
		{control{want: []string{"main.main at 0x1", "system call 41"}}, socket, false},
		{control{want: []string{"system call 42"}}, socket, true},
		{control{want: []string{"system call 41", "PT_INTERP"}}, socket, true},
		{control{want: []string{"system call 41"}}, result{}, true},
		{control{}, socket, true},
		{control{}, result{err: os.ErrNotExist}, true},
		{control{}, result{}, false},
	} {
		if _, wrong := c.control.escaped(c.result); (wrong != "") != c.escapes {
			t.Errorf("%v with %v: %q", c.control.want, c.result.Findings, wrong)
		}
	}
}

// build makes one planted program for amd64.
func build(t *testing.T, name string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	if err := release(module(t), "amd64", out, "./"+planted+"/"+name, false); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRun(t *testing.T) {
	clean, bad := build(t, "clean"), build(t, "number")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{[]string{clean}, 0, "linux/amd64, ", ""},
		{[]string{"-markdown", clean}, 0, "| 1 | write | ", ""},
		{[]string{"-json", clean}, 0, `"name": "write"`, ""},
		{[]string{"-json", clean}, 0, `"findings": []`, ""},
		{[]string{bad}, 1, "finding: main.main at 0x", "error: audit.findings: 1 findings"},
		{[]string{"-markdown", bad}, 1, "**Finding:** `main.main at 0x", "error: audit.findings"},
		{[]string{clean, bad}, 1, "finding: main.main at 0x", "error: audit.findings"},
		{[]string{text}, 1, "not audited", "error: audit.elf: "},
		{[]string{clean, text}, 1, "not audited", "error: audit.elf: "},
		{[]string{t.TempDir()}, 1, "not audited", "error: audit.read: "},
		{[]string{filepath.Join(t.TempDir(), "none")}, 1, "not audited", "error: audit.read: "},
		{nil, 2, "", "usage: audit"},
		{[]string{"-json", "-markdown", clean}, 2, "", "usage: audit"},
		{[]string{"-controls", clean}, 2, "", "usage: audit"},
		{[]string{"-nonsense"}, 2, "", "usage: audit"},
		{[]string{"-h"}, 0, "", "usage: audit"},
	} {
		var out, errs bytes.Buffer
		if code := run(c.args, &out, &errs); code != c.code {
			t.Errorf("%v: exit %d, want %d: %s", c.args, code, c.code, errs.String())
		}
		if !strings.Contains(out.String(), c.stdout) || !strings.Contains(errs.String(), c.stderr) {
			t.Errorf("%v: printed %q and %q", c.args, out.String(), errs.String())
		}
		if c.code == 1 && strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%v: the error is not one line: %q", c.args, errs.String())
		}
		var again bytes.Buffer
		if run(c.args, &again, &errs); again.String() != out.String() {
			t.Errorf("%v: two runs print different things", c.args)
		}
	}
}

func TestJSON(t *testing.T) {
	bad := build(t, "number")
	var out, errs bytes.Buffer
	if code := run([]string{"-json", bad, "nothing here"}, &out, &errs); code != 1 {
		t.Fatalf("exit %d", code)
	}
	var got []result
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got) != 2 {
		t.Fatalf("%v: %s", err, out.String())
	}
	if got[0].Arch != "amd64" || len(got[0].SHA256) != 64 || len(got[0].Findings) != 1 || len(got[0].Calls) < 20 || got[0].Error != "" {
		t.Errorf("first: %+v", got[0])
	}
	if got[1].Error == "" || got[1].Calls != nil {
		t.Errorf("second: %+v", got[1])
	}
}

// A real file that is cut off, or whose headers are damaged, is refused or
// judged, and never trips the audit.
func TestDamagedFiles(t *testing.T) {
	file, err := os.ReadFile(build(t, "clean"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 16, 63, 64, 120, 400, 4096, len(file) / 4, len(file) / 2, len(file) - 4096, len(file) - 1} {
		if _, err := elfaudit.Audit(file[:n:n]); err == nil {
			t.Errorf("cut to %d of %d bytes, and audited", n, len(file))
		}
	}
	refused, judged := 0, 0
	tried := 0
	for at := 0; at < 64+56*5; at += 7 { // the headers of the file and of its segments; elfaudit's own tests flip every bit
		tried++
		file[at] ^= 0xff
		switch r, err := elfaudit.Audit(file); {
		case err != nil:
			refused++
		case len(r.Findings) > 0:
			judged++
		}
		file[at] ^= 0xff
	}
	if refused < tried/5 || refused+judged == tried {
		t.Errorf("of %d damaged headers %d were refused and %d gave findings", tried, refused, judged)
	}
	t.Logf("of %d damaged headers %d were refused and %d gave findings", tried, refused, judged)
}

// A program of the system, with its loader and library, is no Go binary.
func TestSystemProgram(t *testing.T) {
	const program = "/bin/true"
	if _, err := os.Stat(program); err != nil {
		t.Skipf("%s is not here: the pie control shows the same", program)
	}
	r := auditFile(program)
	var said []string
	for _, f := range r.Findings {
		said = append(said, f.What)
	}
	if all := strings.Join(said, "; "); r.err == nil || !strings.Contains(all, "PT_INTERP") || !strings.Contains(all, "needs the library") {
		t.Errorf("%v: %s", r.err, all)
	}
}
