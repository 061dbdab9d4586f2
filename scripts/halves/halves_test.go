package halves

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What most tests drive is the program that is shipped but for one number, and what
// Build gives is that program, whatever is left in GOFLAGS.
func TestQuickDiffersInOneNumber(t *testing.T) {
	t.Setenv("GOFLAGS", "-overlay="+quick)
	for _, c := range []struct {
		name  string
		build func(dir string) (Programs, error)
		cost  string // scrypt's log2 N, as the file's header tells it
	}{
		{"shipped", func(dir string) (Programs, error) { return Build(t.Context(), dir) }, " 18"},
		{"quick", func(dir string) (Programs, error) { return BuildQuick(t.Context(), dir) }, " 6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			p, err := c.build(dir)
			if err != nil {
				t.Fatal(err)
			}
			pass, home := filepath.Join(dir, "passphrase"), filepath.Join(dir, "home")
			if err := os.WriteFile(pass, []byte("correct horse battery\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(p.Offline, "init", "--home", home, "--passphrase-file", pass, "--allow-network-interfaces").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			sealed, err := os.ReadFile(filepath.Join(home, "keystore.age"))
			if err != nil {
				t.Fatal(err)
			}
			lines := bytes.SplitN(sealed, []byte("\n"), 3)
			if len(lines) != 3 || !bytes.HasPrefix(lines[1], []byte("-> scrypt ")) || !bytes.HasSuffix(lines[1], []byte(c.cost)) {
				t.Errorf("a keystore is sealed with %q, not at the cost%s", lines[1], c.cost)
			}
		})
	}
	code := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(regexp.MustCompile(`(?m)^//.*\n`).ReplaceAll(text, nil))
	}
	shipped, quick := code("../../offline/internal/keystore/factor.go"), code("testdata/quick/factor.go")
	if shipped != "package keystore\n\nconst workFactor = 18\n" || quick != strings.Replace(shipped, "18", "6", 1) {
		t.Errorf("more than the number differs:\n%s%s", shipped, quick)
	}
}
