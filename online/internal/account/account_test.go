package account

import (
	"strings"
	"testing"
	"time"
)

// The test vectors of RFC 6238, appendix B, for SHA-1, last six of eight digits.
func TestCodes(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := Code(secret, at/30); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
		now := time.Unix(at, 0)
		step, ok := CheckCode(secret, want, now, 0)
		if !ok || step != at/30 {
			t.Errorf("at %d: not taken", at)
		}
		if _, ok := CheckCode(secret, want, now, step); ok {
			t.Errorf("at %d: taken twice", at)
		}
		if _, ok := CheckCode(secret, want, now.Add(30*time.Second), step-1); !ok {
			t.Errorf("at %d: not taken half a minute later", at)
		}
		if _, ok := CheckCode(secret, want, now.Add(time.Minute), 0); ok {
			t.Errorf("at %d: taken a minute later", at)
		}
	}
	for _, none := range [][]byte{nil, {}, secret[:19]} {
		if _, ok := CheckCode(none, Code(none, 1), time.Unix(30, 0), 0); ok {
			t.Errorf("a secret of %d bytes is one", len(none))
		}
	}
	if back, err := ParseSecret(SecretText(secret)); err != nil || string(back) != string(secret) {
		t.Errorf("%q %v", back, err)
	}
	if _, err := ParseSecret("AAAA"); err == nil {
		t.Error("a short secret is taken")
	}
}

func TestPasswords(t *testing.T) {
	hash := Hash("correct horse battery")
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=3,p=4$") || !Verify(hash, "correct horse battery") {
		t.Errorf("%s", hash)
	}
	for _, c := range [][2]string{{hash, "correct horse batterY"}, {"", ""}, {"", "x"}, {hash[:len(hash)-1], "correct horse battery"}, {strings.Replace(hash, "t=3", "t=1", 1), "correct horse battery"}, {hash, ""}} {
		if Verify(c[0], c[1]) {
			t.Errorf("%q is the password of %q", c[1], c[0])
		}
	}
	for password, good := range map[string]bool{"correct horse battery": true, "zwölf Zeichen": true, "elevenchars": false, "": false, "aaaaaaaaaaaaaaaa": false, "my name is Bertha": false, strings.Repeat("ab", 600): false} {
		if err := CheckPassword("bertha", password); (err == nil) != good {
			t.Errorf("%.20q: %v", password, err)
		}
	}
}

func TestEnrolmentCodes(t *testing.T) {
	a, b := NewCode(), NewCode()
	if a == b || len(a) != 31 || CodeDigest(a) == CodeDigest(b) || CodeDigest(a) != CodeDigest(" "+strings.ToUpper(strings.ReplaceAll(a, "-", " "))) {
		t.Errorf("%s %s", a, b)
	}
	for name, good := range map[string]bool{"anna": true, "anna@example.com": true, "": false, "a b": false, "<b>": false, "ä": false, strings.Repeat("a", 65): false} {
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}
