package account

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"

	"coldsign/shared/fault"
)

// A TOTP as every authenticator knows it (RFC 6238): HMAC-SHA-1, 30 seconds, six
// digits, a secret of 20 bytes.
const (
	period    = 30
	digits    = 1_000_000
	secretLen = 20
	skew      = 1 // steps before and after that are taken too
)

// NewSecret makes a TOTP secret.
func NewSecret() []byte {
	b := make([]byte, secretLen)
	rand.Read(b)
	return b
}

// SecretText writes a secret as authenticators take it by hand.
func SecretText(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// ParseSecret reads SecretText.
func ParseSecret(text string) ([]byte, error) {
	if len(text) <= 64 {
		if b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text); err == nil && len(b) == secretLen {
			return b, nil
		}
	}
	return nil, fault.New("desk.secret", "begin again", "this is no secret of an authenticator")
}

// SecretURI is what the QR code for an authenticator holds.
func SecretURI(name string, secret []byte) string {
	return "otpauth://totp/" + url.PathEscape("Coldsign:"+name) + "?" + url.Values{"secret": {SecretText(secret)}, "issuer": {"Coldsign"}}.Encode()
}

// Code gives the code of a step, a number of half minutes since 1970.
func Code(secret []byte, step int64) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step))
	mac := hmac.New(sha1.New, secret)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%digits)
}

// CheckCode reports whether the code is one of now, and of which step. A step
// that was used, or one before it, is not taken again.
func CheckCode(secret []byte, code string, now time.Time, last int64) (step int64, ok bool) {
	code = strings.ReplaceAll(code, " ", "")
	if len(secret) != secretLen || len(code) != 6 {
		return 0, false
	}
	at := now.Unix() / period
	for s := at - skew; s <= at+skew; s++ {
		if subtle.ConstantTimeCompare([]byte(Code(secret, s)), []byte(code)) == 1 && s > last && !ok {
			step, ok = s, true
		}
	}
	return step, ok
}
