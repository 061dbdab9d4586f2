package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	_ "github.com/jackc/pgx/v5/stdlib" // registers "pgx"
	"modernc.org/sqlite"               // registers "sqlite"
)

// row is what the database says of one payment.
type row struct {
	id, state, txid, code string
	updated               int64 // Unix milliseconds
}

// books are what both halves have written down.
type books struct {
	rows   map[string]row      // by id
	keys   map[string][]string // row ids of an idempotency key
	signed map[string][]string // digests that the offline half has signed, by row id
}

// world is all that the reconciler compares; none of it comes through our code,
// but for the offline journal's, which prints it.
type world struct {
	books
	payments []*payment
	landed   map[common.Address][]landing
	sent     map[common.Hash]sent
	deep     map[common.Hash]time.Time // when first deep enough
}

func (d *driver) reconcile(ctx context.Context, final bool) (result, error) {
	d.reconciled++
	w := &world{payments: d.payments}
	if err := d.audit(ctx, &w.books, nil); err != nil {
		return result{}, err
	}
	w.sent, w.deep = d.ledger.records()
	w.landed = d.ledger.landed()
	r := w.compare(final)
	return d.seen(r), nil
}

// audit reads the books, the database first: what it claims must be so afterwards. more
// reads what a chain needs beside.
func (d *driver) audit(ctx context.Context, b *books, more func(*sql.Tx) error) error {
	db, err := d.database()
	if err != nil {
		return err
	}
	defer db.Close()
	err = b.read(ctx, db, more)
	for try := 0; err != nil && d.server != nil && try < 50; try++ { // it may be away
		if err = wait(ctx); err == nil {
			err = b.read(ctx, db, more)
		}
	}
	if err != nil {
		return err
	}
	text, err := d.Offline(ctx, "journal", "export", "--format", "json")
	if err != nil {
		return err
	}
	return b.journal(text)
}

// seen adds what was broken on the way.
func (d *driver) seen(r result) result {
	for _, b := range d.broken {
		if !slices.Contains(r.Broken, b) {
			r.Broken = append(r.Broken, b)
		}
	}
	return r
}

// database opens the online half's database for reading.
func (d *driver) database() (*sql.DB, error) {
	if d.server != nil {
		return sql.Open("pgx", d.Database)
	}
	return sql.Open("sqlite", "file:"+d.Path("online/coldsign.db")+"?mode=ro&_pragma=busy_timeout(10000)")
}

