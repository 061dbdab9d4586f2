package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coldsign/offline/internal/approve"
	"coldsign/offline/internal/console"
	"coldsign/offline/internal/harden"
	"coldsign/offline/internal/journal"
	"coldsign/shared/bundle"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
)

// unlocked opens the paired home of a fresh copy.
func unlocked(t *testing.T) (*session, string) {
	t.Helper()
	dir := t.TempDir()
	fresh(t, dir)
	return reopened(t, dir), dir
}

func reopened(t *testing.T, dir string) *session {
	t.Helper()
	s, err := sessionOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func sessionOf(dir string) (*session, error) {
	a := &app{con: &console.Console{Out: io.Discard, Err: io.Discard}, out: io.Discard, now: time.Now, chain: registry.New(), wall: noWall}
	a.opt.home, a.opt.passphraseFile, a.opt.allowNetwork = filepath.Join(dir, "home"), filepath.Join(dir, "pass"), true
	return a.unlock()
}

// tree gives every file under dir with its bytes.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		files[p] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func same(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// Every truncation and every flipped bit of a bundle is refused,
// by review and by sign, and nothing is written anywhere.
func TestATT39ATT40DamagedBundles(t *testing.T) {
	s, dir := unlocked(t)
	raw, err := order{from: newDevice(9), to: s.ks.Device().Public(), sequence: 1, items: []string{"1", "2"}}.seal()
	if err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(dir, "in.cbor")
	put := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(in, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(raw)
	if _, _, _, err := s.received(file(t, in)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(in); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	cases := 0
	try := func(what string, b []byte) {
		t.Helper()
		cases++
		put(b)
		if _, _, _, err := s.received(file(t, in)); !strings.HasPrefix(fault.Code(err), "bundle.") {
			t.Fatalf("%s: %v", what, err)
		}
	}
	var samples [][]byte
	for n := range raw {
		try(fmt.Sprintf("cut to %d", n), raw[:n])
		for bit := range 8 {
			bad := bytes.Clone(raw)
			bad[n] ^= 1 << bit
			try(fmt.Sprintf("bit %d of byte %d", bit, n), bad)
			if bit == n%8 && n%(len(raw)/10) == 0 {
				samples = append(samples, bad, raw[:n])
			}
		}
	}
	try("trailing byte", append(bytes.Clone(raw), 0))
	try("two bundles", append(bytes.Clone(raw), raw...))
	if cases < 9*len(raw) || len(raw) < 300 || len(samples) < 20 {
		t.Fatalf("only %d cases of %d bytes, %d samples", cases, len(raw), len(samples))
	}
	s.close()
	for i, b := range samples {
		put(b)
		cmd := exec.Command("offline", "sign", "in.cbor", "--out", "a.cbor", "--approve", strings.Repeat("0", 64))
		if i%2 == 1 {
			cmd = exec.Command("offline", "review", "in.cbor")
		}
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "COLDSIGN_HOME=home", "PASSFILE=pass")
		var out, words bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &words
		exit, ok := errors.AsType[*exec.ExitError](cmd.Run())
		m := errorLine.FindStringSubmatch(words.String())
		if !ok || exit.ExitCode() != 1 || out.Len() != 0 || m == nil || !strings.HasPrefix(m[1], "bundle.") {
			t.Errorf("sample %d: %v, %q, %q", i, exit, out.String(), words.String())
		}
	}
	if err := os.Remove(in); err != nil {
		t.Fatal(err)
	}
	if !same(before, tree(t, dir)) {
		t.Error("a refused bundle left something behind")
	}
}

// ATT-51: the file is read once. What was reviewed is what is signed, whatever
// happens to the file in between.
func TestATT51FileChangesAfterReading(t *testing.T) {
	s, dir := unlocked(t)
	in := filepath.Join(dir, "in.cbor")
	seal := func(item string) []byte {
		raw, err := order{from: newDevice(9), to: s.ks.Device().Public(), sequence: 1, items: []string{item}}.seal()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	good, evil := seal("1"), seal("1:900")
	if err := os.WriteFile(in, good, 0o600); err != nil {
		t.Fatal(err)
	}
	b, _, _, err := s.received(file(t, in))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in, evil, 0o600); err != nil { // the same inode
		t.Fatal(err)
	}
	batch, err := s.batch(b)
	if err != nil {
		t.Fatal(err)
	}
	s.opt.Out = filepath.Join(dir, "a.cbor")
	if err := s.decide(b, batch, approve.About(batch.Digest)); err != nil {
		t.Fatal(err)
	}
	want, err := bundle.Open(good, newDevice(9).Public())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(s.opt.Out)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := bundle.Open(raw, s.ks.Device().Public())
	if err != nil || answer.Answers != want.Digest() {
		t.Errorf("the answer is to another bundle: %v", err)
	}
	// The evil one now claims the same place and the same id.
	s.close() // an answer locks the keystore
	s = reopened(t, dir)
	if _, _, _, err := s.received(file(t, in)); !fault.Is(err, "bundle.fork") {
		t.Errorf("%v", err)
	}
}

// A journal entry that was made durable, and a crash before anything else: the
// answer is made again, the same whatever the clock or the policy say then.
func TestCrashAfterTheJournal(t *testing.T) {
	s, dir := unlocked(t)
	raw, err := order{from: newDevice(9), to: s.ks.Device().Public(), sequence: 1, expires: time.Now().Unix() + 3600, items: []string{"1", "2:1:01020304"}}.seal()
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
	if err := s.decide(b, batch, approve.About(batch.Digest)); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(s.opt.Out)
	if err != nil {
		t.Fatal(err)
	}
	s.close()
	if err := os.RemoveAll(filepath.Join(dir, "home", "sent")); err != nil {
		t.Fatal(err)
	}

	s = reopened(t, dir)
	s.now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	s.ks.SetPreset("compat")
	b, e, repeat, err := s.received(file(t, in))
	if err != nil || !repeat || e.Kind != journal.Decided {
		t.Fatalf("repeat %v, %v", repeat, err)
	}
	s.opt.Out = filepath.Join(dir, "b.cbor")
	if err := s.again(b, e); err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(s.opt.Out)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("the answer made again is another: %v", err)
	}
}

// An answer from before there were heads tells none: it is made again as it was.
func TestAnswerWithoutHead(t *testing.T) {
	s, dir := unlocked(t)
	in := filepath.Join(dir, "in.cbor")
	raw, err := order{from: newDevice(9), to: s.ks.Device().Public(), sequence: 1, items: []string{"1"}}.seal()
	if err == nil {
		err = os.WriteFile(in, raw, 0o600)
	}
	if err != nil {
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
	receipts, place := batch.Sign(s.waived), s.next()
	old, err := s.seal(b, place, bundle.Head{}, receipts)
	if err != nil {
		t.Fatal(err)
	}
	place.Digest = sha256.Sum256(old)
	if _, err := s.record(journal.Entry{Kind: journal.Decided, Out: place, Sign: s.decisions(batch, receipts)}); err != nil {
		t.Fatal(err)
	}
	b, e, repeat, err := s.received(file(t, in))
	if err != nil || !repeat {
		t.Fatalf("repeat %v, %v", repeat, err)
	}
	s.opt.Out = filepath.Join(dir, "a.cbor")
	if err := s.again(b, e); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(s.opt.Out); err != nil || !bytes.Equal(again, old) {
		t.Errorf("the answer made again is another: %v", err)
	}
}

// A pairing that was cut short after its journal entry: the peer of the keystore
// is in force, and its bundles go on where they were.
func TestPairingCutShort(t *testing.T) {
	s, dir := unlocked(t)
	raw, err := order{from: newDevice(9), to: s.ks.Device().Public(), sequence: 1, items: []string{"1"}}.seal()
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
	if err := s.decide(b, batch, approve.About(batch.Digest)); err != nil {
		t.Fatal(err)
	}
	s.close()
	s = reopened(t, dir)
	out := s.j.Out()
	if _, err := s.record(journal.Entry{Kind: journal.Pair, Data: newDevice(5).Public()}); err != nil {
		t.Fatal(err)
	}
	s.close()

	s = reopened(t, dir)
	if peer, _ := s.ks.Peer(); !bytes.Equal(peer, s.j.Peer()) || s.j.Out() != out {
		t.Errorf("the journal is with %x at %d, the keystore with %x", s.j.Peer(), s.j.Out().Sequence, peer)
	}
	if _, _, repeat, err := s.received(file(t, in)); err != nil || !repeat {
		t.Errorf("the old peer's bundle: repeat %v, %v", repeat, err)
	}
	entries, _ := s.j.Head()
	s.close()
	s = reopened(t, dir)
	if again, _ := s.j.Head(); again != entries {
		t.Errorf("opening wrote %d entries more", again-entries)
	}
}

// A panic prints nothing of what it met.
func TestPanicIsOneLine(t *testing.T) {
	var out, words bytes.Buffer
	code := run([]string{"version"}, os.Stdin, bomb{}, &words, func(string) string { return "" }, noWall)
	if code != 3 || words.String() != "error: internal: the program met a state it does not know; report it with what you did, and run \"coldsign-offline journal verify\"\n" || out.Len() != 0 {
		t.Errorf("%d %q", code, words.String())
	}
}

// noWall is for runs inside the test: a wall would shut the test in too.
func noWall([]harden.Access) error { return nil }

type bomb struct{}

func (bomb) Write([]byte) (int, error) { panic("secret") }

// file is a message as it comes from a file.
func file(t *testing.T, name string) frame.Message {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := frame.FromFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
