package store

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"coldsign/shared/fault"
)

// engine is what SQLite and PostgreSQL do differently. The SQL is written once,
// in what both understand: flags are 0 and 1, and what stands in a comment,
// /* FOR UPDATE */, is read by PostgreSQL only.
type engine interface {
	// text gives a statement as this database reads it.
	text(query string) string
	// begin begins a change, and gives what commits it.
	begin(ctx context.Context, db *sql.DB, how mode) (*sql.Tx, func() error, error)
	// fault makes a fault of what the database said.
	fault(err error) error
}

// mode is how a change stands to others that happen at the same time.
type mode int

const (
	// alone: no other change happens meanwhile, in any process.
	alone mode = iota
	// beside: changes of other rows happen meanwhile. What the change reads and
	// relies on it must lock, or a constraint must hold it; and it may be done
	// twice, since a database ends one of two that wait for each other. With SQLite
	// it is the same as alone.
	beside
)

const (
	attempts = 8 // of a change that another one got in the way of
	backoff  = 5 * time.Millisecond
)

// database is a pool of connections that takes statements written for both.
type database struct {
	*sql.DB
	text func(string) string
}

func (d database) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return d.DB.QueryContext(ctx, d.text(query), args...)
}

func (d database) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return d.DB.QueryRowContext(ctx, d.text(query), args...)
}

func (d database) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return d.DB.ExecContext(ctx, d.text(query), args...)
}

// transaction is the same of one transaction.
type transaction struct {
	*sql.Tx
	text func(string) string
}

func (t transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.Tx.QueryContext(ctx, t.text(query), args...)
}

func (t transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return t.Tx.QueryRowContext(ctx, t.text(query), args...)
}

// tx is one write transaction.
type tx struct {
	ctx    context.Context
	sql    transaction
	at     time.Time
	cached map[string]*sql.Stmt // nil: not needed
	gated  bool                 // nothing is exported without an approval
	hold   time.Duration        // see SetHold
}

// write runs do in one transaction, alone. Whatever do returns an error for has
// not happened.
func (s *Store) write(ctx context.Context, do func(*tx) error) error {
	return s.change(ctx, alone, do)
}

// writeBeside is write for a change that locks what it relies on.
func (s *Store) writeBeside(ctx context.Context, do func(*tx) error) error {
	return s.change(ctx, beside, do)
}

func (s *Store) change(ctx context.Context, how mode, do func(*tx) error) error {
	select {
	case s.writers <- struct{}{}:
	case <-ctx.Done():
		return s.fail(ctx.Err())
	}
	defer func() { <-s.writers }()
	for try := 1; ; try++ {
		err := s.once(ctx, how, do)
		if how == alone || try == attempts || !inTheWay(err) {
			return s.fail(err)
		}
		select {
		case <-time.After(rand.N(backoff << try)):
		case <-ctx.Done():
			return s.fail(ctx.Err())
		}
	}
}

func (s *Store) once(ctx context.Context, how mode, do func(*tx) error) error {
	if s.broken.Load() {
		return errBroken()
	}
	if err := s.Damaged(); err != nil { // it is open for reading alone
		return err
	}
	begun, commit, err := s.engine.begin(ctx, s.db.DB, how)
	if err != nil {
		return err
	}
	t := &tx{ctx: ctx, sql: transaction{begun, s.db.text}, at: s.now(), gated: s.asker != nil, hold: s.hold}
	if s.path != "" {
		t.cached = map[string]*sql.Stmt{}
	}
	defer begun.Rollback() // does nothing after Commit
	if err := s.barred(t); err != nil {
		return err
	}
	if err := do(t); err != nil {
		return err
	}
	return commit()
}

// inTheWay reports whether another change made this one fail, which may pass when
// it is done again: they waited for each other, or both made the same key.
func inTheWay(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01" || e.Code == "23505")
}

// prepared keeps statements for the length of the transaction: an import runs
// the same few ten thousand times.
func (t *tx) prepared(query string) (*sql.Stmt, error) {
	if st, ok := t.cached[query]; ok {
		return st, nil
	}
	st, err := t.sql.PrepareContext(t.ctx, query)
	if err == nil {
		t.cached[query] = st
	}
	return st, err
}

// exec runs a statement and gives the number of rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	var r sql.Result
	var err error
	if t.cached == nil { // PostgreSQL's connections keep statements themselves
		r, err = t.sql.ExecContext(t.ctx, t.sql.text(query), args...)
	} else if st, e := t.prepared(query); e != nil {
		err = e
	} else {
		r, err = st.ExecContext(t.ctx, args...)
	}
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// row runs a query for one row.
func (t *tx) row(query string, args ...any) *sql.Row {
	if t.cached != nil {
		if st, err := t.prepared(query); err == nil {
			return st.QueryRowContext(t.ctx, args...)
		}
	}
	return t.sql.QueryRowContext(t.ctx, query, args...)
}

// querier is what reads inside and outside a write transaction have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func errBroken() error {
	return fault.New("store.write", "check the disk, then start the program again", "an earlier write did not reach the disk, so nothing more is written")
}

// fail makes a fault of whatever the database said.
func (s *Store) fail(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.New("store.interrupted", "", "the database was not waited for: %w", err)
	}
	return s.engine.fault(err)
}
