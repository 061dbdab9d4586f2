package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// kept puts what the last command printed into the environment.
func kept(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// coordinator builds scripts/coordinator/coordinate, once. It is no part of this test:
// what it is made of would link cgo into it, with which no process can wall itself in.
var coordinator = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "coldsign-coordinator")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "coordinate")
	if out, err := exec.Command("go", "build", "-o", name, "coldsign/scripts/coordinator/coordinate").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return name, nil
})

// coordinate runs it.
func coordinate(ts *testscript.TestScript, neg bool, args []string) {
	name, err := coordinator()
	ts.Check(err)
	if err := ts.Exec(name, args...); (err != nil) != neg {
		ts.Fatalf("coordinator %v: %v", args, err)
	}
}
