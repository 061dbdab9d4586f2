package desk

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"

	"coldsign/shared/fault"
)

// What is made once and shown once: an API key, a receiver's secret. The form holds a
// token. Sent again, it makes nothing more: both times the browser is led to the page
// that shows the secret, which shows it once. Until then the database has it sealed
// by the session's own token, which the database does not have.

// form reads the token of the form.
func (r *request) form() (string, error) {
	token := r.PostFormValue("idem")
	if !isToken(token) {
		return "", fault.New("desk.form", "load the page again", "the form is not whole")
	}
	return token, nil
}

func isToken(s string) bool { return len(s) == 24 && plainID(s) }

// first reports whether the form is sent for the first time.
func (r *request) first() (token string, yes bool, err error) {
	if token, err = r.form(); err != nil {
		return "", false, err
	}
	err = r.Store.PutTicket(r.Context(), r.digest("form", token), "form", "", r.Now().Add(whole))
	if fault.Is(err, "desk.once") {
		return token, false, nil
	}
	return token, err == nil, err
}

// digest is of the session and of the form, for one purpose.
func (r *request) digest(purpose, token string) [32]byte {
	return sha256.Sum256([]byte("coldsign desk " + purpose + "\n" + token + "\n" + string(r.token[:])))
}

func (r *request) seal(token string) (cipher.AEAD, error) {
	key := r.digest("seal", token)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// show leads to the page that shows the secret.
func (r *request) show(path, token, secret string) error {
	box, err := r.seal(token)
	if err != nil {
		return err
	}
	err = r.Store.PutTicket(r.Context(), r.digest("shown", token), "shown", base64.StdEncoding.EncodeToString(box.Seal(nil, nil, []byte(secret), nil)), r.Now().Add(ticket))
	if err != nil {
		return err
	}
	return r.redirect(path + "?shown=" + token)
}

// shown is the secret that this page is to show, once; gone that it was.
func (r *request) shown() (secret string, gone bool, err error) {
	token := r.URL.Query().Get("shown")
	if !isToken(token) {
		return "", false, nil
	}
	data, err := r.Store.TakeTicket(r.Context(), r.digest("shown", token), "shown")
	if fault.Is(err, "desk.ticket") {
		return "", true, nil
	}
	if err != nil {
		return "", false, err
	}
	box, err := r.seal(token)
	if err != nil {
		return "", false, err
	}
	raw, err := base64.StdEncoding.DecodeString(data)
	if err == nil {
		raw, err = box.Open(nil, nil, raw, nil)
	}
	return string(raw), false, err
}
