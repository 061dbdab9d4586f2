package store

import (
	"fmt"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

const lane = "nonce:0xab:7"

// using makes a row that uses up the nonce, and replaces another if there is one.
func using(n int, replaces bundle.ID, cancels bool, keys ...string) *pending.Transaction {
	return number(n, func(p *pending.Transaction) {
		p.Reserve = append([]string{lane, fmt.Sprintf("payload:%d", n)}, keys...)
		p.Replaces, p.Cancels = replaces, cancels
	})
}

func holder(t *testing.T, s *Store, key string) (id bundle.ID) {
	t.Helper()
	var b []byte
	if err := s.db.QueryRowContext(t.Context(), "SELECT id FROM reservations WHERE key = ?", key).Scan(&b); err == nil {
		copy(id[:], b)
	}
	return id
}

var (
	toExported  = []pending.Event{pending.Export}
	toSigned    = []pending.Event{pending.Export, pending.Seal}
	toSent      = []pending.Event{pending.Export, pending.Seal, pending.Intend}
	toBroadcast = []pending.Event{pending.Export, pending.Seal, pending.Intend, pending.Accept}
)

// Whichever of two rows that compete is final, the other ends by that, in every
// state that it can have, and the nonce is the winner's for ever.
func TestATT110RivalsEnd(t *testing.T) {
	if onBoth(t, TestATT110RivalsEnd) {
		return
	}
	for name, path := range map[string][]pending.Event{
		"pending": nil, "exported": toExported, "signed": toSigned, "broadcasting": toSent, "broadcast": toBroadcast,
	} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprint(name, first), func(t *testing.T) {
				s := fresh(t)
				original := put(t, s, using(1, bundle.ID{}, false))
				move(t, s, original.ID, toExported...)
				other := put(t, s, using(2, original.ID, false))
				third := put(t, s, using(3, other.ID, false)) // of a replacement: one set
				if h := holder(t, s, lane); h != original.ID {
					t.Errorf("the nonce is %s's", h)
				}
				won, lost := other.ID, third.ID
				if first {
					won, lost = lost, won
				}
				move(t, s, lost, path...)
				move(t, s, won, append(toBroadcast, pending.Confirm)...)
				wantLost := pending.Cancelled
				if name == "broadcasting" || name == "broadcast" {
					wantLost = pending.Failed
				}
				for id, want := range map[bundle.ID]pending.State{won: pending.Complete, lost: wantLost, original.ID: pending.Cancelled} {
					row := get(t, s, id)
					if row.State != want || want != pending.Complete && (row.Code != pending.Replaced || row.Reason == "") {
						t.Errorf("%s is %s %q, want %s", id, row.State, row.Code, want)
					}
				}
				if h := holder(t, s, lane); h != won {
					t.Errorf("the nonce is %s's and not the winner's", h)
				}
				_, err := s.Create(t.Context(), using(9, bundle.ID{}, false), Idempotency{})
				code(t, err, "reservation.conflict")
				_, err = s.Create(t.Context(), using(9, original.ID, false), Idempotency{})
				code(t, err, "replace.complete")
			})
		}
	}
}

// A row that cancels stops what was not sent yet. What was sent goes on.
func TestCancelStopsRivals(t *testing.T) {
	if onBoth(t, TestCancelStopsRivals) {
		return
	}
	for name, path := range map[string][]pending.Event{"exported": toExported, "signed": toSigned, "broadcasting": toSent, "broadcast": toBroadcast} {
		s := fresh(t)
		a := put(t, s, using(1, bundle.ID{}, false))
		move(t, s, a.ID, path...)
		b := put(t, s, using(2, a.ID, false))
		c := put(t, s, using(3, b.ID, true))
		if row := get(t, s, a.ID); row.CancelRequested != (name == "exported" || name == "signed") {
			t.Errorf("%s: cancelling asked %v", name, row.CancelRequested)
		}
		if row := get(t, s, b.ID); row.State != pending.Cancelled {
			t.Errorf("what never left is %s", row.State)
		}
		if row := get(t, s, c.ID); row.State != pending.Pending || row.CancelRequested {
			t.Errorf("the row that cancels is %+v", row)
		}
		want := a.ID // what is sent goes on and keeps it
		if get(t, s, a.ID).CancelRequested {
			want = c.ID
		}
		if h := holder(t, s, lane); h != want {
			t.Errorf("%s: the nonce is %s's", name, h)
		}
		// Nobody else takes it from the parked one while its cancelling may land.
		_, err := s.Create(t.Context(), using(8, bundle.ID{}, false), Idempotency{})
		code(t, err, "reservation.conflict")
		move(t, s, c.ID, pending.Cancel)
		if h := holder(t, s, lane); h != a.ID {
			t.Errorf("%s: withdrawn, the nonce is %s's", name, h)
		}
	}
}

