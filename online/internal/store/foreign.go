package store

import (
	"context"
	"crypto/sha256"
	"iter"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// ExportForeign marks a pending row exported that another wallet signs, before
// any byte of it leaves. One that is exported already is given again, unchanged.
// What may not leave, or not any more, is export.state. From here on a signature
// may exist, so the row ends by being signed or by Cancel, which parks it.
func (s *Store) ExportForeign(ctx context.Context, id bundle.ID) (pending.Transaction, error) {
	rows, err := s.ExportForeignBatch(ctx, []bundle.ID{id})
	if err != nil {
		return pending.Transaction{}, err
	}
	return rows[0], nil
}

// ExportForeignBatch is ExportForeign for several rows that leave together: all
// are marked, or none.
func (s *Store) ExportForeignBatch(ctx context.Context, ids []bundle.ID) (rows []pending.Transaction, err error) {
	if err := s.writeBeside(ctx, (*tx).lapse); err != nil {
		return nil, err
	}
	if err := s.ask(ctx, Selection{IDs: ids}, pending.Foreign); err != nil {
		return nil, err
	}
	err = s.write(ctx, func(t *tx) error {
		rows = nil
		for _, id := range ids {
			row, err := t.exportForeign(id)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (t *tx) exportForeign(id bundle.ID) (pending.Transaction, error) {
	row, err := t.load(Any, id)
	if err != nil {
		return row, err
	}
	unfit := func(cure, why string) (pending.Transaction, error) {
		return row, fault.New("export.state", cure, "transaction %s %s", id, why)
	}
	switch {
	case row.Signer != pending.Foreign:
		return unfit("export it without --format, in a bundle", "belongs to the paired offline half")
	case row.Late(t.at) && row.TxID == "":
		return unfit("quote it anew: coldsign-online requote "+row.ID.String(), "is past its deadline")
	case row.CancelRequested:
		return unfit("", "is to be cancelled")
	case row.State == pending.Exported:
		return row, nil
	case row.State != pending.Pending:
		return unfit("", "is "+string(row.State))
	}
	return t.move(row, pending.Export, nil)
}

// outstanding are the rows that another wallet has and has not answered.
const outstanding = "signer = 'foreign' AND state = 'exported'"

// Outstanding gives the exported rows that another wallet signs, oldest first.
// Those whose cancelling was requested are among them: a late answer is theirs.
func (s *Store) Outstanding(ctx context.Context) ([]pending.Transaction, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+columns+" FROM transactions WHERE "+outstanding+" ORDER BY n")
	list, err := all(rows, err, scan)
	return list, s.fail(err)
}

// Answerable gives all rows that another wallet has had, in the order in which an
// answer that names no row is theirs: those that wait for one, those that have
// had one, the newest first, and those that are to be cancelled.
func (s *Store) Answerable(ctx context.Context) iter.Seq2[pending.Transaction, error] {
	return func(yield func(pending.Transaction, error) bool) {
		for _, which := range []string{
			outstanding + " AND cancel_requested = 0",
			"signer = 'foreign' AND state NOT IN ('pending', 'exported', 'cancelled') AND length(raw) > 0 AND cancel_requested = 0",
			"signer = 'foreign' AND state IN ('exported', 'signed') AND cancel_requested <> 0",
		} {
			if !s.each(ctx, "SELECT "+columns+" FROM transactions WHERE "+which+" ORDER BY n DESC", yield) {
				return
			}
		}
	}
}

// each gives the rows of a query one by one, and reports whether more are wanted.
func (s *Store) each(ctx context.Context, query string, yield func(pending.Transaction, error) bool) bool {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		yield(pending.Transaction{}, s.fail(err))
		return false
	}
	defer rows.Close()
	for rows.Next() {
		row, err := scan(rows)
		if !yield(row, s.fail(err)) || err != nil {
			return false
		}
	}
	if err := rows.Err(); err != nil {
		yield(pending.Transaction{}, s.fail(err))
		return false
	}
	return true
}

// ImportForeign calls apply in one transaction. What other wallets answer comes in
// no bundle and has no place in a sequence: keep what is not used with Quarantine,
// not with Record.
func (s *Store) ImportForeign(ctx context.Context, apply func(*ImportTx) error) error {
	return s.write(ctx, func(t *tx) error { return apply(&ImportTx{t: t}) })
}

// Quarantine keeps another wallet's answer that is not used, and tells of it in
// the audit. The same answer again changes nothing (repeat).
func (x *ImportTx) Quarantine(o Outcome, answer []byte) (repeat bool, err error) {
	digest := sha256.Sum256(answer)
	n, err := x.t.exec("INSERT INTO quarantined (id, digest, answer, code, reason, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		o.ID[:], digest[:], answer, o.Code, o.Reason, x.t.at.UnixMilli())
	if err != nil || n == 0 {
		return err == nil, err
	}
	return false, x.t.audit("quarantine", o.ID, "", "", o.Code)
}
