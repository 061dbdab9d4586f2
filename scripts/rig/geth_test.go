//go:build soak

package rig

import (
	"strings"
	"testing"
)

// geth takes minutes to build: it is installed and run by make soak only.
func TestGeth(t *testing.T) {
	if got := call(t, Geth(t), "eth_chainId"); !strings.Contains(got, `"result":"0x539"`) {
		t.Errorf("eth_chainId: %s", got)
	}
}
