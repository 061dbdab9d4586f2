package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"coldsign/scripts/halves"
)

// builds are the programs, which all tests share.
type builds struct {
	once    sync.Once
	dir     string
	shipped halves.Programs
	failing string // an online half with failpoints, whose clock can be set
	err     error
}

var shared builds

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// built gives a plan with the programs.
func built(t *testing.T, p plan) plan {
	t.Helper()
	shared.once.Do(func() {
		if shared.dir, shared.err = temporary(); shared.err != nil {
			return
		}
		var errs [2]error
		shared.shipped, errs[0] = halves.Build(context.Background(), shared.dir)
		shared.failing, errs[1] = halves.BuildFailing(context.Background(), shared.dir)
		shared.err = errors.Join(errs[:]...)
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	p.Built, p.Failing, p.Log = shared.shipped, shared.failing, t.Output()
	return p
}
