package store

import (
	"slices"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

// TestRequoteBesideRivals: a row and its replacement with a higher fee are one payment. It
// is not made anew beside one of them that may land, nor once for each of them.
func TestRequoteBesideRivals(t *testing.T) {
	if onBoth(t, TestRequoteBesideRivals) {
		return
	}
	told := func(p *pending.Transaction) { p.Told = true }
	for name, path := range map[string][]pending.Event{"unsent": nil, "exported": toExported, "signed": toSigned, "sent": toBroadcast} {
		s := fresh(t)
		put(t, s, using(1, bundle.ID{}, false))
		move(t, s, number(1).ID, toBroadcast...)
		put(t, s, using(2, number(1).ID, false))
		move(t, s, number(2).ID, path...)
		ended(t, s, number(1).ID, pending.Fail, conflicted) // by the second, as far as anybody knows
		if _, err := s.Create(t.Context(), anew(3, number(1).ID, false, told), Idempotency{}); err == nil {
			t.Errorf("%s: the first is made anew while the second may land", name)
		} else {
			code(t, err, "requote.live")
		}
		if name != "sent" {
			continue
		}
		ended(t, s, number(2).ID, pending.Fail, conflicted)
		put(t, s, anew(3, number(1).ID, false, told))
		if _, err := s.Create(t.Context(), number(4, func(p *pending.Transaction) {
			p.Requotes, p.Told, p.Reserve = number(2).ID, true, []string{"nonce:x:3"}
		}), Idempotency{}); err == nil {
			t.Error("each of the two is made anew")
		} else {
			code(t, err, "requote.exists")
		}
	}
}

// TestRequoteTellsOne: a reorganization is told of the transaction that was told, though
// an earlier row is on its way again too; and a withdrawal never names the transaction of
// a row that is not sent any more.
func TestRequoteTellsOne(t *testing.T) {
	if onBoth(t, TestRequoteTellsOne) {
		return
	}
	s := fresh(t)
	receivers(t, s)
	put(t, s, withdrawing(1, func(p *pending.Transaction) { p.Reserve = []string{lane} }))
	move(t, s, number(1).ID, toBroadcast...)
	put(t, s, anew(2, number(1).ID, true))
	move(t, s, number(2).ID, append(slices.Clone(toBroadcast), pending.Confirm)...)
	move(t, s, number(2).ID, pending.Reorg, pending.Confirm)
	second := "txid of " + number(2).ID.String()
	done := "KMS_COMPLETED_TX 1 " + second + " " + number(2).ID.String()
	wantTold(t, s, done, "KMS_REORGED_TX 1 "+second, done)

	s = fresh(t)
	put(t, s, withdrawing(1, func(p *pending.Transaction) { p.Reserve = []string{lane} }))
	move(t, s, number(1).ID, toSigned...)
	put(t, s, anew(2, number(1).ID, true))
	if w := withdrawal(t, s, "a"); w.State() != "open" || w.TxID() != "" {
		t.Errorf("%s %s", w.State(), w.TxID())
	}
	move(t, s, number(2).ID, toBroadcast...)
	if w := withdrawal(t, s, "a"); w.State() != "open" || w.TxID() != second {
		t.Errorf("%s %s", w.State(), w.TxID())
	}
}

// TestRequoteAsserted: who says that the first was paid, as it never left, has said so of
// the payment: nothing is paid again. What is at the offline half is not completed so.
func TestRequoteAsserted(t *testing.T) {
	if onBoth(t, TestRequoteAsserted) {
		return
	}
	for name, path := range map[string][]pending.Event{"unsent": nil, "exported": toExported, "complete": append(slices.Clone(toBroadcast), pending.Confirm)} {
		s := fresh(t)
		receivers(t, s)
		put(t, s, using(1, bundle.ID{}, false))
		put(t, s, anew(2, number(1).ID, false))
		move(t, s, number(2).ID, path...)
		said := "txid of " + number(2).ID.String()
		if name != "complete" {
			said = "asserted txid"
		}
		for range 2 {
			_, err := s.Assert(t.Context(), "a", number(1).ID, said)
			if name == "exported" {
				code(t, err, "kms.txid.mismatch")
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if row := get(t, s, number(2).ID); name != "exported" && (row.State != pending.Complete || row.TxID != said) {
			t.Errorf("%s: the new row is %s %s", name, row.State, row.TxID)
		}
		_, err := s.Assert(t.Context(), "a", number(1).ID, "another")
		if name == "unsent" {
			code(t, err, "kms.txid.mismatch")
			wantTold(t, s, "KMS_COMPLETED_TX 1 asserted txid "+number(2).ID.String())
		} else if err == nil {
			t.Errorf("%s: another is taken", name)
		}
	}
}
