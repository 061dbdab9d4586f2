package store

import (
	"testing"
	"time"

	"coldsign/online/internal/pending"
)

// TestATT99ReplicasKeepTime: servers on one PostgreSQL whose own clocks are days apart
// agree on what time it is, when a deadline passes and since when something is noted.
func TestATT99ReplicasKeepTime(t *testing.T) {
	path := postgresAt(t)
	var list []*Store
	for _, off := range []time.Duration{-10 * 24 * time.Hour, 0, 10 * 24 * time.Hour} {
		s, err := Open(t.Context(), path, func() time.Time { return time.Now().Add(off) })
		ok(t, err)
		t.Cleanup(func() { s.Close() })
		ok(t, s.KeepTime(t.Context()))
		list = append(list, s)
	}
	near := func(what string, at time.Time) {
		t.Helper()
		if off := time.Since(at); off.Abs() > 10*time.Second { // the server is of this machine
			t.Errorf("%s is %s away", what, off)
		}
	}
	back, right, ahead := list[0], list[1], list[2]
	ok(t, right.SetPeer(t.Context(), peerKey(1), ownKey, false))
	for n, s := range list {
		near("now", s.Now())
		p := put(t, s, number(n+1, func(p *pending.Transaction) { p.Deadline = time.Now().Add(time.Hour).Unix() }))
		near("created", get(t, right, p.ID).Created)
		move(t, s, p.ID, toExported...)
	}
	for n := range list { // each is sealed by one and sent by another
		id := number(n + 1).ID
		move(t, list[(n+1)%3], id, pending.Seal)
		move(t, list[(n+2)%3], id, pending.Intend)
		ok(t, list[n].Note(t.Context(), id, "node.says", "something"))
		near("noted", get(t, right, id).Noted)
	}
	late := put(t, ahead, number(9, func(p *pending.Transaction) { p.Deadline = time.Now().Add(-time.Minute).Unix() }))
	move(t, back, late.ID, toSigned...)
	_, err := back.Move(t.Context(), late.ID, pending.Intend, nil)
	code(t, err, "deadline.passed")
	// What one has looked at is not due again for another at once, nor for ever.
	move(t, ahead, number(1).ID, pending.Accept, pending.Confirm)
	for _, c := range []struct {
		ago  time.Duration
		want int
	}{{time.Minute, 0}, {-time.Minute, 1}} {
		for _, s := range list {
			rows, err := s.Watched(t.Context(), s.Now().Add(-c.ago), 10)
			ok(t, err)
			if len(rows) != c.want {
				t.Errorf("%d are to be watched, want %d", len(rows), c.want)
			}
		}
	}
}

// TestServerTime: the time is carried on between what the server tells, and follows it
// when it is off by more than an answer takes.
func TestServerTime(t *testing.T) {
	var c serverTime
	c.hear(epoch.UnixMilli())
	if got := c.now().Sub(epoch); got < 0 || got > skew {
		t.Errorf("%s after it was told", got)
	}
	before := c.now()
	c.hear(epoch.Add(-skew / 2).UnixMilli())
	if c.now().Before(before) {
		t.Error("it went back for what an answer takes")
	}
	for _, off := range []time.Duration{time.Hour, -time.Hour} { // another server has taken over
		c.hear(epoch.Add(off).UnixMilli())
		if got := c.now().Sub(epoch.Add(off)); got < 0 || got > skew {
			t.Errorf("%s after it was told again", got)
		}
	}
}
