package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// changing is the advisory lock that a change holds: exclusively when it is alone,
// shared beside others.
const changing = 0x434f4c44

const (
	connecting = 10 * time.Second      // for one connection
	resting    = 50 * time.Millisecond // after which a connection is tried before it is used again: the server may have gone meanwhile
	settling   = 15 * time.Second      // for the answer whether a change was made whose connection was lost
)

// postgresEngine keeps a database of a PostgreSQL server, which any number of
// processes on any machine may use. Reads see what was committed when they began.
type postgresEngine struct {
	config *pgx.ConnConfig
	texts  *sync.Map     // statement to the same with numbered parameters
	schema *atomic.Int64 // the version that this program knows, once it was found or made
	time   *serverTime   // what KeepTime keeps
}

// settings are those of every connection. A replica that vanished without a word
// must not keep its locks: its connection ends by the time-outs.
func settings() map[string]string {
	return map[string]string{
		"application_name": "coldsign-online", "synchronous_commit": "on", "default_transaction_isolation": "read committed",
		"lock_timeout": "30s", "idle_in_transaction_session_timeout": "30s", "client_encoding": "UTF8", "standard_conforming_strings": "on",
		"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3", "tcp_user_timeout": "10s",
	}
}

func openPostgres(ctx context.Context, where, password string, now func() time.Time, steps []string) (*Store, error) {
	config, err := connection(where, password)
	if err != nil {
		return nil, err
	}
	e := postgresEngine{config, new(sync.Map), new(atomic.Int64), new(serverTime)}
	db := stdlib.OpenDB(*config, stdlib.OptionShouldPing(func(_ context.Context, p stdlib.ShouldPingParams) bool {
		return p.IdleDuration > resting
	}))
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	s := &Store{db: database{db, e.text}, engine: e, now: now, writers: make(chan struct{}, writers)}
	if err := s.prepareTables(ctx, steps); err != nil {
		db.Close()
		return nil, s.fail(err)
	}
	e.schema.Store(int64(len(steps)))
	return s, nil
}

// connection reads the address. A server on another machine must prove who it is,
// unless the address says otherwise.
func connection(where, password string) (*pgx.ConnConfig, error) {
	bad := func(what string) error {
		return fault.New("store.address", "give postgres://user@host/database", "the address of the database %s", what)
	}
	u, err := url.Parse(where)
	if err != nil { // its text may hold the password
		return nil, bad("cannot be read")
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, bad("begins with " + quote.String(u.Scheme) + ", and not with postgres")
	}
	query := u.Query()
	host := u.Hostname()
	if h := query.Get("host"); h != "" {
		host = h
	}
	ip := net.ParseIP(host)
	here := host == "" || strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
	if !here && query.Get("sslmode") == "" {
		query.Set("sslmode", "verify-full")
		u.RawQuery = query.Encode()
	}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, bad("cannot be read, or a file that it names")
	}
	if password != "" {
		config.Password = password
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connecting
	}
	for name, value := range settings() {
		config.RuntimeParams[name] = value
	}
	return config, nil
}

