package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// What an upstream was told of a payment.
const (
	ToldComplete = "complete" // it is with the network, under the TxID
	ToldFailed   = "failed"   // nothing will come of it
)

// Listed is what an upstream account has listed under one of its ids.
type Listed struct {
	ID      bundle.ID // the upstream's
	Made    bundle.ID // the row that came of it; zero: it was refused
	Network chain.ID
	Content [32]byte // SHA-256 of the record as it was first listed

	Code, Reason string // why it was refused

	Changed bool   // other content was listed under the id since
	Told    string // ToldComplete, ToldFailed or "" nothing
	TxID    string // of ToldComplete
}

// Take keeps what an upstream has listed, together with the row that came of it; a
// nil row is a refusal, with its code. An id that was listed before changes nothing,
// and first is false: whatever is listed how often, one row comes of it, or none.
// Another row of that id is upstream.taken.
func (s *Store) Take(ctx context.Context, l Listed, p *pending.Transaction) (first bool, err error) {
	if p != nil {
		if err := creatable(p, Idempotency{}); err != nil {
			return false, err
		}
		if err := s.within(ctx, p.Tenant); err != nil {
			return false, err
		}
	}
	err = s.writeBeside(ctx, func(t *tx) error {
		// First: it waits for whoever takes the same id at this moment.
		n, err := t.exec("INSERT INTO upstream (id, network, content, code, reason, created) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			l.ID[:], string(l.Network), l.Content[:], l.Code, l.Reason[:min(len(l.Reason), bundle.MaxReason)], t.at.UnixMilli())
		if first = n == 1; err != nil || !first {
			return err
		}
		if p == nil {
			return t.audit("upstream.refuse", bundle.ID{}, "", "", l.ID.String()+" "+l.Code)
		}
		if err := t.row("SELECT count(*) FROM transactions WHERE id = ?", p.ID[:]).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fault.New("upstream.taken", "find out how the upstream comes by the id", "ALARM: the upstream lists %s, the id of a transaction of our own", l.ID)
		}
		if err := t.create(p, Idempotency{}); err != nil {
			return err
		}
		_, err = t.exec("UPDATE upstream SET made = ? WHERE id = ?", p.ID[:], l.ID[:])
		return err
	})
	return first && err == nil, err
}

const listedColumns = "id, made, network, content, code, reason, changed, told, txid"

func scanListed(from scanner) (l Listed, err error) {
	var id, made, content, changed []byte
	err = from.Scan(&id, &made, &l.Network, &content, &l.Code, &l.Reason, &changed, &l.Told, &l.TxID)
	copy(l.ID[:], id)
	copy(l.Made[:], made)
	copy(l.Content[:], content)
	l.Changed = len(changed) > 0
	return l, err
}

func findListed(ctx context.Context, q querier, id bundle.ID) (Listed, bool, error) {
	l, err := scanListed(q.QueryRowContext(ctx, "SELECT "+listedColumns+" FROM upstream WHERE id = ?", id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return Listed{}, false, nil
	}
	return l, err == nil, err
}

// ListedAs gives what was listed under the ids; those that never were are left out.
func (s *Store) ListedAs(ctx context.Context, ids []bundle.ID) (map[bundle.ID]Listed, error) {
	const chunk = 500
	found := make(map[bundle.ID]Listed, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), chunk)
		args := make([]any, n)
		for i, id := range ids[:n] {
			args[i] = bytes.Clone(id[:])
		}
		ids = ids[n:]
		rows, err := s.db.QueryContext(ctx, "SELECT "+listedColumns+" FROM upstream WHERE id IN (?"+strings.Repeat(", ?", n-1)+")", args...)
		list, err := all(rows, err, scanListed)
		if err != nil {
			return nil, s.fail(err)
		}
		for _, l := range list {
			found[l.ID] = l
		}
	}
	return found, nil
}

// ListedOf gives the listing that the row was made of, or whose payment it makes anew.
func (s *Store) ListedOf(ctx context.Context, row bundle.ID) (Listed, bool, error) {
	l, err := scanListed(s.db.QueryRowContext(ctx, "SELECT "+listedColumns+" FROM upstream WHERE made = ? OR made = (SELECT root FROM requotes WHERE id = ?)", row[:], row[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return Listed{}, false, nil
	}
	return l, err == nil, s.fail(err)
}

// Alter notes that other content was listed under an id. The first stays what it
// is; again is false the first time for this content.
func (s *Store) Alter(ctx context.Context, id bundle.ID, content [32]byte) (again bool, err error) {
	err = s.writeBeside(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE upstream SET changed = ? WHERE id = ? AND changed <> ? AND content <> ?", content[:], id[:], content[:], content[:])
		if again = n == 0; err == nil && !again {
			err = t.audit("upstream.changed", bundle.ID{}, "", "", id.String())
		}
		return err
	})
	return again, err
}

// Waiting gives the rows of a network that were made of an upstream's list and of
// which nothing has been sent yet: of one that was quoted anew the first, while what makes
// its payment waits.
func (s *Store) Waiting(ctx context.Context, network chain.ID) ([]pending.Transaction, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+columns+" FROM transactions WHERE (state IN ('pending', 'exported', 'signed') AND cancel_requested = 0 OR EXISTS (SELECT 1 FROM requotes q JOIN transactions s ON s.id = q.id"+
		" WHERE q.root = transactions.id AND s.state IN ('pending', 'exported', 'signed') AND s.cancel_requested = 0)) AND network = ? AND id IN (SELECT made FROM upstream WHERE made IS NOT NULL AND told = '') ORDER BY n", string(network))
	list, err := all(rows, err, scan)
	return list, s.fail(err)
}

