package store

import (
	"testing"
	"time"

	"coldsign/online/internal/pending"
)

// TestQuota: what one tenant heaps up is bounded, others are not in its way, and what
// it cures it with is always taken.
func TestQuota(t *testing.T) {
	if onBoth(t, TestQuota) {
		return
	}
	now := time.UnixMilli(1_700_000_000_000)
	s, ctx := openAt(t, where(t)), t.Context()
	s.now = func() time.Time { return now }
	s.SetQuota(3)
	for n := 1; n <= 3; n++ {
		put(t, s, number(n))
	}
	_, err := s.Create(ctx, number(4), Idempotency{})
	code(t, err, "quota.exceeded")
	put(t, s, number(5, func(p *pending.Transaction) { p.Tenant = "b" }))

	_, err = s.Cancel(ctx, "a", number(1).ID)
	ok(t, err)
	_, err = s.Create(ctx, number(4), Idempotency{})
	code(t, err, "quota.exceeded") // what was counted holds for a second
	now = now.Add(tallyTime)
	put(t, s, number(4))
	_, err = s.Create(ctx, number(6), Idempotency{})
	code(t, err, "quota.exceeded")

	// A clock that is set back does not make an old count hold for long.
	_, err = s.Cancel(ctx, "a", number(2).ID)
	ok(t, err)
	now = now.Add(-time.Hour)
	put(t, s, number(7))
}
