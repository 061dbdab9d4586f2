package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// bill is what a row holds: its transaction, and what became of it.
type bill struct {
	tx      *wire.MsgTx // unsigned while nothing is sealed
	raw     string      // sealed bytes, hex
	parked  bool        // it is never sent any more
	root    string      // the first of those that conflict with it; "" it is that itself
	cancels bool        // it pays nobody
}

// ledgers are the books with what Bitcoin needs of them.
type ledgers struct {
	books
	coins map[string]bill   // by id
	held  map[string]string // reserved output: row id
}

func (l *ledgers) root(id string) string {
	if r := l.coins[id].root; r != "" {
		return r
	}
	return id
}

// estate is all that the reconciler compares; none of it comes through our code, but for
// the offline journal's, which prints it.
type estate struct {
	ledgers
	spendings []*spending
	strangers map[chainhash.Hash]*wire.MsgTx
	sent      map[chainhash.Hash]posted // before the books were read
	views     [2]shown                  // after that; the second node may lie, its chain does not
	scripts   map[string]bool           // of the wallet
}

func (m *miser) reconcile(ctx context.Context, final bool) (result, error) {
	m.reconciled++
	e := &estate{spendings: m.spendings, strangers: m.strangers, scripts: map[string]bool{}}
	for _, o := range m.own {
		e.scripts[string(o.script)] = true
	}
	m.sent.mu.Lock()
	e.sent = maps.Clone(m.sent.of)
	m.sent.mu.Unlock()
	if err := m.audit(ctx, &e.books, e.more(ctx)); err != nil {
		return result{}, err
	}
	var err error
	if e.views, err = m.coins.read(ctx); err != nil {
		return result{}, err
	}
	return m.seen(e.compare(final)), nil
}

// look reads the database alone.
func (m *miser) look(ctx context.Context, l *ledgers) error {
	db, err := m.database()
	if err != nil {
		return err
	}
	defer db.Close()
	return l.read(ctx, db, l.more(ctx))
}

func (l *ledgers) more(ctx context.Context) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		l.coins, l.held = map[string]bill{}, map[string]string{}
		err := each(ctx, tx, "SELECT t.id, t.request, t.raw, t.cancel_requested, r.root, r.cancels FROM transactions t LEFT JOIN replacements r ON r.id = t.id", func(rows *sql.Rows) error {
			var id, request, raw, root []byte
			var parked int
			var cancels sql.NullInt64
			if err := rows.Scan(&id, &request, &raw, &parked, &root, &cancels); err != nil {
				return err
			}
			b := bill{raw: hex.EncodeToString(raw), parked: parked == 1, root: hex.EncodeToString(root), cancels: cancels.Int64 == 1}
			if b.tx = new(wire.MsgTx); len(raw) > 0 {
				if err := b.tx.Deserialize(bytes.NewReader(raw)); err != nil {
					return err
				}
			} else { // the PSBT is somewhere in the request, as it is
				at := bytes.Index(request, []byte("psbt\xff"))
				p, err := psbt.NewFromRawBytes(bytes.NewReader(request[max(at, 0):]), false)
				if err != nil {
					return fmt.Errorf("row %x: %w", id, err)
				}
				b.tx = p.UnsignedTx
			}
			l.coins[hex.EncodeToString(id)] = b
			return nil
		})
		if err != nil {
			return err
		}
		return each(ctx, tx, "SELECT key, id FROM reservations", func(rows *sql.Rows) error {
			var key string
			var id []byte
			err := rows.Scan(&key, &id)
			if name, ok := strings.CutPrefix(key, "utxo:"); ok {
				l.held[name] = hex.EncodeToString(id)
			}
			return err
		})
	}
}

// compare tells what does not hold. What is on its way is no fault before the end.
func (e *estate) compare(final bool) (r result) {
	broken := func(format string, args ...any) { r.Broken = append(r.Broken, fmt.Sprintf(format, args...)) }
	sets, byTx := map[string][]string{}, map[chainhash.Hash]string{}
	for _, id := range slices.Sorted(maps.Keys(e.rows)) {
		sets[e.root(id)] = append(sets[e.root(id)], id)
		if e.coins[id].raw != "" {
			byTx[e.coins[id].tx.TxHash()] = id
		}
	}
	known := map[string]bool{}
	for _, p := range e.spendings {
		e.spending(p, sets, byTx, final, known, &r, broken)
	}
	for id := range e.rows {
		if !known[e.root(id)] {
			broken("row %s is nobody's", id)
		}
		e.row(id, final, broken)
	}
	e.posted(byTx, broken)
	e.reserved(final, broken)
	for i := range e.views {
		e.strange(i, byTx, broken)
	}
	return r
}

