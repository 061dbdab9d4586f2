package broadcast

import (
	"slices"
	"testing"
	"time"

	"coldsign/online/internal/node"
	"coldsign/shared/chain"
)

// TestTurnsOutliveAKill: a turn is noted before the next row has its own. Else servers
// that are killed in the middle of each round would only ever look at the first rows.
func TestTurnsOutliveAKill(t *testing.T) {
	l, s, n := setup(t, row(1, net1, time.Now()), row(2, net1, time.Now()), row(3, net1, time.Now()))
	var noted []int
	n.onSend = func(of chain.Sealed) (node.Outcome, error) {
		s.mu.Lock()
		noted = append(noted, len(s.turns))
		s.mu.Unlock()
		return n.takes(of)
	}
	once(t, l)
	if want := []int{0, 1, 2}; !slices.Equal(noted, want) || len(s.turns) != 3 {
		t.Errorf("turns noted at each: %v, want %v; %d in the end", noted, want, len(s.turns))
	}
}
