// Package rules holds the rules of the tree, each a test that fails with a
// reason: what the offline half may contain, who may import whom, and how large
// a thing may grow before it cannot be audited.
package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// banned says why a package must not be in the offline half's closure.
func banned(path string) string {
	switch path {
	case "net", "crypto/tls", "crypto/x509":
		return "it is, or drags in, a network stack"
	case "os/exec", "plugin":
		return "it starts other code"
	case "log/syslog":
		return "it writes to a socket"
	case "text/template", "html/template":
		return "its reflection makes the linker keep socket methods of internal/poll"
	case "runtime/cgo":
		return "it links libc, sockets included"
	}
	if strings.HasPrefix(path, "net/") {
		return "it belongs to the network stack"
	}
	return ""
}

func list(t *testing.T, env []string, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	lines := strings.Fields(string(out))
	if len(lines) == 0 {
		t.Fatalf("go list %v gave nothing", args)
	}
	return lines
}

func TestOfflineClosureHasNoNetwork(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64", "arm"} {
		for _, cgo := range []string{"0", "1"} {
			env := []string{"GOOS=linux", "GOARCH=" + arch, "CGO_ENABLED=" + cgo}
			deps := list(t, env, "-deps", "./offline", "./shared/...")
			for _, p := range deps {
				if why := banned(p); why != "" && !(p == "runtime/cgo" && cgo == "1") {
					t.Errorf("%s, cgo %s: %s is in the closure: %s", arch, cgo, p, why)
				}
			}
			if !slices.Contains(deps, "coldsign/offline/internal/keystore") {
				t.Fatalf("%s: the closure does not hold our own packages", arch)
			}
		}
	}
}

// The same check must see a package that does use the network.
func TestClosureCheckCanFail(t *testing.T) {
	found := 0
	for _, p := range list(t, nil, "-deps", "./online") {
		if banned(p) != "" {
			found++
		}
	}
	if found < 5 {
		t.Errorf("only %d banned packages found in the online half, which has many", found)
	}
}

func TestHalvesNeverMeet(t *testing.T) {
	for _, c := range []struct{ from, never string }{
		{"./offline/...", "coldsign/online"}, {"./online/...", "coldsign/offline"},
		{"./shared/...", "coldsign/online"}, {"./shared/...", "coldsign/offline"},
	} {
		for _, p := range list(t, nil, "-deps", "-test", c.from) {
			if strings.HasPrefix(p, c.never) {
				t.Errorf("%s imports %s", c.from, p)
			}
		}
	}
}

func TestTopLevel(t *testing.T) {
	allowed := strings.Fields("online offline shared testdata scripts go.mod go.sum Makefile README.md LICENSE CHANGELOG.md SECURITY.md CONTRIBUTING.md .ci .git .gitignore .cache bin dist try")
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s does not belong at the top level", e.Name())
		}
	}
}

// sources calls f for every Go file of ours that is no test.
func sources(t *testing.T, f func(path string, text []byte)) {
	t.Helper()
	for _, top := range []string{"shared", "offline", "online", "scripts"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
				return nil
			}
			text, err := os.ReadFile(p)
			if err == nil {
				rel, _ := filepath.Rel(root, p)
				f(rel, text)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestSmallEnoughToRead(t *testing.T) {
	// The optical link holds no key and decides nothing: what it yields is checked
	// like a file from a stick. It is counted apart, so that an auditor of what
	// decides and signs knows what to read first.
	const maxFile, maxFunc, maxAudit, maxOptics = 500, 70, 11_000, 7_500
	audited, optics := 0, 0
	sources(t, func(path string, text []byte) {
		lines := strings.Count(string(text), "\n")
		if lines > maxFile {
			t.Errorf("%s has %d lines, more than %d", path, lines, maxFile)
		}
		// chaintest is imported by tests only; what builds transactions (build.go)
		// and reads other signers' answers (answer.go) by the online half: the
		// offline binary holds none of them.
		switch {
		case strings.HasPrefix(path, "online"), strings.HasPrefix(path, "scripts"), strings.HasPrefix(path, "shared/chain/chaintest"),
			filepath.Base(path) == "build.go", filepath.Base(path) == "answer.go":
		case strings.HasPrefix(path, "shared/frame"):
			optics += code(text)
		default:
			audited += code(text)
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > maxFunc {
				t.Errorf("%s: %s has %d lines, more than %d", path, fn.Name.Name, n, maxFunc)
			}
			if fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s: init functions are not used here", path)
			}
		}
	})
	t.Logf("shared and offline: %d lines of code without tests, and %d of the optical link", audited, optics)
	if audited > maxAudit || optics > maxOptics {
		t.Errorf("shared and offline have %d lines of code and the optical link %d, more than the %d and %d that can be audited", audited, optics, maxAudit, maxOptics)
	}
	if audited < 1000 || optics < 1000 {
		t.Fatalf("only %d and %d lines found: the check looks in the wrong place", audited, optics)
	}
}

// Whoever reads bytes from outside bounds them and is fuzzed.
func TestDecodersAreBoundedAndFuzzed(t *testing.T) {
	for _, dir := range []string{"shared/bundle", "shared/hd", "shared/chain/bitcoin", "shared/chain/evm", "shared/chain/solana",
		"shared/frame", "shared/frame/native", "shared/frame/ur", "shared/frame/urtypes", "shared/frame/bbqr", "shared/frame/parts",
		"shared/frame/picture", "shared/frame/scan", "shared/frame/reader"} {
		if _, err := os.Stat(filepath.Join(root, dir, "limits.go")); err != nil {
			t.Errorf("%s has no limits.go", dir)
		}
		tests, _ := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
		fuzzed := slices.ContainsFunc(tests, func(p string) bool {
			b, _ := os.ReadFile(p)
			return strings.Contains(string(b), "func Fuzz")
		})
		if !fuzzed {
			t.Errorf("%s has no fuzz target", dir)
		}
	}
}

// Vectors without a source are worth nothing: nobody can say who made them.
func TestVectorsNameTheirSource(t *testing.T) {
	dirs, err := os.ReadDir(filepath.Join(root, "testdata"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, d := range dirs {
		if _, err := os.Stat(filepath.Join(root, "testdata", d.Name(), "SOURCE")); err != nil {
			t.Errorf("testdata/%s has no SOURCE file", d.Name())
		}
	}
}

// code counts lines that are neither blank nor only a comment: comments help
// the auditor and are not to be saved on.
func code(text []byte) (n int) {
	for line := range strings.Lines(string(text)) {
		if s := strings.TrimSpace(line); s != "" && !strings.HasPrefix(s, "//") {
			n++
		}
	}
	return n
}
