package pending

import (
	"slices"
	"testing"
	"time"
)

// matrix is the whole table, written out from the design and not asked of the
// code: for each state, what each event makes of it. A dash is refused.
//
//	export seal refuse defer intend accept confirm reorg cancel assert expire fail supersede revive take
var matrix = map[State][15]State{
	Pending:      {Exported, "", "", "", "", "", "", "", Cancelled, Complete, "", "", Cancelled, "", Signed},
	Exported:     {"", Signed, Refused, Pending, "", "", "", "", "", "", "", "", Cancelled, "", ""},
	Signed:       {"", "", "", "", Broadcasting, "", Complete, "", "", "", Expired, Failed, Cancelled, "", ""},
	Broadcasting: {"", "", "", "", "", Broadcast, Complete, "", "", "", Expired, Failed, "", "", ""},
	Broadcast:    {"", "", "", "", "", "", Complete, "", "", "", Expired, Failed, "", "", ""},
	Complete:     {"", "", "", "", "", "", "", Broadcast, "", "", "", "", "", "", ""},
	Cancelled:    {},
	Refused:      {},
	Expired:      {},
	Failed:       {"", "", "", "", "", "", "", "", "", "", "", "", "", Broadcast, ""},
}

func TestEveryStateAndEvent(t *testing.T) {
	if len(matrix) != len(States()) || len(Events()) != 15 {
		t.Fatalf("%d states and %d events: the test knows %d and 15", len(States()), len(Events()), len(matrix))
	}
	pairs := 0
	for _, from := range States() {
		row, known := matrix[from]
		if !known {
			t.Fatalf("the test does not know %s", from)
		}
		for i, e := range Events() {
			pairs++
			if to, ok := Transition(from, e); to != row[i] || ok != (row[i] != "") {
				t.Errorf("%s in %s leads to %q, %v, want %q", e, from, to, ok, row[i])
			}
		}
	}
	if pairs != 150 {
		t.Errorf("%d pairs were tried", pairs)
	}
	for _, s := range []State{"", "paid", "PENDING"} {
		for _, e := range append(Events(), "", "pay") {
			if to, ok := Transition(s, e); ok || to != "" {
				t.Errorf("%q in %q leads to %q", e, s, to)
			}
		}
	}
}

// reach gives the states that some sequence of events leads to, without those of
// the excluded kind.
func reach(from State, without ...Event) []State {
	seen := []State{from}
	for i := 0; i < len(seen); i++ {
		for _, e := range Events() {
			if to, ok := Transition(seen[i], e); ok && !slices.Contains(without, e) && !slices.Contains(seen, to) {
				seen = append(seen, to)
			}
		}
	}
	return seen
}

// What the invariants say of whole lives.
func TestLives(t *testing.T) {
	if got := reach(Pending); len(got) != len(States()) {
		t.Errorf("a new row can only become %v", got)
	}
	for _, end := range []State{Cancelled, Refused, Expired} {
		if got := reach(end); len(got) != 1 {
			t.Errorf("%s is no end: it leads to %v", end, got)
		}
	}
	if got := reach(Failed, Revive); len(got) != 1 {
		t.Errorf("what has failed leads to %v", got)
	}
	// Nothing reaches a node but by a seal and an intent on disk: the seal of what was
	// exported, or that of what a hot signer took instead. What the chain shows of a
	// parked row, others have sent.
	for _, missing := range [][]Event{{Export, Take}, {Seal, Take}, {Intend, Confirm, Expire, Fail}} {
		for _, s := range reach(Pending, append(missing, Assert)...) {
			if s == Broadcasting || s == Broadcast || s == Complete || s == Expired || s == Failed {
				t.Errorf("without %s a row becomes %s", missing, s)
			}
		}
	}
	// Of the two ways to a signature a row goes one: what has left is not taken.
	for _, s := range States() {
		if to, ok := Transition(s, Take); ok != (s == Pending) {
			t.Errorf("a hot signer takes what is %s: %s", s, to)
		}
	}
	// Once bytes may have left, no word of a person takes them back.
	for _, s := range []State{Broadcasting, Broadcast, Complete, Failed} {
		for _, to := range reach(s) {
			if to == Pending || to == Exported || to == Signed || to == Cancelled || to == Refused {
				t.Errorf("%s comes back to %s", s, to)
			}
		}
		if _, ok := Transition(s, Cancel); ok {
			t.Errorf("%s can be cancelled by a word", s)
		}
	}
	// After a reorganization the same bytes go on: never back to where others could be made.
	if to, _ := Transition(Complete, Reorg); to != Broadcast {
		t.Errorf("a reorganization leads to %s", to)
	}
}

func TestParkedLateLeft(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, s := range States() {
		for _, cancel := range []bool{false, true} {
			want := s == Refused || cancel && (s == Pending || s == Exported || s == Signed)
			if got := (&Transaction{State: s, CancelRequested: cancel}).Parked(); got != want {
				t.Errorf("%s, cancelling asked %v: parked %v", s, cancel, got)
			}
		}
	}
	for deadline, want := range map[int64]bool{0: false, 999: true, 1000: true, 1001: false} {
		if got := (&Transaction{Deadline: deadline}).Late(now); got != want {
			t.Errorf("deadline %d: late %v", deadline, got)
		}
	}
	for _, c := range []struct {
		row  Transaction
		want bool
	}{
		{Transaction{State: Pending}, false},
		{Transaction{State: Pending, Bundle: 1}, true},
		{Transaction{State: Signed, Hot: true}, true},
		{Transaction{State: Pending, Signer: Foreign}, false},
		{Transaction{State: Exported, Signer: Foreign}, true},
		{Transaction{State: Failed, Signer: Foreign, Raw: []byte{1}}, true},
	} {
		if got := c.row.Left(); got != c.want {
			t.Errorf("%+v: left %v", c.row, got)
		}
	}
}
