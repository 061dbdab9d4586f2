package store

import (
	"context"
	"slices"
	"strings"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

// Revoke is Cancel, which takes the withdrawal that the row makes back with it if
// revert says so. Of a payment that was quoted anew it withdraws the later rows too:
// whoever cancels the first knows of no other.
func (s *Store) Revoke(ctx context.Context, tenant string, id bundle.ID, revert bool) (row pending.Transaction, err error) {
	err = s.writeBeside(ctx, func(t *tx) error {
		if row, err = t.load(tenant, id); err != nil {
			return err
		}
		rows, err := chainOf(t.ctx, t.sql, &row)
		if err != nil {
			return err
		}
		if len(rows) == 1 {
			row, err = t.withdrawOne(row, revert)
			return err
		}
		if err := t.withdrawAll(rows, id, revert); err != nil {
			return err
		}
		row, err = t.load(tenant, id)
		return err
	})
	return row, err
}

func (t *tx) withdrawOne(row pending.Transaction, revert bool) (pending.Transaction, error) {
	mended := mends(&row) && !live(&row)
	if mended { // whoever withdraws it now does not wait for another attempt
		v, err := t.verdict(row.ID)
		if err != nil {
			return row, err
		}
		if !v.until.IsZero() && v.told == "" {
			if err := t.setVerdict(row.ID, verdict{told: failed}); err != nil {
				return row, err
			}
			return row, t.revoke(row, revert)
		}
	}
	switch {
	case row.State == pending.Cancelled:
		return row, nil
	case row.State == pending.Exported, row.State == pending.Signed, row.State == pending.Pending && row.MaybeSigned:
		if row.CancelRequested {
			return row, nil
		}
		if err := t.park(row, ""); err != nil {
			return row, err
		}
		if err := t.revoke(row, revert); err != nil {
			return row, err
		}
		return t.load(row.Tenant, row.ID)
	}
	row, err := t.move(row, pending.Cancel, nil)
	if err != nil {
		return row, err
	}
	return row, t.revoke(row, revert)
}

// withdrawAll withdraws the row and those that quote its payment anew, unless bytes of
// one may have left.
func (t *tx) withdrawAll(rows []pending.Transaction, id bundle.ID, revert bool) error {
	root := rows[0]
	rows = rows[slices.IndexFunc(rows, func(r pending.Transaction) bool { return r.ID == id }):]
	for _, r := range rows {
		switch r.State {
		case pending.Broadcasting, pending.Broadcast, pending.Complete:
			return conflict(r, pending.Cancel)
		}
	}
	for _, r := range rows {
		var err error
		switch {
		case live(&r) && r.State == pending.Pending && !r.MaybeSigned:
			_, err = t.move(r, pending.Cancel, nil)
		case live(&r):
			err = t.park(r, "")
		case r.CancelRequested && r.Code == pending.Requoted && !released(&r):
			r.Code, r.Reason = withdrawnCode, "its payment was withdrawn"
			err = t.update(&r)
		}
		if err != nil {
			return err
		}
	}
	if err := t.revoke(root, revert); err != nil {
		return err
	}
	actor, _ := t.ctx.Value(actorKey{}).(string)
	if !strings.HasPrefix(actor, "apikey ") {
		return t.tell(&root, KMSFailed)
	}
	return t.withdrawnByItself(&root)
}

// withdrawnByItself notes that the application knows the end of a payment, as it has
// withdrawn it itself.
func (t *tx) withdrawnByItself(root *pending.Transaction) error {
	rows, err := chainOf(t.ctx, t.sql, root)
	if err != nil {
		return err
	}
	o, err := outcomeOf(t.ctx, t.sql, rows)
	if err != nil || o.open || o.paid != nil {
		return err
	}
	v, err := t.verdict(root.ID)
	if err != nil || v.told != "" {
		return err
	}
	return t.setVerdict(root.ID, verdict{told: failed})
}

// withdrawnCode is that of a row whose payment was withdrawn after it had been quoted
// anew.
const withdrawnCode = "requote.withdrawn"

// speaksFor gives the row that a caller's word of a transaction is about: the last of a
// payment that was quoted anew, where the named row had never left or the transaction is
// the last one's.
func (t *tx) speaksFor(row pending.Transaction, txID string) (pending.Transaction, error) {
	if row.Code != pending.Requoted || row.TxID == txID {
		return row, nil
	}
	rows, err := chainOf(t.ctx, t.sql, &row)
	if err != nil {
		return row, err
	}
	if last := rows[len(rows)-1]; row.State == pending.Cancelled || last.TxID == txID {
		return last, nil
	}
	return row, nil
}
