package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

// follow does what comes of a move beside the row itself: a row that has come to an
// end which a reorganization can undo is watched, one that is final ends its rivals,
// one that is so no longer takes them back, and one that has ended gives up what it
// reserved.
func (t *tx) follow(p *pending.Transaction, e pending.Event) error {
	switch e {
	case pending.Fail:
		if p.Code != pending.Conflicted && p.Code != Executed {
			break
		}
		fallthrough
	case pending.Confirm:
		if err := t.watch(p.ID); err != nil {
			return err
		}
	case pending.Reorg, pending.Revive:
		if _, err := t.exec("DELETE FROM watches WHERE id = ?", p.ID[:]); err != nil {
			return err
		}
		if err := t.revive(p); err != nil {
			return err
		}
	}
	if e == pending.Confirm || e == pending.Revive {
		if err := t.outlive(p); err != nil {
			return err
		}
	}
	if e == pending.Confirm || e == pending.Fail && p.Code == Executed {
		if err := t.settle(p); err != nil {
			return err
		}
	}
	if _, on := pending.Transition(p.State, pending.Fail); !on && p.TxID != "" {
		if _, err := t.exec("DELETE FROM coverage WHERE id = ?", p.ID[:]); err != nil {
			return err
		}
	}
	if released(p) {
		return t.release(p)
	}
	return nil
}

// watch has a row looked at from now on.
func (t *tx) watch(id bundle.ID) error {
	_, err := t.exec("INSERT INTO watches (id, looked) VALUES (?, ?) ON CONFLICT DO NOTHING", id[:], t.at.UnixMilli())
	return err
}

// Executed is pending.Executed.
const Executed = pending.Executed

// Watched gives rows, complete, failed or ended by another transaction, that a
// reorganization may still reach and that were last looked at before the given
// time, those looked at longest ago first. One that was looked at in the future, by a
// clock that was set back since, is among them.
func (s *Store) Watched(ctx context.Context, before time.Time, limit int) ([]pending.Transaction, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+columns+" FROM transactions WHERE id IN (SELECT id FROM watches WHERE looked < ? OR looked > ? ORDER BY looked LIMIT ?) ORDER BY n",
		before.UnixMilli(), s.now().Add(time.Minute).UnixMilli(), limit)
	list, err := all(rows, err, scan)
	return list, s.fail(err)
}

// Watching notes that such a row was looked up just now; no more of it is
// wanted once it is deep enough.
func (s *Store) Watching(ctx context.Context, id bundle.ID, deep bool) error {
	return s.writeBeside(ctx, func(t *tx) error {
		if deep {
			_, err := t.exec("DELETE FROM watches WHERE id = ?", id[:])
			return err
		}
		_, err := t.exec("UPDATE watches SET looked = ? WHERE id = ?", t.at.UnixMilli(), id[:])
		return err
	})
}

// Cover notes that a row on its way was looked for just now, and that there was
// no gap since the last time in which it could have landed unseen.
func (s *Store) Cover(ctx context.Context, id bundle.ID) error {
	return s.writeBeside(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO coverage (id, at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at", id[:], t.at.UnixMilli())
		return err
	})
}

// Covered gives the time of the last Cover; zero when there was none.
func (s *Store) Covered(ctx context.Context, id bundle.ID) (time.Time, error) {
	var at int64
	err := s.db.QueryRowContext(ctx, "SELECT at FROM coverage WHERE id = ?", id[:]).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return fromMillis(at), s.fail(err)
}
