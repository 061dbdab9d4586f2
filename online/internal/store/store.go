// Package store keeps the online half's state in one SQLite file: pending
// transactions, API keys, wallets, bundles and the audit. It is the only
// package with SQL.
//
//	s, err := store.Open(ctx, path, time.Now)
//	existing, err := s.Create(ctx, &row, store.Idempotency{Key: k, Body: sum})
//	raw, seq, repeat, err := s.Export(ctx, store.Selection{Chain: "BTC"}, seal)
//	row, err := s.Move(ctx, id, pending.Intend, nil)
//
// Every change is one transaction begun IMMEDIATE, on disk (synchronous=FULL)
// before it is reported, with its audit row inside. Two processes may share the
// file: what one of them remembers is never relied on. Times are Unix
// milliseconds UTC from the injected clock.
package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// readers is how many statements run at once in this process.
const readers = 8

// Store is an open database.
type Store struct {
	db     *sql.DB
	now    func() time.Time
	writer chan struct{} // holds one token while this process writes
	broken atomic.Bool   // a flush to disk failed: what is on disk is unknown until it is opened again
}

// Open opens the database at path, and makes it if it does not exist. It checks
// the whole file first (store.corrupt), and brings an older schema up to date in
// one transaction. A newer schema is refused (store.newer), and so is the
// database of another program (store.foreign).
func Open(ctx context.Context, path string, now func() time.Time) (*Store, error) {
	return open(ctx, path, now, migrations)
}

func open(ctx context.Context, path string, now func() time.Time, steps []string) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fault.New("store.open", "", "cannot find the database: %w", err)
	}
	if err := create(abs); err != nil {
		return nil, err
	}
	dsn := url.URL{Scheme: "file", Path: abs, RawQuery: url.Values{
		"mode":       {"rw"},
		"_txlock":    {"immediate"},
		"_dqs":       {"false"},
		"_defensive": {"true"},
		"_pragma":    {"busy_timeout(10000)", "synchronous(FULL)", "foreign_keys(ON)", "cell_size_check(ON)", "trusted_schema(OFF)", "cache_size(-16384)"},
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fault.New("store.open", "", "cannot open the database %s: %s", quote.Line(path), quote.Line(err.Error()))
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	s := &Store{db: db, now: now, writer: make(chan struct{}, 1)}
	if err := s.prepare(ctx, abs, steps); err != nil {
		db.Close()
		return nil, err
	}
	return s, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.fail(s.db.Close()) }

// Ping reports whether the database answers and may be written.
func (s *Store) Ping(ctx context.Context) error {
	if s.broken.Load() {
		return errBroken()
	}
	var one int
	return s.fail(s.db.QueryRowContext(ctx, "SELECT 1 FROM sqlite_schema LIMIT 1").Scan(&one))
}

// Now gives the time of the injected clock.
func (s *Store) Now() time.Time { return s.now() }

// NewID gives a fresh id for a pending transaction: 12 random bytes.
func NewID() bundle.ID {
	var id bundle.ID
	rand.Read(id[:]) // never fails: the program ends when there is no randomness
	return id
}

type actorKey struct{}

// WithActor names who causes the changes made with the context, for the audit:
// "apikey 0f3c...", "operator", "broadcaster".
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// tx is one write transaction.
type tx struct {
	ctx    context.Context
	sql    *sql.Tx
	at     time.Time
	cached map[string]*sql.Stmt
}

// write runs do in one transaction begun IMMEDIATE. Whatever do returns an error
// for has not happened.
func (s *Store) write(ctx context.Context, do func(*tx) error) error {
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return s.fail(ctx.Err())
	}
	defer func() { <-s.writer }()
	if s.broken.Load() {
		return errBroken()
	}
	begun, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.fail(err)
	}
	defer begun.Rollback() // does nothing after Commit
	t := &tx{ctx: ctx, sql: begun, at: s.now(), cached: map[string]*sql.Stmt{}}
	if err := do(t); err != nil {
		return s.fail(err)
	}
	return s.fail(begun.Commit())
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
	st, err := t.prepared(query)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
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
	text := quote.Line(err.Error())
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return fault.New("store.failed", "", "the database failed: %s", text)
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return corrupt(text)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fault.New("store.busy", "try again", "another process kept the database locked: %s", text)
	case sqlite3.SQLITE_IOERR:
		if c := e.Code(); c == sqlite3.SQLITE_IOERR_FSYNC || c == sqlite3.SQLITE_IOERR_DIR_FSYNC {
			s.broken.Store(true) // a flush is never tried twice: the kernel forgets what it lost
		}
		fallthrough
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fault.New("store.write", "free space on the disk or make it writable; nothing was changed", "the database cannot be written: %s", text)
	case sqlite3.SQLITE_INTERRUPT:
		return fault.New("store.interrupted", "", "the database was not waited for: %s", text)
	}
	return fault.New("store.failed", "", "the database failed: %s", text)
}

func corrupt(text string) error {
	return fault.New("store.corrupt", "stop, keep the file, and restore a backup", "the database is damaged: %s", text)
}
