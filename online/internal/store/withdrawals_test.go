package store

import (
	"strings"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

const withdrawalID = "5E68C66581F2EE32BC354087"

func withdrawing(n int, change ...func(*pending.Transaction)) *pending.Transaction {
	return number(n, append(change, func(p *pending.Transaction) { p.WithdrawalID = withdrawalID })...)
}

func withdrawal(t *testing.T, s *Store, tenant string) Withdrawal {
	t.Helper()
	w, err := s.Withdrawal(t.Context(), tenant, withdrawalID)
	ok(t, err)
	return w
}

// TestWithdrawals: one row makes a withdrawal, and its end is that of the
// withdrawal; another row makes it again only when the first can never have paid.
func TestWithdrawals(t *testing.T) {
	if onBoth(t, TestWithdrawals) {
		return
	}
	s, ctx := fresh(t), t.Context()
	_, err := s.Withdrawal(ctx, "a", withdrawalID)
	code(t, err, "withdrawal.missing")
	put(t, s, withdrawing(1))
	if w := withdrawal(t, s, "a"); w.State() != "open" || w.Row.ID != number(1).ID || w.ID != strings.ToLower(withdrawalID) {
		t.Errorf("%s of %s", w.State(), w.Row.ID)
	}
	_, err = s.Withdrawal(ctx, "b", withdrawalID)
	code(t, err, "withdrawal.missing")
	put(t, s, withdrawing(2, func(p *pending.Transaction) { p.Tenant = "b" })) // its own
	_, err = s.Create(ctx, withdrawing(3), Idempotency{})
	code(t, err, "withdrawal.conflict")

	_, err = s.Revoke(ctx, "a", number(1).ID, false)
	ok(t, err)
	_, err = s.Revoke(ctx, "a", number(1).ID, true) // the first word counts
	ok(t, err)
	if w := withdrawal(t, s, "a"); w.State() != "kept" || w.Revert || !w.Deleted {
		t.Errorf("%s", w.State())
	}
	put(t, s, withdrawing(4))
	_, err = s.Cancel(ctx, "a", number(4).ID)
	ok(t, err)
	if w := withdrawal(t, s, "a"); w.State() != "cancelled" || !w.Revert {
		t.Errorf("%s", w.State())
	}

	put(t, s, withdrawing(5))
	export(t, s, Selection{Chain: "BTC", Limit: 10})
	_, err = s.Revoke(ctx, "a", number(5).ID, true)
	ok(t, err)
	if w := withdrawal(t, s, "a"); w.State() != "cancelling" || !w.Revert {
		t.Errorf("%s", w.State())
	}
	_, err = s.Create(ctx, withdrawing(6), Idempotency{})
	code(t, err, "withdrawal.conflict") // a signature may exist

	if w := withdrawal(t, s, "b"); w.State() != "open" {
		t.Errorf("%s", w.State())
	}
	move(t, s, number(2).ID, pending.Seal, pending.Intend, pending.Accept, pending.Confirm)
	if w := withdrawal(t, s, "b"); w.State() != "done" {
		t.Errorf("%s", w.State())
	}
	_, err = s.Create(ctx, withdrawing(7, func(p *pending.Transaction) { p.Tenant = "b" }), Idempotency{})
	code(t, err, "withdrawal.conflict")
}

// TestWithdrawalPaidByReplacement: what was paid with a higher fee is done, and is not
// called failed before that is known. Whoever reads that it failed pays again.
func TestWithdrawalPaidByReplacement(t *testing.T) {
	if onBoth(t, TestWithdrawalPaidByReplacement) {
		return
	}
	conflict := func(p *pending.Transaction) error { p.Code = conflicted; return nil }
	for _, c := range []struct {
		name          string
		cancels, told bool // told: the nodes say first that another has the place of the row
		before, after string
	}{
		{"replaced", false, false, "open", "done"},
		{"the nodes said so first", false, true, "open", "done"},
		{"cancelled", true, false, "open", "failed"},
	} {
		s := fresh(t)
		put(t, s, withdrawing(1, func(p *pending.Transaction) { p.Reserve = []string{"nonce:x:1"} }))
		sent := []pending.Event{pending.Export, pending.Seal, pending.Intend, pending.Accept}
		move(t, s, number(1).ID, sent...)
		put(t, s, number(2, func(p *pending.Transaction) {
			p.Replaces, p.Cancels, p.Reserve = number(1).ID, c.cancels, []string{"nonce:x:1"}
		}))
		move(t, s, number(2).ID, sent...)
		if c.told {
			_, err := s.Move(t.Context(), number(1).ID, pending.Fail, conflict)
			ok(t, err)
		}
		before := withdrawal(t, s, "a").State()
		move(t, s, number(2).ID, pending.Confirm)
		w := withdrawal(t, s, "a")
		paid := c.after == "done"
		if before != c.before || w.State() != c.after || paid != (w.TxID() == get(t, s, number(2).ID).TxID) || w.Row.ID != number(1).ID {
			t.Errorf("%s: %s, then %s by %s", c.name, before, w.State(), w.TxID())
		}
	}
}

// TestWithdrawalOfLate: a row that nobody approved, or that was too late before it left,
// never paid: its withdrawal is made by another one.
func TestWithdrawalOfLate(t *testing.T) {
	if onBoth(t, TestWithdrawalOfLate) {
		return
	}
	s, ctx := fresh(t), t.Context()
	put(t, s, withdrawing(1, func(p *pending.Transaction) { p.Deadline = epoch.Unix() - 1 }))
	_, _, _, err := s.Export(ctx, Selection{}, seal)
	code(t, err, "export.empty")
	if row := get(t, s, number(1).ID); row.State != pending.Cancelled || row.Code != passed {
		t.Fatalf("%s %s", row.State, row.Code)
	}
	put(t, s, withdrawing(2))
	s.Require(&service{says: map[bundle.ID]string{number(2).ID: "four-eyes.refused"}})
	_, err = s.HandIn(ctx, "a", number(2).ID, handed(2, "x"))
	code(t, err, "four-eyes.refused")
	_, err = s.Cancel(ctx, "a", number(2).ID)
	ok(t, err)
	put(t, s, withdrawing(3))
	if w := withdrawal(t, s, "a"); w.State() != "open" || w.Row.ID != number(3).ID {
		t.Errorf("%s of %s", w.State(), w.Row.ID)
	}
}
