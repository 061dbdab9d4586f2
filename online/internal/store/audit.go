package store

import (
	"context"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

// Entry is one line of the audit.
type Entry struct {
	N             int64 // counts up
	At            time.Time
	Actor, Action string
	ID            bundle.ID     // zero when no transaction changed
	From, To      pending.State // empty when no state changed
	Detail        string
}

// Audit gives entries in order after the entry number: those of one transaction,
// or all for the zero id. At most 10,000.
func (s *Store) Audit(ctx context.Context, id bundle.ID, after int64, limit int) ([]Entry, error) {
	query, args := "SELECT n, at, actor, action, id, before, after, detail FROM audit WHERE n > ?", []any{after}
	if id != (bundle.ID{}) {
		query, args = query+" AND id = ?", append(args, id[:])
	}
	rows, err := s.db.QueryContext(ctx, query+" ORDER BY n LIMIT ?", append(args, min(limit, maxPage))...)
	list, err := all(rows, err, scanEntry)
	return list, s.fail(err)
}

// AuditBefore gives entries before the entry number, the latest first.
func (s *Store) AuditBefore(ctx context.Context, before int64, limit int) ([]Entry, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT n, at, actor, action, id, before, after, detail FROM audit WHERE n < ? ORDER BY n DESC LIMIT ?", before, min(limit, maxPage))
	list, err := all(rows, err, scanEntry)
	return list, s.fail(err)
}

func scanEntry(from scanner) (e Entry, err error) {
	var at int64
	var id []byte
	err = from.Scan(&e.N, &at, &e.Actor, &e.Action, &id, &e.From, &e.To, &e.Detail)
	copy(e.ID[:], id)
	e.At = fromMillis(at)
	return e, err
}

// audit appends an entry within the change that it tells of.
func (t *tx) audit(action string, id bundle.ID, from, to pending.State, detail string) error {
	actor, _ := t.ctx.Value(actorKey{}).(string)
	if actor == "" {
		actor = "unnamed"
	}
	var named []byte
	if id != (bundle.ID{}) {
		named = id[:]
	}
	_, err := t.exec("INSERT INTO audit (at, actor, action, id, before, after, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
		t.at.UnixMilli(), actor, action, named, string(from), string(to), detail)
	return err
}
