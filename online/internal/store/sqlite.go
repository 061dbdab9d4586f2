package store

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// sqliteEngine keeps one file. Its changes are begun IMMEDIATE, so that one
// happens at a time, and synchronous=FULL has each on disk before it is reported.
type sqliteEngine struct {
	broken *atomic.Bool
}

func (sqliteEngine) text(query string) string { return query }

func (sqliteEngine) begin(ctx context.Context, db *sql.DB, _ mode) (*sql.Tx, func() error, error) {
	begun, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	return begun, begun.Commit, nil
}

func (e sqliteEngine) fault(err error) error {
	text := quote.Line(err.Error())
	failed, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return fault.New("store.failed", "", "the database failed: %s", text)
	}
	switch failed.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return corrupt(text)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fault.New("store.busy", "try again", "another process kept the database locked: %s", text)
	case sqlite3.SQLITE_IOERR:
		if c := failed.Code(); c == sqlite3.SQLITE_IOERR_FSYNC || c == sqlite3.SQLITE_IOERR_DIR_FSYNC {
			e.broken.Store(true) // a flush is never tried twice: the kernel forgets what it lost
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

// checkpoint writes what the log holds into the file itself.
func (s *Store) checkpoint(ctx context.Context) error {
	var busy, log, done int
	return s.fail(s.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &done))
}
