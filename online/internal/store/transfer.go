package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Table is what was moved of one table.
type Table struct {
	Name   string `json:"table"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"` // of all rows in the order of their keys
}

// tables are those that move, each after what it refers to.
func tables() []string {
	return strings.Fields("api_keys wallets transactions idempotency reservations epochs pairing bundles outcomes audit quarantined heads rollbacks replacements watches withdrawals upstream approvals desk_users desk_passkeys desk_sessions desk_tickets movements summaries signers coverage subscriptions payload_keys events requotes verdicts")
}

// Transfer moves a whole installation from a file to an empty PostgreSQL. First
// the file is marked as moved, from when on no process changes it; then all rows
// are copied in one transaction of the server, read back there, and compared by
// number and hash. Whatever fails leaves the server empty, and takes the mark
// back. A transfer that was cut short after that transaction goes on from there.
func Transfer(ctx context.Context, from, to *Store) ([]Table, error) {
	engine, ok := to.engine.(postgresEngine)
	if from.path == "" || !ok {
		return nil, fault.New("store.transfer", "give --from FILE.db --to postgres://user@host/database", "an installation moves from a file to PostgreSQL")
	}
	name := engine.name()
	if _, _, moved, err := remembered(ctx, from.db); err != nil {
		return nil, from.fail(err)
	} else if moved != name && from.bar != nil {
		return nil, from.bar
	}
	release, err := from.seat(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := from.mark(ctx, name); err != nil {
		return nil, err
	}
	list, done, err := from.copyTo(ctx, engine)
	if err == nil {
		from.bar = errMoved(name)
		return list, nil
	}
	if !done {
		if undo := from.mark(context.WithoutCancel(ctx), ""); undo != nil {
			return nil, undo
		}
	}
	return nil, to.fail(err)
}

// name is the server's and the database's, without user and password.
func (e postgresEngine) name() string {
	return fmt.Sprintf("postgres://%s:%d/%s", e.config.Host, e.config.Port, e.config.Database)
}

// mark notes where the database was moved to. It waits for changes under way.
func (s *Store) mark(ctx context.Context, to string) error {
	s.bar, s.settled = nil, false
	defer func() { s.settled = true }()
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE installation SET moved = ?", to)
		return err
	})
}

// copyTo does the part of Transfer that is one transaction of the server. done
// says that it may be committed there, whatever the error.
func (s *Store) copyTo(ctx context.Context, e postgresEngine) (list []Table, done bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, e.config)
	if err != nil {
		return nil, false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	target, err := conn.Begin(ctx)
	if err != nil {
		return nil, false, err
	}
	defer target.Rollback(context.WithoutCancel(ctx))
	if _, err := target.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", changing); err != nil {
		return nil, false, err
	}
	here, _, _, err := remembered(ctx, s.db)
	if err != nil {
		return nil, false, err
	}
	var there []byte
	err = target.QueryRow(ctx, "SELECT token FROM installation").Scan(&there)
	resumed := err == nil && bytes.Equal(there, here[:])
	if err == nil && !resumed {
		return nil, false, errOccupied()
	}
	for _, name := range tables() {
		t, err := s.copyTable(ctx, target, name, resumed)
		if err != nil {
			return nil, resumed, err
		}
		list = append(list, t)
	}
	if resumed {
		return list, true, nil
	}
	if _, err := target.Exec(ctx, "INSERT INTO installation (one, token, since) VALUES (1, $1, $2)", here[:], s.now().UnixMilli()); err != nil {
		return nil, false, err
	}
	// Of an answer that never came nobody knows: the mark stays, and the same again
	// finds out.
	err = target.Commit(ctx)
	return list, err != nil && !replied(err), err
}

func errOccupied() error {
	return fault.New("store.occupied", "create an empty database for it", "the database holds an installation already")
}

