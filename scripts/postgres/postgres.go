// Package postgres runs a PostgreSQL server of its own for tests and benches:
//
//	server, err := postgres.Start(postgres.Fast)
//	defer server.Stop()
//	url, err := server.Database("name") // "postgres://coldsign@127.0.0.1:41234/name"
//
// Its data is in a temporary folder, it listens on loopback and on a socket in
// that folder only, and it ends with the process that started it. As root it runs
// as an unprivileged user, since PostgreSQL refuses root. Debian's package is
// enough: scripts/postgres/install.sh.
package postgres

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Fast has nothing flushed to the disk: what a killed process leaves is kept, what
// a power cut leaves is not. Durable is how servers run.
const (
	Fast    = false
	Durable = true
)

// ErrMissing is the error when PostgreSQL is not installed.
var ErrMissing = errors.New("PostgreSQL is not installed: run bash scripts/postgres/install.sh")

const (
	starting = time.Minute
	// User may do everything. It needs no password on the socket and on loopback.
	User = "coldsign"
	// Guarded is the name of a user who needs a password, which is Password.
	Guarded, Password = "guarded", "correct horse"
)

// Server is a running server.
type Server struct {
	Port int

	dir     string
	durable bool
	proc    *exec.Cmd
	ended   chan struct{}
	log     bytes.Buffer
}

// Start makes a cluster and starts it.
func Start(durable bool) (_ *Server, err error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	s := &Server{durable: durable}
	if s.dir, err = os.MkdirTemp("", "coldsign-pg"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if err := os.Chmod(s.dir, 0o755); err != nil { // clients enter it for the socket
		return nil, err
	}
	if as != nil {
		if err := os.Chown(s.dir, int(as.Uid), int(as.Gid)); err != nil {
			return nil, err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", s.data(), "-U", User, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	initdb.Dir, initdb.Env = s.dir, environment()
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	rules := "local all all trust\nhost all " + Guarded + " 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
	if err := os.WriteFile(filepath.Join(s.data(), "pg_hba.conf"), []byte(rules), 0o600); err != nil {
		return nil, err
	}
	if s.Port, err = free(); err != nil {
		return nil, err
	}
	return s, s.run(bin, as)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func environment() []string { return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"} }

// run starts the server process on the data, and waits until it answers.
func (s *Server) run(bin string, as *syscall.Credential) error {
	args := []string{"-D", s.data(), "-k", s.dir, "-h", "127.0.0.1", "-p", strconv.Itoa(s.Port),
		"-c", "max_connections=200", "-c", "shared_buffers=128MB", "-c", "deadlock_timeout=200ms"}
	if !s.durable {
		args = append(args, "-c", "fsync=off", "-c", "full_page_writes=off")
	}
	s.proc = exec.Command(filepath.Join(bin, "postgres"), args...)
	s.proc.Dir, s.proc.Env = s.dir, environment()
	s.proc.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGQUIT}
	s.log.Reset()
	s.proc.Stdout, s.proc.Stderr = &s.log, &s.log
	started := make(chan error)
	s.ended = make(chan struct{})
	ended := s.ended
	go func() {
		runtime.LockOSThread() // the server ends when the thread does that started it
		err := s.proc.Start()
		started <- err
		if err == nil {
			s.proc.Wait()
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), starting)
	defer cancel()
	for {
		_, err := s.exec(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("postgres ended: %s", s.log.String())
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Address is that of a database, for the user.
func (s *Server) Address(user, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(user), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)), Path: "/" + database}
	return u.String()
}

// Database makes an empty database and gives its address.
func (s *Server) Database(name string) (string, error) {
	_, err := s.exec(context.Background(), `CREATE DATABASE "`+name+`"`)
	return s.Address(User, name), err
}

// Schema makes an empty schema in the database "postgres", which is quicker than a
// database, and gives its address and what removes it.
func (s *Server) Schema(name string) (address string, drop func() error, err error) {
	ctx := context.Background()
	_, err = s.exec(ctx, `CREATE SCHEMA "`+name+`"`)
	return s.Address(User, "postgres") + "?search_path=" + url.QueryEscape(name), func() error {
		_, err := s.exec(ctx, `DROP SCHEMA "`+name+`" CASCADE`)
		return err
	}, err
}

// Guard makes the user with the password, who owns the database.
func (s *Server) Guard(database string) error {
	_, err := s.exec(context.Background(), fmt.Sprintf(`DO $$ BEGIN CREATE USER %s PASSWORD '%s'; EXCEPTION WHEN duplicate_object THEN NULL; END $$; ALTER DATABASE "%s" OWNER TO %s`,
		Guarded, Password, database, Guarded))
	return err
}

// Drop removes a database, and ends who uses it.
func (s *Server) Drop(name string) error {
	_, err := s.exec(context.Background(), `DROP DATABASE IF EXISTS "`+name+`" WITH (FORCE)`)
	return err
}

// Disconnect ends the connections of the program to the database, as a broken
// network or a restarted server does, and tells how many there were.
func (s *Server) Disconnect(database string) (int64, error) {
	return s.exec(context.Background(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+database+"' AND application_name = 'coldsign-online'")
}

func (s *Server) exec(ctx context.Context, query string) (int64, error) {
	db, err := sql.Open("pgx", s.Address(User, "postgres"))
	if err != nil {
		return 0, err
	}
	defer db.Close()
	r, err := db.ExecContext(ctx, query)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Crash ends the server at once, without a checkpoint.
func (s *Server) Crash() {
	s.proc.Process.Signal(syscall.SIGQUIT)
	<-s.ended
}

// Kill ends the server's first process with -9, as the kernel does that is short of
// memory. Its other processes notice, and end by themselves.
func (s *Server) Kill() {
	s.proc.Process.Kill() //nolint:errcheck // it may have ended
	<-s.ended
}

// Again starts the server once more after Crash or Kill, on the same port. After Kill the
// old processes are in its way until they have noticed.
func (s *Server) Again() error {
	bin, err := programs()
	if err != nil {
		return err
	}
	as, err := unprivileged()
	if err != nil {
		return err
	}
	return s.run(bin, as)
}

// Stop ends the server and removes its data.
func (s *Server) Stop() {
	if s.ended != nil && s.proc.Process != nil {
		s.Crash()
	}
	os.RemoveAll(s.dir)
}

// programs gives the folder of the newest server that is installed.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	best, newest := "", 0
	for _, name := range found {
		version, _ := strconv.Atoi(strings.Split(name, "/")[4])
		if version > newest {
			best, newest = filepath.Dir(name), version
		}
	}
	if best != "" {
		return best, nil
	}
	if name, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(name), nil
	}
	return "", ErrMissing
}

// unprivileged gives the user whom the server runs as; nil is this one.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.ParseUint(u.Uid, 10, 32)
		gid, errG := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(errU, errG)
	}
	return nil, errors.New("there is no user postgres or nobody to run the server as")
}

// free gives a port that nobody listens on.
func free() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