// read reads the database as it is, while others may write it.
func (w *books) read(ctx context.Context, db *sql.DB, more func(*sql.Tx) error) error {
	how := sql.TxOptions{ReadOnly: true}
	if _, file := db.Driver().(*sqlite.Driver); !file {
		how.Isolation = sql.LevelRepeatableRead // a file has no other
	}
	tx, err := db.BeginTx(ctx, &how)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it only reads
	w.rows, w.keys = map[string]row{}, map[string][]string{}
	err = each(ctx, tx, "SELECT id, state, txid, code, updated FROM transactions", func(rows *sql.Rows) error {
		var id []byte
		var r row
		err := rows.Scan(&id, &r.state, &r.txid, &r.code, &r.updated)
		r.id = hex.EncodeToString(id)
		w.rows[r.id] = r
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, tx, "SELECT key, id FROM idempotency", func(rows *sql.Rows) error {
		var key string
		var id []byte
		err := rows.Scan(&key, &id)
		w.keys[key] = append(w.keys[key], hex.EncodeToString(id))
		return err
	})
	if err != nil || more == nil {
		return err
	}
	return more(tx)
}

func each(ctx context.Context, tx *sql.Tx, query string, do func(*sql.Rows) error) error {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// journal reads what the offline half says that it has decided.
func (w *books) journal(text []byte) error {
	w.signed = map[string][]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct{ Kind, ID, Digest, Status string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		if e.Kind == "decided" && e.Status == "signed" {
			w.signed[e.ID] = append(w.signed[e.ID], e.Digest)
		}
	}
	return lines.Err()
}

// compare tells what does not hold. What is on its way is no fault before the end.
func (w *world) compare(final bool) (r result) {
	broken := func(format string, args ...any) { r.Broken = append(r.Broken, fmt.Sprintf(format, args...)) }
	attempts := map[common.Address][]common.Hash{}
	for hash, tx := range w.sent {
		attempts[*tx.To()] = append(attempts[*tx.To()], hash)
	}
	known, wanted := map[string]bool{}, map[common.Address]bool{}
	for _, p := range w.payments {
		before := r
		wanted[p.to] = true
		w.payment(p, attempts[p.to], final, known, &r, broken)
		r.point(p, before)
	}
	for id := range w.rows {
		if !known[id] {
			broken("row %s is nobody's", id)
		}
	}
	for to := range attempts {
		if len(w.landed[to]) > 0 && !wanted[to] {
			broken("%s was paid, and nobody asked for it", to)
		}
	}
	return r
}

// payment compares one payment with what was sent for it and its row, which is known
// then.
func (w *world) payment(p *payment, attempts []common.Hash, final bool, known map[string]bool, r *result, broken func(string, ...any)) {
	r.Intended++
	ids := w.keys[p.key]
	if len(ids) > 1 {
		broken("%s has %d rows", p.key, len(ids))
	}
	if p.id != "" && (len(ids) != 1 || ids[0] != p.id) {
		broken("%s: the API said row %s, the database has %q", p.key, p.id, ids)
	}
	if len(ids) == 0 {
		r.Lost++
		return
	}
	at := w.rows[ids[0]]
	known[at.id] = true
	if n := len(attempts); n > 1 {
		broken("%s: %d different transactions were sent", p.key, n)
	}
	for _, hash := range attempts {
		tx := w.sent[hash]
		if hash.Hex() != strings.ToLower(at.txid) || tx.Value().Cmp(p.amount) != 0 || tx.Nonce() != p.nonce || tx.from != p.from || p.cancelled {
			broken("%s: %s was sent, which is not what was asked for or is not in the row (%s %q)", p.key, hash, at.state, at.txid)
		}
	}
	w.signatures(p, at, broken)
	w.ending(p, at, final, r, broken)
}

// point adds what became of one payment to its crash points.
func (r *result) point(p *payment, before result) {
	for _, name := range p.points {
		if r.Points == nil {
			r.Points = map[string]*tally{}
		}
		t := r.Points[name]
		if t == nil {
			t = &tally{}
			r.Points[name] = t
		}
		t.Intended++
		t.Made += r.Made - before.Made
		t.Doubled += r.Doubled - before.Doubled
		t.Lost += r.Lost - before.Lost
		t.Stuck += r.Stuck - before.Stuck
	}
}

// signatures wants one signed digest for a row at most, and one for each that was sent.
func (w *world) signatures(p *payment, at row, broken func(string, ...any)) {
	digests := map[string]bool{}
	for _, digest := range w.signed[at.id] {
		digests[digest] = true
	}
	if len(digests) > 1 {
		broken("%s: the offline half signed %d digests", p.key, len(digests))
	}
	if at.txid != "" && len(digests) == 0 {
		broken("%s: %s is sealed, and the journal knows of no signature", p.key, at.txid)
	}
}

// ending compares what a row claims with what the chain shows.
func (w *world) ending(p *payment, at row, final bool, r *result, broken func(string, ...any)) {
	landed := w.landed[p.to]
	if len(landed) > 1 {
		r.Doubled++
		broken("%s is paid %d times", p.key, len(landed))
	}
	if since := w.deep[common.HexToHash(at.txid)]; at.state == "complete" && (since.IsZero() || at.updated < since.UnixMilli() && !p.jumped && !slices.Contains(p.points, jumps)) {
		broken("%s is complete since %d, and %s was deep enough at %d", p.key, at.updated, at.txid, since.UnixMilli())
	}
	if p.cancelled {
		r.Cancelled++
		if len(landed) > 0 || at.state != "cancelled" {
			broken("%s was cancelled, is %s, and is paid %d times", p.key, at.state, len(landed))
		}
		return
	}
	switch at.state {
	case "cancelled", "refused", "expired", "failed":
		broken("%s is %s %s, which nobody wanted, and paid %d times", p.key, at.state, at.code, len(landed))
		r.Lost++
		return
	}
	if len(landed) == 1 && landed[0].depth >= depth && at.state == "complete" {
		r.Made++
	} else if final {
		r.Stuck++
	}
}
