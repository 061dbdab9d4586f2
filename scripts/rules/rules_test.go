// Package rules holds the rules of the tree, each a test that fails with a
// reason: what the offline half may contain, who may import whom, and how large
// a thing may grow before it cannot be audited.
package rules

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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

// builds are the ways that the offline half might be built.
func builds() (envs [][]string) {
	for _, arch := range []string{"amd64", "arm64", "arm"} {
		for _, cgo := range []string{"0", "1"} {
			for _, experiment := range []string{"", "runtimesecret"} {
				envs = append(envs, []string{"GOOS=linux", "GOARCH=" + arch, "CGO_ENABLED=" + cgo, "GOEXPERIMENT=" + experiment})
			}
		}
	}
	return envs
}

func TestOfflineClosureHasNoNetwork(t *testing.T) {
	for _, env := range builds() {
		deps := list(t, env, "-deps", "./offline", "./shared/...")
		for _, p := range deps {
			if why := banned(p); why != "" && !(p == "runtime/cgo" && slices.Contains(env, "CGO_ENABLED=1")) {
				t.Errorf("%v: %s is in the closure: %s", env, p, why)
			}
		}
		if !slices.Contains(deps, "coldsign/offline/internal/keystore") {
			t.Fatalf("%v: the closure does not hold our own packages", env)
		}
	}
}

// The whole closure is under review: offline/deps.txt.
func TestOfflineClosureIsReviewed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "offline", "deps.txt"))
	if err != nil {
		t.Fatal(err)
	}
	reviewed, module := map[string]string{}, "" // package to module
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if name, reason, ok := strings.Cut(strings.TrimPrefix(line, "# "), ": "); ok && strings.HasPrefix(line, "# ") && !strings.Contains(name, " ") {
			if module = name; reason == "" {
				t.Errorf("%s has no reason", name)
			}
		} else if line != "" && !strings.HasPrefix(line, "#") {
			reviewed[line] = module
		}
	}
	const form = "{{if .Standard}}std{{else}}{{.Module.Path}}{{end}}={{.ImportPath}}"
	found := map[string]bool{}
	for _, env := range builds() {
		for _, line := range list(t, env, "-deps", "-f", form, "./offline") {
			module, name, _ := strings.Cut(line, "=")
			if found[name] = true; reviewed[name] == "" {
				t.Errorf("%v: %s of %s is new: review it, and write it into offline/deps.txt", env, name, module)
			} else if reviewed[name] != module {
				t.Errorf("%s belongs to %s, not to %s", name, module, reviewed[name])
			}
		}
	}
	for name := range reviewed {
		if !found[name] {
			t.Errorf("%s is no longer compiled in: take it out of offline/deps.txt", name)
		}
	}
	if len(found) < 100 {
		t.Fatalf("only %d packages found", len(found))
	}
}

// A replaced module is not the one whose checksum everybody knows.
func TestNothingIsReplaced(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 0 && (f[0] == "replace" || slices.Contains(f, "=>")) {
			t.Errorf("go.mod replaces a module: %s", strings.TrimSpace(line))
		}
	}
}

