// Package cli holds scripts of the two programs side by side, as their
// operators type them: testdata/*.txtar. Scripts of the offline half alone are
// in offline/testdata/script.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"coldsign/scripts/halves"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "coldsign-cli")
	if err == nil {
		_, err = halves.BuildQuick(context.Background(), dir)
	}
	if err == nil {
		err = os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d scripts: %v", len(files), err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			return os.WriteFile(filepath.Join(e.WorkDir, "pass"), []byte("correct horse battery\n"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"online":  func(ts *testscript.TestScript, neg bool, args []string) { does(ts, neg, online(args)) },
			"offline": func(ts *testscript.TestScript, neg bool, args []string) { does(ts, neg, offline(args)) },
			"refuse":  func(ts *testscript.TestScript, _ bool, args []string) { ends(ts, 1, args[0], half(args[1:])) },
			"usage":   func(ts *testscript.TestScript, _ bool, args []string) { ends(ts, 2, "usage", half(args)) },
			"words":   words,
		},
	})
}

func online(args []string) []string {
	return append(append([]string{"coldsign-online"}, args...), "--home", "online")
}

func offline(args []string) []string {
	return append(append([]string{"coldsign-offline"}, args...), "--home", "offline", "--passphrase-file", "pass", "--allow-network-interfaces")
}

// half takes the name of a half off the arguments.
func half(args []string) []string {
	if args[0] == "online" {
		return online(args[1:])
	}
	return offline(args[1:])
}

func does(ts *testscript.TestScript, neg bool, args []string) {
	if err := ts.Exec(args[0], args[1:]...); (err != nil) != neg {
		ts.Fatalf("%v: %v", args, err)
	}
}

var errorLine = regexp.MustCompile(`^error: ([a-z0-9.-]+): [^\n]+\n$`)

// ends wants an exit status and one line of error with a code.
func ends(ts *testscript.TestScript, status int, code string, args []string) {
	err := ts.Exec(args[0], args[1:]...)
	said := ts.ReadFile("stderr")
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != status {
		ts.Fatalf("%v ended with %v, want status %d\n%s", args, err, status, said)
	}
	if m := errorLine.FindStringSubmatch(said); m == nil || m[1] != code {
		ts.Fatalf("%v said %q, want one line \"error: %s: ...\"", args, said, code)
	}
}

// words puts the six words on stdout into the named variable.
func words(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile(`(?m)^words  ([a-z]+(?: [a-z]+){5})$`).FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("no six words on standard output")
	}
	ts.Setenv(args[0], m[1])
}
