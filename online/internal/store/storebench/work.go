package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/fault"
)

const (
	hands   = 8   // changes that a process makes at once
	batch   = 500 // rows of a bundle
	network = "eip155:1"
)

// worker does one kind of work for some seconds and says how much it did, and in
// how many seconds.
func worker(where, work, part, length string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, where, time.Now)
	if err != nil {
		return err
	}
	defer s.Close()
	s.SetQuota(10_000_000)
	if work == "hold" {
		return hold(ctx, s)
	}
	var mine, all int
	if _, err := fmt.Sscanf(part, "%d/%d", &mine, &all); err != nil {
		return err
	}
	seconds, err := strconv.Atoi(length)
	if err != nil {
		return err
	}
	do, err := map[string]func(context.Context, *store.Store, int, int) (func() (int, error), error){
		"create": creating, "export": exporting, "complete": completing,
	}[work](ctx, s, mine, all)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := fmt.Scanln(); err != nil && err.Error() != "unexpected newline" {
		return err
	}
	var count atomic.Int64
	var wait sync.WaitGroup
	var failed atomic.Pointer[error]
	begun := time.Now()
	end := begun.Add(time.Duration(seconds) * time.Second)
	for range hands {
		wait.Go(func() {
			for time.Now().Before(end) {
				n, err := do()
				if err != nil {
					failed.Store(&err)
				}
				if err != nil || n == 0 {
					return
				}
				count.Add(int64(n))
			}
		})
	}
	wait.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	_, err = fmt.Fprintln(os.Stdout, count.Load(), time.Since(begun).Seconds())
	return err
}

// hold takes all due rows, and holds them until it is killed.
func hold(ctx context.Context, s *store.Store) error {
	r := s.Replica()
	rows, err := r.Due(ctx, held)
	if err != nil || len(rows) != held {
		return fmt.Errorf("%d rows to hold: %w", len(rows), err)
	}
	go func() {
		time.Sleep(5 * time.Second) // they are renewed once or twice
		fmt.Println("ready")
	}()
	r.Run(ctx, func(err error) { fmt.Fprintln(os.Stderr, err) })
	return nil
}

