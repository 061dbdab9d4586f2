package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

// failed is what a verdict says of a payment that was not made.
const failed = "failed"

// verdict is what was told of the end of a payment, under its first row.
type verdict struct {
	until time.Time // a failure is not told before; zero: it does not wait
	told  string    // failed, the transaction that paid, or "" nothing
}

func (t *tx) verdict(root bundle.ID) (v verdict, err error) {
	var until int64
	err = t.row("SELECT until, told FROM verdicts WHERE id = ?", root[:]).Scan(&until, &v.told)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	v.until = fromMillis(until)
	return v, err
}

func (t *tx) setVerdict(root bundle.ID, v verdict) error {
	_, err := t.exec("INSERT INTO verdicts (id, until, told) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET until = excluded.until, told = excluded.told", root[:], toMillis(v.until), v.told)
	return err
}

// SetHold has failures that may be mended, by quoting the payment anew, wait for so
// long before they are told. It is called before the store is used by others.
func (s *Store) SetHold(d time.Duration) { s.hold = d }

// mends reports whether the end of a row is one that a new quote may mend.
func mends(p *pending.Transaction) bool {
	return p.Code == passed || p.State == pending.Refused && Stale(p.Code) || p.State == pending.Expired || p.State == pending.Failed && p.Code == conflicted
}

// waits reports whether the failure is not told yet, and has it wait where it may be
// mended.
func (t *tx) waits(root bundle.ID, v verdict, last *pending.Transaction) (bool, error) {
	switch {
	case !v.until.IsZero():
		return t.at.Before(v.until), nil
	case t.hold <= 0 || !mends(last):
		return false, nil
	}
	return true, t.setVerdict(root, verdict{until: t.at.Add(t.hold)})
}

// tell writes an event for everybody who wants it. A payment that several rows make is
// told under the first of them, and its end once: that it is made, by whichever, or
// that it failed, when none can make it any more.
func (t *tx) tell(p *pending.Transaction, kind string) error {
	rows, err := chainOf(t.ctx, t.sql, p)
	if err != nil {
		return err
	}
	root := &rows[0]
	v, err := t.verdict(root.ID)
	if err != nil {
		return err
	}
	if len(rows) == 1 {
		return t.tellOne(p, kind, v)
	}
	switch kind {
	case KMSCompleted:
		return t.tellPaid(root, p, v)
	case KMSReorged:
		if v.told == "" {
			return nil
		}
		if err := t.setVerdict(root.ID, verdict{}); err != nil {
			return err
		}
		b := body{SignatureID: root.ID.String(), Type: kind, Chain: root.Chain, State: string(p.State), TxID: v.told}
		if v.told == failed {
			b.TxID = p.TxID
		}
		return t.publish(root, b)
	}
	o, err := outcomeOf(t.ctx, t.sql, rows)
	switch {
	case err != nil || v.told != "" || o.open:
		return err
	case o.paid != nil:
		return t.tellPaid(root, o.paid, v)
	}
	last := &rows[len(rows)-1]
	if wait, err := t.waits(root.ID, v, last); err != nil || wait {
		return err
	}
	if err := t.setVerdict(root.ID, verdict{told: failed}); err != nil {
		return err
	}
	b := body{SignatureID: root.ID.String(), Type: KMSFailed, Chain: root.Chain, State: string(last.State), Code: last.Code, ReplacedBy: last.ID.String()}
	if b.Error = strings.TrimPrefix(last.Code+": "+last.Reason, ": "); b.Error == "" {
		b.Error = b.State
	}
	return t.publish(root, b)
}

// tellPaid tells of the first row that a later one, or it itself, is complete.
func (t *tx) tellPaid(root, by *pending.Transaction, v verdict) error {
	if v.told == by.TxID {
		return nil
	}
	if err := t.setVerdict(root.ID, verdict{told: by.TxID}); err != nil {
		return err
	}
	b := body{SignatureID: root.ID.String(), Type: KMSCompleted, Chain: root.Chain, State: string(by.State), TxID: by.TxID}
	if by.ID != root.ID {
		b.ReplacedBy = by.ID.String()
	}
	return t.publish(root, b)
}

// tellOne tells of a row that makes its payment alone. A row that ended because one
// with a higher fee makes the same payment is told as completed by that one, and not
// before that one's end is known: who were told that it failed would pay again.
func (t *tx) tellOne(p *pending.Transaction, kind string, v verdict) error {
	b := body{SignatureID: p.ID.String(), Type: kind, Chain: p.Chain, State: string(p.State), TxID: p.TxID}
	if kind != KMSFailed {
		if _, err := t.exec("DELETE FROM verdicts WHERE id = ?", p.ID[:]); err != nil {
			return err
		}
		return t.publish(p, b)
	}
	b.TxID, b.Code = "", p.Code
	if b.Error = strings.TrimPrefix(p.Code+": "+p.Reason, ": "); b.Error == "" {
		b.Error = b.State
	}
	if p.Code == pending.Replaced || p.Code == conflicted {
		won, open, err := winner(t.ctx, t.sql, p)
		if err != nil || open {
			return err
		}
		if won != nil {
			b.ReplacedBy = won.ID.String()
			paid, err := paidBy(t.ctx, t.sql, p, won)
			if err != nil {
				return err
			}
			if paid {
				b.Type, b.TxID, b.Error = KMSCompleted, won.TxID, ""
				return t.publish(p, b)
			}
		}
	}
	if v.told == failed {
		return nil
	}
	if wait, err := t.waits(p.ID, v, p); err != nil || wait {
		return err
	}
	if err := t.setVerdict(p.ID, verdict{told: failed}); err != nil {
		return err
	}
	return t.publish(p, b)
}

// TellHeld tells of failures that have waited long enough and were not mended. It
// gives their number.
func (s *Store) TellHeld(ctx context.Context) (n int, err error) {
	const due = "SELECT id FROM verdicts WHERE told = '' AND until <> 0 AND until <= ? ORDER BY until LIMIT 100"
	id := func(from scanner) (id []byte, err error) { return id, from.Scan(&id) }
	rows, err := s.db.QueryContext(ctx, due, s.now().UnixMilli())
	if list, err := all(rows, err, id); err != nil || len(list) == 0 {
		return 0, s.fail(err) // reading costs no write
	}
	err = s.write(ctx, func(t *tx) error {
		n = 0
		rows, err := t.sql.QueryContext(t.ctx, due, t.at.UnixMilli())
		list, err := all(rows, err, id)
		if err != nil {
			return err
		}
		for _, id := range list {
			row, err := t.load(Any, bundle.ID(id))
			if err != nil {
				return err
			}
			if err := t.tell(&row, KMSFailed); err != nil {
				return err
			}
		}
		n = len(list)
		return nil
	})
	return n, err
}