// Where nothing can shut the process in, it refuses, and does not just fail to build.
func TestOtherPlatformsRefuse(t *testing.T) {
	dir := t.TempDir()
	for _, platform := range []string{"darwin/arm64", "linux/386"} {
		system, arch, _ := strings.Cut(platform, "/")
		file := filepath.Join(dir, arch)
		cmd := exec.Command("go", "build", "-o", file, "./offline")
		cmd.Dir, cmd.Env = root, append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0", "GOEXPERIMENT=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", platform, err, out)
		}
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("only amd64 runs a binary of 386")
	}
	out, err := exec.Command(filepath.Join(dir, "386"), "version").CombinedOutput()
	if failed, ok := errors.AsType[*exec.ExitError](err); !ok || failed.ExitCode() != 1 || !strings.HasPrefix(string(out), "error: harden.platform: ") {
		t.Errorf("on linux/386: %v, %q", err, out)
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
	allowed := strings.Fields("online offline shared testdata scripts go.mod go.sum Makefile README.md LICENSE CHANGELOG.md SECURITY.md CONTRIBUTING.md MIGRATING.md .ci .git .gitignore .cache bin dist try")
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
	// What makes keys before witnesses, copies them and brings foreign ones in runs apart
	// from review and signing: it is counted by itself too.
	const maxFile, maxFunc, maxAudit, maxCopies, maxOptics = 500, 70, 18_691, 2_962, 7_294
	copies := []string{"offline/internal/slip39", "offline/internal/migrate", "offline/internal/keystore/backup.go", "offline/backup.go",
		"offline/restore.go", "offline/begin.go", "offline/ceremony.go", "offline/internal/ceremony", "offline/shares.go", "offline/migrate.go", "offline/export.go"}
	audited, copying, optics := 0, 0, 0
	sources(t, func(path string, text []byte) {
		lines := strings.Count(string(text), "\n")
		if lines > maxFile {
			t.Errorf("%s has %d lines, more than %d", path, lines, maxFile)
		}
		// chaintest is imported by tests only, and the files of onlineOnly by the online
		// half: the offline binary holds none of them.
		switch {
		case strings.HasPrefix(path, "online"), strings.HasPrefix(path, "scripts"), strings.HasPrefix(path, "shared/chain/chaintest"),
			strings.HasPrefix(path, "shared") && slices.Contains(onlineOnly(), filepath.Base(path)):
		case strings.HasPrefix(path, "shared/frame"):
			optics += code(text)
		case slices.ContainsFunc(copies, func(c string) bool { return strings.HasPrefix(path, c) }):
			copying += code(text)
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
	t.Logf("shared and offline: %d lines of code without tests that decide and sign, %d that copy and import keys, %d of the optical link", audited, copying, optics)
	if audited > maxAudit || copying > maxCopies || optics > maxOptics {
		t.Errorf("shared and offline have %d, %d and %d lines of code, more than the %d, %d and %d that can be audited", audited, copying, optics, maxAudit, maxCopies, maxOptics)
	}
	if audited < 1000 || copying < 1000 || optics < 1000 {
		t.Fatalf("only %d, %d and %d lines found: the check looks in the wrong place", audited, copying, optics)
	}
}

// onlineOnly names the files of shared that an auditor of the offline half need not
// read: what builds transactions, reads other signers' answers, and asks what only the
// online half asks.
func onlineOnly() []string { return []string{"build.go", "answer.go", "online.go"} }

// The offline half builds without the files of onlineOnly.
func TestOfflineDoesWithout(t *testing.T) {
	gone := map[string]string{} // by path; "" is no file
	sources(t, func(path string, _ []byte) {
		if strings.HasPrefix(path, "shared") && slices.Contains(onlineOnly(), filepath.Base(path)) {
			abs, err := filepath.Abs(filepath.Join(root, path))
			if err != nil {
				t.Fatal(err)
			}
			gone[abs] = ""
		}
	})
	if len(gone) < 5 {
		t.Fatalf("only %d files found", len(gone))
	}
	text, err := json.Marshal(map[string]any{"Replace": gone})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-overlay", overlay, "-o", os.DevNull, "./offline")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Whoever reads bytes from outside bounds them and is fuzzed.
func TestDecodersAreBoundedAndFuzzed(t *testing.T) {
	for _, dir := range []string{"offline/internal/document", "offline/internal/book", "offline/internal/policy", "shared/bundle", "shared/hd", "shared/chain/bitcoin", "shared/chain/bitcoin/descriptor", "shared/chain/evm", "shared/chain/solana",
		"shared/frame", "shared/frame/native", "shared/frame/ur", "shared/frame/urtypes", "shared/frame/bbqr", "shared/frame/parts",
		"shared/frame/picture", "shared/frame/scan", "shared/frame/reader", "offline/internal/slip39", "offline/internal/migrate"} {
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

// A panic in a goroutine without a recover ends the program as nobody planned it.
// Each place that starts one is known, with the reason why none gets out.
func TestGoroutinesCannotPanic(t *testing.T) {
	known := map[string]string{
		"shared/frame/scan/lines.go Lines":                 "split contains",
		"shared/frame/scan/scan.go Run":                    "next and try contain; produce itself only passes on",
		"shared/frame/scan/scan.go start":                  "try contains",
		"offline/internal/review/batch.go Parallel":        "each worker recovers, and its caller panics instead",
		"offline/internal/harden/start_linux.go die":       "waits for a signal and ends the program",
		"offline/internal/console/terminal_linux.go watch": "waits for a signal and ends the program",
	}
	found := 0
	sources(t, func(path string, text []byte) {
		if !strings.HasPrefix(path, "shared") && !strings.HasPrefix(path, "offline") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				_, starts := n.(*ast.GoStmt)
				if call, ok := n.(*ast.CallExpr); ok {
					if to, ok := call.Fun.(*ast.SelectorExpr); ok && to.Sel.Name == "Go" {
						starts = true
					}
				}
				if starts {
					found++
					if known[path+" "+fn.Name.Name] == "" {
						t.Errorf("%s: %s starts a goroutine: say here why no panic gets out of it", path, fn.Name.Name)
					}
				}
				return true
			})
		}
	})
	if found < len(known) {
		t.Errorf("%d goroutines found, %d are known", found, len(known))
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
