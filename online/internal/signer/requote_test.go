package signer_test

import (
	"testing"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
)

// anew makes the payment of a row anew, with another blockhash.
func (s *sol) anew(id string, blockhash byte) bundle.ID {
	s.Helper()
	row, err := s.store.Get(s.Context(), "a", rowID(s.T, id))
	if err != nil {
		s.Fatal(err)
	}
	r, err := intake.Request(&row)
	if err != nil {
		s.Fatal(err)
	}
	r.Payload = s.message(blockhash)
	made, _, err := s.intake.Rebuild(&row, r)
	if err != nil {
		s.Fatal(err)
	}
	made.Requotes = row.ID
	if _, err := s.store.Create(s.Context(), made, store.Idempotency{}); err != nil {
		s.Fatal(err)
	}
	return made.ID
}

// TestSolanaQuotedAnew: what a signer has sent elsewhere of a row that was quoted anew
// meanwhile has made the payment: the new row is sealed to it, and nothing else is sent.
// Once that has left, nothing of it is sent either.
func TestSolanaQuotedAnew(t *testing.T) {
	for _, left := range []bool{false, true} {
		s := newSol(t)
		id := s.submit(s.v)
		raw, txID := s.sign(s.message(1))
		made := s.anew(id, 9)
		if left {
			if _, err := s.store.Move(t.Context(), made, pending.Export, func(p *pending.Transaction) error { p.Bundle = 1; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		s.ledger.landed[txID] = raw
		a := s.tell1(id, txID)
		row, err := s.store.Get(t.Context(), "a", made)
		if err != nil {
			t.Fatal(err)
		}
		if left {
			if a.status != 403 || a.code() != "kms.exported" || !row.CancelRequested {
				t.Errorf("%d %s; the new row is %s", a.status, a.body, row.State)
			}
			continue
		}
		if a.status != 200 || row.TxID != txID || row.State != pending.Broadcast && row.State != pending.Complete {
			t.Errorf("%d %s; the new row is %s %s", a.status, a.body, row.State, row.TxID)
		}
		other, _ := s.sign(s.message(3))
		if s.send("daemon", other); s.ledger.different() != 0 {
			t.Errorf("%d were sent", s.ledger.different())
		}
	}
}
