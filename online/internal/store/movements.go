package store

import (
	"context"
	"fmt"
	"math/big"
	"strings"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
)

// Movement is one payment of a row.
type Movement struct {
	Asset, Symbol string
	Decimals      int
	Amount        *big.Int // base units
	To            string
}

// Units shows the amount.
func (m Movement) Units() string {
	return chain.Units(m.Amount, chain.Asset{ID: m.Asset, Symbol: m.Symbol, Decimals: m.Decimals})
}

// Summary is what is kept of a row's request for lists.
type Summary struct {
	N               int64 // of the row
	Movements       []Movement
	Wallets         []string // signature ids
	Requester, Note string
}

// Unread is a row with no summary yet.
type Unread struct {
	N   int64
	Row pending.Transaction
}

// amountDigits hold any amount of 256 bits.
const amountDigits = 80

// Unread gives rows after the number that have no summary, in order.
func (s *Store) Unread(ctx context.Context, after int64, limit int) ([]Unread, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+columns+", n FROM transactions WHERE n > ? AND NOT EXISTS (SELECT 1 FROM summaries m WHERE m.n = transactions.n) ORDER BY n LIMIT ?", after, limit)
	list, err := all(rows, err, func(from scanner) (u Unread, err error) {
		u.Row, err = scan(also{from, []any{&u.N}})
		return u, err
	})
	return list, s.fail(err)
}

// LastRow gives the number of the row that came last.
func (s *Store) LastRow(ctx context.Context) (n int64, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT coalesce(max(n), 0) FROM transactions").Scan(&n)
	return n, s.fail(err)
}

