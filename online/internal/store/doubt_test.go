package store

import (
	"testing"
	"time"
)

// TestDoubt: a parked row's doubt is since when it was first noted, until it is taken back.
func TestDoubt(t *testing.T) {
	if onBoth(t, TestDoubt) {
		return
	}
	s, tick := ticking(t)
	id := put(t, s, number(1)).ID
	doubt := func(is bool, want time.Time) {
		t.Helper()
		ok(t, s.Doubt(t.Context(), id, is))
		if got := get(t, s, id).Noted; !got.Equal(want) {
			t.Errorf("noted %s, want %s", got, want)
		}
		tick()
	}
	move(t, s, id, toSigned...)
	doubt(true, time.Time{}) // it is on its way
	_, err := s.Cancel(t.Context(), "a", id)
	ok(t, err)
	first := s.Now()
	doubt(true, first)
	doubt(true, first)
	doubt(false, time.Time{})
	doubt(true, first.Add(3*time.Second))
}
