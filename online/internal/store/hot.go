package store

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// HandIn seals a row of the tenant to what a hot signer made of it, which the caller
// has verified to be the row's own payment. Only a row that never left may be taken:
// one that was exported is kms.exported, whoever signed. A row that is sealed to
// these very bytes is given as it is (repeat), one that is sealed to others is
// kms.transaction.mismatch, so that of several signers one wins.
func (s *Store) HandIn(ctx context.Context, tenant string, id bundle.ID, sealed chain.Sealed) (row pending.Transaction, err error) {
	return s.handIn(ctx, tenant, id, sealed, false)
}

// HandInLanded is HandIn of what a node shows in a block. No deadline keeps it from
// being paid any more: the row is on its way at once, and is never parked as unsent.
// Of a row that was quoted anew before it left, the last of its payment is sealed to it,
// or is not sent any more where a signature of that one may exist.
func (s *Store) HandInLanded(ctx context.Context, tenant string, id bundle.ID, sealed chain.Sealed) (row pending.Transaction, err error) {
	rows, err := s.Payment(ctx, tenant, id)
	if err != nil {
		return row, err
	}
	last := rows[len(rows)-1].ID
	if i := slices.IndexFunc(rows, func(r pending.Transaction) bool { return r.ID == id }); last == id || rows[i].State != pending.Cancelled || rows[i].Code != pending.Requoted {
		return s.handIn(ctx, tenant, id, sealed, true)
	}
	row, err = s.handIn(ctx, tenant, last, sealed, true)
	if fault.Is(err, "kms.exported") || fault.Is(err, "kms.transaction.mismatch") {
		err = errors.Join(err, s.overtake(ctx, last, sealed.TxID))
	}
	return row, err
}

// overtake stops a new quote of which nothing was sent: a hot signer has made its
// payment meanwhile.
func (s *Store) overtake(ctx context.Context, id bundle.ID, by string) error {
	return s.writeBeside(ctx, func(t *tx) error {
		row, err := t.load(Any, id)
		if err != nil || !live(&row) || row.State == pending.Broadcasting || row.State == pending.Broadcast {
			return err
		}
		row.Code, row.Reason = landed, "a hot signer has made its payment by transaction "+quote.Line(by)
		return t.park(row, landed)
	})
}

func (s *Store) handIn(ctx context.Context, tenant string, id bundle.ID, sealed chain.Sealed, landed bool) (row pending.Transaction, err error) {
	if s.asker != nil { // what needs an approval to cross the gap needs one to be taken here
		if _, err := s.Get(ctx, tenant, id); err != nil {
			return row, err
		}
		if err := s.ask(ctx, Selection{IDs: []bundle.ID{id}}, ""); err != nil {
			return row, err
		}
	}
	err = s.writeBeside(ctx, func(t *tx) error {
		if row, err = t.load(tenant, id); err != nil {
			return err
		}
		switch {
		case row.CancelRequested:
			return conflict(row, pending.Take)
		case row.TxID == sealed.TxID && bytes.Equal(row.Raw, sealed.Raw) && len(row.Raw) > 0:
			return nil
		case row.TxID != "":
			return fault.New("kms.transaction.mismatch", "", "transaction %s is %s already, and that is another transaction", id, row.State)
		case row.State == pending.Pending && row.Left(), row.State == pending.Exported, row.State == pending.Refused:
			return fault.New("kms.exported", "stop the hot signer, or cancel the payment and submit it anew", "transaction %s went to a signer of its own, and nobody else's signature is taken", id)
		case row.State == pending.Pending && row.Late(t.at) && !landed:
			code, reason := whyLate(&row)
			return fault.New(code, "submit a new payment; this one is not sent", "%s", reason)
		}
		row, err = t.move(row, pending.Take, func(p *pending.Transaction) error {
			p.TxID, p.Raw, p.Hot = sealed.TxID, sealed.Raw, true
			return nil
		})
		if err == nil && landed {
			row, err = t.move(row, pending.Intend, nil)
		}
		return err
	})
	return row, err
}

// SignerReport is what a hot signer said that went wrong with a row.
type SignerReport struct {
	ID   bundle.ID
	Text string // a printable line
}

// KeepReports notes the last error that a hot signer reported of each row, if it is
// the tenant's, and tells whoever wants to know. No state comes of it. It gives those that say something new, and
// how many are of no row of the tenant.
func (s *Store) KeepReports(ctx context.Context, tenant string, list []SignerReport) (fresh []SignerReport, unknown int, err error) {
	err = s.writeBeside(ctx, func(t *tx) error {
		fresh, unknown = nil, 0
		for _, r := range list {
			row, err := t.load(tenant, r.ID)
			if fault.Is(err, "kms.missing") {
				unknown++
				continue
			}
			if err != nil {
				return err
			}
			if row.Report == r.Text {
				continue
			}
			if _, err := t.exec("UPDATE transactions SET report = ?, reported = ? WHERE id = ?", r.Text, t.at.UnixMilli(), r.ID[:]); err != nil {
				return err
			}
			if err := t.report(&row, r.Text); err != nil {
				return err
			}
			fresh = append(fresh, r)
		}
		return nil
	})
	return fresh, unknown, err
}

// Twins gives the tenant's open rows of a chain, those first that a hot signer may
// still sign, oldest first: what it sends is one of them.
func (s *Store) Twins(ctx context.Context, tenant, chain string, limit int) ([]pending.Transaction, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+columns+" FROM transactions WHERE "+isOpen+" AND tenant = ? AND chain = ? ORDER BY CASE WHEN state = 'pending' THEN 0 ELSE 1 END, n LIMIT ?", tenant, chain, limit)
	list, err := all(rows, err, scan)
	return list, s.fail(err)
}

// ByTxID gives the row of the tenant that is sealed to a transaction.
func (s *Store) ByTxID(ctx context.Context, tenant string, network chain.ID, txID string) (pending.Transaction, error) {
	row, err := owned(s.db.QueryRowContext(ctx, "SELECT "+columns+" FROM transactions WHERE network = ? AND txid = ? AND txid <> '' AND asserted = 0", string(network), txID), tenant, bundle.ID{})
	return row, s.fail(err)
}