// row compares one row with the journal and the chain.
func (e *estate) row(id string, final bool, broken func(string, ...any)) {
	at, b := e.rows[id], e.coins[id]
	digests := map[string]bool{}
	for _, digest := range e.signed[id] {
		digests[digest] = true
	}
	if len(digests) > 1 {
		broken("row %s: the offline half signed %d digests", id, len(digests))
	}
	if (at.txid != "") != (b.raw != "") || b.raw != "" && b.tx.TxHash().String() != at.txid {
		broken("row %s has txid %q, and its bytes are of %s", id, at.txid, b.tx.TxHash())
	}
	if b.raw != "" && len(digests) == 0 {
		broken("row %s: %s is sealed, and the journal knows of no signature", id, at.txid)
	}
	switch at.state {
	case "complete":
		if since := e.views[0].deep[b.tx.TxHash()]; since.IsZero() || at.updated < since.UnixMilli() {
			broken("row %s is complete since %d, and %s was deep enough at %d", id, at.updated, at.txid, since.UnixMilli())
		}
	case "cancelled":
		if at.code != "chain.replaced" && (b.raw != "" || len(digests) > 0) {
			broken("row %s is cancelled without a proof, and was signed", id)
		}
	case "refused", "expired":
		broken("row %s is %s %s, which nobody wanted", id, at.state, at.code)
	case "failed":
		for i := range e.views {
			if by := e.rival(i, b); final && by.depth < depth {
				broken("row %s failed, and no transaction that is deep in node %d's chain conflicts with it", id, i+1)
			}
		}
	}
}

// rival is the deepest transaction in a node's chain that conflicts with the row's.
func (e *estate) rival(view int, b bill) (by found) {
	for _, in := range b.tx.TxIn {
		if spender, spent := e.views[view].by[in.PreviousOutPoint]; spent && spender != b.tx.TxHash() {
			if f := e.views[view].found[spender]; f.depth > by.depth {
				by = f
			}
		}
	}
	return by
}

// spending compares one payment with its rows and with what pays its address.
func (e *estate) spending(p *spending, sets map[string][]string, byTx map[chainhash.Hash]string, final bool, known map[string]bool, r *result, broken func(string, ...any)) {
	ids := e.keys[p.key]
	if p.unfunded {
		if len(ids) > 0 {
			broken("%s was refused, and has row %q", p.key, ids)
		}
		return
	}
	r.Intended++
	if len(ids) > 1 || p.id != "" && (len(ids) != 1 || ids[0] != p.id) {
		broken("%s: the API said row %s, the database has %q", p.key, p.id, ids)
	}
	if len(ids) == 0 {
		r.Lost++
		return
	}
	known[ids[0]] = true
	made, open := true, false
	for i := range e.views {
		paying := e.paying(i, p.script)
		if len(paying) > 1 {
			r.Doubled++
			broken("%s is paid %d times, says node %d", p.key, len(paying), i+1)
		}
		ours := false
		for _, f := range paying {
			id := byTx[f.tx.TxHash()]
			if id == "" || e.root(id) != ids[0] || e.coins[id].cancels || e.coins[id].parked || f.value(p.script) != p.amount {
				broken("%s is paid by %s, which is not what was asked for", p.key, f.tx.TxHash())
			}
			ours = f.depth >= depth && e.rows[id].state == "complete"
		}
		made = made && ours
	}
	for _, id := range sets[ids[0]] {
		switch e.rows[id].state {
		case "complete", "cancelled", "failed":
		default:
			open = true
		}
	}
	e.ended(p, sets[ids[0]], made, open, final, r, broken)
}

// value is what the transaction pays the script.
func (f found) value(script []byte) (sum int64) {
	for _, o := range f.tx.TxOut {
		if bytes.Equal(o.PkScript, script) {
			sum += o.Value
		}
	}
	return sum
}

