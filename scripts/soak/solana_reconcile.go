package main

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	sol "github.com/gagliardetto/solana-go"
)

// facts are what the database says of a row beside its state.
type facts struct {
	parked bool   // its end is wanted, and nothing of it may be sent
	raw    []byte // sealed
	root   string // of what it competes with, if it is to end that
	pays   bool   // it is not only there to end another
}

// put is a transaction on the chain.
type put struct {
	signature string
	failed    bool
	final     bool
	sol.Message
	signers int
}

// svmWorld is all that the reconciler compares; none of it comes through our code, but
// for the offline journal's, which prints it.
type svmWorld struct {
	books
	wishes    []*wish
	facts     map[string]facts
	holds     map[string]string // what is reserved, and the row that has it
	strangers map[string]bool   // accounts that pay for themselves
	chain     map[string]put    // by signature
	balance   map[string]uint64 // final, of recipients and payers
	nonces    map[string]string // final values, by account; "" of a closed one
	expires   map[string]uint64 // the last block that takes a blockhash, of those that were ever the chain's
	height    func(row) uint64  // of the finalized chain when a row was last changed
	sent      map[string]int    // different bytes that were given to nodes, by signature
}

func (s *stroller) reconcile(ctx context.Context, final bool) (result, error) {
	s.reconciled++
	// What was sent, the database, the chain, in this order: what was sent was intended
	// before, and what the database claims is so afterwards.
	w := &svmWorld{wishes: s.wishes, facts: map[string]facts{}, holds: map[string]string{}, sent: s.sent.list()}
	if err := s.audit(ctx, &w.books, func(tx *sql.Tx) error { return w.more(ctx, tx) }); err != nil {
		return result{}, err
	}
	if err := w.look(ctx, s); err != nil {
		return result{}, err
	}
	s.rows, s.parked = w.rows, map[string]bool{}
	for id, f := range w.facts {
		s.parked[id] = f.parked
	}
	s.moving, s.open = w.way()
	r := w.compare(final)
	return s.seen(r), nil
}

