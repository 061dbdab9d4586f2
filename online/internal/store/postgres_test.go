package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coldsign/scripts/postgres"
	"coldsign/shared/fault"
)

// While connections break, what is done once is done once, and what is reported is
// so.
func TestConnectionsLost(t *testing.T) {
	stores := replicas(t, 2)
	const rows = 150
	var done atomic.Bool
	var broken sync.WaitGroup
	broken.Go(func() {
		for !done.Load() {
			if _, err := serverOf(t).Disconnect("postgres"); err != nil {
				t.Error(err)
			}
			time.Sleep(3 * time.Millisecond)
		}
	})
	var lostOnes atomic.Int64
	together([]*Store{stores[0], stores[1], stores[0], stores[1]}, func(i int, s *Store) error {
		for n := i; n < rows; n += 4 {
			for try := 0; ; try++ {
				p := reserving(n+1+rows*try, fmt.Sprintf("nonce:%d", n))
				_, err := s.Create(t.Context(), p, Idempotency{Key: fmt.Sprint(n)})
				if err == nil {
					break
				}
				if lostOnes.Add(1); !fault.Is(err, "store.lost") || try > 1000 {
					t.Errorf("row %d: %v", n, err)
					return err
				}
			}
		}
		return nil
	})
	done.Store(true)
	broken.Wait()
	list, err := stores[0].List(t.Context(), Filter{Tenant: Any, Limit: 10_000})
	for fault.Is(err, "store.lost") { // by each connection that was ended last
		list, err = stores[0].List(t.Context(), Filter{Tenant: Any, Limit: 10_000})
	}
	ok(t, err)
	if len(list) != rows {
		t.Errorf("%d rows were made for %d submissions", len(list), rows)
	}
	t.Logf("%d attempts were lost", lostOnes.Load())
}

// gate passes bytes to the server, and cuts the line at a commit: before the server
// hears of it, or before the client hears the answer.
type gate struct {
	net.Listener
	before, after atomic.Bool
}

func (g *gate) run(t *testing.T, to string) {
	for {
		c, err := g.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			server, err := net.Dial("tcp", to)
			if err != nil {
				t.Error(err)
				return
			}
			defer server.Close()
			var cut atomic.Bool
			go func() {
				defer c.Close()
				buffer := make([]byte, 1<<16)
				for {
					n, err := server.Read(buffer)
					if err != nil || cut.Load() {
						return
					}
					if _, err := c.Write(buffer[:n]); err != nil {
						return
					}
				}
			}()
			buffer := make([]byte, 1<<16)
			for {
				n, err := c.Read(buffer)
				if err != nil {
					return
				}
				if bytes.Contains(buffer[:n], []byte("commit\x00")) {
					if g.before.CompareAndSwap(true, false) {
						return
					}
					if g.after.CompareAndSwap(true, false) {
						cut.Store(true)
					}
				}
				if _, err := server.Write(buffer[:n]); err != nil && !errors.Is(err, io.EOF) {
					return
				}
			}
		}()
	}
}

func TestATT116CommitUnanswered(t *testing.T) {
	address, err := url.Parse(postgresAt(t))
	ok(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	g := &gate{Listener: l}
	server := address.Host
	go g.run(t, server)
	t.Cleanup(func() { l.Close() })
	address.Host = l.Addr().String()
	s := openAt(t, address.String())
	for n := range 20 {
		base := 2 * n
		g.after.Store(true)
		p := put(t, s, number(base+1)) // the answer was lost, the row was not
		if g.after.Load() {
			t.Fatal("the line was not cut")
		}
		if got := audits(t, s, p.ID); len(got) != 1 {
			t.Fatalf("the audit has %d entries of it", len(got))
		}
		g.before.Store(true)
		_, err := s.Create(t.Context(), number(base+2), Idempotency{})
		code(t, err, "store.lost")
		if !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("it does not say so: %v", err)
		}
		_, err = s.Get(t.Context(), Any, number(base+2).ID)
		code(t, err, "kms.missing")
	}
}

