package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/scrypt"

	"coldsign/offline/internal/approve"
	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/policy"
	"coldsign/offline/internal/review"
	"coldsign/shared/fault"
)

// person gives an operator's minisign key, which follows from the name.
func person(name string) (secret minisign.PrivateKey, public string, err error) {
	seed := sha256.Sum256([]byte(name))
	pub, secret, err := minisign.GenerateKey(bytes.NewReader(seed[:]))
	return secret, pub.String(), err
}

// operatorKeys makes the key files of operators.
func operatorKeys(ts *testscript.TestScript, _ bool, names []string) {
	for _, n := range names {
		secret, public, err := person(n)
		ts.Check(err)
		open, err := secret.MarshalText()
		ts.Check(err)
		sealed, err := sealedKey(open, password)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(n+".key"), append(open, '\n'), 0o600))
		ts.Check(os.WriteFile(ts.MkAbs(n+".sealed"), sealed, 0o600))
		ts.Setenv(n, public)
	}
}

// sealedKey seals a minisign key at a cost that tests can bear: scrypt with N = 32.
func sealedKey(open []byte, passphrase string) ([]byte, error) {
	comment, line, _ := bytes.Cut(open, []byte("\n"))
	raw, err := base64.StdEncoding.DecodeString(string(line))
	if err != nil {
		return nil, err
	}
	copy(raw[2:], "Sc")
	binary.LittleEndian.PutUint64(raw[38:], 1<<15)
	binary.LittleEndian.PutUint64(raw[46:], 1<<15)
	stream, err := scrypt.Key([]byte(passphrase), raw[6:38], 32, 8, 32, 104)
	if err != nil {
		return nil, err
	}
	sum := blake2b.Sum256(append([]byte("Ed"), raw[54:126]...))
	copy(raw[126:], sum[:])
	for i := range stream {
		raw[54+i] ^= stream[i]
	}
	return fmt.Appendf(nil, "%s\n%s\n", comment, base64.StdEncoding.EncodeToString(raw)), nil
}

func fill(ts *testscript.TestScript, _ bool, files []string) {
	for _, f := range files {
		text := os.Expand(ts.ReadFile(f), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(f), []byte(text), 0o600))
	}
}