// Summarise keeps summaries. What another process has kept meanwhile stays.
func (s *Store) Summarise(ctx context.Context, list []Summary) error {
	return s.writeBeside(ctx, func(t *tx) error {
		for _, m := range list {
			n, err := t.exec("INSERT INTO summaries (n, payments, requester, note) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", m.N, len(m.Movements), m.Requester, m.Note)
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			for k, v := range m.Movements {
				if _, err := t.exec("INSERT INTO movements (n, k, asset, symbol, decimals, amount, recipient) VALUES (?, ?, ?, ?, ?, ?, ?)",
					m.N, k, v.Asset, v.Symbol, v.Decimals, padded(v.Amount), v.To); err != nil {
					return err
				}
			}
			for _, w := range m.Wallets {
				if _, err := t.exec("INSERT INTO signers (wallet, n) VALUES (?, ?) ON CONFLICT DO NOTHING", w, m.N); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func padded(n *big.Int) string { return fmt.Sprintf("%0*s", amountDigits, n) }

// Mark changes when anything that lists show may have: an entry of the audit, or a
// confirmation of a row on its way.
type Mark struct{ Entries, Confirmations, Rows int64 }

// Mark gives the present one.
func (s *Store) Mark(ctx context.Context) (m Mark, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT (SELECT coalesce(max(n), 0) FROM audit), (SELECT coalesce(sum(confirmations), 0) FROM transactions WHERE state = 'broadcast'),
 (SELECT coalesce(max(n), 0) FROM transactions)`).Scan(&m.Entries, &m.Confirmations, &m.Rows)
	return m, s.fail(err)
}

// Counts gives how many rows are in each state.
func (s *Store) Counts(ctx context.Context) (map[pending.State]int64, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT state, count(*) FROM transactions GROUP BY state")
	counts := map[pending.State]int64{}
	_, err = all(rows, err, func(from scanner) (none struct{}, err error) {
		var state string
		var n int64
		err = from.Scan(&state, &n)
		counts[pending.State(state)] = n
		return none, err
	})
	return counts, s.fail(err)
}

// Sum is what rows that are not at their end pay of one asset.
type Sum struct {
	Movement       // Amount is the sum; To is empty
	Payments int64 // how many
	State    pending.State
}

// Sums adds up by asset and state what is on its way to being complete.
func (s *Store) Sums(ctx context.Context) (list []Sum, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT t.state, m.asset, m.symbol, m.decimals, m.amount FROM movements m JOIN transactions t ON t.n = m.n
 WHERE t.state IN ('pending', 'exported', 'signed', 'broadcasting', 'broadcast')`)
	if err != nil {
		return nil, s.fail(err)
	}
	defer rows.Close()
	type key struct {
		asset string
		state pending.State
	}
	at := map[key]int{}
	amount := new(big.Int)
	for rows.Next() {
		var w Sum
		var text string
		if err := rows.Scan(&w.State, &w.Asset, &w.Symbol, &w.Decimals, &text); err != nil {
			return nil, s.fail(err)
		}
		if _, ok := amount.SetString(text, 10); !ok {
			return nil, corrupt("an amount has changed")
		}
		k := key{w.Asset, w.State}
		i, known := at[k]
		if !known {
			i = len(list)
			w.Amount = new(big.Int)
			at[k], list = i, append(list, w)
		}
		list[i].Amount.Add(list[i].Amount, amount)
		list[i].Payments++
	}
	return list, s.fail(rows.Err())
}

// Recipient is who rows pay.
type Recipient struct {
	Network  chain.ID
	Address  string
	Payments int64
}

// recipientRows is how many rows are looked at for their recipients.
const recipientRows = 10_000

// Recipients gives those whom the latest rows pay, the latest first.
func (s *Store) Recipients(ctx context.Context, limit int) ([]Recipient, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT t.network, m.recipient, count(*) FROM movements m JOIN transactions t ON t.n = m.n
 WHERE m.n > (SELECT coalesce(max(n), 0) FROM movements) - ? AND m.recipient <> '' GROUP BY t.network, m.recipient ORDER BY max(m.n) DESC, m.recipient LIMIT ?`, recipientRows, limit)
	list, err := all(rows, err, func(from scanner) (r Recipient, err error) {
		return r, from.Scan(&r.Network, &r.Address, &r.Payments)
	})
	return list, s.fail(err)
}

// Order is how a page of rows is sorted.
type Order string

// The orders.
const (
	Newest   Order = ""         // the latest first
	Oldest   Order = "oldest"   // the first first
	Soonest  Order = "deadline" // what ends first; only rows with a deadline
	Largest  Order = "largest"  // of one asset, by its amount
	Smallest Order = "smallest"
)

// Query chooses rows for Page. Empty fields choose all.
type Query struct {
	State, Chain, Wallet, Asset string
	Open                        bool // not at their end
	Search                      string
	Least                       *big.Int // base units of Asset; nil none
	Order                       Order
	After                       Cursor
	Limit                       int // at most 10,000
}

// Cursor is the place of a row in an order: what Page goes on after.
type Cursor struct {
	Key string // the amount or deadline that it is sorted by; "" by arrival
	N   int64  // 0: from the beginning
}

// Line is a row as lists show it.
type Line struct {
	N               int64
	ID              bundle.ID
	Chain           string
	Network         chain.ID
	State           pending.State
	CancelRequested bool
	Signer          string
	TxID            string
	Confirmations   uint64
	Code, Reason    string
	Deadline        int64
	Bundle          uint64
	Created         time.Time
	Updated         time.Time

	First    *Movement // nil while it is not read, or pays nobody
	Payments int64     // -1: it is not read yet
	Note     string

	key string
}

// Cursor is the row's place.
func (l Line) Cursor() Cursor { return Cursor{l.key, l.N} }

// clause is a condition with its arguments.
type clause struct {
	text []string
	args []any
}

func (c *clause) add(text string, args ...any) {
	c.text, c.args = append(c.text, text), append(c.args, args...)
}

// Page gives rows by index, whatever their number: no page costs more for those
// before it.
func (s *Store) Page(ctx context.Context, q Query) ([]Line, error) {
	var where clause
	from, key, order := "transactions t", "''", "t.n DESC"
	byAmount := q.Asset != ""
	if byAmount { // SQLite takes the tables of a CROSS JOIN in their order
		from, key = "transactions t CROSS JOIN movements a", "a.amount"
		if q.Order == Largest || q.Order == Smallest {
			from = "movements a CROSS JOIN transactions t"
		}
		where.add("t.n = a.n")
		where.add("a.asset = ?", q.Asset)
		where.add("a.k = (SELECT min(b.k) FROM movements b WHERE b.n = a.n AND b.asset = a.asset)")
		if q.Least != nil {
			where.add("a.amount >= ?", padded(q.Least))
		}
	}
	if q.Wallet != "" {
		from += " JOIN signers w ON w.n = t.n"
		where.add("w.wallet = ?", q.Wallet)
	}
	if q.State != "" {
		where.add("t.state = ?", q.State)
	}
	if q.Chain != "" {
		where.add("t.chain = ?", q.Chain)
	}
	limit := min(q.Limit, maxPage)
	if limit <= 0 {
		limit = pageSize
	}
	if q.Open {
		onTheirWay(&where, q, limit)
	}
	if q.Search != "" {
		search(&where, q.Search)
	}
	after := func(text string, args ...any) {
		if q.After.N != 0 {
			where.add(text, args...)
		}
	}
	switch {
	case q.Order == Soonest:
		key, order = "CAST(t.deadline AS TEXT)", "t.deadline, t.n"
		where.add("t.deadline > 0")
		var at int64
		fmt.Sscan(q.After.Key, &at)
		after("(t.deadline, t.n) > (?, ?)", at, q.After.N)
	case q.Order == Largest && byAmount:
		order = "a.amount DESC, a.n DESC"
		after("(a.amount, a.n) < (?, ?)", q.After.Key, q.After.N)
	case q.Order == Smallest && byAmount:
		order = "a.amount, a.n"
		after("(a.amount, a.n) > (?, ?)", q.After.Key, q.After.N)
	case q.Order == Oldest:
		order = "t.n"
		after("t.n > ?", q.After.N)
	default:
		after("t.n < ?", q.After.N)
	}
	text := "SELECT t.n, t.id, t.chain, t.network, t.state, t.cancel_requested, t.signer, t.txid, t.confirmations, t.code, t.reason, t.deadline, t.bundle, t.created, t.updated, " + key + `,
 coalesce(m.asset, ''), coalesce(m.symbol, ''), coalesce(m.decimals, 0), coalesce(m.amount, ''), coalesce(m.recipient, ''), coalesce(u.payments, -1), coalesce(u.note, '')
 FROM ` + from + " LEFT JOIN movements m ON m.n = t.n AND m.k = 0 LEFT JOIN summaries u ON u.n = t.n"
	if len(where.text) > 0 {
		text += " WHERE " + strings.Join(where.text, " AND ")
	}
	rows, err := s.db.QueryContext(ctx, text+" ORDER BY "+order+" LIMIT ?", append(where.args, limit)...)
	list, err := all(rows, err, scanLine)
	return list, s.fail(err)
}

// onTheirWay chooses rows that are not at their end. Where nothing else chooses, those
// of one page come from those of each state, by index: of the states together SQLite
// would sort all that there are.
func onTheirWay(where *clause, q Query, limit int) {
	if q.Order == Soonest || q.Chain+q.Wallet+q.Asset+q.Search != "" || q.State != "" {
		where.add("t.state IN ('pending', 'exported', 'signed', 'broadcasting', 'broadcast')")
		return
	}
	within, order, after := "n < ?", "n DESC", int64(1<<62)
	if q.Order == Oldest {
		within, order, after = "n > ?", "n", 0
	}
	if q.After.N != 0 {
		after = q.After.N
	}
	var each clause
	for _, state := range []pending.State{pending.Pending, pending.Exported, pending.Signed, pending.Broadcasting, pending.Broadcast} {
		each.add("SELECT n FROM (SELECT n FROM transactions WHERE state = ? AND "+within+" ORDER BY "+order+" LIMIT ?) AS one", string(state), after, limit)
	}
	where.add("t.n IN ("+strings.Join(each.text, " UNION ALL ")+")", each.args...)
}

func scanLine(from scanner) (l Line, err error) {
	var id []byte
	var created, updated int64
	var m Movement
	var amount string
	err = from.Scan(&l.N, &id, &l.Chain, &l.Network, &l.State, &l.CancelRequested, &l.Signer, &l.TxID, &l.Confirmations, &l.Code, &l.Reason, &l.Deadline, &l.Bundle, &created, &updated, &l.key,
		&m.Asset, &m.Symbol, &m.Decimals, &amount, &m.To, &l.Payments, &l.Note)
	copy(l.ID[:], id)
	l.Created, l.Updated = fromMillis(created), fromMillis(updated)
	if amount != "" {
		n, ok := new(big.Int).SetString(amount, 10)
		if !ok && err == nil {
			err = corrupt("an amount has changed")
		}
		m.Amount, l.First = n, &m
	}
	return l, err
}

// search finds what is known of a row by what a person has of it: its id, a
// transaction id, a recipient, each whole or its beginning, or words of the note.
func search(where *clause, text string) {
	var any clause
	if raw, err := bundle.ParseID(text); err == nil {
		any.add("t.id = ?", append([]byte(nil), raw[:]...))
	}
	end := text + "\U0010ffff"
	any.add(`t.n IN (SELECT n FROM transactions WHERE txid <> '' AND txid /* COLLATE "C" */ >= ? AND txid /* COLLATE "C" */ < ?)`, text, end)
	any.add("t.n IN (SELECT n FROM movements WHERE recipient >= ? AND recipient < ?)", text, end)
	any.add("t.n IN (SELECT n FROM signers WHERE wallet = ?)", strings.ToLower(text))
	any.add("t.n IN (SELECT n FROM summaries WHERE note <> '' AND lower(note) LIKE ? ESCAPE '!')", "%"+strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(strings.ToLower(text))+"%")
	where.add("("+strings.Join(any.text, " OR ")+")", any.args...)
}
