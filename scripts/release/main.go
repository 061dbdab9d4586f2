// Command release makes what is published: both binaries for linux amd64 and
// arm64, SHA256SUMS, a CycloneDX bill of materials for each, and the audit of the
// offline ones. Two runs on one tree give the same bytes, wherever and whenever.
//
//	go run ./scripts/release [-out dist]
package main

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	out := flag.String("out", "dist", "the folder that the release is made in; it is emptied first")
	flag.Parse()
	if err := run(*out, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error: release:", err)
		os.Exit(1)
	}
}

// The recipe. Whoever builds with another one gets other bytes. GOFLAGS is not empty, for
// then what "go env -w" has set would count.
func recipe(arch string) []string {
	return []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch, "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=runtimesecret", "GOFLAGS=-trimpath", "GOTOOLCHAIN=local", "GOWORK=off", "GOFIPS140=off", "GODEBUG="}
}

func arguments(out, pkg string) []string {
	return []string{"build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w -buildid=", "-o", out, pkg}
}

// toolchain is the one that the published hashes are made with: the first line of
// go.mod that says go.
func toolchain() (string, error) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "go "); ok {
			return "go" + v, nil
		}
	}
	return "", fmt.Errorf("go.mod names no Go version")
}

func run(out string, w io.Writer) error {
	want, err := toolchain()
	if err != nil {
		return err
	}
	have, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		return err
	}
	if got, _, _ := strings.Cut(strings.TrimSpace(string(have)), "-"); got != want {
		fmt.Fprintf(os.Stderr, "note: this is %s; the published hashes are those of %s\n", got, want)
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var offline []string
	for _, arch := range []string{"amd64", "arm64"} {
		for _, half := range []string{"online", "offline"} {
			file := filepath.Join(out, "coldsign-"+half+"-linux-"+arch)
			cmd := exec.Command("go", arguments(file, "./"+half)...)
			cmd.Env, cmd.Stderr = append(os.Environ(), recipe(arch)...), os.Stderr
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("%s for %s: %w", half, arch, err)
			}
			if err := bill(file); err != nil {
				return err
			}
			if half == "offline" {
				offline = append(offline, file)
			}
		}
	}
	if err := audit(out, offline); err != nil {
		return err
	}
	return sums(out, w)
}

// audit writes AUDIT.md: every system call that the offline binaries can make.
func audit(out string, files []string) error {
	cmd := exec.Command("go", append([]string{"run", "./scripts/audit", "-markdown"}, files...)...)
	var table bytes.Buffer
	cmd.Stdout, cmd.Stderr = &table, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the audit of the offline binaries: %w\n%s", err, table.Bytes())
	}
	return os.WriteFile(filepath.Join(out, "AUDIT.md"), bytes.ReplaceAll(table.Bytes(), []byte(out+string(filepath.Separator)), nil), 0o644)
}

// sums writes SHA256SUMS over all that is there, in the form of sha256sum(1).
func sums(out string, w io.Writer) error {
	entries, err := os.ReadDir(out)
	if err != nil {
		return err
	}
	var list []string
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(out, e.Name()))
		if err != nil {
			return err
		}
		list = append(list, fmt.Sprintf("%x  %s\n", sha256.Sum256(text), e.Name()))
		fmt.Fprintf(w, "%10d bytes  %s\n", len(text), e.Name())
	}
	slices.SortFunc(list, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	all := strings.Join(list, "")
	fmt.Fprint(w, all)
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(all), 0o644)
}
