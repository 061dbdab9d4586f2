package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// replicas opens a new PostgreSQL database several times, as servers on several
// machines do.
func replicas(t *testing.T, n int) []*Store {
	t.Helper()
	path := postgresAt(t)
	list := make([]*Store, n)
	var wait sync.WaitGroup
	for i := range list {
		wait.Go(func() { // all of them make the tables
			s, err := Open(t.Context(), path, fixed)
			if err != nil {
				t.Error(err)
				return
			}
			list[i] = s
		})
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() {
		for _, s := range list {
			s.Close()
		}
	})
	ok(t, list[0].SetPeer(t.Context(), peerKey(1), ownKey, false))
	return list
}

// together runs f for each store at once, and gives what it returned.
func together[T any](stores []*Store, f func(i int, s *Store) T) []T {
	out := make([]T, len(stores))
	var wait sync.WaitGroup
	for i, s := range stores {
		wait.Go(func() { out[i] = f(i, s) })
	}
	wait.Wait()
	return out
}

func TestReplicasExport(t *testing.T) {
	const rows, step = 120, 7
	stores := replicas(t, 4)
	for i := range rows {
		put(t, stores[i%4], number(i+1))
	}
	type sent struct {
		seq uint64
		raw []byte
	}
	all := together(stores, func(_ int, s *Store) (list []sent) {
		for {
			raw, seq, repeat, err := s.Export(t.Context(), Selection{Limit: step}, seal)
			if err != nil {
				t.Error(err)
			}
			if err != nil || repeat {
				return list
			}
			list = append(list, sent{seq, raw})
		}
	})
	bundles := slices.Concat(all...)
	slices.SortFunc(bundles, func(a, b sent) int { return int(a.seq) - int(b.seq) })
	items := 0
	for i, b := range bundles {
		if b.seq != uint64(i+1) {
			t.Fatalf("bundle %d comes after %d", b.seq, i)
		}
		items += bytes.Count(b.raw, []byte("request "))
		if i > 0 && !bytes.Contains(b.raw, fmt.Appendf(nil, "after %x", sum(bundles[i-1].raw))) {
			t.Errorf("bundle %d does not follow the one before it", b.seq)
		}
		for _, s := range stores {
			again, err := s.Bundle(t.Context(), b.seq)
			if err != nil || !bytes.Equal(again, b.raw) {
				t.Errorf("a repeat of bundle %d is not the same: %v", b.seq, err)
			}
		}
	}
	if items != rows {
		t.Errorf("%d items were exported of %d", items, rows)
	}
}