// A row that is parked after its replacement was made: the nonce is the
// replacement's too, and no third one takes it.
func TestParkedRivalKeepsTheNonce(t *testing.T) {
	if onBoth(t, TestParkedRivalKeepsTheNonce) {
		return
	}
	s := fresh(t)
	a := put(t, s, using(1, bundle.ID{}, false))
	move(t, s, a.ID, toExported...)
	b := put(t, s, using(2, a.ID, false))
	_, err := s.Cancel(t.Context(), "a", a.ID)
	ok(t, err)
	_, err = s.Create(t.Context(), using(8, bundle.ID{}, false), Idempotency{})
	code(t, err, "reservation.conflict")
	move(t, s, b.ID, toExported...)
	_, err = s.Create(t.Context(), using(8, bundle.ID{}, false), Idempotency{})
	code(t, err, "reservation.conflict")
	_, err = s.Cancel(t.Context(), "a", b.ID)
	ok(t, err)
	put(t, s, using(8, bundle.ID{}, false)) // both are parked: now it may
	if h := holder(t, s, lane); h[11] != 8 {
		t.Errorf("the nonce is %s's", h)
	}
}

// A payment that takes over what a parked one held ends that one when it is final;
// when it is withdrawn, the parked one has it again.
func TestSuccessorEndsTheParked(t *testing.T) {
	if onBoth(t, TestSuccessorEndsTheParked) {
		return
	}
	s := fresh(t)
	a := put(t, s, using(1, bundle.ID{}, false))
	move(t, s, a.ID, toExported...)
	_, err := s.Cancel(t.Context(), "a", a.ID)
	ok(t, err)
	b := put(t, s, using(2, bundle.ID{}, false))
	move(t, s, b.ID, pending.Cancel)
	if h := holder(t, s, lane); h != a.ID {
		t.Errorf("withdrawn, the nonce is %s's", h)
	}
	c := put(t, s, using(4, bundle.ID{}, false))
	move(t, s, c.ID, append(toBroadcast, pending.Confirm)...)
	if row := get(t, s, a.ID); row.State != pending.Cancelled || row.Code != pending.Replaced {
		t.Errorf("the parked one is %s %q", row.State, row.Code)
	}
	links, err := s.Links(t.Context(), []bundle.ID{b.ID, c.ID})
	if ok(t, err); links[b.ID].Root != a.ID || links[c.ID].Root != a.ID {
		t.Errorf("links %v", links)
	}

	// Another tenant's is in no set with it, nor is one that uses up a part alone.
	coins := number(10, func(p *pending.Transaction) { p.Reserve = []string{"utxo:aa:0", "utxo:bb:1"} })
	put(t, s, coins)
	move(t, s, coins.ID, toExported...)
	_, err = s.Cancel(t.Context(), "a", coins.ID)
	ok(t, err)
	part := put(t, s, number(11, func(p *pending.Transaction) { p.Reserve = []string{"utxo:aa:0"} }))
	foreign := put(t, s, number(12, func(p *pending.Transaction) { p.Tenant, p.Reserve = "b", []string{"utxo:bb:1"} }))
	for _, id := range []bundle.ID{part.ID, foreign.ID} {
		move(t, s, id, append(toBroadcast, pending.Confirm)...)
		if links, err := s.Links(t.Context(), []bundle.ID{id}); err != nil || len(links) != 0 {
			t.Errorf("links %v, %v", links, err)
		}
	}
	if row := get(t, s, coins.ID); row.State != pending.Exported || !row.CancelRequested {
		t.Errorf("%s", row.State)
	}
}

