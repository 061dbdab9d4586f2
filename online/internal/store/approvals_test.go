package store

import (
	"context"
	"sync"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// service answers as the test has it: a code of "" is a yes.
type service struct {
	mu    sync.Mutex
	says  map[bundle.ID]string
	asked map[bundle.ID]int
}

func (v *service) Ask(_ context.Context, t *pending.Transaction) (Approval, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.asked == nil {
		v.asked = map[bundle.ID]int{}
	}
	v.asked[t.ID]++
	if c := v.says[t.ID]; c != "" {
		return Approval{}, fault.New(c, "", "it says no")
	}
	return Approval{Kind: "verdict", Verdict: []byte("yes")}, nil
}

// Nothing leaves by any export that was not approved, and each row is asked for once.
func TestApprovals(t *testing.T) {
	if onBoth(t, TestApprovals) {
		return
	}
	s := fresh(t)
	yes, no, abroad := number(1), number(2), number(3, func(p *pending.Transaction) { p.Signer = pending.Foreign })
	for _, p := range []*pending.Transaction{yes, no, abroad} {
		put(t, s, p)
	}
	v := &service{says: map[bundle.ID]string{no.ID: "four-eyes.refused", abroad.ID: "four-eyes.refused"}}
	s.Require(v)
	raw, _, _ := export(t, s, Selection{})
	if string(raw[len(raw)-len(yes.Request):]) != string(yes.Request) || get(t, s, yes.ID).State != pending.Exported {
		t.Errorf("exported %q", raw)
	}
	if n, err := s.Unapproved(t.Context()); err != nil || n != 2 {
		t.Errorf("%d lack an approval, %v", n, err)
	}
	if row := get(t, s, no.ID); row.State != pending.Pending || row.Code != "four-eyes.refused" || row.Reason != "it says no" {
		t.Errorf("%+v", row)
	}
	if a, found, err := s.ApprovalOf(t.Context(), yes); err != nil || !found || a.Kind != "verdict" || string(a.Verdict) != "yes" {
		t.Errorf("%+v, %v, %v", a, found, err)
	}
	_, _, _, err := s.Export(t.Context(), Selection{IDs: []bundle.ID{no.ID}}, seal)
	code(t, err, "four-eyes.refused")
	_, err = s.ExportForeign(t.Context(), abroad.ID)
	code(t, err, "four-eyes.refused")
	// Any other way to the event.
	_, err = s.Move(t.Context(), no.ID, pending.Export, fill(pending.Export))
	code(t, err, "four-eyes.refused")
	_, err = s.HandIn(t.Context(), "a", no.ID, handed(2, "x"))
	code(t, err, "four-eyes.refused")
	// The service changes its mind, and is asked again.
	delete(v.says, no.ID)
	delete(v.says, abroad.ID)
	_, _, repeat := export(t, s, Selection{})
	if repeat || get(t, s, no.ID).State != pending.Exported || get(t, s, no.ID).Code != "" {
		t.Errorf("after a yes: %+v", get(t, s, no.ID))
	}
	if _, err := s.ExportForeign(t.Context(), abroad.ID); err != nil {
		t.Error(err)
	}
	// What was approved and comes back is not asked about again.
	move(t, s, yes.ID, pending.Defer)
	export(t, s, Selection{})
	if v.asked[yes.ID] != 1 || v.asked[no.ID] != 4 || v.asked[abroad.ID] != 2 {
		t.Errorf("asked %v", v.asked)
	}
}

// A hot signer's payment needs an approval too.
func TestApprovalOfHandedIn(t *testing.T) {
	if onBoth(t, TestApprovalOfHandedIn) {
		return
	}
	s := fresh(t)
	row := put(t, s, number(1))
	v := &service{}
	s.Require(v)
	got, err := s.HandIn(t.Context(), "a", row.ID, handed(1, "x"))
	if ok(t, err); got.State != pending.Signed || v.asked[row.ID] != 1 {
		t.Errorf("%+v, asked %v", got, v.asked)
	}
	_, err = s.HandIn(t.Context(), "b", number(2).ID, handed(2, "x"))
	code(t, err, "kms.missing")
}

// An approval holds for the bytes that it was given for.
func TestApprovalOfOtherBytes(t *testing.T) {
	if onBoth(t, TestApprovalOfOtherBytes) {
		return
	}
	s := fresh(t)
	row := put(t, s, number(1))
	_, err := s.db.ExecContext(t.Context(), "INSERT INTO approvals (id, digest, kind, verdict, at) VALUES (?, ?, 'verdict', ?, 1)", row.ID[:], bytes32("other"), []byte("yes"))
	ok(t, err)
	v := &service{says: map[bundle.ID]string{row.ID: "four-eyes.digest"}}
	s.Require(v)
	_, _, _, err = s.Export(t.Context(), Selection{}, seal)
	code(t, err, "four-eyes.digest")
	delete(v.says, row.ID)
	export(t, s, Selection{})
}

// A service that is gone is not waited for once a row.
func TestApprovalsGiveUp(t *testing.T) {
	if onBoth(t, TestApprovalsGiveUp) {
		return
	}
	s := fresh(t)
	v := &service{says: map[bundle.ID]string{}}
	for n := range 100 {
		p := put(t, s, number(n+1))
		v.says[p.ID] = noAnswer
	}
	s.Require(v)
	_, _, _, err := s.Export(t.Context(), Selection{}, seal)
	code(t, err, noAnswer)
	if len(v.asked) >= giveUp+askers || len(v.asked) < giveUp {
		t.Errorf("asked about %d rows", len(v.asked))
	}
}

// Rows that the service refuses or chokes on keep no others from being asked about,
// neither in a small export nor when the service is given up on.
func TestApprovalsOfOthers(t *testing.T) {
	if onBoth(t, TestApprovalsOfOthers) {
		return
	}
	for _, c := range []struct {
		says string
		rows int
		sel  Selection
	}{{"four-eyes.refused", 3, Selection{Limit: 2}}, {noAnswer, giveUp + askers, Selection{}}} {
		s := fresh(t)
		v := &service{says: map[bundle.ID]string{}}
		for n := range c.rows {
			p := put(t, s, number(n+1))
			v.says[p.ID] = c.says
		}
		good := put(t, s, number(100))
		s.Require(v)
		for range 3 {
			if _, _, _, err := s.Export(t.Context(), c.sel, seal); err == nil {
				break
			} else if !fault.Is(err, c.says) {
				t.Fatal(err)
			}
		}
		if row := get(t, s, good.ID); row.State != pending.Exported {
			t.Errorf("%s: %+v", c.says, row)
		}
	}
}

// Any number of rows may be named, more than a statement takes parameters.
func TestApprovalsOfMany(t *testing.T) {
	if onBoth(t, TestApprovalsOfMany) {
		return
	}
	s := fresh(t)
	var ids []bundle.ID
	for n := range 70_000 {
		ids = append(ids, bundle.ID{1, byte(n >> 16), byte(n >> 8), byte(n)})
	}
	v := &service{}
	s.Require(v)
	row := put(t, s, number(1))
	_, _, _, err := s.Export(t.Context(), Selection{IDs: append([]bundle.ID{row.ID}, ids...)}, seal)
	code(t, err, "kms.missing")
	if v.asked[row.ID] != 1 {
		t.Errorf("asked %v", v.asked)
	}
}

func bytes32(text string) []byte { d := sum([]byte(text)); return d[:] }
