package store

import (
	"testing"
	"time"

	"coldsign/online/internal/pending"
)

// TestRequotesOfBefore: of a database of before schema 14 nothing that was told is told
// again, and what failed is not made anew without a word.
func TestRequotesOfBefore(t *testing.T) {
	if onBoth(t, TestRequotesOfBefore) {
		return
	}
	at := where(t)
	s := openAt(t, at)
	receivers(t, s)
	for n := 1; n <= 4; n++ {
		put(t, s, number(n))
	}
	late1(toSigned)(t, s, number(1).ID)
	move(t, s, number(2).ID, toSent...)
	ended(t, s, number(2).ID, pending.Expire, "chain.expired")
	move(t, s, number(3).ID, toBroadcast...)
	undo := []string{"DROP TABLE verdicts", "DROP TABLE requotes", "PRAGMA user_version = 13"}
	if isPostgres(t) {
		undo[2] = "UPDATE coldsign SET version = 13"
	}
	for _, u := range undo {
		if _, err := s.db.Exec(u); err != nil {
			t.Fatal(err)
		}
	}
	ok(t, s.Close())
	s = openAt(t, at)
	s.SetHold(time.Hour)
	for n := 1; n <= 2; n++ {
		for _, conflicts := range []bool{true, false} {
			if _, err := s.Create(t.Context(), anew(9, number(n).ID, conflicts), Idempotency{}); err == nil {
				t.Errorf("row %d is made anew", n)
			}
		}
	}
	ended(t, s, number(1).ID, pending.Fail, conflicted)
	move(t, s, number(3).ID, pending.Confirm)
	put(t, s, anew(9, number(4).ID, false))
	wantTold(t, s, "KMS_FAILED_TX 1 deadline.passed", "KMS_FAILED_TX 2 chain.expired", "KMS_COMPLETED_TX 3 txid of "+number(3).ID.String())
}