// A rival that ends without landing gives the nonce to those that may still land,
// and only the last of them frees it.
func TestRivalsInherit(t *testing.T) {
	if onBoth(t, TestRivalsInherit) {
		return
	}
	s := fresh(t)
	a := put(t, s, using(1, bundle.ID{}, false))
	move(t, s, a.ID, toExported...)
	b := put(t, s, using(2, a.ID, false))
	move(t, s, a.ID, pending.Refuse) // the offline half signed nothing
	if h := holder(t, s, lane); h != b.ID {
		t.Errorf("the nonce is %s's", h)
	}
	if h := holder(t, s, "payload:1"); h != (bundle.ID{}) {
		t.Errorf("the payload is still %s's", h)
	}
	_, err := s.Create(t.Context(), using(3, bundle.ID{}, false), Idempotency{})
	code(t, err, "reservation.conflict")
	move(t, s, b.ID, pending.Cancel)
	if h := holder(t, s, lane); h != (bundle.ID{}) {
		t.Errorf("the nonce is still %s's", h)
	}
	put(t, s, using(4, bundle.ID{}, false))
}

// What would not conflict with every rival is no replacement.
func TestReplacementConflicts(t *testing.T) {
	if onBoth(t, TestReplacementConflicts) {
		return
	}
	s := fresh(t)
	coins := func(n int, replaces bundle.ID, keys ...string) *pending.Transaction {
		return number(n, func(p *pending.Transaction) { p.Reserve, p.Replaces = keys, replaces })
	}
	a := put(t, s, coins(1, bundle.ID{}, "utxo:aa:0", "utxo:bb:1", "payload:x"))
	move(t, s, a.ID, toBroadcast...)
	refused := func(want string, p *pending.Transaction) {
		t.Helper()
		_, err := s.Create(t.Context(), p, Idempotency{})
		code(t, err, want)
		_, err = s.Get(t.Context(), Any, p.ID)
		code(t, err, "kms.missing")
	}
	refused("replace.conflict", coins(2, a.ID, "utxo:aa:0"))
	refused("replace.conflict", coins(2, a.ID, "utxo:cc:0"))
	refused("replace.conflict", coins(2, a.ID))
	refused("reservation.conflict", coins(2, bundle.ID{}, "utxo:aa:0", "utxo:bb:1"))
	refused("kms.missing", coins(2, bundle.ID{9}, "utxo:aa:0"))
	foreign := coins(2, a.ID, "utxo:aa:0", "utxo:bb:1")
	foreign.Tenant = "b"
	refused("kms.missing", foreign)
	elsewhere := coins(2, a.ID, "utxo:aa:0", "utxo:bb:1")
	elsewhere.Network = "bip122:000000000933ea01ad0ee984209779ba"
	refused("replace.conflict", elsewhere)
	b := put(t, s, coins(2, a.ID, "utxo:bb:1", "utxo:aa:0", "utxo:dd:0")) // another input more is fine
	// Pairwise sharing is not enough: the third must share with the first.
	refused("replace.conflict", coins(3, b.ID, "utxo:dd:0"))
	refused("replace.conflict", coins(3, b.ID, "utxo:aa:0", "utxo:bb:1"))
	put(t, s, coins(3, b.ID, "utxo:aa:0", "utxo:bb:1", "utxo:dd:0"))

	links, err := s.Links(t.Context(), []bundle.ID{a.ID, b.ID, {7}})
	ok(t, err)
	if len(links) != 1 || links[b.ID] != (Link{b.ID, a.ID, false}) {
		t.Errorf("links %v", links)
	}
	set, err := s.Rivals(t.Context(), "a", b.ID)
	ok(t, err)
	if len(set) != 3 || set[0].ID != a.ID || set[1].ID != b.ID {
		t.Errorf("%d rivals", len(set))
	}
	_, err = s.Rivals(t.Context(), "b", b.ID)
	code(t, err, "kms.missing")

	nothing := put(t, s, number(20)) // reserves nothing
	refused("replace.conflict", coins(21, nothing.ID, "utxo:ee:0"))
	for n := 30; ; n++ {
		_, err := s.Create(t.Context(), coins(n, a.ID, "utxo:aa:0", "utxo:bb:1", "utxo:dd:0"), Idempotency{})
		if err != nil {
			code(t, err, "replace.limit")
			if set, err := s.Rivals(t.Context(), "a", a.ID); err != nil || len(set) != maxSet {
				t.Errorf("%d rivals, %v", len(set), err)
			}
			break
		}
	}
}

