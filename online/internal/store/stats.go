package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/chain"
)

// Group is how many rows of a network are in a state. Of rows that have come to
// their end, and only of those, Network is empty: there are many, and the count
// must stay cheap.
type Group struct {
	Network  chain.ID
	State    pending.State
	Count    int64
	Oldest   time.Time // when the oldest of them was created; zero of ended ones
	Deadline int64     // the nearest one, Unix seconds; 0 none
	Noted    int64     // how many have a code that says what keeps them from landing
}

// Stats counts the rows.
func (s *Store) Stats(ctx context.Context) ([]Group, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT network, state, count(*), min(created), min(CASE WHEN deadline > 0 THEN deadline END), sum(CASE WHEN code <> '' THEN 1 ELSE 0 END)
 FROM transactions WHERE state IN ('pending', 'exported', 'signed', 'broadcasting', 'broadcast') GROUP BY network, state
 UNION ALL SELECT '', state, count(*), 0, NULL, 0
 FROM transactions WHERE state IN ('complete', 'cancelled', 'refused', 'expired', 'failed') GROUP BY state`)
	list, err := all(rows, err, func(from scanner) (g Group, err error) {
		var oldest int64
		var deadline sql.NullInt64
		err = from.Scan(&g.Network, &g.State, &g.Count, &oldest, &deadline, &g.Noted)
		g.Oldest, g.Deadline = fromMillis(oldest), deadline.Int64
		return g, err
	})
	return list, s.fail(err)
}

// Paired says whether there is an offline half to exchange bundles with: nil,
// pair.missing, or pair.stopped.
func (s *Store) Paired(ctx context.Context) error {
	p, err := needPairing(ctx, s.db)
	if err == nil {
		err = stopped(ctx, s.db, p)
	}
	return s.fail(err)
}

// Latest gives the time of the latest entry of the audit, zero when there is none.
// A clock behind it has been set back.
func (s *Store) Latest(ctx context.Context) (time.Time, error) {
	var at sql.NullInt64
	err := s.db.QueryRowContext(ctx, "SELECT at FROM audit ORDER BY n DESC LIMIT 1").Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return fromMillis(at.Int64), s.fail(err)
}
