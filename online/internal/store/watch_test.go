package store

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

// TestATT100StrangerIsWatched: a row in whose place a stranger's transaction is, and one
// whose execution failed, can be taken back, and one that failed otherwise cannot.
func TestATT100StrangerIsWatched(t *testing.T) {
	if onBoth(t, TestATT100StrangerIsWatched) {
		return
	}
	s := fresh(t)
	ids := [3]bundle.ID{}
	for i, code := range []string{pending.Conflicted, Executed, "some.code"} {
		p := put(t, s, number(i+1))
		move(t, s, p.ID, toBroadcast...)
		_, err := s.Move(t.Context(), p.ID, pending.Fail, func(p *pending.Transaction) error { p.Code = code; return nil })
		ok(t, err)
		ids[i] = p.ID
	}
	watched := func() (list []bundle.ID) {
		rows, err := s.Watched(t.Context(), s.Now().Add(time.Second), 10)
		ok(t, err)
		for _, r := range rows {
			list = append(list, r.ID)
		}
		return list
	}
	if got := watched(); !slices.Equal(got, ids[:2]) {
		t.Fatalf("%v are watched", got)
	}
	_, err := s.Move(t.Context(), ids[2], pending.Revive, nil)
	code(t, err, "state.conflict")
	for _, id := range ids[:2] {
		move(t, s, id, pending.Revive)
		if got := watched(); slices.Contains(got, id) || get(t, s, id).State != pending.Broadcast {
			t.Errorf("%v are watched, and it is %s", got, get(t, s, id).State)
		}
	}
	move(t, s, ids[0], pending.Confirm)
	if got := watched(); !slices.Equal(got, ids[:1]) {
		t.Errorf("%v are watched once it is complete", got)
	}
}

// TestWatchedWhenTheClockGoesBack: what was looked at by a clock that was ahead is not
// left alone until that time comes.
func TestWatchedWhenTheClockGoesBack(t *testing.T) {
	now := epoch
	s, err := open(t.Context(), filepath.Join(t.TempDir(), "kms.db"), func() time.Time { return now }, migrations)
	ok(t, err)
	defer s.Close()
	p := put(t, s, number(1))
	move(t, s, p.ID, append(toBroadcast, pending.Confirm)...)
	for _, c := range []struct {
		back time.Duration
		want int
	}{{0, 0}, {30 * time.Second, 0}, {48 * time.Hour, 1}} {
		now = epoch.Add(-c.back)
		rows, err := s.Watched(t.Context(), now.Add(-time.Minute), 10)
		ok(t, err)
		if len(rows) != c.want {
			t.Errorf("%s back: %d are due, want %d", c.back, len(rows), c.want)
		}
	}
}

// TestWatchesOfBefore: rows that were complete before there were watches are looked
// at once more, those that somebody asserted are not.
func TestWatchesOfBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.db")
	s, err := Open(t.Context(), path, fixed)
	ok(t, err)
	whole := put(t, s, number(1))
	move(t, s, whole.ID, append(toBroadcast, pending.Confirm)...)
	move(t, s, put(t, s, number(2)).ID, pending.Assert)
	move(t, s, put(t, s, number(3)).ID, toBroadcast...)
	for _, undo := range []string{"DELETE FROM watches", "DROP TABLE verdicts", "DROP TABLE requotes", "PRAGMA user_version = 12"} {
		if _, err := s.db.Exec(undo); err != nil {
			t.Fatal(err)
		}
	}
	ok(t, s.Close())
	s, err = Open(t.Context(), path, fixed)
	ok(t, err)
	defer s.Close()
	rows, err := s.Watched(t.Context(), fixed(), 10)
	ok(t, err)
	if len(rows) != 1 || rows[0].ID != whole.ID {
		t.Errorf("%d are watched", len(rows))
	}
}

// TestExportSoonest: what ends soonest goes first, and a recent blockhash ends within
// a minute or so; a durable nonce does not end.
func TestExportSoonest(t *testing.T) {
	if onBoth(t, TestExportSoonest) {
		return
	}
	s := fresh(t)
	now := s.Now().Unix()
	solana := func(p *pending.Transaction) { p.Chain, p.Network = "SOL", "solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z" }
	for i, change := range []func(*pending.Transaction){
		func(*pending.Transaction) {},
		func(p *pending.Transaction) { p.Deadline = now + 3600 },
		func(p *pending.Transaction) { solana(p); p.Reserve = []string{"nonce:account:value"} },
		solana,
		func(p *pending.Transaction) { solana(p); p.Deadline = now + 30 },
		func(p *pending.Transaction) { solana(p); p.Deadline = now + 7200 },
	} {
		put(t, s, number(i+1, change))
	}
	for _, want := range []int{5, 4, 6, 2, 1, 3} {
		_, seq, _ := export(t, s, Selection{Limit: 1})
		if row := get(t, s, number(want).ID); row.State != pending.Exported || row.Bundle != seq {
			t.Errorf("row %d is %s, not in bundle %d", want, row.State, seq)
		}
	}
}