// A reorganization takes the end of a rival back with the winner: either may land
// now, and again only one is complete.
func TestATT100RivalsRevive(t *testing.T) {
	if onBoth(t, TestATT100RivalsRevive) {
		return
	}
	for _, second := range []bool{true, false} {
		s := fresh(t)
		a := put(t, s, using(1, bundle.ID{}, false))
		move(t, s, a.ID, toBroadcast...)
		b := put(t, s, using(2, a.ID, false))
		move(t, s, b.ID, append(toBroadcast, pending.Confirm)...)
		foreign := put(t, s, number(3)) // which failed by itself
		move(t, s, foreign.ID, append(toBroadcast, pending.Fail)...)
		move(t, s, b.ID, pending.Reorg)
		for _, id := range []bundle.ID{a.ID, b.ID} {
			if row := get(t, s, id); row.State != pending.Broadcast || row.TxID == "" || id == a.ID && row.Code != "" {
				t.Errorf("%+v", row)
			}
		}
		if row := get(t, s, foreign.ID); row.State != pending.Failed {
			t.Errorf("another row is %s", row.State)
		}
		_, err := s.Create(t.Context(), using(9, bundle.ID{}, false), Idempotency{})
		code(t, err, "reservation.conflict")
		won, lost := a.ID, b.ID
		if second {
			won, lost = lost, won
		}
		move(t, s, won, pending.Confirm)
		if w, l := get(t, s, won), get(t, s, lost); w.State != pending.Complete || l.State != pending.Failed || l.Code != pending.Replaced {
			t.Errorf("%s and %s %q", w.State, l.State, l.Code)
		}
		if h := holder(t, s, lane); h != won {
			t.Errorf("the nonce is %s's", h)
		}
	}
}

// Only a younger rival that is with the network keeps a row from being sent.
func TestOutbid(t *testing.T) {
	if onBoth(t, TestOutbid) {
		return
	}
	s := fresh(t)
	a := put(t, s, using(1, bundle.ID{}, false))
	move(t, s, a.ID, toBroadcast...)
	b := put(t, s, using(2, a.ID, false))
	outbid := func(want ...bool) {
		t.Helper()
		for i, id := range []bundle.ID{a.ID, b.ID} {
			got, competes, err := s.Outbid(t.Context(), id)
			ok(t, err)
			if got != want[i] || !competes {
				t.Errorf("row %d: outbid %v", i+1, got)
			}
		}
	}
	outbid(false, false)
	alone := put(t, s, number(7))
	if got, competes, err := s.Outbid(t.Context(), alone.ID); got || competes || err != nil {
		t.Errorf("a row without rivals: %v, %v, %v", got, competes, err)
	}
	for _, e := range toSent {
		move(t, s, b.ID, e)
		outbid(false, false)
	}
	move(t, s, b.ID, pending.Accept)
	outbid(true, false)
	move(t, s, b.ID, pending.Confirm)
	outbid(true, false)
}

