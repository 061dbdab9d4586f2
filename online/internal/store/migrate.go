package store

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// application marks the file as ours (PRAGMA application_id): "COLD".
const application = 0x434f4c44

//go:embed migrations/0001_initial.sql
var initial string

//go:embed migrations/0002_signer.sql
var signer string

//go:embed migrations/0003_heads.sql
var heads string

//go:embed migrations/0004_conflicts.sql
var conflicts string

//go:embed migrations/0005_installation.sql
var installation string

//go:embed migrations/0006_next.sql
var next string

//go:embed migrations/0007_withdrawals.sql
var withdrawals string

//go:embed migrations/0008_services.sql
var services string

//go:embed migrations/0009_desk.sql
var desk string

//go:embed migrations/0010_hot.sql
var hot string

//go:embed migrations/0011_movements.sql
var movements string

//go:embed migrations/0012_webhooks.sql
var webhooks string

//go:embed migrations/0013_watch.sql
var watch string

//go:embed migrations/0014_requotes.sql
var requotes string

// settledSchema is the first that knows which installation it is of.
const settledSchema = 5

// migrations are the steps from an empty database to the present schema. Step i
// leads to version i+1 (PRAGMA user_version). A released step never changes.
var migrations = []string{initial, signer, heads, conflicts, installation, next, withdrawals, services, desk, hot, movements, webhooks, watch, requotes}

// create makes an empty file that only its owner reads, before SQLite would make
// one by the umask. SQLite gives its log files the same mode.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fault.New("store.write", "check that the folder exists and can be written", "cannot create the database: %s", quote.Line(err.Error()))
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func open(ctx context.Context, path string, now func() time.Time, steps []string) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fault.New("store.open", "", "cannot find the database: %w", err)
	}
	if err := create(abs); err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	s, err := connect(abs, "rw", now)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, abs, steps); err != nil {
		s.db.Close()
		return nil, err
	}
	if s.settled = len(steps) >= settledSchema; s.settled {
		if s.bar, err = s.place(ctx); err != nil {
			s.db.Close()
			return nil, err
		}
	}
	return s, nil
}

// connect opens the file in SQLite's mode ("rw", "ro"), and reads nothing yet.
func connect(abs, mode string, now func() time.Time) (*Store, error) {
	dsn := url.URL{Scheme: "file", Path: abs, RawQuery: url.Values{
		"mode":       {mode},
		"_txlock":    {"immediate"},
		"_dqs":       {"false"},
		"_defensive": {"true"},
		"_pragma":    {"busy_timeout(10000)", "synchronous(FULL)", "foreign_keys(ON)", "cell_size_check(ON)", "trusted_schema(OFF)", "cache_size(-16384)"},
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fault.New("store.open", "", "cannot open the database %s: %s", quote.Line(abs), quote.Line(err.Error()))
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	s := &Store{now: now, path: abs, writers: make(chan struct{}, 1)}
	s.engine = sqliteEngine{&s.broken}
	s.db = database{db, s.engine.text}
	return s, nil
}

// prepare checks the file, then migrates it.
func (s *Store) prepare(ctx context.Context, path string, steps []string) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	if err := s.wal(ctx); err != nil {
		return err
	}
	version, err := s.version(ctx, s.db, len(steps))
	if err != nil || version == len(steps) {
		return err
	}
	if version > 0 {
		if err := s.keep(ctx, path, version); err != nil {
			return err
		}
	}
	return s.write(ctx, func(t *tx) error {
		// Another process may have migrated it since.
		version, err := s.version(t.ctx, t.sql, len(steps))
		if err != nil {
			return err
		}
		for _, step := range steps[version:] {
			if _, err := t.sql.ExecContext(t.ctx, step); err != nil {
				return err
			}
		}
		_, err = t.sql.ExecContext(t.ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", application, len(steps)))
		return err
	})
}

// check reads the whole file: a damaged database is not worked with.
func (s *Store) check(ctx context.Context) error {
	var verdict string
	if err := s.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return s.fail(err)
	}
	if verdict != "ok" {
		return corrupt(quote.Line(verdict))
	}
	return nil
}

// wal turns write-ahead logging on: once for the life of the file. SQLite does
// not wait for another process that does the same, so this does.
func (s *Store) wal(ctx context.Context) error {
	for range 200 {
		var mode string
		err := s.db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		if err == nil && mode == "wal" {
			return nil
		}
		if err == nil {
			return fault.New("store.open", "put the database on a local disk", "the database cannot use write-ahead logging: its journal mode is %s", quote.Line(mode))
		}
		if e, ok := errors.AsType[*sqlite.Error](err); !ok || e.Code()&0xff != sqlite3.SQLITE_BUSY {
			return s.fail(err)
		}
		select {
		case <-ctx.Done():
			return s.fail(ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fault.New("store.busy", "try again", "another process kept the database locked")
}

// version gives the schema's version: 0 for an empty database.
func (s *Store) version(ctx context.Context, q querier, latest int) (int, error) {
	var app, version, tables int
	// In one statement: another process may be making the database meanwhile.
	if err := q.QueryRowContext(ctx, "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)").
		Scan(&app, &version, &tables); err != nil {
		return 0, s.fail(err)
	}
	switch {
	case app == 0 && version == 0 && tables == 0:
		return 0, nil
	case app != application || version < 1 || tables == 0:
		return 0, fault.New("store.foreign", "name another file", "this is the database of another program")
	case version > latest:
		return 0, errNewer(int64(version), int64(latest))
	}
	return version, nil
}

// keep copies the database beside itself before its schema changes.
func (s *Store) keep(ctx context.Context, path string, version int) error {
	return s.duplicate(ctx, fmt.Sprintf("%s.schema%d.backup", path, version), nil)
}
