package main

import (
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/policy"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

const hourly = `version = 1
name = "hourly"
preset = "strict"
[[rule]]
name = "one an hour"
wallets = ["any"]
asset = "ETH sepolia"
to = ["any"]
transaction = "1 sepETH"
period = "1 sepETH"
hours = 1
`

// ruled is a session with the policy in force, and a clock that the test sets.
func ruled(t *testing.T, rules string) (s *session, dir string, set func(seconds int64)) {
	t.Helper()
	s, dir = unlocked(t)
	now := int64(2_000_000_000)
	s.now = func() time.Time { return time.Unix(now, 0) }
	p, err := policy.Parse([]byte(rules), policy.World{Chains: s.chain.All()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.setDocument("policy", p.Version, []byte(rules), func() {}); err != nil {
		t.Fatal(err)
	}
	s.laws = nil
	return s, dir, func(seconds int64) { now = 2_000_000_000 + seconds }
}

// Whatever one clock says, a period is over only when the other says so too: the
// online half's word alone opens nothing, nor does a person at the clock .
func TestATT48PeriodNeedsTwoClocks(t *testing.T) {
	s, _, set := ruled(t, hourly)
	spend := journal.Spend{Rule: "one an hour", Asset: "eip155:11155111", Amount: big.NewInt(1e18).Bytes()}
	if _, err := s.record(journal.Entry{Kind: journal.Decided, Sign: &journal.Signing{Created: expired, Spent: []journal.Spend{spend}}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		here, there int64
		code        string
	}{{3600, 3600, ""}, {3600, 3599, "policy.period"}, {3599, 3600, "policy.period"}, {10, 1e9, "policy.period"}, {1e8, 0, "policy.period"}} {
		set(c.here)
		r, err := s.reviewer()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := order{from: newDevice(9), to: s.ks.Device().Public(), sequence: 1, items: []string{"1"}}.seal()
		if err != nil {
			t.Fatal(err)
		}
		b, err := bundle.Open(raw, newDevice(9).Public())
		if err != nil {
			t.Fatal(err)
		}
		b.Created = expired + c.there
		batch, err := r.Batch(b)
		if err != nil {
			t.Fatal(err)
		}
		if v := batch.Items[0].Verdict; v.Code != c.code || v.Later != (c.code != "") {
			t.Errorf("%+v: %+v", c, v)
		}
	}
}

// A clock behind the journal stops what rules judge. --clock-ok goes on, each receipt
// says so, and from that entry on the clock is believed.
func TestATT48ClockSetBack(t *testing.T) {
	s, dir, set := ruled(t, hourly)
	raw, err := order{from: newDevice(9), to: s.ks.Device().Public(), sequence: 1, items: []string{"1"}}.seal()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "in.cbor"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	set(-1)
	if _, err := s.reviewer(); !fault.Is(err, "clock.back") {
		t.Fatalf("a clock that is a second behind: %v", err)
	}
	set(0)
	if _, err := s.reviewer(); err != nil {
		t.Fatalf("a clock that stands still: %v", err)
	}
	set(-7200)
	s.opt.clockOK = true
	b, _, _, err := s.received(file(t, filepath.Join(dir, "in.cbor")))
	if err != nil {
		t.Fatal(err)
	}
	batch, err := s.batch(b)
	if err != nil || s.waived&bundle.WaivedClock == 0 || !strings.Contains(strings.Join(s.loud, "\n"), "7200 SECONDS BEHIND") {
		t.Fatalf("%v, %v", err, s.loud)
	}
	receipts := batch.Sign(s.waived)
	if receipts[0].Status != bundle.Signed || receipts[0].Waived&bundle.WaivedClock == 0 || receipts[0].Policy != "hourly 1: one an hour" {
		t.Errorf("%+v", receipts[0])
	}
	signing := s.decisions(batch, receipts)
	if len(signing.Spent) != 1 || new(big.Int).SetBytes(signing.Spent[0].Amount).String() != "500630000000000000" || signing.Created != expired-1 {
		t.Errorf("%+v", signing)
	}
	if _, err := s.record(journal.Entry{Kind: journal.Decided, Sign: signing}); err != nil {
		t.Fatal(err)
	}
	s.opt.clockOK, s.waived = false, 0
	if _, err := s.reviewer(); err != nil {
		t.Errorf("after --clock-ok: %v", err)
	}
	set(-7201)
	if _, err := s.reviewer(); !fault.Is(err, "clock.back") {
		t.Errorf("set back once more: %v", err)
	}
}

// Under a preset no clock is asked: as it always was.
func TestPresetAsksNoClock(t *testing.T) {
	s, _ := unlocked(t)
	s.now = func() time.Time { return time.Unix(1, 0) }
	if _, err := s.reviewer(); err != nil {
		t.Error(err)
	}
}
