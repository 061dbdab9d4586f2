package approve

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/scrypt"

	"coldsign/shared/fault"
)

const pass = "correct horse battery"

// person makes an operator with a key that follows from n.
func person(t *testing.T, n byte, name string, roles ...string) (Operator, minisign.PrivateKey) {
	t.Helper()
	pub, secret, err := minisign.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{n}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(pub.String())
	if err != nil {
		t.Fatal(err)
	}
	return Operator{name, key, roles}, secret
}

func secretOf(t *testing.T, seed []byte) minisign.PrivateKey {
	t.Helper()
	_, secret, err := minisign.GenerateKey(bytes.NewReader(seed))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// sealed is a secret key file at a cost that tests can bear: scrypt with N = 32.
func sealed(t *testing.T, secret minisign.PrivateKey, passphrase string) []byte {
	t.Helper()
	open, err := secret.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	line := bytes.SplitN(open, []byte("\n"), 2)[1]
	raw, err := base64.StdEncoding.DecodeString(string(line))
	if err != nil {
		t.Fatal(err)
	}
	copy(raw[2:], "Sc")
	binary.LittleEndian.PutUint64(raw[38:], 1<<15)
	binary.LittleEndian.PutUint64(raw[46:], 1<<15)
	// As minisign reads them: N 32, r 8, p 32.
	stream, err := scrypt.Key([]byte(passphrase), raw[6:38], 32, 8, 32, 104)
	if err != nil {
		t.Fatal(err)
	}
	sum := blake2b.Sum256(append([]byte("Ed"), raw[54:126]...))
	copy(raw[126:], sum[:])
	for i := range stream {
		raw[54+i] ^= stream[i]
	}
	return []byte("untrusted comment: minisign encrypted secret key\n" + base64.StdEncoding.EncodeToString(raw) + "\n")
}

// stock runs the minisign program in dir.
func stock(t *testing.T, dir, in string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("minisign")
	if err != nil {
		t.Fatal("the minisign program is missing: run \"make peers\"")
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustStock(t *testing.T, dir, in string, args ...string) {
	t.Helper()
	if out, err := stock(t, dir, in, args...); err != nil {
		t.Fatalf("minisign %v: %v\n%s", args, err, out)
	}
}

func put(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wants checks an error's code; "" wants none.
func wants(t *testing.T, err error, code string) {
	t.Helper()
	if code == "" && err != nil || code != "" && !fault.Is(err, code) {
		t.Errorf("got %v (%s), want %q", err, fault.Code(err), code)
	}
}
