package keystore

import (
	"os"
	"path/filepath"
	"testing"
)

// What a killed write left, and an old passphrase may open, goes at the next opening.
func TestLeftoversGo(t *testing.T) {
	ks := quick(t)
	left := filepath.Join(filepath.Dir(ks.path), "."+File+".0123456789abcdef.tmp")
	kept := filepath.Join(filepath.Dir(ks.path), "other.tmp")
	for _, path := range []string{left, kept} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reopen(t, ks).Close()
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
}