// copyTable copies one table, unless it was copied before, and compares it.
func (s *Store) copyTable(ctx context.Context, target pgx.Tx, name string, resumed bool) (Table, error) {
	columns, order, err := s.columnsOf(ctx, name)
	if err != nil {
		return Table{}, err
	}
	list := strings.Join(columns, ", ")
	if !resumed {
		var taken bool
		if err := target.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+name+")").Scan(&taken); err != nil {
			return Table{}, err
		}
		if taken {
			return Table{}, errOccupied()
		}
	}
	rows, err := s.db.QueryContext(ctx, "SELECT "+list+" FROM "+name+" ORDER BY "+strings.ReplaceAll(order, ` COLLATE "C"`, ""))
	if err != nil {
		return Table{}, err
	}
	defer rows.Close()
	source := &source{rows: rows, values: make([]any, len(columns)), sum: sha256.New()}
	if resumed {
		for source.Next() {
		}
	} else if _, err := target.CopyFrom(ctx, pgx.Identifier{name}, columns, source); err != nil {
		return Table{}, err
	}
	if err := source.Err(); err != nil {
		return Table{}, err
	}
	if slices.Contains(columns, "n") && !resumed {
		if _, err := target.Exec(ctx, "SELECT setval(pg_get_serial_sequence($1, 'n'), max(n)) FROM "+name+" HAVING max(n) IS NOT NULL", name); err != nil {
			return Table{}, err
		}
	}
	back, err := target.Query(ctx, "SELECT "+list+" FROM "+name+" ORDER BY "+order)
	if err != nil {
		return Table{}, err
	}
	defer back.Close()
	t := Table{Name: name}
	sum := sha256.New()
	for back.Next() {
		values, err := back.Values()
		if err != nil {
			return t, err
		}
		t.Rows++
		add(sum, values)
	}
	if err := back.Err(); err != nil {
		return t, err
	}
	t.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if want := hex.EncodeToString(source.sum.Sum(nil)); resumed && (t.Rows != source.n || t.SHA256 != want) {
		return t, fault.New("store.moved", "use that one", "the installation was moved there before, and has gone on there")
	} else if t.Rows != source.n || t.SHA256 != want {
		return t, fault.New("store.differs", "report this as a defect; nothing was changed", "table %s has %d rows (%s) here and %d (%s) there", name, source.n, want, t.Rows, t.SHA256)
	}
	return t, nil
}

// columnsOf gives the columns of a table, and those of its key as both databases
// order by them: text by its bytes.
func (s *Store) columnsOf(ctx context.Context, table string) (columns []string, order string, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid", table)
	type column struct {
		name, kind string
		key        int
	}
	list, err := all(rows, err, func(from scanner) (c column, err error) { return c, from.Scan(&c.name, &c.kind, &c.key) })
	if err != nil {
		return nil, "", err
	}
	keys := make([]string, len(list)+1)
	for _, c := range list {
		columns = append(columns, c.name)
		keys[c.key] = c.name
		if c.kind == "TEXT" {
			keys[c.key] += ` COLLATE "C"`
		}
	}
	order = strings.Join(slices.DeleteFunc(keys[1:], func(k string) bool { return k == "" }), ", ")
	if order == "" {
		return nil, "", fault.New("store.failed", "", "table %s has no key", quote.Line(table))
	}
	return columns, order, nil
}

// source gives rows to COPY, and hashes them on the way.
type source struct {
	rows   *sql.Rows
	values []any
	sum    hash.Hash
	n      int64
	err    error
}

func (s *source) Next() bool {
	if s.err != nil || !s.rows.Next() {
		return false
	}
	to := make([]any, len(s.values))
	for i := range to {
		s.values[i] = nil
		to[i] = &s.values[i]
	}
	if s.err = s.rows.Scan(to...); s.err != nil {
		return false
	}
	for i, v := range s.values {
		if b, is := v.([]byte); is {
			s.values[i] = blob(b) // one without bytes is not NULL
		}
	}
	s.n++
	add(s.sum, s.values)
	return true
}

func (s *source) Values() ([]any, error) { return s.values, nil }

func (s *source) Err() error {
	if s.err == nil {
		s.err = s.rows.Err()
	}
	return s.err
}

// add hashes a row: for each value its kind, its length and its bytes.
func add(sum hash.Hash, values []any) {
	put := func(kind byte, b []byte) {
		sum.Write(binary.BigEndian.AppendUint64([]byte{kind}, uint64(len(b))))
		sum.Write(b)
	}
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			put('n', nil)
		case int64:
			put('i', strconv.AppendInt(nil, v, 10))
		case string:
			put('t', []byte(v))
		case []byte:
			put('b', v)
		default:
			put('?', fmt.Append(nil, v)) // no column is of another kind
		}
	}
	put('.', nil)
}
