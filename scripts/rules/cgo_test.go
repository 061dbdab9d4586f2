package rules

import (
	"slices"
	"testing"
)

// The offline half's own test runs the program within itself, behind the wall that all
// threads take: cgo, which net brings into any test that links it, makes that fail.
func TestOfflineTestLinksNoNet(t *testing.T) {
	deps := list(t, []string{"CGO_ENABLED=1"}, "-deps", "-test", "./offline")
	for _, bad := range []string{"net", "runtime/cgo"} {
		if slices.Contains(deps, bad) {
			t.Errorf("the tests of ./offline link %s: make what needs it a program of its own, as scripts/coordinator/coordinate", bad)
		}
	}
	if !slices.Contains(deps, "os/exec") {
		t.Error("these are not the tests' dependencies")
	}
}