// more reads what only a soak on Solana asks of the database.
func (w *svmWorld) more(ctx context.Context, tx *sql.Tx) error {
	err := each(ctx, tx, "SELECT t.id, t.cancel_requested, t.raw, r.root, r.cancels FROM transactions t LEFT JOIN replacements r ON r.id = t.id", func(rows *sql.Rows) error {
		var id, root []byte
		var cancels sql.NullInt64
		var f facts
		err := rows.Scan(&id, &f.parked, &f.raw, &root, &cancels)
		f.pays = cancels.Int64 == 0
		if !f.pays {
			f.root = hex.EncodeToString(root)
		}
		w.facts[hex.EncodeToString(id)] = f
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, tx, "SELECT key, id FROM reservations WHERE key LIKE 'nonce:%'", func(rows *sql.Rows) error {
		var key string
		var id []byte
		err := rows.Scan(&key, &id)
		w.holds[key] = hex.EncodeToString(id)
		return err
	})
}

// look reads the chain itself, after the database.
func (w *svmWorld) look(ctx context.Context, s *stroller) error {
	var addresses []string
	w.strangers = map[string]bool{s.chain.key.PublicKey().String(): true}
	w.nonces = map[string]string{}
	for _, t := range s.payers {
		addresses = append(addresses, t.address)
		for _, n := range t.nonces {
			value, err := s.chain.nonce(ctx, n, "finalized")
			if err != nil {
				return err
			}
			if w.nonces[n.String()] = ""; !value.IsZero() {
				w.nonces[n.String()] = value.String()
			}
		}
	}
	for _, x := range w.wishes {
		addresses = append(addresses, x.to)
	}
	if err := s.chain.ask(ctx, &w.expires, "svm_blockhashes"); err != nil {
		return err
	}
	w.height = func(r row) uint64 {
		if s.clock { // its time is not the chain's
			return s.chain.final(time.Now())
		}
		return s.chain.final(time.UnixMilli(r.updated))
	}
	if err := w.put(ctx, s, addresses); err != nil {
		return err
	}
	w.balance = map[string]uint64{}
	var params [][]any
	for _, a := range addresses {
		params = append(params, []any{a, map[string]any{"commitment": "finalized"}})
	}
	return s.chain.each(ctx, "getBalance", params, func(i int, text json.RawMessage) error {
		var out struct{ Value uint64 }
		err := json.Unmarshal(text, &out)
		w.balance[addresses[i]] = out.Value
		return err
	})
}

// put reads every transaction that names one of the addresses.
func (w *svmWorld) put(ctx context.Context, s *stroller, addresses []string) error {
	w.chain = map[string]put{}
	take := func(text json.RawMessage) (last string, n int, err error) {
		var list []struct {
			Signature          string
			Err                json.RawMessage
			ConfirmationStatus string
		}
		err = json.Unmarshal(text, &list)
		for _, x := range list {
			w.chain[x.Signature] = put{signature: x.Signature, failed: string(x.Err) != "null" && x.Err != nil, final: x.ConfirmationStatus == "finalized"}
			last = x.Signature
		}
		return last, len(list), err
	}
	page := map[string]any{"commitment": "confirmed"}
	for _, t := range s.payers { // they have more than one page
		for page := maps.Clone(page); ; {
			var text json.RawMessage
			if err := s.chain.ask(ctx, &text, "getSignaturesForAddress", t.address, page); err != nil {
				return err
			}
			last, n, err := take(text)
			if err != nil || n < 1000 {
				break
			}
			page["before"] = last
		}
	}
	var params [][]any
	for _, a := range addresses[len(s.payers):] {
		params = append(params, []any{a, page})
	}
	if err := s.chain.each(ctx, "getSignaturesForAddress", params, func(_ int, text json.RawMessage) error { _, _, err := take(text); return err }); err != nil {
		return err
	}
	return w.read(ctx, s)
}

// read reads the bytes of the transactions, each once.
func (w *svmWorld) read(ctx context.Context, s *stroller) error {
	var missing []string
	for sig := range w.chain {
		if _, known := s.known[sig]; !known {
			missing = append(missing, sig)
		}
	}
	var params [][]any
	for _, sig := range missing {
		params = append(params, []any{sig, map[string]any{"encoding": "base64", "commitment": "confirmed"}})
	}
	if err := s.chain.each(ctx, "getTransaction", params, func(i int, text json.RawMessage) error {
		var out *struct{ Transaction []string }
		if err := json.Unmarshal(text, &out); err != nil || out == nil || len(out.Transaction) != 2 {
			return err // a fork took it back meanwhile
		}
		raw, err := base64.StdEncoding.DecodeString(out.Transaction[0])
		if err != nil {
			return err
		}
		tx, err := sol.TransactionFromBytes(raw)
		if err == nil {
			s.known[missing[i]] = tx
		}
		return err
	}); err != nil {
		return err
	}
	for sig, x := range w.chain {
		tx := s.known[sig]
		if tx == nil {
			delete(w.chain, sig)
			continue
		}
		x.Message, x.signers = tx.Message, len(tx.Signatures)
		w.chain[sig] = x
	}
	return nil
}

// transfer reads who is paid what; "" for a transaction that pays nobody.
func (p put) transfer() (from, to string, lamports uint64) {
	for _, i := range p.Instructions {
		if p.AccountKeys[i.ProgramIDIndex] != sol.SystemProgramID || len(i.Data) != 12 || binary.LittleEndian.Uint32(i.Data) != 2 || len(i.Accounts) < 2 {
			continue
		}
		if to != "" {
			return "", "", 0 // no transaction of ours has two
		}
		from, to = p.AccountKeys[i.Accounts[0]].String(), p.AccountKeys[i.Accounts[1]].String()
		lamports = binary.LittleEndian.Uint64(i.Data[4:])
	}
	return from, to, lamports
}

// ended tells rows of which nothing will come any more.
func ended(state string) bool {
	return slices.Contains([]string{"complete", "cancelled", "refused", "expired", "failed"}, state)
}

// way counts the rows that have not been sent yet, and those that have not ended.
func (w *svmWorld) way() (moving, open int) {
	for id, at := range w.rows {
		if ended(at.state) || w.facts[id].parked {
			continue
		}
		open++
		if at.state != "broadcasting" && at.state != "broadcast" {
			moving++
		}
	}
	return moving, open
}

// print prints the figures.
func (s *stroller) print(out io.Writer, r result, took time.Duration) {
	f := figures{out}
	f.programs(s.driver)
	f.nodes(&s.gates[0].faulty, &s.gates[1].faulty)
	for _, g := range []struct{ title, group string }{
		{"the chain", "chain"}, {"transactions that a fork took back", "undone"}, {"late", "late"},
		{"nonce accounts", "nonce"}, {"minds changed", "minds changed"}, {"payments made anew", "made anew"},
	} {
		f.block(g.title, s.counts.group(g.group))
	}
	states := map[string]int{}
	for id, at := range s.rows {
		kind := strings.TrimSpace(at.state + " " + at.code)
		if s.parked[id] && !ended(at.state) {
			kind = "never sent, " + at.state
		}
		states[kind]++
	}
	f.block("rows", states)
	f.end(s.driver, r, took)
	fmt.Fprintln(out)
}
