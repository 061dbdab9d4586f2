package halves

import (
	"bytes"
	"io"
	"os"

	"filippo.io/age"
)

// Weaken seals the keystore again so that opening it costs nothing: with the age file
// format any tool may. The passphrase stays. A command that writes the keystore makes it
// as strong as before.
func (h *Halves) Weaken() error {
	name := h.Path("offline/keystore.age")
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	id, err := age.NewScryptIdentity(Passphrase)
	if err != nil {
		return err
	}
	r, err := age.Decrypt(bytes.NewReader(raw), id)
	if err != nil {
		return err
	}
	to, err := age.NewScryptRecipient(Passphrase)
	if err != nil {
		return err
	}
	to.SetWorkFactor(4)
	var b bytes.Buffer
	sealed, err := age.Encrypt(&b, to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(sealed, r); err != nil {
		return err
	}
	if err := sealed.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o600)
}