func TestReplicasCreate(t *testing.T) {
	stores := replicas(t, 4)
	for round := range 20 {
		base := 10 * (round + 1)
		// One key: one row, whoever makes it.
		ids := together(stores, func(i int, s *Store) string {
			p := number(base + i)
			existing, err := s.Create(t.Context(), p, Idempotency{Key: fmt.Sprint(round)})
			if err != nil {
				t.Error(err)
			}
			if existing != nil {
				return existing.ID.String()
			}
			return p.ID.String()
		})
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 1 {
			t.Fatalf("one key made several rows")
		}
		// One nonce: one of them gets it, also when it was a parked row's.
		key := fmt.Sprintf("nonce:%d", round)
		parked := put(t, stores[0], reserving(base+4, key))
		if round%2 == 0 {
			export(t, stores[0], Selection{IDs: ids1(parked)})
			_, err := stores[1].Cancel(t.Context(), "a", parked.ID)
			ok(t, err)
		} else {
			_, err := stores[1].Cancel(t.Context(), "a", parked.ID)
			ok(t, err)
		}
		errs := together(stores, func(i int, s *Store) error {
			_, err := s.Create(t.Context(), reserving(base+5+i, key), Idempotency{})
			return err
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !fault.Is(err, "reservation.conflict") {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Fatalf("%d rows got one nonce", won)
		}
	}
}

func TestATT85ReplicasCancelAndExport(t *testing.T) {
	stores := replicas(t, 2)
	for n := range 1000 {
		p := put(t, stores[0], number(n+1))
		var cancelled pending.Transaction
		errs := together(stores, func(i int, s *Store) (err error) {
			if i == 0 {
				cancelled, err = s.Cancel(t.Context(), "a", p.ID)
				return err
			}
			_, _, _, err = s.Export(t.Context(), Selection{}, seal)
			return err
		})
		row := get(t, stores[0], p.ID)
		left := row.State == pending.Exported
		if errs[0] != nil || left != row.CancelRequested || left == (row.State == pending.Cancelled) || cancelled.State != row.State {
			t.Fatalf("cancel %v, export %v: the row is %s, cancel requested %v", errs[0], errs[1], row.State, row.CancelRequested)
		}
	}
}

// A newer server changes the tables while this one runs.
func TestReplicasOutdated(t *testing.T) {
	s := replicas(t, 1)[0]
	p := put(t, s, number(1))
	_, err := s.db.ExecContext(t.Context(), "UPDATE coldsign SET version = version + 1")
	ok(t, err)
	_, err = s.Cancel(t.Context(), "a", p.ID)
	code(t, err, "store.newer")
	get(t, s, p.ID)
	_, err = s.db.ExecContext(t.Context(), "UPDATE coldsign SET version = version - 1")
	ok(t, err)
	_, err = s.Cancel(t.Context(), "a", p.ID)
	ok(t, err)
}

func TestReplicasMoveOnce(t *testing.T) {
	stores := replicas(t, 4)
	for n := range 30 {
		p := put(t, stores[0], number(n+1))
		move(t, stores[0], p.ID, pending.Export, pending.Seal)
		won := 0
		for _, err := range together(stores, func(_ int, s *Store) error {
			_, err := s.Move(t.Context(), p.ID, pending.Intend, nil)
			return err
		}) {
			if err == nil {
				won++
			} else if !fault.Is(err, "state.conflict") {
				t.Error(err)
			}
		}
		if won != 1 || len(audits(t, stores[1], p.ID)) != 4 {
			t.Fatalf("%d replicas moved it", won)
		}
	}
}

func TestReplicasLease(t *testing.T) {
	stores := replicas(t, 3)
	const rows = 90
	for n := range rows {
		move(t, stores[0], put(t, stores[0], number(n+1)).ID, pending.Export, pending.Seal)
	}
	var list []*Replica
	for _, s := range stores {
		list = append(list, s.Replica())
	}
	seen := map[string]int{}
	for i, due := range together(stores, func(i int, _ *Store) []pending.Transaction {
		due, err := list[i].Due(t.Context(), rows/3)
		if err != nil {
			t.Error(err)
		}
		return due
	}) {
		for _, p := range due {
			if holder, twice := seen[p.ID.String()]; twice {
				t.Errorf("row %s is of replicas %d and %d", p.ID, holder, i)
			}
			seen[p.ID.String()] = i
		}
	}
	if len(seen) != rows {
		t.Errorf("%d rows of %d are looked after", len(seen), rows)
	}
	// Nobody gets them again while the term lasts, not even who has them.
	none := func(r *Replica) {
		t.Helper()
		if due, err := r.Due(t.Context(), rows); err != nil || len(due) != 0 {
			t.Errorf("%d rows, %v", len(due), err)
		}
	}
	none(list[0])
	none(list[1])
	if due, err := stores[0].Due(t.Context(), rows); err != nil || len(due) != rows {
		t.Errorf("a person's command gets %d rows, %v", len(due), err)
	}
	// One that had its turn is free; another's Seen gives nothing up.
	var mine, other pending.Transaction
	for id, holder := range seen {
		for n := range rows {
			if p := number(n + 1); p.ID.String() == id && holder == 0 {
				mine = get(t, stores[0], p.ID)
			} else if p.ID.String() == id && holder == 1 {
				other = get(t, stores[0], p.ID)
			}
		}
	}
	ok(t, list[0].Seen(t.Context(), mine.ID, 0))
	ok(t, list[0].Seen(t.Context(), other.ID, 0))
	if due, err := list[2].Due(t.Context(), rows); err != nil || len(due) != 1 || due[0].ID != mine.ID {
		t.Errorf("%d rows, %v", len(due), err)
	}
	// The first stops, and gives up what it has. The second dies: when its term is
	// over the third takes its rows. The database's clock is set forward by hand.
	ctx, stop := context.WithCancel(t.Context())
	stop()
	list[0].Run(ctx, func(err error) { t.Error(err) })
	if due, err := list[2].Due(t.Context(), rows); err != nil || len(due) != rows/3-1 {
		t.Errorf("%d rows were given up, %v", len(due), err)
	}
	_, err := stores[2].db.ExecContext(t.Context(), "UPDATE transactions SET held = held - ? WHERE holder = ?", term.Milliseconds()+1, list[1].id())
	ok(t, err)
	if due, err := list[2].Due(t.Context(), rows); err != nil || len(due) != rows/3 {
		t.Errorf("%d rows were taken over, %v", len(due), err)
	}
}

// Another process that seals a row wakes the broadcasters.
func TestReplicasWake(t *testing.T) {
	stores := replicas(t, 2)
	wake := stores[0].Wake(t.Context())
	heard := func() {
		t.Helper()
		select {
		case <-wake:
		case <-time.After(20 * time.Second):
			t.Fatal("nobody woke it")
		}
	}
	heard() // at first
	p := put(t, stores[1], number(1))
	move(t, stores[1], p.ID, pending.Export)
	select {
	case <-wake:
		t.Error("an export wakes")
	default:
	}
	move(t, stores[1], p.ID, pending.Seal)
	heard()
	_, err := serverOf(t).Disconnect("postgres")
	ok(t, err)
	heard() // it listens again
}

func ids1(p *pending.Transaction) []bundle.ID { return []bundle.ID{p.ID} }

// Two processes import the same answer, and complete it, at once.
func TestATT86ImportedOnce(t *testing.T) {
	if onBoth(t, TestATT86ImportedOnce) {
		return
	}
	path := where(t)
	stores := []*Store{openAt(t, path), openAt(t, path)}
	ok(t, stores[0].SetPeer(t.Context(), peerKey(1), ownKey, false))
	for len(stores) < 24 {
		stores = append(stores, stores...)
	}
	var previous [32]byte
	for n := range 42 { // a thousand imports
		p := put(t, stores[0], number(n+1))
		export(t, stores[0], Selection{})
		raw := fmt.Appendf(nil, "receipts %d", n)
		h, d := header(uint64(n+1), previous, raw)
		previous = d
		var applied atomic.Int64
		repeats := 0
		for _, repeat := range together(stores, func(_ int, s *Store) bool {
			repeat, err := s.Import(t.Context(), raw, h, d, func(x *ImportTx) error {
				applied.Add(1)
				row, _, err := x.Row(p.ID)
				if err != nil {
					return err
				}
				return x.Move(row, pending.Seal, fill(pending.Seal))
			})
			if err != nil {
				t.Error(err)
			}
			return repeat
		}) {
			if repeat {
				repeats++
			}
		}
		move(t, stores[0], p.ID, pending.Intend, pending.Accept)
		won := 0
		for _, err := range together(stores, func(_ int, s *Store) error {
			_, err := s.Move(t.Context(), p.ID, pending.Confirm, nil)
			return err
		}) {
			if err == nil {
				won++
			} else if !fault.Is(err, "state.conflict") {
				t.Error(err)
			}
		}
		for _, txID := range together(stores, func(_ int, s *Store) string {
			row, err := s.Assert(t.Context(), "a", p.ID, "txid of "+p.ID.String())
			if err != nil {
				t.Error(err)
			}
			return row.TxID + " " + string(row.State)
		}) {
			if txID != "txid of "+p.ID.String()+" complete" {
				t.Errorf("a caller is told %s", txID)
			}
		}
		if applied.Load() != 1 || repeats != len(stores)-1 || won != 1 || len(audits(t, stores[1], p.ID)) != 6 {
			t.Fatalf("applied %d times, %d repeats, completed %d times", applied.Load(), repeats, won)
		}
	}
}

// TestReplicaKeepsNothingUnknown: what a replica claimed, or gave back, without an answer
// is another's when the term is over, while it lives and renews what it holds.
func TestReplicaKeepsNothingUnknown(t *testing.T) {
	stores := replicas(t, 2)
	a, b := stores[0].Replica(), stores[1].Replica()
	move(t, stores[0], put(t, stores[0], number(1)).ID, toBroadcast...)
	lapse := func() { // a term passes, in which a renews what is its own
		if _, err := a.db.ExecContext(t.Context(), "UPDATE transactions SET held = 0 WHERE holder <> ?", a.id()); err != nil {
			t.Fatal(err)
		}
	}
	due := func(r *Replica) int {
		rows, err := r.Due(t.Context(), 10)
		ok(t, err)
		return len(rows)
	}
	if n := due(a); n != 1 {
		t.Fatalf("%d are due", n)
	}
	if lapse(); due(b) != 0 {
		t.Fatal("another has what is renewed")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if a.Seen(gone, number(1).ID, 0) == nil {
		t.Fatal("it was given back")
	}
	if lapse(); due(b) != 1 {
		t.Error("nobody has it")
	}
	ok(t, b.Seen(t.Context(), number(1).ID, 0))
	was := a.id()
	if _, err := a.Due(gone, 10); err == nil || a.id() == was {
		t.Errorf("a claim without an answer: %v, %s", err, a.id())
	}
}
