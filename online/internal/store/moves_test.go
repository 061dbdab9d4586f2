package store

import (
	"maps"
	"reflect"
	"sync"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// life is how a row comes to a state, and what each event then makes of it.
type life struct {
	path []pending.Event
	next map[pending.Event]pending.State
}

// foreignLives are those of a row that another wallet signs: no receipt refuses
// or defers it.
func foreignLives() map[pending.State]life {
	m := maps.Clone(lives)
	delete(m, pending.Refused)
	next := maps.Clone(lives[pending.Pending].next)
	delete(next, pending.Take) // it is that wallet's alone
	m[pending.Pending] = life{nil, next}
	m[pending.Exported] = life{lives[pending.Exported].path, map[pending.Event]pending.State{pending.Seal: pending.Signed, pending.Supersede: pending.Cancelled}}
	return m
}

// hotLives are those of a row that a hot signer takes: never exported, so neither
// refused nor deferred, and the same from its seal on.
func hotLives() map[pending.State]life {
	m := map[pending.State]life{}
	for state, l := range lives {
		if rest, ok := l.path, len(l.path) >= 2 && l.path[1] == pending.Seal; ok {
			m[state] = life{append([]pending.Event{pending.Take}, rest[2:]...), l.next}
		}
	}
	return m
}

// bothSigners runs f for each kind of row, in a store of its own.
func bothSigners(t *testing.T, f func(t *testing.T, s *Store, lives map[pending.State]life, signed func(*pending.Transaction))) {
	t.Run("paired", func(t *testing.T) { f(t, fresh(t), lives, func(*pending.Transaction) {}) })
	t.Run("foreign", func(t *testing.T) {
		f(t, fresh(t), foreignLives(), func(p *pending.Transaction) { p.Signer = pending.Foreign })
	})
	t.Run("hot", func(t *testing.T) { f(t, fresh(t), hotLives(), func(*pending.Transaction) {}) })
}

// lives says how a row comes to each state, and what each event then makes of
// it: written out from the design, not asked of the code. What is missing is
// refused.
var lives = map[pending.State]life{
	pending.Pending: {nil, map[pending.Event]pending.State{
		pending.Export: pending.Exported, pending.Cancel: pending.Cancelled, pending.Assert: pending.Complete, pending.Supersede: pending.Cancelled, pending.Take: pending.Signed}},
	pending.Exported: {[]pending.Event{pending.Export}, map[pending.Event]pending.State{
		pending.Seal: pending.Signed, pending.Refuse: pending.Refused, pending.Defer: pending.Pending, pending.Supersede: pending.Cancelled}},
	pending.Signed: {[]pending.Event{pending.Export, pending.Seal}, map[pending.Event]pending.State{
		pending.Intend: pending.Broadcasting, pending.Supersede: pending.Cancelled}},
	pending.Broadcasting: {[]pending.Event{pending.Export, pending.Seal, pending.Intend}, map[pending.Event]pending.State{
		pending.Accept: pending.Broadcast, pending.Confirm: pending.Complete, pending.Expire: pending.Expired, pending.Fail: pending.Failed}},
	pending.Broadcast: {[]pending.Event{pending.Export, pending.Seal, pending.Intend, pending.Accept}, map[pending.Event]pending.State{
		pending.Confirm: pending.Complete, pending.Expire: pending.Expired, pending.Fail: pending.Failed}},
	pending.Complete: {[]pending.Event{pending.Export, pending.Seal, pending.Intend, pending.Accept, pending.Confirm}, map[pending.Event]pending.State{
		pending.Reorg: pending.Broadcast}},
	pending.Cancelled: {[]pending.Event{pending.Cancel}, nil},
	pending.Refused:   {[]pending.Event{pending.Export, pending.Refuse}, nil},
	pending.Expired:   {[]pending.Event{pending.Export, pending.Seal, pending.Intend, pending.Expire}, nil},
	pending.Failed:    {[]pending.Event{pending.Export, pending.Seal, pending.Intend, pending.Fail}, nil}, // revived with its rival alone
}

// free are the states whose rows no longer keep their nonce or outputs.
var free = map[pending.State]bool{pending.Cancelled: true, pending.Refused: true, pending.Expired: true, pending.Failed: true}

func TestEveryStateAndEvent(t *testing.T) {
	if onBoth(t, TestEveryStateAndEvent) {
		return
	}
	if len(lives) != len(pending.States()) {
		t.Fatal("the test does not know every state")
	}
	bothSigners(t, everyStateAndEvent)
}

func everyStateAndEvent(t *testing.T, s *Store, lives map[pending.State]life, signed func(*pending.Transaction)) {
	n := 0
	for from := range lives {
		for _, e := range pending.Events() {
			n++
			reserve := "nonce:" + string(from) + ":" + string(e)
			p := put(t, s, number(n, signed, func(p *pending.Transaction) { p.Reserve = []string{reserve} }))
			move(t, s, p.ID, lives[from].path...)
			before, trail := get(t, s, p.ID), len(audits(t, s, p.ID))
			if before.State != from {
				t.Fatalf("the path to %s leads to %s", from, before.State)
			}
			after, err := s.Move(as(t, "tester"), p.ID, e, fill(e))
			want, allowed := lives[from].next[e]
			if !allowed {
				code(t, err, "state.conflict")
				if now := get(t, s, p.ID); !reflect.DeepEqual(now, before) || len(audits(t, s, p.ID)) != trail {
					t.Errorf("%s in %s is refused and changes the row", e, from)
				}
				want = from
			} else {
				if err != nil || after.State != want || get(t, s, p.ID).State != want {
					t.Fatalf("%s in %s: %s, %v, want %s", e, from, after.State, err, want)
				}
				entries := audits(t, s, p.ID)
				last := entries[len(entries)-1]
				if len(entries) != trail+1 || last.From != from || last.To != want || last.Action != string(e) || last.Actor != "tester" || !last.At.Equal(epoch) {
					t.Errorf("%s in %s is audited as %+v", e, from, last)
				}
			}
			_, err = s.Create(t.Context(), number(10_000+n, func(p *pending.Transaction) { p.Reserve = []string{reserve} }), Idempotency{})
			if free[want] {
				ok(t, err)
			} else {
				code(t, err, "reservation.conflict")
			}
		}
	}
	if n != 15*len(lives) || n < 90 {
		t.Errorf("%d pairs of a state and an event were tried", n)
	}
}

func TestMoveKeepsInvariants(t *testing.T) {
	if onBoth(t, TestMoveKeepsInvariants) {
		return
	}
	s := fresh(t)
	p := put(t, s, number(1))
	refuse := func(e pending.Event, change func(*pending.Transaction) error) {
		t.Helper()
		_, err := s.Move(t.Context(), p.ID, e, change)
		code(t, err, "state.invariant")
	}
	refuse(pending.Export, nil)                                 // no bundle
	refuse(pending.Assert, nil)                                 // no txid
	refuse(pending.Cancel, fill(pending.Assert))                // cancelled, and has a txid
	refuse(pending.Export, func(p *pending.Transaction) error { // a state of its own choice
		p.State, p.Bundle = pending.Signed, 1
		return nil
	})
	move(t, s, p.ID, pending.Export)
	refuse(pending.Seal, nil)
	refuse(pending.Refuse, nil) // no code
	move(t, s, p.ID, pending.Seal)
	sealed := get(t, s, p.ID)
	refuse(pending.Intend, func(p *pending.Transaction) error { p.Raw = []byte("other bytes"); return nil })
	refuse(pending.Intend, func(p *pending.Transaction) error { p.TxID = "other"; return nil })
	_, err := s.Move(t.Context(), p.ID, pending.Intend, func(*pending.Transaction) error { return fault.New("my.own", "", "no") })
	code(t, err, "my.own")
	if now := get(t, s, p.ID); !reflect.DeepEqual(now, sealed) {
		t.Error("a refused change changed the row")
	}
	// What a change says of what was asked is not written.
	after, err := s.Move(t.Context(), p.ID, pending.Intend, func(p *pending.Transaction) error { p.Request, p.Tenant = []byte("x"), "b"; return nil })
	ok(t, err)
	if now := get(t, s, p.ID); string(now.Request) != "request 1" || now.Tenant != "a" || after.State != pending.Broadcasting {
		t.Error("a move changed what was asked")
	}
	_, err = s.Move(t.Context(), bundle.ID{9}, pending.Cancel, nil)
	code(t, err, "kms.missing")
}

// The database itself refuses what the code above never asks of it.
func TestDatabaseRefuses(t *testing.T) {
	if onBoth(t, TestDatabaseRefuses) {
		return
	}
	s := fresh(t)
	p := put(t, s, number(1))
	move(t, s, p.ID, pending.Export, pending.Seal)
	for _, query := range []string{
		"UPDATE transactions SET request = " + bytesOf(t, "00"), "UPDATE transactions SET raw = " + bytesOf(t, "00"), "UPDATE transactions SET txid = 'x'",
		"UPDATE transactions SET tenant = 'b'", "UPDATE transactions SET state = 'paid'", "DELETE FROM transactions",
		"UPDATE audit SET actor = 'x'", "DELETE FROM audit",
	} {
		if !refused(t, s, query) {
			t.Errorf("%s is possible", query)
		}
	}
}

func TestCancelInEveryState(t *testing.T) {
	if onBoth(t, TestCancelInEveryState) {
		return
	}
	bothSigners(t, cancelInEveryState)
}

func cancelInEveryState(t *testing.T, s *Store, lives map[pending.State]life, signed func(*pending.Transaction)) {
	for i, from := range pending.States() {
		if _, ok := lives[from]; !ok {
			continue
		}
		p := put(t, s, number(i+1, signed))
		move(t, s, p.ID, lives[from].path...)
		_, err := s.Cancel(t.Context(), "b", p.ID)
		code(t, err, "kms.missing")
		var want pending.Transaction
		for range 2 { // the second time changes nothing
			after, err := s.Cancel(as(t, "apikey 1"), "a", p.ID)
			switch from {
			case pending.Pending, pending.Cancelled:
				ok(t, err)
				if after.State != pending.Cancelled || after.CancelRequested {
					t.Errorf("cancelled from %s: %+v", from, after)
				}
			case pending.Exported, pending.Signed:
				ok(t, err)
				if after.State != from || !after.CancelRequested {
					t.Errorf("cancelled from %s: %+v", from, after)
				}
			default:
				code(t, err, "state.conflict")
				after = get(t, s, p.ID)
				if after.State != from || after.CancelRequested {
					t.Errorf("refused to cancel from %s, and now %+v", from, after)
				}
			}
			if want.ID == (bundle.ID{}) {
				want = after
			}
			if !reflect.DeepEqual(get(t, s, p.ID), want) {
				t.Errorf("%s: cancelling twice differs", from)
			}
		}
		// Nothing that was to be cancelled goes towards the network.
		if want.CancelRequested {
			for _, e := range []pending.Event{pending.Export, pending.Seal, pending.Intend} {
				_, err := s.Move(t.Context(), p.ID, e, fill(e))
				code(t, err, "state.conflict")
			}
		}
	}
	due, err := s.Due(t.Context(), 100)
	ok(t, err)
	for _, p := range due {
		if p.State == pending.Signed {
			t.Error("a signed row that was to be cancelled is due")
		}
	}
	if len(due) != 2 {
		t.Errorf("%d rows are due, want the broadcasting and the broadcast one", len(due))
	}
}

func TestAssertInEveryState(t *testing.T) {
	if onBoth(t, TestAssertInEveryState) {
		return
	}
	bothSigners(t, assertInEveryState)
}

func assertInEveryState(t *testing.T, s *Store, lives map[pending.State]life, signed func(*pending.Transaction)) {
	for i, from := range pending.States() {
		if _, ok := lives[from]; !ok {
			continue
		}
		p := put(t, s, number(i+1, signed))
		move(t, s, p.ID, lives[from].path...)
		before := get(t, s, p.ID)
		_, err := s.Assert(t.Context(), "b", p.ID, "0xabc")
		code(t, err, "kms.missing")
		after, err := s.Assert(t.Context(), "a", p.ID, "0xabc")
		switch {
		case from == pending.Pending:
			ok(t, err)
			if after.State != pending.Complete || !after.Asserted || after.TxID != "0xabc" {
				t.Errorf("asserted: %+v", after)
			}
			again, err := s.Assert(t.Context(), "a", p.ID, "0xabc")
			ok(t, err)
			if !reflect.DeepEqual(again, get(t, s, p.ID)) || len(audits(t, s, p.ID)) != 2 {
				t.Error("asserting twice does more than once")
			}
			_, err = s.Assert(t.Context(), "a", p.ID, "0xabd")
			code(t, err, "kms.txid.mismatch")
			_, err = s.Move(t.Context(), p.ID, pending.Reorg, nil)
			code(t, err, "state.invariant") // there are no bytes to send again
			continue
		case from == pending.Cancelled:
			code(t, err, "state.conflict")
		default:
			code(t, err, "kms.txid.mismatch")
		}
		if before.TxID != "" {
			_, err = s.Assert(t.Context(), "a", p.ID, before.TxID)
			if from == pending.Broadcast || from == pending.Complete {
				ok(t, err)
			} else {
				code(t, err, "state.conflict")
			}
		}
		if !reflect.DeepEqual(get(t, s, p.ID), before) {
			t.Errorf("asserting changed a row that is %s", from)
		}
	}
	for _, bad := range []string{"", "line\nbreak", string(make([]byte, 300))} {
		_, err := s.Assert(t.Context(), "a", number(1).ID, bad)
		code(t, err, "kms.txid")
	}
}

// A deferred row is pending, but it has left this half: a word is not enough.
func TestAssertAfterDefer(t *testing.T) {
	if onBoth(t, TestAssertAfterDefer) {
		return
	}
	s := fresh(t)
	p := put(t, s, number(1))
	move(t, s, p.ID, pending.Export, pending.Defer)
	_, err := s.Assert(t.Context(), "a", p.ID, "0xabc")
	code(t, err, "kms.txid.mismatch")
	_, err = s.Move(t.Context(), p.ID, pending.Assert, fill(pending.Assert))
	code(t, err, "state.conflict")
}

// Cancelling and exporting at once: either the row is cancelled and in no bundle,
// or it is exported with the wish noted. Two stores on one database stand for two
// processes.
func TestCancelAgainstExport(t *testing.T) {
	if onBoth(t, TestCancelAgainstExport) {
		return
	}
	path := where(t)
	s, other := openAt(t, path), openAt(t, path)
	ok(t, s.SetPeer(t.Context(), peerKey(1), ownKey, false))
	for round := range 4 {
		p := put(t, s, number(round+1))
		var wait sync.WaitGroup
		start := make(chan struct{})
		for i := range 100 {
			wait.Go(func() {
				<-start
				if i%2 == 0 {
					s.Cancel(t.Context(), "a", p.ID)
				} else {
					other.Export(t.Context(), Selection{IDs: []bundle.ID{p.ID}}, seal)
				}
			})
		}
		close(start)
		wait.Wait()
		row := get(t, s, p.ID)
		var out, cancelled, wishes int
		for _, e := range audits(t, s, p.ID) {
			switch e.Action {
			case "export":
				out++
			case "cancel":
				cancelled++
			case "cancel.request":
				wishes++
			}
		}
		switch row.State {
		case pending.Cancelled:
			if out != 0 || cancelled != 1 || wishes != 0 || row.Bundle != 0 {
				t.Errorf("cancelled, with %d exports, %d cancels, %d wishes", out, cancelled, wishes)
			}
		case pending.Exported:
			if out != 1 || cancelled != 0 || wishes != 1 || !row.CancelRequested || row.Bundle == 0 {
				t.Errorf("exported %d times, with %d cancels, %d wishes", out, cancelled, wishes)
			}
		default:
			t.Errorf("the row is %s", row.State)
		}
	}
}

// One of many that want to send it does.
func TestIntendOnce(t *testing.T) {
	if onBoth(t, TestIntendOnce) {
		return
	}
	s := fresh(t)
	p := put(t, s, number(1))
	move(t, s, p.ID, pending.Export, pending.Seal)
	won := make(chan bool, 50)
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			_, err := s.Move(t.Context(), p.ID, pending.Intend, nil)
			if err != nil && !fault.Is(err, "state.conflict") {
				t.Error(err)
			}
			won <- err == nil
		})
	}
	wait.Wait()
	close(won)
	n := 0
	for w := range won {
		if w {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d of 50 went ahead, want 1", n)
	}
}