// sign makes rows that are signed.
func sign(ctx context.Context, s *store.Store, n int) error {
	create, err := creating(ctx, s, 0, 1)
	if err != nil {
		return err
	}
	for range n {
		if _, err := create(); err != nil {
			return err
		}
	}
	rows, err := s.List(ctx, store.Filter{Tenant: store.Any, Limit: n})
	if err != nil {
		return err
	}
	for _, p := range rows {
		for _, e := range []pending.Event{pending.Export, pending.Seal} {
			if _, err := s.Move(ctx, p.ID, e, func(t *pending.Transaction) error {
				if t.Bundle = 1; e == pending.Seal {
					t.TxID, t.Raw = "0x"+p.ID.String(), []byte{0}
				}
				return nil
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// creating submits payments with an idempotency key and a nonce each.
func creating(ctx context.Context, s *store.Store, _, _ int) (func() (int, error), error) {
	return func() (int, error) {
		var salt [16]byte
		rand.Read(salt[:])
		p := &pending.Transaction{
			ID: store.NewID(), Tenant: "bench", Chain: "ETH", Network: network, Hashes: []string{"00000000-0000-0000-0000-000000000001"}, Serialized: `{"to":"0x00"}`,
			Request: append(make([]byte, 300), salt[:]...), Reserve: []string{fmt.Sprintf("nonce:%x", salt), fmt.Sprintf("payload:%x", salt)},
		}
		_, err := s.Create(ctx, p, store.Idempotency{Key: fmt.Sprintf("%x", salt), Body: sha256.Sum256(p.Request)})
		return 1, err
	}, nil
}

// exporting makes bundles, which are not sealed by a key here.
func exporting(ctx context.Context, s *store.Store, _, _ int) (func() (int, error), error) {
	return func() (int, error) {
		n := 0
		_, _, repeat, err := s.Export(ctx, store.Selection{Limit: batch}, func(seq uint64, previous [32]byte, _ int64, rows []pending.Transaction) ([]byte, error) {
			n = len(rows)
			raw := fmt.Appendf(nil, "%d %x", seq, previous)
			for i := range rows {
				raw = append(raw, rows[i].Request...)
			}
			return raw, nil
		})
		if repeat || fault.Is(err, "export.empty") {
			return 0, nil
		}
		return n, err
	}, nil
}

// completing takes exported rows through their four moves. Each process has its
// share of them.
func completing(ctx context.Context, s *store.Store, mine, all int) (func() (int, error), error) {
	rows, err := s.List(ctx, store.Filter{Tenant: store.Any, State: pending.Exported, Limit: 10_000})
	if err != nil {
		return nil, err
	}
	todo := make(chan pending.Transaction, len(rows))
	for i, p := range rows {
		if i%all == mine {
			todo <- p
		}
	}
	close(todo)
	return func() (int, error) {
		p, more := <-todo
		if !more {
			return 0, nil
		}
		for _, e := range []pending.Event{pending.Seal, pending.Intend, pending.Accept, pending.Confirm} {
			if _, err := s.Move(ctx, p.ID, e, func(t *pending.Transaction) error {
				if e == pending.Seal {
					t.TxID, t.Raw = "0x"+p.ID.String(), make([]byte, 120)
				}
				return nil
			}); err != nil {
				return 0, err
			}
		}
		return 1, nil
	}, nil
}

// fill makes rows as a large list has them: complete ones, and some that wait to be
// exported. Nothing of the program makes so many at once.
func fill(where string, rows int) error {
	driver, name := "sqlite", "file:"+where
	if store.IsURL(where) {
		driver, name = "pgx", where
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	const columns = `id, tenant, chain, network, hashes, signatures, serialized, withdrawal_id, withdrawal_responses, request, digest, state, cancel_requested,
 maybe_signed, asserted, txid, raw, confirmations, code, reason, noted, bundle, deadline, created, updated`
	const values = `'bench', 'ETH', 'eip155:1', '["00000000-0000-0000-0000-000000000001"]', 'null', '{"to":"0x00"}', '', '', ?, ?, ?, 0, 0, 0, ?, ?, 12, '', '', 0, ?, 0, 1, 1`
	if driver == "pgx" {
		done := strings.ReplaceAll(values, "?", "%s")
		request := "convert_to('request of a payment ' || repeat('x', 280) || g, 'UTF8')"
		complete := fmt.Sprintf(done, request, "sha256("+request+")", "'complete'", "'0x' || g", "'\\x00'::bytea", "1")
		open := fmt.Sprintf(done, request, "sha256("+request+")", "'pending'", "''", "''::bytea", "0")
		const insert = "INSERT INTO transactions (" + columns + ") SELECT decode(lpad(to_hex(g), 24, '0'), 'hex'), "
		for _, q := range []string{
			insert + complete + fmt.Sprintf(" FROM generate_series(1, %d) g", rows),
			insert + open + fmt.Sprintf(" FROM generate_series(%d, %d) g", rows+1, rows+waiting),
		} {
			if _, err := tx.Exec(q); err != nil {
				return err
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		_, err := db.Exec("VACUUM (ANALYZE) transactions")
		return err
	}
	st, err := tx.Prepare("INSERT INTO transactions (" + columns + ") VALUES (?, " + values + ")")
	if err != nil {
		return err
	}
	for g := range rows + waiting {
		request := fmt.Appendf(nil, "request of a payment %s%d", strings.Repeat("x", 280), g)
		digest := sha256.Sum256(request)
		id := fmt.Appendf(nil, "%012x", g)
		state, txid, raw, bundle := "complete", fmt.Sprint("0x", g), []byte{0}, 1
		if g >= rows {
			state, txid, raw, bundle = "pending", "", []byte{}, 0
		}
		if _, err := st.Exec(id, request, digest[:], state, txid, raw, bundle); err != nil {
			return err
		}
	}
	return tx.Commit()
}
