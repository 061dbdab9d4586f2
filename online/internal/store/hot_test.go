package store

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

func handed(n int, with string) chain.Sealed {
	return chain.Sealed{TxID: fmt.Sprintf("txid %d %s", n, with), Raw: fmt.Appendf(nil, "raw %d %s", n, with)}
}

// A hot signer's transaction is taken for a row that never left, once, and for no
// other row.
func TestHandIn(t *testing.T) {
	if onBoth(t, TestHandIn) {
		return
	}
	s := fresh(t)
	p := put(t, s, number(1))
	row, err := s.HandIn(as(t, "apikey k"), "a", p.ID, handed(1, "x"))
	if ok(t, err); row.State != pending.Signed || !row.Hot || !row.Left() || row.Bundle != 0 || row.TxID != "txid 1 x" {
		t.Errorf("taken as %+v", row)
	}
	if last := audits(t, s, p.ID); last[len(last)-1].Action != "take" || last[len(last)-1].Actor != "apikey k" {
		t.Errorf("audited as %+v", last)
	}
	again, err := s.HandIn(t.Context(), "a", p.ID, handed(1, "x"))
	if ok(t, err); again.State != pending.Signed || len(audits(t, s, p.ID)) != 2 {
		t.Errorf("a repeat changes it: %+v", again)
	}
	_, err = s.HandIn(t.Context(), "a", p.ID, handed(1, "y"))
	code(t, err, "kms.transaction.mismatch")
	_, err = s.HandIn(t.Context(), "b", p.ID, handed(1, "x"))
	code(t, err, "kms.missing")
	if _, _, _, err := s.Export(t.Context(), Selection{}, seal); !fault.Is(err, "export.empty") {
		t.Errorf("it is exported: %v", err)
	}
	_, err = s.Assert(t.Context(), "a", p.ID, "another txid")
	code(t, err, "kms.txid.mismatch")

	n := 100
	for name, c := range map[string]struct {
		path []pending.Event
		code string
	}{
		"exported":  {toExported, "kms.exported"},
		"deferred":  {[]pending.Event{pending.Export, pending.Defer}, "kms.exported"},
		"refused":   {[]pending.Event{pending.Export, pending.Refuse}, "kms.exported"},
		"sealed":    {toSigned, "kms.transaction.mismatch"},
		"broadcast": {toBroadcast, "kms.transaction.mismatch"},
		"cancelled": {[]pending.Event{pending.Cancel}, "state.conflict"},
		"asserted":  {[]pending.Event{pending.Assert}, "kms.transaction.mismatch"},
	} {
		n++
		p := put(t, s, number(n))
		move(t, s, p.ID, c.path...)
		before := get(t, s, p.ID)
		if _, err := s.HandIn(t.Context(), "a", p.ID, handed(2, name)); !fault.Is(err, c.code) {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
		if now := get(t, s, p.ID); now.State != before.State || now.TxID != before.TxID || now.Hot {
			t.Errorf("%s is refused and changes the row", name)
		}
	}
	foreign := put(t, s, number(3, byAnother))
	_, err = s.HandIn(t.Context(), "a", foreign.ID, handed(3, ""))
	code(t, err, "state.conflict")
	late := put(t, s, number(4, func(p *pending.Transaction) { p.Deadline = epoch.Unix() }))
	_, err = s.HandIn(t.Context(), "a", late.ID, handed(4, ""))
	code(t, err, "deadline.passed")
	twin := put(t, s, number(5))
	_, err = s.HandIn(t.Context(), "a", twin.ID, handed(1, "x"))
	code(t, err, "txid.duplicate")
	// What is to be cancelled is not taken, and what was taken is parked.
	_, err = s.Cancel(t.Context(), "a", p.ID)
	ok(t, err)
	_, err = s.HandIn(t.Context(), "a", p.ID, handed(1, "x"))
	code(t, err, "state.conflict")
	// The database itself refuses what no program of ours does.
	for _, q := range []string{"UPDATE transactions SET hot = 0 WHERE hot = 1", "UPDATE transactions SET bundle = 1 WHERE hot = 1",
		"UPDATE transactions SET state = 'pending' WHERE hot = 1", "UPDATE transactions SET hot = 1 WHERE state = 'exported'"} {
		if _, err := s.db.ExecContext(t.Context(), q); err == nil {
			t.Errorf("%s is done", q)
		}
	}
}

// TestHandInRaces: an export, two hot signers with different signatures, and a
// cancelling, all at once: each row has one winner, and one signature at most.
func TestHandInRaces(t *testing.T) {
	if onBoth(t, TestHandInRaces) {
		return
	}
	s := fresh(t)
	const rows = 24
	ids := make([]bundle.ID, rows)
	for i := range ids {
		ids[i] = put(t, s, number(i+1)).ID
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	won := map[bundle.ID][]string{}
	note := func(id bundle.ID, who string, err error) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			won[id] = append(won[id], who)
		case !fault.Is(err, "kms.exported") && !fault.Is(err, "kms.transaction.mismatch") && !fault.Is(err, "state.conflict"):
			t.Errorf("%s on %s: %v", who, id, err)
		}
	}
	for i, id := range ids {
		for _, who := range []string{"x", "y"} {
			all.Go(func() {
				_, err := s.HandIn(t.Context(), "a", id, handed(i, who))
				note(id, who, err)
			})
		}
		if i%3 == 0 {
			all.Go(func() { _, err := s.Cancel(t.Context(), "a", id); ok(t, err) })
		}
		if i%2 == 0 {
			all.Go(func() {
				_, _, _, err := s.Export(t.Context(), Selection{IDs: []bundle.ID{id}}, seal)
				if err == nil {
					note(id, "export", nil)
				} else if !fault.Is(err, "export.state") && !fault.Is(err, "state.conflict") {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for _, id := range ids {
		row, winners := get(t, s, id), won[id]
		switch {
		case len(winners) > 1:
			t.Errorf("%s was won by %v", id, winners)
		case len(winners) == 0:
			if row.State != pending.Cancelled || len(row.Raw) != 0 {
				t.Errorf("nobody won %s, and it is %s", id, row.State)
			}
		case winners[0] == "export":
			if row.State != pending.Exported || row.Hot || len(row.Raw) != 0 || row.Bundle == 0 {
				t.Errorf("%s was exported and is %s, hot %v", id, row.State, row.Hot)
			}
		default:
			if row.State != pending.Signed || !row.Hot || row.Bundle != 0 || string(row.Raw[len(row.Raw)-1:]) != winners[0] {
				t.Errorf("%s was taken by %s and is %s, %q", id, winners[0], row.State, row.Raw)
			}
		}
	}
}

// What signers report is kept in the row and changes nothing else; the same again is
// no news.
func TestSignerReports(t *testing.T) {
	if onBoth(t, TestSignerReports) {
		return
	}
	s := fresh(t)
	mine, theirs := put(t, s, number(1)), put(t, s, number(2, func(p *pending.Transaction) { p.Tenant = "b" }))
	said := func(text string, ids ...bundle.ID) (list []SignerReport) {
		for _, id := range ids {
			list = append(list, SignerReport{id, text})
		}
		return list
	}
	fresh, unknown, err := s.KeepReports(t.Context(), "a", said("no key", mine.ID, theirs.ID, bundle.ID{1}))
	if ok(t, err); len(fresh) != 1 || fresh[0].ID != mine.ID || unknown != 2 {
		t.Errorf("%v, %d unknown", fresh, unknown)
	}
	row := get(t, s, mine.ID)
	if row.Report != "no key" || !row.Reported.Equal(epoch) || row.State != pending.Pending || row.Code != "" || !row.Updated.Equal(mine.Updated) {
		t.Errorf("%+v", row)
	}
	if r := get(t, s, theirs.ID); r.Report != "" || !r.Reported.Equal(time.Time{}) {
		t.Errorf("another tenant's row says %q", r.Report)
	}
	if fresh, _, err = s.KeepReports(t.Context(), "a", said("no key", mine.ID)); err != nil || len(fresh) != 0 {
		t.Errorf("%v %v", fresh, err)
	}
	if fresh, _, err = s.KeepReports(t.Context(), "a", said("still none", mine.ID)); err != nil || len(fresh) != 1 {
		t.Errorf("%v %v", fresh, err)
	}
	move(t, s, mine.ID, toExported...)
	if row := get(t, s, mine.ID); row.Report != "still none" {
		t.Errorf("a move takes the report away: %q", row.Report)
	}
}