// text numbers the parameters, and takes clauses out of their comments.
func (e postgresEngine) text(query string) string {
	if known, ok := e.texts.Load(query); ok {
		return known.(string)
	}
	var b strings.Builder
	n := 0
	for _, c := range strings.NewReplacer("/*", "", "*/", "").Replace(query) {
		if c != '?' {
			b.WriteRune(c)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	e.texts.Store(query, b.String())
	return b.String()
}

// begin takes the lock of the mode and the number by which the server knows the
// transaction: commit asks by it when the connection was lost.
func (e postgresEngine) begin(ctx context.Context, db *sql.DB, how mode) (*sql.Tx, func() error, error) {
	begun, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	lock := "pg_advisory_xact_lock_shared"
	if how == alone {
		lock = "pg_advisory_xact_lock"
	}
	// A server of a newer version may have changed the tables since: then this one
	// changes nothing any more.
	known := e.schema.Load()
	version := "0"
	if known != 0 {
		version = "(SELECT version FROM coldsign)"
	}
	var number, checkpoint string
	var schema, millis int64
	err = begun.QueryRowContext(ctx, "SELECT pg_current_xact_id()::text, "+lastCheckpoint+", "+version+", "+clock+" FROM "+lock+"($1)", changing).Scan(&number, &checkpoint, &schema, &millis)
	if err == nil && schema != known {
		err = errNewer(schema, known)
	}
	if err != nil {
		begun.Rollback()
		return nil, nil, err
	}
	e.time.hear(millis)
	return begun, func() error {
		err := begun.Commit()
		if err == nil || replied(err) {
			return err
		}
		return e.settle(db, number, checkpoint, err)
	}, nil
}

// replied reports whether the server itself said that it did not do it.
func replied(err error) bool {
	failed, ok := errors.AsType[*pgconn.PgError](err)
	return ok && failed.Severity == "ERROR"
}

// lastCheckpoint is where the server's last checkpoint is, and since when the server
// runs. A recovery ends with a checkpoint; a standby that takes over has the one of the
// server before it until its own is done, which takes minutes, and runs since another time.
const lastCheckpoint = "(SELECT checkpoint_lsn::text || ' ' || extract(epoch FROM pg_postmaster_start_time())::text FROM pg_control_checkpoint())"

// settle finds out what became of a transaction whose commit was not answered. A server
// that has crashed since may have given its number to another one, if nothing of it was
// on disk, and so may the standby that took its place: that this number is committed says
// something only when no checkpoint, and so no recovery, and no other server was between.
func (e postgresEngine) settle(db *sql.DB, number, checkpoint string, why error) error {
	ctx, cancel := context.WithTimeout(context.Background(), settling)
	defer cancel()
	for {
		var status sql.NullString
		var now string
		err := db.QueryRowContext(ctx, "SELECT pg_xact_status($1::text::xid8), "+lastCheckpoint, number).Scan(&status, &now)
		switch {
		case err == nil && status.String == "committed" && now == checkpoint:
			return nil
		case err == nil && status.String == "committed":
			return unknown(why)
		case err == nil && status.String == "aborted":
			return lost(why)
		}
		select {
		case <-ctx.Done():
			return unknown(why)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func unknown(why error) error {
	return fault.New("store.lost", "do the same again when the database answers: what was done is not done twice",
		"the connection to the database was lost, and it is not known whether the last change was made: %s", reason(why))
}

func lost(err error) error {
	return fault.New("store.lost", "see that the database server runs and can be reached; nothing was changed", "the connection to the database was lost: %s", reason(err))
}

// reason is the last of the lines that an error has, one for each address tried.
func reason(err error) string {
	lines := strings.Split(err.Error(), "\n")
	return quote.Line(strings.TrimSpace(lines[len(lines)-1]))
}

func (e postgresEngine) fault(err error) error {
	failed, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if unreachable(err) {
			return lost(err)
		}
		return fault.New("store.failed", "", "the database failed: %s", quote.Line(err.Error()))
	}
	text := quote.Line(failed.Message) + " (" + quote.Line(failed.Code) + ")"
	switch class := failed.Code[:min(2, len(failed.Code))]; {
	case failed.Code == "40001", failed.Code == "40P01", failed.Code == "55P03":
		return fault.New("store.busy", "try again", "another process kept the database locked: %s", text)
	case failed.Code == "57014":
		return fault.New("store.interrupted", "", "the database was not waited for: %s", text)
	case class == "08", class == "57", failed.Code == "53300", failed.Code == "25P03":
		return lost(err)
	case class == "53", class == "58", failed.Code == "25006":
		return fault.New("store.write", "free space on the server or make the database writable; nothing was changed", "the database cannot be written: %s", text)
	case class == "28", class == "3D", failed.Code == "42501":
		return fault.New("store.login", "create the database and its user, who owns it, and give the password in a file", "the database does not let this user in: %s", text)
	case class == "XX":
		return corrupt(text)
	case failed.Code == "22021":
		return fault.New("store.text", "", "the text has characters that the database cannot keep")
	}
	return fault.New("store.failed", "", "the database failed: %s", text)
}

// unreachable reports whether the server could not be reached or went away.
func unreachable(err error) bool {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, sql.ErrConnDone) {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	_, ok := errors.AsType[*pgconn.ConnectError](err)
	return ok || strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "conn is closed")
}
