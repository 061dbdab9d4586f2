package store

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"coldsign/scripts/postgres"
)

// These tests are the conformance suite of both databases: a test whose first line
// is
//
//	if onBoth(t, TestX) { return }
//
// runs once as TestX/sqlite and once as TestX/postgres, and where(t) is a new,
// empty database of the kind.
const onSQLite, onPostgres = "sqlite", "postgres"

func onBoth(t *testing.T, test func(*testing.T)) bool {
	if strings.Contains(t.Name(), "/") {
		return false
	}
	t.Run(onSQLite, test)
	t.Run(onPostgres, test)
	return true
}

func isPostgres(t testing.TB) bool { return strings.Contains(t.Name(), "/"+onPostgres) }

// where is the place of a new, empty database.
func where(t testing.TB) string {
	t.Helper()
	if isPostgres(t) {
		return postgresAt(t)
	}
	return filepath.Join(t.TempDir(), "kms.db")
}

// server is the one PostgreSQL of this process, started when a test first needs it
// and ended by TestMain.
var server = sync.OnceValues(func() (*postgres.Server, error) { started.Store(true); return postgres.Start(postgres.Fast) })

var started atomic.Bool
var databases atomic.Int64

func serverOf(t testing.TB) *postgres.Server {
	t.Helper()
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func postgresAt(t testing.TB) string {
	t.Helper()
	s := serverOf(t)
	address, drop, err := s.Schema(fmt.Sprintf("test%d", databases.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	return address
}

// refused reports whether a constraint or a trigger of the database refuses the
// statement, whoever sends it.
func refused(t testing.TB, s *Store, query string, args ...any) bool {
	t.Helper()
	_, err := s.db.ExecContext(t.Context(), query, args...)
	if e, is := errors.AsType[*sqlite.Error](err); is {
		return e.Code()&0xff == sqlite3.SQLITE_CONSTRAINT
	}
	if e, is := errors.AsType[*pgconn.PgError](err); is {
		return strings.HasPrefix(e.Code, "23")
	}
	if err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return false
}

// bytesOf is a literal of bytes in SQL, given in hexadecimal.
func bytesOf(t testing.TB, hex string) string {
	if isPostgres(t) {
		return `'\x` + hex + `'::bytea`
	}
	return "x'" + hex + "'"
}

// ofSQLite are the tests of what only one of the two has: a file its damage, its disk,
// its lock, a server its clock.
func ofSQLite() []string {
	return strings.Fields(`TestOpenPragmas TestOpenTogether TestDamagedFile TestForeignAndNewer TestMigration TestDiskFull TestReadOnly
 TestFailedFlush TestFirstSchema TestHalfMigrated TestATT103OneServer TestATT103Copies TestATT103MovedHome
 TestTransfer TestTransferStopsOthers TestTransferAllOrNothing TestTransferResumes TestSchemasAgree TestServerGone TestLogin TestATT116CommitUnanswered TestATT116NumberGivenAgain TestATT116AnotherServer TestATT99ReplicasKeepTime
 TestBackupRestores TestRestoredHot TestBackupRefuses TestATT104DamagedIsOnlyRead TestWatchesOfBefore TestWatchedWhenTheClockGoesBack`)
}

// A test that keeps rows runs on both databases, or is of a kind that cannot.
func TestConformance(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	ok(t, err)
	n := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		ok(t, err)
		for _, d := range file.Decls {
			f, is := d.(*ast.FuncDecl)
			if !is || !strings.HasPrefix(f.Name.Name, "Test") || slices.Contains(ofSQLite(), f.Name.Name) {
				continue
			}
			calls := map[string]bool{}
			ast.Inspect(f, func(x ast.Node) bool {
				if id, is := x.(*ast.Ident); is {
					calls[id.Name] = true
				}
				return true
			})
			switch {
			case calls["onBoth"]:
				n++
			case calls["fresh"] || calls["Open"] || calls["openAt"] || calls["where"]:
				t.Errorf("%s: %s runs on one database only: begin it with onBoth", name, f.Name.Name)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d tests run on both", n)
	}
}
