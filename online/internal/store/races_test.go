package store

import (
	"fmt"
	"os"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/shared/fault"
)

// TestATT85CancelAgainstImport: a row is cancelled while its answer is imported. Either
// way it is to be cancelled, its signature is kept or not, and it never leaves; a row
// that nobody cancels is sealed by the same import and goes on.
func TestATT85CancelAgainstImport(t *testing.T) {
	if onBoth(t, TestATT85CancelAgainstImport) {
		return
	}
	runs := 60
	if os.Getenv("COLDSIGN_SOAK") != "" {
		runs = 1000
	}
	path := where(t)
	stores := []*Store{openAt(t, path), openAt(t, path)}
	ok(t, stores[0].SetPeer(t.Context(), peerKey(1), ownKey, false))
	var previous [32]byte
	sealed := 0
	for n := range runs {
		p, other := put(t, stores[0], number(2*n+1)), put(t, stores[0], number(2*n+2))
		export(t, stores[0], Selection{})
		raw := fmt.Appendf(nil, "receipts %d", n)
		h, d := header(uint64(n+1), previous, raw)
		previous = d
		for _, err := range together(stores, func(i int, s *Store) error {
			if i == 0 {
				_, err := s.Cancel(t.Context(), "a", p.ID)
				return err
			}
			_, err := s.Import(t.Context(), raw, h, d, func(x *ImportTx) error {
				for _, id := range []*pending.Transaction{p, other} {
					row, _, err := x.Row(id.ID)
					if err != nil {
						return err
					}
					if err := x.Move(row, pending.Seal, fill(pending.Seal)); err != nil && !fault.Is(err, "state.conflict") {
						return err
					}
				}
				return nil
			})
			return err
		}) {
			ok(t, err)
		}
		row := get(t, stores[1], p.ID)
		if row.State == pending.Signed {
			sealed++
		}
		if !row.CancelRequested || row.State != pending.Signed && row.State != pending.Exported {
			t.Fatalf("run %d: it is %s, cancel requested %v", n, row.State, row.CancelRequested)
		}
		_, err := stores[1].Move(t.Context(), p.ID, pending.Intend, nil)
		code(t, err, "state.conflict")
		move(t, stores[1], other.ID, pending.Intend)
	}
	t.Logf("of %d, %d were sealed first", runs, sealed)
}
