package airgap

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gagliardetto/solana-go/base58"
)

// canary is a secret in every form that it might be found in.
func canary(key []byte) map[string][]byte {
	forms := map[string][]byte{
		"the key":            key,
		"the key, backwards": backwards(key),
		"the key in hex":     []byte(hex.EncodeToString(key)),
		"the key in HEX":     []byte(strings.ToUpper(hex.EncodeToString(key))),
		"the key in base58":  []byte(base58.Encode(key)),
		"the mnemonic":       []byte(strings.Join(strings.Fields(mnemonic)[:4], " ")),
		"the passphrase":     []byte(passphrase),
	}
	// In a longer text base64 has three ways to write it; what depends on the
	// neighbours is cut off.
	for shift := range 3 {
		text := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), key...))
		forms[fmt.Sprintf("the key in base64, shifted by %d", shift)] = []byte(text[4 : len(text)-2])
		url := base64.RawURLEncoding.EncodeToString(append(make([]byte, shift), key...))
		forms[fmt.Sprintf("the key in base64url, shifted by %d", shift)] = []byte(url[4 : len(url)-2])
	}
	return forms
}

// backwards is how a big number's words stand in memory.
func backwards(b []byte) []byte {
	b = bytes.Clone(b)
	slices.Reverse(b)
	return b
}

// leaks names the forms of a secret that are in b.
func leaks(forms map[string][]byte, b []byte) (found []string) {
	for name, form := range forms {
		if bytes.Contains(b, form) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// leaksBelow looks into every file below dir.
func leaksBelow(t *testing.T, forms map[string][]byte, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, what := range leaks(forms, b) {
			found = append(found, what+" in "+d.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestCanaryIsFound(t *testing.T) {
	key := []byte("\xfb\xff\xbfk456789abcdef0123456789ABCDE\xfe\xff\xbe")
	forms := canary(key)
	dir := t.TempDir()
	for _, text := range []string{string(key), "0x" + hex.EncodeToString(key), fmt.Sprintf("%X", key), base58.Encode(key), string(backwards(key)),
		mnemonic, passphrase, base64.StdEncoding.EncodeToString([]byte("a" + string(key) + "b")), base64.URLEncoding.EncodeToString([]byte("ab" + string(key)))} {
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte("before "+text+" after"), 0o600); err != nil {
			t.Fatal(err)
		}
		if found := leaksBelow(t, forms, dir); len(found) != 1 {
			t.Errorf("%q was found as %q", text, found)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("nothing of the kind"), 0o600); err != nil {
		t.Fatal(err)
	}
	if found := leaksBelow(t, forms, dir); len(found) > 0 {
		t.Errorf("found %q in nothing", found)
	}
}