// pending gives a session and the batch of a bundle that asks for the items.
func pending(t *testing.T, items ...string) (*session, *review.Batch, func(approve.Approval) error) {
	t.Helper()
	s, dir := unlocked(t)
	raw, err := order{from: newDevice(9), to: s.ks.Device().Public(), sequence: 1, items: items}.seal()
	if err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(dir, "in.cbor")
	if err := os.WriteFile(in, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	b, _, _, err := s.received(file(t, in))
	if err != nil {
		t.Fatal(err)
	}
	batch, err := s.batch(b)
	if err != nil {
		t.Fatal(err)
	}
	s.opt.Out = filepath.Join(dir, "a.cbor")
	return s, batch, func(a approve.Approval) error { return s.decide(b, batch, a) }
}

// TestZeroApproval: it signs nothing, and neither does that of another batch.
func TestZeroApproval(t *testing.T) {
	s, batch, decide := pending(t, "1")
	before := len(s.j.Entries())
	for _, a := range []approve.Approval{{}, approve.About([32]byte{}), approve.About([32]byte{1})} {
		if err := decide(a); !fault.Is(err, "approve.missing") {
			t.Errorf("%v", err)
		}
	}
	if len(s.j.Entries()) != before {
		t.Error("something was decided")
	}
	if err := decide(approve.About(batch.Digest)); err != nil {
		t.Error(err)
	}
}

// Each request's own needs, its own requester left out.
func TestATT76ATT79Needs(t *testing.T) {
	_, batch, _ := pending(t, "1", "2", "3")
	batch.Items[1].Request.Requester = "Bob"
	by := func(names ...string) approve.Approval {
		a := approve.About(batch.Digest)
		for _, n := range names {
			_, public, err := person(n)
			if err != nil {
				t.Fatal(err)
			}
			key, err := approve.ParseKey(public)
			if err == nil {
				err = a.Add(approve.Operator{Name: n, Key: key, Roles: []string{"approver"}})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return a
	}
	two := []policy.Need{{Count: 2, Role: "approver"}}
	for _, c := range []struct {
		needs [3][]policy.Need
		by    []string
		code  string
	}{
		{by: nil},
		{needs: [3][]policy.Need{two}, by: nil, code: "approve.missing"},
		{needs: [3][]policy.Need{two}, by: []string{"alice"}, code: "approve.missing"},
		{needs: [3][]policy.Need{two}, by: []string{"alice", "bob"}},
		{needs: [3][]policy.Need{1: two}, by: []string{"alice", "bob"}, code: "approve.requester"},
		{needs: [3][]policy.Need{1: two}, by: []string{"alice", "carol"}},
		{needs: [3][]policy.Need{two, two, two}, by: []string{"alice", "bob", "carol"}},
		{needs: [3][]policy.Need{2: append(two, policy.Need{Count: 1, Role: "auditor"})}, by: []string{"alice", "bob", "carol"}, code: "approve.missing"},
	} {
		for i := range batch.Items {
			batch.Items[i].Verdict.Needs = c.needs[i]
		}
		err := approved(batch, by(c.by...))
		if c.code == "" && err != nil || c.code != "" && !fault.Is(err, c.code) {
			t.Errorf("%v by %v: %v", c.needs, c.by, err)
		}
	}
	// What is refused anyway, and what was decided before, needs nobody.
	batch.Items[0].Verdict.Needs, batch.Items[2].Verdict.Needs = two, two
	batch.Items[1].Verdict.Needs = nil
	batch.Items[0].Refuse()
	batch.Items[2].Repeat = true
	if err := approved(batch, by()); err != nil {
		t.Error(err)
	}
}

// governed puts a policy in force under which a payment needs two of alice, bob and
// carol, in the home of dir.
func governed(t *testing.T, dir string) {
	t.Helper()
	text := "version = 1\nname = \"treasury\"\npreset = \"strict\"\n[quorum]\nchange = 1\n"
	for _, n := range []string{"alice", "bob", "carol"} {
		secret, public, err := person(n)
		if err != nil {
			t.Fatal(err)
		}
		open, err := secret.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		key, err := sealedKey(open, password)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, n+".sealed"), key, 0o600); err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("[[operator]]\nname = %q\nkey = %q\nroles = [\"approver\", \"policy\"]\n", n, public)
	}
	text += "[[rule]]\nname = \"payments\"\nwallets = [\"any\"]\nasset = \"eip155:11155111\"\nto = [\"any\"]\ntransaction = \"any\"\napprovals = [{count = 2, role = \"approver\"}]\n"
	file, home := filepath.Join(dir, "policy.toml"), filepath.Join(dir, "home")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(filepath.Join(dir, "pass"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out, words bytes.Buffer
	args := []string{"policy", "set", file, "--home", home, "--passphrase-file", in.Name(), "--allow-network-interfaces"}
	if code := run(args, in, &out, &words, os.Getenv, noWall); code != 0 {
		t.Fatalf("%d %s", code, words.String())
	}
	if err := quicken(home); err != nil {
		t.Fatal(err)
	}
}

// An approval ends by this machine's clock, and by the latest time in the journal,
// so that a clock set back revives none.
func TestATT76ApprovalEnds(t *testing.T) {
	s, batch, _ := pending(t, "1")
	dir := filepath.Dir(s.opt.Out)
	s.close()
	governed(t, dir)
	s = reopened(t, dir)
	began := time.Now()
	at := func(d time.Duration) { s.now = func() time.Time { return began.Add(d) } }
	at(0)
	shown := batch.Shown()
	want, err := s.statement(batch, shown)
	if err != nil {
		t.Fatal(err)
	}
	want.Expires = began.Add(time.Hour).Unix()
	for _, n := range []string{"alice", "bob"} {
		secret, _, err := person(n)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, n)
		if err := errors.Join(os.WriteFile(file, want.Text(), 0o600), os.WriteFile(file+".minisig", minisign.Sign(secret, want.Text()), 0o600)); err != nil {
			t.Fatal(err)
		}
		s.opt.approval = append(s.opt.approval, file)
	}
	wants := func(code string) {
		t.Helper()
		a, err := s.quorum(want)
		if code == "" && (err != nil || len(a.By()) != 2) || code != "" && !fault.Is(err, code) {
			t.Errorf("want %q, got %v by %d", code, err, len(a.By()))
		}
	}
	wants("")
	at(59 * time.Minute)
	wants("")
	at(61 * time.Minute)
	wants("approve.expired")
	at(0)
	wants("")
	at(61 * time.Minute)
	if _, err := s.record(journal.Entry{Kind: journal.Seen, Data: shown}); err != nil {
		t.Fatal(err)
	}
	at(0)
	if _, err := s.record(journal.Entry{Kind: journal.Seen, Data: shown}); err != nil {
		t.Fatal(err)
	}
	wants("approve.expired")
}

// An operator at this console reads, agrees with fresh words, and
// opens the key; what was typed ahead of the question is no approval.
func TestATT38ATT79ApproveHere(t *testing.T) {
	for name, c := range map[string]struct {
		ahead, typed, pass, code string
	}{
		"the words":        {"", "WORDS\n", password + "\n", ""},
		"typed ahead":      {"WORDS\n" + password + "\n", "no\n", "", "approve.stopped"},
		"yes":              {"", "yes\n", "", "approve.stopped"},
		"nothing":          {"", "\n", "", "approve.stopped"},
		"refuse":           {"", "refuse\n", "", "approve.stopped"},
		"wrong passphrase": {"", "WORDS\n", password + "x\n", "operator.passphrase"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, words := prepared(t)
			governed(t, dir)
			x := at(t, dir, "approve", "r1.cbor", "--out", "s1", "--operator-key", "alice.sealed")
			x.reads("passphrase: ")
			x.types(password + "\n" + strings.ReplaceAll(c.ahead, "WORDS", words))
			x.reads("REQUEST 1 of 1")
			x.reads("to approve, type")
			x.reads(question)
			x.types(strings.ReplaceAll(c.typed, "WORDS", words))
			if c.pass != "" {
				x.reads("passphrase of the operator's key: ")
				x.types(c.pass)
			}
			status := 0
			if c.code != "" {
				status = 1
			}
			x.ends(status, c.code)
			if exists(dir, "s1.minisig") != (c.code == "") || exists(dir, "s1") != (c.code == "") {
				t.Errorf("an approval was written: %v", c.code != "")
			}
		})
	}
}
