package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Withdrawal is a payment that leaves an account of the application, which keeps
// the accounts: we tell what became of it. One row at a time makes it.
type Withdrawal struct {
	ID      string // 24 hex characters, the tenant's own
	Row     pending.Transaction
	Deleted bool // its row was deleted
	Revert  bool // with it the withdrawal, and its fee goes back too

	By    *pending.Transaction // the row that has made the payment in the place of Row; nil: none has
	rival bool                 // one still may
	last  *pending.Transaction // the row that stands for it, where Row was quoted anew
}

// TxID is that of the transaction that makes it, "" where there is none yet.
func (w Withdrawal) TxID() string {
	switch {
	case w.By != nil:
		return w.By.TxID
	case w.last != nil:
		return w.last.TxID
	}
	return w.Row.TxID
}

// State says what became of it: open, done, cancelling (its row is withdrawn, and
// a signature may exist), cancelled, kept (the row was deleted and the withdrawal
// was not), or how its row failed.
func (w Withdrawal) State() string {
	row := &w.Row
	if w.last != nil {
		row = w.last
	}
	switch s := row.State; {
	case s == pending.Complete, w.By != nil:
		return "done"
	case w.rival:
		return "open"
	case s == pending.Refused, s == pending.Expired, s == pending.Failed, row.Code == pending.Replaced:
		return string(s)
	case w.Deleted && !w.Revert:
		return "kept"
	case s == pending.Cancelled:
		return "cancelled"
	case row.CancelRequested:
		return "cancelling"
	}
	return "open"
}

// withdraw enters a new row as the one that makes its withdrawal. Two rows never
// make one: it is taken over from a row only that can never have been paid.
func (t *tx) withdraw(p *pending.Transaction) error {
	if p.WithdrawalID == "" {
		return nil
	}
	id := strings.ToLower(p.WithdrawalID)
	n, err := t.exec("INSERT INTO withdrawals (tenant, id, row) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", p.Tenant, id, p.ID[:])
	if err != nil || n == 1 {
		return err
	}
	var held []byte
	if err := t.row("SELECT row FROM withdrawals WHERE tenant = ? AND id = ? /* FOR UPDATE */", p.Tenant, id).Scan(&held); err != nil {
		return err
	}
	row, err := t.load(p.Tenant, bundle.ID(held))
	if err != nil {
		return err
	}
	if free, err := t.forsaken(&row); err != nil {
		return err
	} else if free && row.State == pending.Cancelled && row.Code != pending.Replaced && !row.MaybeSigned || free && row.State == pending.Expired && row.Code != pending.Replaced {
		_, err = t.exec("UPDATE withdrawals SET row = ?, deleted = 0, kept = 0 WHERE tenant = ? AND id = ?", p.ID[:], p.Tenant, id)
		return err
	}
	return fault.New("withdrawal.conflict", "wait for it to end, or give another payment another id",
		"withdrawal %s is already made by transaction %s", quote.Line(id), row.ID)
}

// forsaken reports whether no other row makes, or may make, the payment of one that has
// ended, and nobody waits to quote it anew.
func (t *tx) forsaken(row *pending.Transaction) (bool, error) {
	rows, err := chainOf(t.ctx, t.sql, row)
	if err != nil {
		return false, err
	}
	v, err := t.verdict(rows[0].ID)
	if err != nil || v.told == "" && t.at.Before(v.until) {
		return false, err
	}
	for i := range rows {
		r := &rows[i]
		if never := r.State == pending.Cancelled && r.Code != pending.Replaced && !r.MaybeSigned || r.State == pending.Expired || r.State == pending.Refused && !r.MaybeSigned; len(rows) > 1 && !never {
			return false, nil
		}
	}
	return true, nil
}

// revoke notes that the row of a withdrawal was deleted; the first word counts.
func (t *tx) revoke(row pending.Transaction, revert bool) error {
	if row.WithdrawalID == "" {
		return nil
	}
	n, err := t.exec("UPDATE withdrawals SET deleted = 1, kept = ? WHERE tenant = ? AND id = ? AND row = ? AND deleted = 0",
		flag(!revert), row.Tenant, strings.ToLower(row.WithdrawalID), row.ID[:])
	if err != nil || n == 0 {
		return err
	}
	word := "reverted"
	if !revert {
		word = "kept"
	}
	return t.audit("withdrawal."+word, row.ID, row.State, row.State, row.WithdrawalID)
}

// Withdrawal gives the tenant's withdrawal; withdrawal.missing if there is none.
func (s *Store) Withdrawal(ctx context.Context, tenant, id string) (w Withdrawal, err error) {
	w.ID = strings.ToLower(id)
	var row []byte
	kept := false
	err = s.db.QueryRowContext(ctx, "SELECT row, deleted, kept FROM withdrawals WHERE tenant = ? AND id = ?", tenant, w.ID).Scan(&row, &w.Deleted, &kept)
	if errors.Is(err, sql.ErrNoRows) {
		return w, fault.New("withdrawal.missing", "", "No such withdrawal.")
	}
	if err != nil {
		return w, s.fail(err)
	}
	w.Revert = w.Deleted && !kept
	if w.Row, err = s.Get(ctx, tenant, bundle.ID(row)); err == nil {
		w.By, w.rival, err = s.PaidBy(ctx, &w.Row)
	}
	if err != nil {
		return w, err
	}
	links, err := s.Successions(ctx, []bundle.ID{w.Row.ID})
	if x := links[w.Row.ID]; x.By != (bundle.ID{}) {
		w.last = &x.At
	}
	return w, err
}
