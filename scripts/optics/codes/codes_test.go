package codes

import (
	"strings"
	"testing"
)

// The native code needs as few frames as the ideal one, on the same losses.
func TestNativeIsAsGoodAsIdeal(t *testing.T) {
	codes := []Code{Ideal{}, NewNative()}
	for _, k := range Pieces {
		trials := 400
		if k > 100 {
			trials = 4000 / k
		}
		for _, loss := range Losses {
			for _, mid := range []bool{false, true} {
				cells := Run(k, loss, mid, trials, codes)
				for _, p := range []int{50, 95, 99} {
					ideal, ours := cells[0].Percentile(p), cells[1].Percentile(p)
					if ideal < k || ours < ideal || float64(ours) > 1.02*float64(ideal) {
						t.Errorf("K %d, %d %% lost, mid-stream %v, %d %% of the trials: %d frames, and the ideal code needs %d", k, loss, mid, p, ours, ideal)
					}
				}
			}
		}
	}
}

func TestLoop(t *testing.T) {
	all := func(int) bool { return true }
	if n := (Loop{}).Needed(7, all, 3); n != 7 {
		t.Errorf("without loss: %d", n)
	}
	if n := (Loop{}).Needed(7, func(i int) bool { return i != 2 }, 3); n != 10 {
		t.Errorf("one lost: %d", n)
	}
	if n := (Ideal{}).Needed(7, func(i int) bool { return i != 2 }, 3); n != 8 {
		t.Errorf("ideal, one lost: %d", n)
	}
}

type another struct{ Ideal }

func (another) Name() string { return "another" }

func TestTable(t *testing.T) {
	var b strings.Builder
	Table(&b, 10, another{})
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2+len(Pieces)*len(Losses)*2 || !strings.Contains(lines[1], "another") {
		t.Errorf("%d lines:\n%s", len(lines), b.String())
	}
	for _, l := range lines[2:] {
		if strings.Count(l, "/") != 4*2 {
			t.Errorf("a cell is missing: %q", l)
		}
	}
}
