package store

import (
	"math/big"
	"slices"
	"testing"
	"time"
)

// crowd fills a database with rows by its own language: a quarter on their way, the
// others complete.
func crowd(t testing.TB, s *Store, n int) {
	t.Helper()
	series := "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ?)"
	id, hash, pad := "CAST(printf('%012d', i) AS BLOB)", "zeroblob(32)", "printf('%080d', i * 1000)"
	if isPostgres(t) {
		series = "WITH c AS (SELECT i FROM generate_series(1, ?::bigint) i)"
		id, hash, pad = "convert_to(lpad(i::text, 12, '0'), 'UTF8')", `decode(repeat('00', 32), 'hex')`, "lpad((i * 1000)::text, 80, '0')"
	}
	do := func(query string) {
		_, err := s.db.ExecContext(t.Context(), series+query, n)
		if isPostgres(t) && err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		ok(t, err)
	}
	do(`, r AS (SELECT i, CASE WHEN i % 4 = 0 THEN 'pending' ELSE 'complete' END AS state FROM c)
 INSERT INTO transactions (id, tenant, chain, network, hashes, signatures, serialized, withdrawal_id, withdrawal_responses, request, digest, state, cancel_requested, maybe_signed, asserted,
 txid, raw, confirmations, code, reason, noted, bundle, deadline, created, updated) SELECT ` + id + `, 'a', CASE WHEN i % 3 = 0 THEN 'BTC' ELSE 'ETH' END, 'eip155:1', 'null', 'null', '', '', '', ` + hash + `, ` + hash + `,
 state, 0, 0, CASE WHEN state = 'complete' THEN 1 ELSE 0 END, CASE WHEN state = 'complete' THEN 'tx' || i ELSE '' END, ` + blobOf(t) + `, 0, '', '', 0, 0, 0, 1, 1 FROM r`)
	do(` INSERT INTO summaries (n, payments, requester, note) SELECT n, 1, '', 'invoice ' || n FROM transactions, (SELECT count(*) AS k FROM c) x`)
	do(` INSERT INTO movements (n, k, asset, symbol, decimals, amount, recipient) SELECT i, 0, CASE WHEN i % 3 = 0 THEN 'b' ELSE 'e' END, 'S', 8, ` + pad + `, 'addr' || i FROM c`)
	do(` INSERT INTO signers (wallet, n) SELECT 'w' || (i % 50), i FROM c`)
	_, err := s.db.ExecContext(t.Context(), "ANALYZE")
	ok(t, err)
}

func blobOf(t testing.TB) string {
	if isPostgres(t) {
		return `''::bytea`
	}
	return "x''"
}

// Many rows: no page takes long, wherever it is, and however it is
// chosen. The bound is for a busy machine; the log has
// what it took.
func TestPageLarge(t *testing.T) {
	if onBoth(t, TestPageLarge) {
		return
	}
	s := fresh(t)
	const rows, bound = 10_000, 2 * time.Second
	crowd(t, s, rows)
	middle := Cursor{N: rows / 2}
	for name, q := range map[string]Query{
		"newest": {}, "middle": {After: middle}, "end": {After: Cursor{N: 60}}, "open": {Open: true}, "open middle": {Open: true, After: middle}, "pending": {State: "pending"}, "complete middle": {State: "complete", After: middle},
		"none": {State: "failed"}, "chain": {Chain: "BTC", After: middle}, "wallet": {Wallet: "w7", After: middle}, "no wallet": {Wallet: "nobody"},
		"largest": {Asset: "e", Order: Largest, Open: true}, "at least": {Asset: "b", Order: Smallest, Least: big.NewInt(90_000_000)}, "asset by time": {Asset: "b", After: middle},
		"id": {Search: "30303030303030303030" + "3737"}, "recipient": {Search: "addr7777"}, "beginning": {Search: "addr7", Open: true}, "txid": {Search: "tx9999"}, "note": {Search: "invoice 7777"}, "nothing": {Search: "nothing of the kind"},
	} {
		q.Limit = 50
		var times []time.Duration
		var n int
		for range 3 {
			began := time.Now()
			page, err := s.Page(t.Context(), q)
			ok(t, err)
			times, n = append(times, time.Since(began)), len(page)
		}
		best := slices.Min(times)
		t.Logf("%-16s %3d rows %8.2f ms", name, n, float64(best.Microseconds())/1000)
		if best > bound {
			t.Errorf("%s took %v", name, best)
		}
	}
	for name, do := range map[string]func() error{
		"sums":   func() error { _, err := s.Sums(t.Context()); return err },
		"counts": func() error { _, err := s.Counts(t.Context()); return err },
		"mark":   func() error { _, err := s.Mark(t.Context()); return err },
		"unread": func() error { _, err := s.Unread(t.Context(), 0, 200); return err },
	} {
		began := time.Now()
		ok(t, do())
		t.Logf("%-16s %8.2f ms", name, float64(time.Since(began).Microseconds())/1000)
	}
}
