package account

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"coldsign/shared/fault"
)

// Parameters of argon2id: the second recommended choice of RFC 9106, section 4
// (64 MiB, three passes, four lanes).
const (
	passes  = 3
	memory  = 64 << 10 // KiB
	lanes   = 4
	saltLen = 16
	hashLen = 32
)

// CheckPassword refuses a password that is too easy to guess. Length is all that
// is asked for: rules about kinds of characters make worse ones.
func CheckPassword(name, password string) error {
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return fault.New("desk.password", "use a longer one, several words say", "the password has fewer than %d characters", minPassword)
	case len(password) > maxPassword:
		return fault.New("desk.password", "use a shorter one", "the password has more than %d bytes", maxPassword)
	case name != "" && strings.Contains(strings.ToLower(password), strings.ToLower(name)) && len(name) > 3:
		return fault.New("desk.password", "use another one", "the password holds the name")
	case strings.Count(password, password[:1]) == len(password):
		return fault.New("desk.password", "use another one", "the password is one character many times")
	}
	return nil
}

// Hash gives what is kept of a password, in the PHC string format.
func Hash(password string) string {
	var salt [saltLen]byte
	rand.Read(salt[:])
	enc := base64.RawStdEncoding
	key := argon2.IDKey([]byte(password), salt[:], passes, memory, lanes, hashLen)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, lanes, enc.EncodeToString(salt[:]), enc.EncodeToString(key))
}

// Verify reports whether the password is the one of a hash. A hash that is none
// takes as long, so that nobody learns which users there are: give "".
func Verify(hash, password string) bool {
	salt, want, ok := parse(hash)
	if len(password) > maxPassword {
		password, ok = "", false
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, lanes, hashLen)
	return subtle.ConstantTimeCompare(got, want) == 1 && ok
}

// parse reads a hash of Hash. Others, with other costs, are none.
func parse(hash string) (salt, key []byte, ok bool) {
	salt, key = make([]byte, saltLen), make([]byte, hashLen)
	rest, ok := strings.CutPrefix(hash, fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, memory, passes, lanes))
	s, k, cut := strings.Cut(rest, "$")
	if !ok || !cut {
		return salt, key, false
	}
	a, err := base64.RawStdEncoding.DecodeString(s)
	b, err2 := base64.RawStdEncoding.DecodeString(k)
	if err != nil || err2 != nil || len(a) != saltLen || len(b) != hashLen {
		return salt, key, false
	}
	return a, b, true
}
