// Package store keeps the online half's state in one SQLite file or in
// PostgreSQL: pending transactions, API keys, wallets, bundles and the audit. It
// is the only package with SQL.
//
//	s, err := store.Open(ctx, "coldsign.db", time.Now) // or "postgres://user@host/name"
//	existing, err := s.Create(ctx, &row, store.Idempotency{Key: k, Body: sum})
//	raw, seq, repeat, err := s.Export(ctx, store.Selection{Chain: "BTC"}, seal)
//	row, err := s.Move(ctx, id, pending.Intend, nil)
//
// Every change is one transaction, on disk before it is reported, with its audit
// row inside. Several processes may share the database: what one of them remembers
// is never relied on. Times are Unix milliseconds UTC from the injected clock,
// save those of leases, which are the database's. SCHEMA.md says what is stored
// and what holds when several write at once.
package store

import (
	"context"
	"crypto/rand"
	"strings"
	"sync/atomic"
	"time"

	"coldsign/shared/bundle"
)

// readers is how many statements run at once in this process. Fewer of them
// write: a change that reads through another connection never waits for itself.
const readers, writers = 16, 10

// Store is an open database.
type Store struct {
	db      database
	engine  engine
	now     func() time.Time
	path    string        // the file, with no symbolic link in it; "" PostgreSQL
	writers chan struct{} // holds a token for each change that this process makes
	bar     error         // why nothing is changed here, or nil
	settled bool          // the schema is there
	asker   Asker         // is asked before any export; nil: nobody is
	quota   quota
	hold    time.Duration // see SetHold
	broken  atomic.Bool   // a flush to disk failed: what is on disk is unknown until it is opened again
}

// Open opens the database at where, a file or postgres://user@host/name, and
// makes its tables if it has none. It checks the whole file first
// (store.corrupt), and brings an older schema up to date in one transaction. A
// newer schema is refused (store.newer), and so is the database of another
// program (store.foreign).
func Open(ctx context.Context, where string, now func() time.Time) (*Store, error) {
	return OpenWith(ctx, where, "", now)
}

// OpenWith is Open with the password of PostgreSQL's user; "" leaves it to
// PGPASSFILE and what else its clients know.
func OpenWith(ctx context.Context, where, password string, now func() time.Time) (*Store, error) {
	if IsURL(where) {
		return openPostgres(ctx, where, password, now, postgresSteps())
	}
	return open(ctx, where, now, migrations)
}

// IsURL reports whether where names a database server and not a file.
func IsURL(where string) bool { return strings.Contains(where, "://") }

// Close closes the database.
func (s *Store) Close() error { return s.fail(s.db.Close()) }

// Ping reports whether the database answers and may be written.
func (s *Store) Ping(ctx context.Context) error {
	if s.broken.Load() {
		return errBroken()
	}
	if err := s.Damaged(); err != nil {
		return err
	}
	if s.bar != nil {
		return s.bar
	}
	var n int
	return s.fail(s.db.QueryRowContext(ctx, "SELECT count(*) FROM pairing").Scan(&n))
}

// Now gives the time of the injected clock, or what KeepTime keeps.
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