// paying lists what pays a script.
func (e *estate) paying(view int, script []byte) (list []found) {
	if e.views[view].pays == nil {
		e.views[view].pays = map[string][]found{}
		for _, f := range e.views[view].found {
			for _, o := range f.tx.TxOut {
				e.views[view].pays[string(o.PkScript)] = append(e.views[view].pays[string(o.PkScript)], f)
			}
		}
	}
	return e.views[view].pays[string(script)]
}

// ended says what became of a payment.
func (e *estate) ended(p *spending, set []string, made, open, final bool, r *result, broken func(string, ...any)) {
	cancelled, taken, unpaid := false, false, true
	for _, id := range set {
		at := e.rows[id]
		// A cancellation that was withdrawn itself, before it left, ends nothing.
		closes := at.state == "complete" && e.coins[id].cancels || at.state == "cancelled" && at.code != "chain.replaced" && !e.coins[id].cancels
		cancelled = cancelled || closes
		taken = taken || at.state == "failed" && at.code == "chain.conflict"
	}
	for i := range e.views {
		unpaid = unpaid && len(e.paying(i, p.script)) == 0
	}
	switch {
	case open && final, made && !unpaid && (cancelled || taken) && final:
		r.Stuck++
	case open:
	case made:
		r.Made++
	case cancelled && p.unwanted && unpaid:
		r.Cancelled++
	case taken && p.struck && unpaid:
		r.Taken++
	case final || unpaid && !p.unwanted && !p.struck:
		r.Lost++
		if unpaid {
			broken("%s has come to an end that nobody wanted", p.key)
		}
	}
}

// posted wants every transaction that was sent to be one that a row has, as it is there,
// with the intent to send it.
func (e *estate) posted(byTx map[chainhash.Hash]string, broken func(string, ...any)) {
	for hash, s := range e.sent {
		id := byTx[hash]
		switch at := e.rows[id]; {
		case id == "" || e.coins[id].raw != s.raw:
			broken("%s was sent, and no row has its bytes", hash)
		case e.coins[id].parked:
			broken("%s was sent, and row %s is withdrawn", hash, id)
		case at.state == "pending" || at.state == "exported" || at.state == "signed":
			broken("%s was sent, and row %s is %s", hash, id, at.state)
		}
	}
}

// ends reports whether a row of the state gives up what it reserved.
func ends(state string) bool { return state == "cancelled" || state == "failed" }

// reserved wants each output to be used by one set of rows, and reserved for one of it.
func (e *estate) reserved(final bool, broken func(string, ...any)) {
	used := map[string]string{} // by the first of the set
	for _, id := range slices.Sorted(maps.Keys(e.rows)) {
		if ends(e.rows[id].state) {
			continue
		}
		for _, in := range e.coins[id].tx.TxIn {
			name := in.PreviousOutPoint.String()
			if other, had := used[name]; had && other != e.root(id) {
				broken("rows of %s and of %s both spend %s", other, e.root(id), name)
			}
			used[name] = e.root(id)
			if holder := e.held[name]; holder == "" || e.root(holder) != e.root(id) {
				broken("row %s is %s, and %s is reserved for %q", id, e.rows[id].state, name, holder)
			}
		}
	}
	for name, id := range e.held {
		if used[name] == "" || ends(e.rows[id].state) {
			broken("%s is still reserved for row %s, which is %s", name, id, e.rows[id].state)
		}
		for i := range e.views {
			if final && e.rows[id].state == "complete" && !e.spent(i, name, id) {
				broken("%s is reserved for row %s, which is complete, and node %d has it unspent", name, id, i+1)
			}
		}
	}
}

func (e *estate) spent(view int, name, id string) bool {
	at, err := wire.NewOutPointFromString(name)
	return err == nil && e.views[view].by[*at] == e.coins[id].tx.TxHash()
}

// strange looks for what spends the wallet's coins and is nobody's.
func (e *estate) strange(view int, byTx map[chainhash.Hash]string, broken func(string, ...any)) {
	v := e.views[view]
	for at, by := range v.by {
		from, ok := v.found[at.Hash]
		if !ok || !e.scripts[string(from.tx.TxOut[at.Index].PkScript)] || byTx[by] != "" || e.strangers[by] != nil {
			continue
		}
		broken("%s spends %s of the wallet, and nobody has asked for it", by, at)
	}
}
