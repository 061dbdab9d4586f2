package approve

import (
	"bytes"
	"fmt"
	"io"

	"aead.dev/minisign"

	"coldsign/offline/internal/memory"
	"coldsign/shared/fault"
)

// minPassphrase is the least number of bytes of an operator's passphrase.
const minPassphrase = 8

// NewKey makes a secret key file, sealed with the passphrase as minisign seals it
// (scrypt with 1 GiB), and its public key.
func NewKey(random io.Reader, passphrase []byte) (file []byte, key Key, err error) {
	if len(passphrase) < minPassphrase {
		return nil, Key{}, fault.New("operator.weak-passphrase", "use at least 8 characters; six random words are better", "the passphrase has only %d characters", len(passphrase))
	}
	file = make([]byte, 0, MaxKeyFile)
	var public string
	memory.Do(func() {
		var pub minisign.PublicKey
		var secret minisign.PrivateKey
		var sealed []byte
		if pub, secret, err = minisign.GenerateKey(random); err == nil {
			sealed, err = minisign.EncryptKey(memory.Text(passphrase), secret)
		}
		file, public = append(append(file, sealed...), '\n'), pub.String()
	})
	if err != nil {
		return nil, Key{}, fault.New("entropy.source", "", "cannot make a key: %w", err)
	}
	key, err = ParseKey(string(bytes.Clone([]byte(public))))
	return file, key, err
}

// Sign signs message with the key of a secret key file: the text of a .minisig, in
// the prehashed form, verified before it is given. Error operator.passphrase when
// the file and the passphrase do not go together.
func Sign(file, passphrase, message []byte, now int64) (sig []byte, key Key, err error) {
	if len(file) > MaxKeyFile || !minisign.IsEncrypted(bytes.TrimSpace(file)) {
		return nil, Key{}, fault.New("operator.keyfile", "make one with \"operator new\" or with minisign -G", "this is no minisign secret key that a passphrase seals")
	}
	sig = make([]byte, 0, MaxSignature)
	public := make([]byte, 0, 64)
	memory.Do(func() {
		var secret minisign.PrivateKey
		if secret, err = minisign.DecryptKey(memory.Text(passphrase), bytes.TrimSpace(file)); err != nil {
			return
		}
		r := minisign.NewReader(bytes.NewReader(message))
		if _, err = io.Copy(io.Discard, r); err != nil {
			return
		}
		public = append(public, secret.Public().(minisign.PublicKey).String()...)
		sig = append(sig, r.SignWithComments(secret, fmt.Sprintf("timestamp:%d\thashed", now), "signature from coldsign-offline")...)
	})
	if err != nil {
		return nil, Key{}, fault.New("operator.passphrase", "try again", "the operator's key file does not open: the passphrase is wrong, or the file is damaged")
	}
	if key, err = ParseKey(string(public)); err != nil {
		return nil, Key{}, err
	}
	if !key.verifies(message, sig) {
		return nil, Key{}, fault.New("sign.verify", "", "the operator's signature does not verify: the key file is damaged")
	}
	return sig, key, nil
}
