package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coldsign/offline/internal/approve"
	"coldsign/offline/internal/harden"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// Swap is refused where keys of main networks are, except under compat or when it is
// waived; a test keystore is warned only.
func TestSwap(t *testing.T) {
	s, _ := unlocked(t)
	if err := s.noSwap(true); err != nil {
		t.Fatal(err)
	}
	s.waive(bundle.WaivedSwap, "SWAP IS ON: x")
	if err := s.noSwap(false); err != nil {
		t.Errorf("test networks only: %v", err)
	}
	if err := s.noSwap(true); !fault.Is(err, "harden.swap") {
		t.Errorf("a new key of a main network: %v", err)
	}
	if _, err := s.ks.NewWallet("ETH", false, "", s.now()); err != nil {
		t.Fatal(err)
	}
	if err := s.noSwap(false); !fault.Is(err, "harden.swap") {
		t.Errorf("a main network: %v", err)
	}
	if err := s.added("new", nil, nil); !fault.Is(err, "harden.swap") {
		t.Errorf("making a wallet of a main network: %v", err)
	}
	s.opt.allowSwap = true
	if err := s.noSwap(false); err != nil {
		t.Errorf("waived: %v", err)
	}
	s.opt.allowSwap = false
	s.ks.SetPreset("compat")
	if err := s.noSwap(false); err != nil {
		t.Errorf("compat: %v", err)
	}
	if len(s.loud) == 0 || !strings.Contains(s.loud[len(s.loud)-1], "WARNING: SWAP IS ON") {
		t.Errorf("%q", s.loud)
	}
}

// What was waived stands in the receipts, in the journal, and in an answer that is
// made again on a machine where nothing is waived.
func TestWaivedStands(t *testing.T) {
	s, dir := unlocked(t)
	s.waived = bundle.WaivedSwap | bundle.WaivedNetwork
	raw, err := order{from: newDevice(9), to: s.ks.Device().Public(), sequence: 1, items: []string{"1", "2:1:01020304"}}.seal()
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
	want, err := os.ReadFile(s.opt.Out)
	if err != nil {
		t.Fatal(err)
	}
	s.close()

	s = reopened(t, dir)
	s.waived = 0
	if err := os.Remove(s.sent(1)); err != nil {
		t.Fatal(err)
	}
	_, entry, repeat, err := s.received(file(t, in))
	if err != nil || !repeat || entry.Sign.Waived != 3 {
		t.Fatalf("repeat %v, waived %d, %v", repeat, entry.Sign.Waived, err)
	}
	s.opt.Out = filepath.Join(dir, "b.cbor")
	device := s.ks.Device().Public()
	if err := s.again(b, entry); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(s.opt.Out); err != nil || !bytes.Equal(again, want) {
		t.Errorf("the answer made again is another: %v", err)
	}
	answer, err := bundle.Open(want, device)
	if err != nil {
		t.Fatal(err)
	}
	for i := range answer.Len() {
		r, err := answer.Receipt(i)
		if err != nil || r.Waived != 3 || strings.Join(r.Waived.Words(), ",") != "a network interface was up,swap was on" {
			t.Errorf("receipt %d: %d, %v", i, r.Waived, err)
		}
	}
}

// Without a wall nothing is unlocked.
func TestNoWallNoKeys(t *testing.T) {
	s, _ := unlocked(t)
	s.close()
	a := s.app
	a.walled, a.safe = false, false
	a.wall = func([]harden.Access) error { return fault.New("harden.seccomp", "", "no filter") }
	if _, err := a.unlock(); !fault.Is(err, "harden.seccomp") {
		t.Errorf("unlocked without a wall: %v", err)
	}
	if err := a.initHome(); !fault.Is(err, "harden.seccomp") {
		t.Errorf("made a home without a wall: %v", err)
	}
}
