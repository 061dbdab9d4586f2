package broadcast

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"coldsign/shared/chain"
)

// told keeps what a loop tells its watch.
type told struct{ lines []string }

func (w *told) Round(network chain.ID, problems int) {
	w.lines = append(w.lines, fmt.Sprint("round ", network, " ", problems))
}

func (w *told) Node(network chain.ID, up bool) {
	w.lines = append(w.lines, fmt.Sprint("node ", network, " ", up))
}

// TestWatchIsTold: a node that answers, one that does not, and a network without one.
func TestWatchIsTold(t *testing.T) {
	l, _, n := setup(t, row(1, net1, time.Now()))
	w := &told{}
	l.Watch = w
	once(t, l)
	n.wrong = errors.New("down")
	once(t, l)
	delete(l.Nodes, net1)
	once(t, l)
	want := []string{"node eip155:1 true", "round eip155:1 0", "node eip155:1 false", "round eip155:1 1", "round eip155:1 1"}
	if !slices.Equal(w.lines, want) {
		t.Errorf("%q", w.lines)
	}
}
