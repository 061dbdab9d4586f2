package halves

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

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

// BuildLight makes an offline half whose own writes of the keystore are light too, that
// of BuildQuick, and gives its path.
func BuildLight(ctx context.Context, dir string) (string, error) {
	out := filepath.Join(dir, "coldsign-offline-light")
	return out, rig.Program(ctx, out, "./offline", "-overlay", quick)
}
