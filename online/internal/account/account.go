// Package account is how people prove who they are to the operator's desk:
// passwords (argon2id), six-digit codes (TOTP), one-time enrolment codes, and the
// roles that say what somebody may do.
//
//	hash := account.Hash(password)
//	ok := account.Verify(hash, typed)
//	step, ok := account.CheckCode(secret, "123456", now, lastStep)
//
// It keeps nothing and asks nobody: package store keeps, package desk asks.
package account

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Role says what somebody may do. Each has what the ones before have; the zero
// Role may do nothing.
type Role uint8

// The roles.
const (
	Nobody    Role = iota
	Viewer         // see everything but secrets
	Submitter      // and submit, cancel and replace payments
	Operator       // and carry bundles across the gap, pair, take public keys
	Admin          // and manage users, API keys, webhooks
)

func names() []string { return []string{"", "viewer", "submitter", "operator", "admin"} }

// Roles lists the names of the roles, the least first.
func Roles() []string { return names()[1:] }

// String names the role.
func (r Role) String() string {
	if int(r) < len(names()) {
		return names()[r]
	}
	return ""
}

// ParseRole reads a role's name.
func ParseRole(text string) (Role, error) {
	for i, name := range names() {
		if i > 0 && name == text {
			return Role(i), nil
		}
	}
	return Nobody, fault.New("desk.role", "the roles are "+strings.Join(Roles(), ", "), "there is no role %s", quote.String(text))
}

// May reports whether the role has what need has. Nobody has nothing, and what
// needs Nobody is open to nobody.
func (r Role) May(need Role) bool {
	return r != Nobody && need != Nobody && r <= Admin && r >= need
}

// CheckName refuses what is no name for a user: it is typed at every login.
func CheckName(name string) error {
	if name == "" || len(name) > maxName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.@_-") != "" {
		return fault.New("desk.name", "", "%s is no name for a user: 1 to %d of letters, digits and . @ _ -", quote.String(name), maxName)
	}
	return nil
}

// NewCode makes an enrolment code, which lets its bearer set a password once: 16
// random bytes in base32, in groups for reading it aloud.
func NewCode() string {
	var b [16]byte
	rand.Read(b[:])
	text := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
	var groups []string
	for len(text) > 0 {
		n := min(5, len(text))
		groups, text = append(groups, text[:n]), text[n:]
	}
	return strings.Join(groups, "-")
}

// CodeDigest is what is kept of an enrolment code. Groups, case and spaces do
// not count.
func CodeDigest(code string) [32]byte {
	if len(code) > maxCode {
		code = ""
	}
	return sha256.Sum256([]byte(strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(code))))
}

// NewToken makes what a browser proves its session with: 32 random bytes.
func NewToken() [32]byte {
	var b [32]byte
	rand.Read(b[:])
	return b
}