// A replacement that landed and failed has used the nonce up all the same.
func TestRivalExecuted(t *testing.T) {
	if onBoth(t, TestRivalExecuted) {
		return
	}
	s := fresh(t)
	a := put(t, s, using(1, bundle.ID{}, false))
	move(t, s, a.ID, toBroadcast...)
	b := put(t, s, using(2, a.ID, false))
	move(t, s, b.ID, toBroadcast...)
	_, err := s.Move(t.Context(), b.ID, pending.Fail, func(p *pending.Transaction) error { p.Code = Executed; return nil })
	ok(t, err)
	if row := get(t, s, a.ID); row.State != pending.Failed || row.Code != pending.Replaced {
		t.Errorf("%s %q", row.State, row.Code)
	}
}

func TestWatches(t *testing.T) {
	if onBoth(t, TestWatches) {
		return
	}
	s := fresh(t)
	p := put(t, s, number(1))
	watched := func(before time.Time, want int) {
		t.Helper()
		list, err := s.Watched(t.Context(), before, 10)
		ok(t, err)
		if len(list) != want {
			t.Errorf("%d rows are watched, want %d", len(list), want)
		}
	}
	move(t, s, p.ID, append(toBroadcast, pending.Confirm)...)
	watched(epoch, 0) // looked at just now
	watched(epoch.Add(time.Second), 1)
	ok(t, s.Watching(t.Context(), p.ID, false))
	ok(t, s.Note(t.Context(), p.ID, "chain.reorg", "gone"))
	if row := get(t, s, p.ID); row.Code != "chain.reorg" || row.Noted.IsZero() {
		t.Errorf("noted %+v", row)
	}
	move(t, s, p.ID, pending.Reorg)
	watched(epoch.Add(time.Second), 0)
	if row := get(t, s, p.ID); row.State != pending.Broadcast || row.TxID == "" {
		t.Errorf("%+v", row)
	}
	move(t, s, p.ID, pending.Confirm)
	watched(epoch.Add(time.Second), 1)
	ok(t, s.Watching(t.Context(), p.ID, true))
	watched(epoch.Add(time.Second), 0)
	// What was asserted on a caller's word was never seen, and is not watched.
	q := put(t, s, number(2))
	_, err := s.Assert(t.Context(), "a", q.ID, "txid")
	ok(t, err)
	watched(epoch.Add(time.Second), 0)
}

// The time up to which a row was watched outlives the process.
func TestCoverage(t *testing.T) {
	if onBoth(t, TestCoverage) {
		return
	}
	s := fresh(t)
	p := put(t, s, number(1))
	at, err := s.Covered(t.Context(), p.ID)
	ok(t, err)
	if !at.IsZero() {
		t.Errorf("covered to %s", at)
	}
	move(t, s, p.ID, toBroadcast...)
	for _, want := range []time.Time{epoch, epoch.Add(time.Hour)} {
		s.now = func() time.Time { return want }
		ok(t, s.Cover(t.Context(), p.ID))
		if at, err := s.Covered(t.Context(), p.ID); err != nil || !at.Equal(want) {
			t.Errorf("covered to %s, %v", at, err)
		}
	}
	move(t, s, p.ID, pending.Expire)
	if at, err := s.Covered(t.Context(), p.ID); err != nil || !at.IsZero() {
		t.Errorf("an ended row is covered to %s, %v", at, err)
	}
}

// What ends soonest goes out first; what has no deadline goes last.
func TestExportByDeadline(t *testing.T) {
	if onBoth(t, TestExportByDeadline) {
		return
	}
	if onBoth(t, TestExportByDeadline) {
		return
	}
	s := fresh(t)
	for i, hours := range []int64{0, 3, 1, 0, 2} {
		put(t, s, number(i, func(p *pending.Transaction) {
			if p.ID[0] = byte(i + 1); hours != 0 {
				p.Deadline = epoch.Unix() + hours*3600
			}
		}))
	}
	var order []byte
	_, _, _, err := s.Export(t.Context(), Selection{Limit: 4}, func(seq uint64, previous [32]byte, created int64, rows []pending.Transaction) ([]byte, error) {
		for _, r := range rows {
			order = append(order, r.ID[0])
		}
		return seal(seq, previous, created, rows)
	})
	ok(t, err)
	if string(order) != "\x03\x05\x02\x01" {
		t.Errorf("order %v", order)
	}
}