// TestATT116NumberGivenAgain: a server that crashes before anything of a transaction is on
// disk gives its number to another one. That this one is committed says nothing of the
// first, whose commit was not answered.
func TestATT116NumberGivenAgain(t *testing.T) {
	server, err := postgres.Start(postgres.Fast)
	ok(t, err)
	t.Cleanup(server.Stop)
	address, err := server.Database("again")
	ok(t, err)
	s := openAt(t, address)
	put(t, s, number(1))
	begun, commit, err := s.engine.begin(t.Context(), s.db.DB, beside)
	ok(t, err)
	var mine string
	ok(t, begun.QueryRowContext(t.Context(), "SELECT pg_current_xact_id()::text").Scan(&mine))
	server.Kill()
	for try := 0; ; try++ {
		if err = server.Again(); err == nil || try == 50 {
			break
		}
	}
	ok(t, err)
	other := openAt(t, address)
	status := func() (status string) {
		ok(t, other.db.QueryRowContext(t.Context(), "SELECT CASE WHEN $1::text::xid8 < pg_snapshot_xmax(pg_current_snapshot()) THEN coalesce(pg_xact_status($1::text::xid8), '') ELSE '' END", mine).Scan(&status))
		return status
	}
	for n := 2; status() != "committed"; n++ {
		if n == 100 {
			t.Fatal("the number is not given again")
		}
		put(t, other, number(n))
	}
	err = s.fail(commit())
	code(t, err, "store.lost")
	if !strings.Contains(err.Error(), "not known") {
		t.Error(err)
	}
}

// TestATT116AnotherServer: a standby that takes over has the last checkpoint of the server
// before it, and may have given a number again. Its word is believed for its own alone.
func TestATT116AnotherServer(t *testing.T) {
	s := openAt(t, postgresAt(t))
	begun, commit, err := s.engine.begin(t.Context(), s.db.DB, beside)
	ok(t, err)
	var number, mark string
	ok(t, begun.QueryRowContext(t.Context(), "SELECT pg_current_xact_id()::text").Scan(&number))
	ok(t, commit())
	ok(t, s.db.QueryRowContext(t.Context(), "SELECT "+lastCheckpoint).Scan(&mark))
	checkpoint, since, _ := strings.Cut(mark, " ")
	for _, m := range []string{mark, checkpoint + " 1" + since, checkpoint} {
		if err := s.engine.(postgresEngine).settle(s.db.DB, number, m, io.EOF); (err == nil) != (m == mark) || err != nil && !fault.Is(err, "store.lost") {
			t.Errorf("%q: %v", m, err)
		}
	}
}

func TestServerGone(t *testing.T) {
	address := "postgres://coldsign@127.0.0.1:1/none"
	_, err := Open(t.Context(), address, fixed)
	code(t, err, "store.lost")
	for _, bad := range []string{"mysql://coldsign@127.0.0.1/none", "postgres://%zz", "postgres://u:se%20cret@127.0.0.1:port/x"} {
		_, err := Open(t.Context(), bad, fixed)
		code(t, err, "store.address")
		if strings.Contains(err.Error(), "cret") {
			t.Errorf("the password is shown: %v", err)
		}
	}
}

func TestLogin(t *testing.T) {
	server := serverOf(t)
	name := fmt.Sprintf("login%d", databases.Add(1))
	_, err := server.Database(name)
	ok(t, err)
	t.Cleanup(func() { ok(t, server.Drop(name)) })
	ok(t, server.Guard(name))
	address := server.Address("guarded", name)
	_, err = OpenWith(t.Context(), address, "wrong secret", fixed)
	code(t, err, "store.login")
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the password is shown: %v", err)
	}
	s, err := OpenWith(t.Context(), address, "correct horse", fixed)
	ok(t, err)
	ok(t, s.Ping(t.Context()))
	ok(t, s.Close())
	file := filepath.Join(t.TempDir(), "pass")
	ok(t, os.WriteFile(file, []byte("127.0.0.1:*:*:guarded:correct horse\n"), 0o600))
	t.Setenv("PGPASSFILE", file)
	s, err = Open(t.Context(), address, fixed)
	ok(t, err)
	ok(t, s.Close())
	// A newer schema is left alone, and so are the tables of others.
	as := func(query string) {
		t.Helper()
		db, err := sql.Open("pgx", server.Address("coldsign", name))
		ok(t, err)
		defer db.Close()
		_, err = db.ExecContext(t.Context(), query)
		ok(t, err)
	}
	as("UPDATE coldsign SET version = 99")
	_, err = OpenWith(t.Context(), address, "correct horse", fixed)
	code(t, err, "store.newer")
	as("DROP TABLE coldsign")
	_, err = OpenWith(t.Context(), address, "correct horse", fixed)
	code(t, err, "store.foreign")
}

// Another machine's server must show who it is.
func TestAddress(t *testing.T) {
	for address, secured := range map[string]bool{
		"postgres://u@db.example/x": true, "postgres://u@db.example/x?sslmode=disable": false, "postgres://u@127.0.0.1/x": false,
		"postgres:///x?host=/run/postgresql": false, "postgresql://u@[::1]:5433/x": false, "postgres://u@10.0.0.1/x": true,
	} {
		config, err := connection(address, "p")
		ok(t, err)
		if got := config.TLSConfig != nil && !config.TLSConfig.InsecureSkipVerify && config.TLSConfig.ServerName != ""; got != secured {
			t.Errorf("%s: verified %v", address, got)
		}
	}
}
