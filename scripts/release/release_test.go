package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// small builds a program of one line as a release is built.
func small(t *testing.T, dir string) string {
	t.Helper()
	src := filepath.Join(dir, "src")
	if err := os.MkdirAll(src, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"go.mod": "module small\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() { println(1) }\n"} {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "small")
	cmd := exec.Command("go", arguments(out, ".")...)
	cmd.Dir, cmd.Env = src, append(os.Environ(), recipe("arm64")...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

// ATT-106: the sums are those that sha256sum(1) checks, and one changed byte is told.
func TestSums(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b": "second", "a": "first"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var told bytes.Buffer
	if err := sums(dir, &told); err != nil {
		t.Fatal(err)
	}
	check := func() (string, error) {
		cmd := exec.Command("sha256sum", "--strict", "-c", "SHA256SUMS")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := check(); err != nil || out != "a: OK\nb: OK\n" || !strings.Contains(told.String(), "         5 bytes  a\n") {
		t.Fatalf("%v: %s %s", err, out, told.String())
	}
	if err := os.WriteFile(filepath.Join(dir, "b"), []byte("sfcond"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := check(); err == nil || !strings.Contains(out, "b: FAILED") {
		t.Errorf("one byte changed: %s", out)
	}
}

func TestBill(t *testing.T) {
	out := small(t, t.TempDir())
	var texts [2][]byte
	for i := range texts {
		if err := bill(out); err != nil {
			t.Fatal(err)
		}
		var err error
		if texts[i], err = os.ReadFile(out + ".cdx.json"); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(texts[0], texts[1]) {
		t.Error("one binary has two bills")
	}
	var b struct {
		BOMFormat, SpecVersion, SerialNumber string
		Metadata                             struct {
			Timestamp string
			Component struct {
				Name   string
				Hashes []struct{ Alg, Content string }
			}
		}
		Components []struct{ Name, Version, PURL string }
	}
	if err := json.Unmarshal(texts[0], &b); err != nil {
		t.Fatal(err)
	}
	sum, err := exec.Command("sha256sum", out).Output()
	if err != nil {
		t.Fatal(err)
	}
	c := b.Metadata.Component
	if b.BOMFormat != "CycloneDX" || b.SpecVersion != "1.6" || b.SerialNumber != "" || b.Metadata.Timestamp != "" || c.Name != "small" ||
		len(c.Hashes) != 1 || !strings.HasPrefix(string(sum), c.Hashes[0].Content+" ") || len(b.Components) != 1 || b.Components[0].Name != "std" {
		t.Errorf("%s", texts[0])
	}
	if err := bill(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a bill of nothing")
	}
}

// A shell in which tests were run with a cheap KDF (scripts/halves/testdata/quick), or a
// setting of "go env -w", changes nothing in what is built for operators.
func TestLeftoverOverlay(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	overlay, settings := "-overlay="+filepath.Join(dir, "overlay.json"), filepath.Join(dir, "goenv")
	for name, text := range map[string]string{
		"go.mod": "module small\n\ngo 1.26\n", "online/main.go": "package main\n\nfunc main() {}\n",
		"offline/main.go": "package main\n\nfunc main() { println(18) }\n", "cheap": "package main\n\nfunc main() { println(6) }\n",
		"overlay.json": `{"Replace": {"offline/main.go": "cheap"}}`, "goenv": "GOFLAGS=" + overlay + "\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makefile, err := filepath.Abs("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	const out = "bin/coldsign-offline"
	for _, c := range []struct {
		name, want string
		line, env  []string
	}{
		{"go build", "6\n", []string{"go", "build", "-o", out, "./offline"}, nil},
		{"make build", "18\n", []string{"make", "-f", makefile, "build"}, nil},
		{"release", "18\n", append([]string{"go"}, arguments(out, "./offline")...), recipe(runtime.GOARCH)},
	} {
		for _, left := range [][]string{{"GOFLAGS=" + overlay}, {"GOFLAGS=", "GOENV=" + settings}} {
			cmd := exec.Command(c.line[0], c.line[1:]...)
			cmd.Dir, cmd.Env = dir, append(append(append(os.Environ(), "MAKEFLAGS="), left...), c.env...)
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", c.name, err, text)
			}
			if got, err := exec.Command(filepath.Join(dir, out)).CombinedOutput(); err != nil || string(got) != c.want {
				t.Errorf("%s with %s: the program says %q, not %q (%v)", c.name, left, got, c.want, err)
			}
		}
	}
}
