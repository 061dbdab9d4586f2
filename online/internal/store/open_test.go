package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/shared/fault"
)

func TestOpenPragmas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd name?#%.db")
	s := openAt(t, path)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
		var got string
		ok(t, s.db.QueryRow("PRAGMA "+pragma).Scan(&got))
		if got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
	put(t, s, number(1))
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		ok(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o, want 600", name, info.Mode().Perm())
		}
	}
	ok(t, s.Ping(t.Context()))
	ok(t, s.Close())
	if s.Ping(t.Context()) == nil {
		t.Error("a closed store answers")
	}
}

// Several processes may make the database at once.
func TestOpenTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.db")
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			s, err := Open(t.Context(), path, fixed)
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	wait.Wait()
}

func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.db")
	s, err := Open(t.Context(), path, fixed)
	ok(t, err)
	for i := range 300 {
		put(t, s, number(i+1))
	}
	ok(t, s.Close())
	sound, err := os.ReadFile(path)
	ok(t, err)
	for name, damage := range map[string]func([]byte) []byte{
		"header":    func(b []byte) []byte { copy(b, "no database"); return b },
		"garbage":   func(b []byte) []byte { return []byte(strings.Repeat("garbage ", 1000)) },
		"truncated": func(b []byte) []byte { return b[:len(b)/2/4096*4096] },
		"page":      func(b []byte) []byte { copy(b[len(b)-4096:], strings.Repeat("\xff", 4096)); return b },
	} {
		ok(t, os.WriteFile(path, damage(append([]byte(nil), sound...)), 0o600))
		if s, err := Open(t.Context(), path, fixed); !fault.Is(err, "store.corrupt") {
			t.Errorf("%s: %v, want store.corrupt", name, err)
			if err == nil {
				s.Close()
			}
		}
		os.Remove(path + "-wal")
		os.Remove(path + "-shm")
	}
	// A changed byte of a request passes SQLite's check; the digest finds it.
	flipped := []byte(strings.ReplaceAll(string(sound), "request 7", "request 8"))
	ok(t, os.WriteFile(path, flipped, 0o600))
	s = openAt(t, path)
	_, err = s.Get(t.Context(), Any, number(7).ID)
	code(t, err, "store.corrupt")
	_, err = s.Move(t.Context(), number(7).ID, pending.Export, fill(pending.Export))
	code(t, err, "store.corrupt")
}

