package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coldsign/offline/internal/approve"
	"coldsign/offline/internal/journal"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

const began = 2_000_000_000 // the time of these tests: later than any home was made

// arrives gives a bundle that was made, and ends, when it says.
func arrives(t *testing.T, s *session, created, expires int64, items ...string) *bundle.Bundle {
	t.Helper()
	raw, err := order{from: newDevice(9), to: s.ks.Device().Public(), sequence: 1, items: items}.seal()
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(raw, newDevice(9).Public())
	if err != nil {
		t.Fatal(err)
	}
	b.Created, b.Expires = created, expires
	return b
}

// A bundle holds for 31 days at most: one that would hold for ever is put off like one
// that is over.
func TestATT48BundleHolds(t *testing.T) {
	s, _ := unlocked(t)
	now := int64(began)
	s.now = func() time.Time { return time.Unix(now, 0) }
	for _, c := range []struct {
		expires, now int64
		code         string
	}{
		{began + 1, began + 1, ""},
		{began + 1, began + 2, "bundle.expired"},
		{began + 1, began + 365*86400, "bundle.expired"},
		{began + maxHold, began, ""},
		{began + maxHold, began + maxHold, ""},
		{began + maxHold + 1, began, "bundle.expires"},
		{began + maxHold + 1, began - 1, "bundle.expires"},
		{began + maxHold + 1, began + 1, ""},    // within 31 days by now
		{253402300799, began, "bundle.expires"}, // year 9999
		{0, began + 365*86400, ""},              // none was set
	} {
		now = c.now
		batch, err := s.batch(arrives(t, s, began, c.expires, "1"))
		if err != nil {
			t.Fatal(err)
		}
		if v := batch.Items[0].Verdict; v.Code != c.code || v.Allow != (c.code == "") || v.Later != (c.code != "") {
			t.Errorf("%+v: %+v", c, v)
		}
	}
}

// A bundle that says it comes from the future stops what rules judge, until a person
// says that this machine's clock is right; then each receipt says so.
func TestATT48FromTheFuture(t *testing.T) {
	s, _, set := ruled(t, hourly)
	b := arrives(t, s, began, 0, "1")
	for ahead, code := range map[int64]string{0: "", maxAhead: "", maxAhead + 1: "clock.ahead", 250_000_000_000: "clock.ahead"} {
		b.Created = began + ahead
		if _, err := s.batch(b); code == "" && err != nil || code != "" && !fault.Is(err, code) {
			t.Errorf("%d seconds ahead: %v", ahead, err)
		}
	}
	s.opt.clockOK, b.Created = true, 253402300799 // year 9999
	batch, err := s.batch(b)
	if err != nil || s.waived&bundle.WaivedClock == 0 || !strings.Contains(strings.Join(s.loud, "\n"), "SECONDS BEHIND THE BUNDLE") {
		t.Fatalf("%v, %v", err, s.loud)
	}
	// What was signed so holds the period for its hour, and not until the year 9999.
	signing := s.decisions(batch, batch.Sign(s.waived))
	if _, err := s.record(journal.Entry{Kind: journal.Decided, Sign: signing}); err != nil {
		t.Fatal(err)
	}
	s.opt.clockOK, s.waived = false, 0
	for _, c := range []struct {
		here, there int64
		code        string
	}{{3600, 0, "policy.period"}, {maxAhead + 3599, maxAhead + 3599, "policy.period"}, {maxAhead + 3600, maxAhead + 3600, ""}} {
		set(c.here)
		batch, err := s.batch(arrives(t, s, began+c.there, 0, "2:900"))
		if err != nil {
			t.Fatal(err)
		}
		if v := batch.Items[0].Verdict; v.Code != c.code {
			t.Errorf("%+v: %+v", c, v)
		}
	}
}