// Untold is a listing whose end the upstream does not know yet.
type Untold struct {
	Listed
	Row pending.Transaction // without an ID where none was made
}

// ClaimUntold gives what the upstream is to be told now, and keeps it from other
// processes for the pause: what is not told then comes again. Those are refusals, rows
// that are with the network or have ended, and rows that have ended otherwise than it
// was told.
func (s *Store) ClaimUntold(ctx context.Context, pause time.Duration, limit int) (list []Untold, err error) {
	const from = " FROM upstream u LEFT JOIN transactions t ON t.id = u.made WHERE u.looked <= ? AND "
	err = s.writeBeside(ctx, func(t *tx) error {
		list = nil
		for _, which := range []string{
			"u.told = '' AND (u.made IS NULL OR t.state IN ('broadcast', 'complete', 'refused', 'expired', 'failed', 'cancelled'))",
			"u.told = '' AND EXISTS (SELECT 1 FROM requotes q JOIN transactions s ON s.id = q.id WHERE q.root = u.made AND s.state IN ('refused', 'expired', 'failed', 'cancelled'))",
			"u.told = 'failed' AND t.state = 'complete'",
			"u.told = 'complete' AND t.state IN ('expired', 'failed') AND u.txid = t.txid",
			"u.told = 'complete' AND EXISTS (SELECT 1 FROM requotes q JOIN transactions s ON s.id = q.id WHERE q.root = u.made AND s.state IN ('expired', 'failed') AND s.txid = u.txid)",
		} {
			rows, err := t.sql.QueryContext(t.ctx, "SELECT u.id"+from+which+" ORDER BY u.looked LIMIT ? /* FOR UPDATE OF u SKIP LOCKED */", t.at.Add(-pause).UnixMilli(), limit)
			ids, err := all(rows, err, func(from scanner) (id []byte, err error) { return id, from.Scan(&id) })
			if err != nil {
				return err
			}
			for _, id := range ids {
				u, err := t.claim(id)
				if err != nil {
					return err
				}
				list = append(list, u)
			}
		}
		return nil
	})
	return list, err
}

func (t *tx) claim(id []byte) (u Untold, err error) {
	if _, err = t.exec("UPDATE upstream SET looked = ? WHERE id = ?", t.at.UnixMilli(), id); err != nil {
		return u, err
	}
	if u.Listed, _, err = findListed(t.ctx, t.sql, bundle.ID(id)); err != nil || u.Made == (bundle.ID{}) {
		return u, err
	}
	u.Row, err = scan(t.row("SELECT "+columns+" FROM transactions WHERE id = ?", u.Made[:]))
	return u, err
}

// Told notes what the upstream knows of one of its ids.
func (s *Store) Told(ctx context.Context, id bundle.ID, what, txID string) error {
	return s.writeBeside(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE upstream SET told = ?, txid = ? WHERE id = ? AND (told <> ? OR txid <> ?)", what, txID, id[:], what, txID)
		if err == nil && n > 0 {
			err = t.audit("upstream.told", bundle.ID{}, "", "", id.String()+" "+what+" "+quote.Line(txID))
		}
		return err
	})
}

// ListedGroup counts ids of an upstream.
type ListedGroup struct {
	Network chain.ID `json:"network"`
	State   string   `json:"state"` // of the row; "unsigned" where none was made
	Told    string   `json:"told"`  // what the upstream was told, "" nothing
	Count   int64    `json:"count"`
	Changed int64    `json:"changed"` // of them, those with other content since
}

// ListedStats counts what an upstream has listed.
func (s *Store) ListedStats(ctx context.Context) ([]ListedGroup, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT u.network, coalesce(t.state, 'unsigned'), u.told, count(*), sum(CASE WHEN length(u.changed) > 0 THEN 1 ELSE 0 END)
 FROM upstream u LEFT JOIN transactions t ON t.id = u.made GROUP BY u.network, coalesce(t.state, 'unsigned'), u.told ORDER BY 1, 2, 3`)
	list, err := all(rows, err, func(from scanner) (g ListedGroup, err error) {
		return g, from.Scan(&g.Network, &g.State, &g.Told, &g.Count, &g.Changed)
	})
	return list, s.fail(err)
}