func TestForeignAndNewer(t *testing.T) {
	for query, want := range map[string]string{
		"CREATE TABLE t (x)": "store.foreign", "PRAGMA application_id = 7": "store.foreign",
		"PRAGMA user_version = 1; CREATE TABLE t (x)":                                      "store.foreign",
		"PRAGMA user_version = 99; PRAGMA application_id = 1129270340; CREATE TABLE t (x)": "store.newer",
	} {
		path := filepath.Join(t.TempDir(), "kms.db")
		db, err := sql.Open("sqlite", path)
		ok(t, err)
		_, err = db.Exec(query)
		ok(t, err)
		ok(t, db.Close())
		if _, err := Open(t.Context(), path, fixed); !fault.Is(err, want) {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
	_, err := Open(t.Context(), filepath.Join(t.TempDir(), "missing", "kms.db"), fixed)
	code(t, err, "store.write")
	_, err = Open(t.Context(), t.TempDir(), fixed)
	if err == nil {
		t.Error("a folder is opened as a database")
	}
}

func TestMigration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.db")
	s, err := Open(t.Context(), path, fixed)
	ok(t, err)
	put(t, s, number(1))
	ok(t, s.Close())
	now := len(migrations)
	steps := append(migrations[:now:now], "ALTER TABLE transactions ADD COLUMN extra TEXT NOT NULL DEFAULT 'e'", "CREATE TABLE more (x) STRICT")

	// One that fails half way leaves the old schema, which still opens.
	_, err = open(t.Context(), path, fixed, steps) // a STRICT table needs types
	code(t, err, "store.failed")
	s, err = Open(t.Context(), path, fixed)
	ok(t, err)
	if _, err := s.db.Exec("SELECT extra FROM transactions"); err == nil {
		t.Error("half a migration was kept")
	}
	get(t, s, number(1).ID)
	ok(t, s.Close())

	steps[now+1] = "CREATE TABLE more (x TEXT) STRICT"
	s, err = open(t.Context(), path, fixed, steps)
	ok(t, err)
	var extra string
	var version int
	ok(t, s.db.QueryRow("SELECT extra FROM transactions LEFT JOIN more").Scan(&extra))
	ok(t, s.db.QueryRow("PRAGMA user_version").Scan(&version))
	if extra != "e" || version != now+2 {
		t.Errorf("extra %q, version %d", extra, version)
	}
	get(t, s, number(1).ID)
	ok(t, s.Close())
	_, err = Open(t.Context(), path, fixed)
	code(t, err, "store.newer")

	// The database as it was is kept, and opens with the old program.
	kept := openAt(t, fmt.Sprintf("%s.schema%d.backup", path, now))
	get(t, kept, number(1).ID)
	if left, _ := filepath.Glob(path + "*.tmp"); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A full disk fails the change whole, and the store goes on when there is space.
func TestDiskFull(t *testing.T) {
	s := fresh(t)
	s.db.SetMaxOpenConns(1) // the limit below is the connection's
	put(t, s, number(1))
	var pages int
	ok(t, s.db.QueryRow("PRAGMA page_count").Scan(&pages))
	limit := func(n int) {
		ok(t, s.db.QueryRow("PRAGMA max_page_count = "+strconv.Itoa(n)).Scan(&n))
	}
	limit(pages)
	big := func(p *pending.Transaction) { p.Request, p.Reserve = make([]byte, 1<<16), []string{"nonce:7"} }
	_, err := s.Create(t.Context(), number(2, big), Idempotency{Key: "key"})
	code(t, err, "store.write")
	_, _, _, err = s.Export(t.Context(), Selection{}, func(seq uint64, previous [32]byte, created int64, rows []pending.Transaction) ([]byte, error) {
		return make([]byte, 1<<16), nil
	})
	code(t, err, "store.write")
	if get(t, s, number(1).ID).State != pending.Pending {
		t.Error("the row moved on a full disk")
	}
	limit(1 << 20)
	existing, err := s.Create(t.Context(), number(2, big), Idempotency{Key: "key"})
	ok(t, err)
	if existing != nil {
		t.Error("the failed submission was kept")
	}
	if _, seq, repeat := export(t, s, Selection{}); seq != 1 || repeat {
		t.Errorf("the next bundle is %d", seq)
	}
}

func TestReadOnly(t *testing.T) {
	s := fresh(t)
	s.db.SetMaxOpenConns(1)
	p := put(t, s, number(1))
	_, err := s.db.Exec("PRAGMA query_only = 1")
	ok(t, err)
	_, err = s.Cancel(t.Context(), "a", p.ID)
	code(t, err, "store.write")
	if get(t, s, p.ID).State != pending.Pending {
		t.Error("the row moved")
	}
}

// After a failed flush nothing more is written until the file is opened again.
func TestFailedFlush(t *testing.T) {
	s := fresh(t)
	p := put(t, s, number(1))
	s.broken.Store(true)
	_, err := s.Cancel(t.Context(), "a", p.ID)
	code(t, err, "store.write")
	code(t, s.Ping(t.Context()), "store.write")
	if get(t, s, p.ID).State != pending.Pending {
		t.Error("the row moved")
	}
}

func TestInterrupted(t *testing.T) {
	if onBoth(t, TestInterrupted) {
		return
	}
	s := fresh(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Create(ctx, number(1), Idempotency{})
	code(t, err, "store.interrupted")
	_, err = s.Get(ctx, "a", number(1).ID)
	code(t, err, "store.interrupted")
	_, err = s.Get(t.Context(), "a", number(1).ID)
	code(t, err, "kms.missing")
}