// A machine that believes it is 1970 signs nothing under rules: either its journal or
// the bundle is from later.
func TestATT48EpochClock(t *testing.T) {
	s, _, set := ruled(t, hourly)
	set(-1_999_999_999)
	if _, err := s.batch(arrives(t, s, began, 0, "1")); !fault.Is(err, "clock.back") {
		t.Errorf("1970 behind a journal: %v", err)
	}
	if err := s.ahead(began); !fault.Is(err, "clock.ahead") {
		t.Errorf("1970 and a bundle from later: %v", err)
	}
	set(0)
	if _, err := s.batch(arrives(t, s, began, 0, "1")); err != nil {
		t.Errorf("both clocks are right: %v", err)
	}
}

// What ends while a person reads is not signed: the bundle, the requester's deadline,
// an approval. A clock that jumps back in that hour stops all of it.
func TestATT48JumpDuringReview(t *testing.T) {
	for name, c := range map[string]struct {
		jump   int64 // while the review is on the screen
		code   string
		stops  string
		ends   int64 // of an approval
		expiry int64
		late   int64 // the requester's deadline
	}{
		"nothing":                    {jump: 60, expiry: began + 60, late: began + 60, ends: began + 61},
		"the bundle ended":           {jump: 61, expiry: began + 60, code: "bundle.expired"},
		"the deadline passed":        {jump: 61, late: began + 60, code: "request.expired"},
		"an approval ended":          {jump: 60, ends: began + 60, stops: "approve.expired"},
		"the clock jumped back":      {jump: -7200, stops: "clock.back"},
		"the clock jumped forward":   {jump: 40 * 86400, expiry: began + 60, code: "bundle.expired"},
		"forward, and no end is set": {jump: 40 * 86400},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir, set := ruled(t, strings.Replace(hourly, "period = \"1 sepETH\"\nhours = 1\n", "", 1))
			b := arrives(t, s, began, c.expiry, "1")
			batch, err := s.batch(b)
			if err != nil {
				t.Fatal(err)
			}
			batch.Items[0].Request.Deadline = c.late
			a := approve.About(batch.Digest)
			a.Ends = c.ends
			set(c.jump)
			s.opt.Out = filepath.Join(dir, "a.cbor")
			err = s.decide(b, batch, a)
			e := s.j.Entries()[len(s.j.Entries())-1]
			switch {
			case c.stops != "":
				if !fault.Is(err, c.stops) || e.Kind == journal.Decided {
					t.Errorf("%v, %+v", err, e)
				}
			case c.code == "":
				if err != nil || e.Sign == nil || e.Sign.Decisions[0].Status != bundle.Signed {
					t.Errorf("%v, %+v", err, e.Sign)
				}
			case e.Sign == nil || e.Sign.Decisions[0].Status != bundle.Deferred || e.Sign.Decisions[0].Code != c.code || !fault.Is(err, "sign.refused"):
				t.Errorf("%v, %+v", err, e.Sign)
			}
		})
	}
}

// Without an end of its own an approval ends nothing.
func TestStillWithoutApprovals(t *testing.T) {
	s, batch, _ := pending(t, "1")
	if err := s.still(batch, approve.About(batch.Digest)); err != nil || !batch.Items[0].Verdict.Allow {
		t.Errorf("%v, %+v", err, batch.Items[0].Verdict)
	}
}

// What one bundle told of the year 9999 in an old journal holds no period for ever.
func TestATT48OldPoison(t *testing.T) {
	s, _, _ := ruled(t, hourly)
	batch, err := s.batch(arrives(t, s, began, 0, "1"))
	if err != nil {
		t.Fatal(err)
	}
	signing := s.decisions(batch, batch.Sign(0))
	signing.Created = 253402300799
	if _, err := s.record(journal.Entry{Kind: journal.Decided, Sign: signing}); err != nil {
		t.Fatal(err)
	}
	past, told := s.past()
	if len(past) != 1 || past[0].Created != began+maxAhead || told != past[0].Created {
		t.Errorf("%+v, %d", past, told)
	}
	if past, told := s.past(batch.Digest); len(past) != 0 || told != 0 {
		t.Errorf("the bundle itself counts: %+v, %d", past, told)
	}
}
