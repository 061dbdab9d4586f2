package store

import (
	"testing"

	"coldsign/online/internal/pending"
)

// TestStats counts rows on their way by network, and ended ones together.
func TestStats(t *testing.T) {
	if onBoth(t, TestStats) {
		return
	}
	s := fresh(t)
	for n := 1; n <= 4; n++ {
		put(t, s, number(n, func(p *pending.Transaction) {
			if n == 4 {
				p.Network, p.Chain, p.Deadline = "eip155:1", "ETH", 1_900_000_000+int64(n)
			}
		}))
	}
	put(t, s, number(9, func(p *pending.Transaction) {
		p.Network, p.Chain, p.Deadline = "eip155:1", "ETH", 1_900_000_000
	}))
	if _, err := s.Cancel(t.Context(), "a", number(1).ID); err != nil {
		t.Fatal(err)
	}
	groups, err := s.Stats(t.Context())
	ok(t, err)
	got := map[Group]bool{}
	for _, g := range groups {
		got[g] = true
	}
	for _, want := range []Group{
		{Network: number(2).Network, State: pending.Pending, Count: 2, Oldest: epoch},
		{Network: "eip155:1", State: pending.Pending, Count: 2, Oldest: epoch, Deadline: 1_900_000_000},
		{State: pending.Cancelled, Count: 1},
	} {
		if !got[want] {
			t.Errorf("no %+v in %+v", want, groups)
		}
	}
	if len(groups) != 3 {
		t.Errorf("%+v", groups)
	}
}
