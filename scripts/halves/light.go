package halves

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"coldsign/scripts/rig"
)

// lightFactor is the log2 of scrypt's N in a keystore that was sealed again: a
// millisecond, where the program's own is most of a second.
const lightFactor = 10

// lighten seals the offline half's keystore again with age's own library, where Light
// asks for it.
func (h *Halves) lighten() error {
	if !h.Light {
		return nil
	}
	return h.Lighten("passphrase")
}

// Lighten seals the keystore again, with the passphrase in the file, so that commands
// open it faster. What they write themselves has the usual cost. It may run beside none.
func (h *Halves) Lighten(passphraseFile string) error {
	text, err := os.ReadFile(h.Path(passphraseFile))
	if err != nil {
		return err
	}
	passphrase := string(bytes.TrimSpace(text))
	file := h.Path("offline/keystore.age")
	sealed, err := os.Open(file)
	if err != nil {
		return err
	}
	defer sealed.Close()
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return err
	}
	plain, err := age.Decrypt(sealed, id)
	if err != nil {
		return fmt.Errorf("the keystore: %w", err)
	}
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return err
	}
	to.SetWorkFactor(lightFactor)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err == nil {
		_, err = io.Copy(w, plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = os.WriteFile(file+".light", out.Bytes(), 0o600)
	}
	if err != nil {
		return err
	}
	return os.Rename(file+".light", file)
}

// BuildLight makes an offline half whose own writes of the keystore are light too, and
// gives its path. In its source one constant is another one, and nothing else.
func BuildLight(ctx context.Context, dir string) (string, error) {
	root, err := rig.Root()
	if err != nil {
		return "", err
	}
	file := filepath.Join(root, "offline/internal/keystore/format.go")
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	const usual = "\tworkFactor = 18 "
	if strings.Count(string(source), usual) != 1 {
		return "", errors.New("the KDF's cost is not where it was in " + file)
	}
	light := filepath.Join(dir, "format.go")
	text := strings.Replace(string(source), usual, fmt.Sprintf("\tworkFactor = %d ", lightFactor), 1)
	if err := os.WriteFile(light, []byte(text), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{file: light}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	out := filepath.Join(dir, "coldsign-offline-light")
	return out, build(ctx, out, "./offline", "-overlay", list)
}
