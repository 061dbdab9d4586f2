package store

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// anew is the n-th row, which makes the payment of another one. Where both may land they
// use the same nonce.
func anew(n int, of bundle.ID, conflicts bool, change ...func(*pending.Transaction)) *pending.Transaction {
	return number(n, append(change, func(p *pending.Transaction) {
		p.Requotes, p.Reserve = of, []string{"nonce:x:2"}
		if conflicts {
			p.Replaces, p.Reserve = of, []string{lane}
		}
	})...)
}

// ended gives a code with the event that ends a row.
func ended(t *testing.T, s *Store, id bundle.ID, e pending.Event, code string) {
	t.Helper()
	_, err := s.Move(t.Context(), id, e, func(p *pending.Transaction) error { p.Code, p.Reason = code, "some reason"; return nil })
	ok(t, err)
}

// origin is a way to a row whose payment is to be made anew: what a row that conflicts
// with it is answered, and one that does not, without and with the word that its failure
// may be known; and what becomes of it.
type origin struct {
	make                     func(*testing.T, *Store, bundle.ID)
	conflicts, fresh, forced string
	state                    pending.State
	parked                   bool
	code                     string
}

func origins() map[string]origin {
	path := func(events ...pending.Event) func(*testing.T, *Store, bundle.ID) {
		return func(t *testing.T, s *Store, id bundle.ID) { move(t, s, id, events...) }
	}
	end := func(code string, e pending.Event, events ...pending.Event) func(*testing.T, *Store, bundle.ID) {
		return func(t *testing.T, s *Store, id bundle.ID) { move(t, s, id, events...); ended(t, s, id, e, code) }
	}
	return map[string]origin{
		"pending":      {make: path(), state: pending.Cancelled, code: pending.Requoted},
		"exported":     {make: path(toExported...), fresh: "requote.live", forced: "requote.live", state: pending.Exported, parked: true, code: pending.Requoted},
		"signed":       {make: path(toSigned...), fresh: "requote.live", forced: "requote.live", state: pending.Signed, parked: true, code: pending.Requoted},
		"broadcasting": {make: path(toSent...), fresh: "requote.live", forced: "requote.live", state: pending.Broadcasting},
		"broadcast":    {make: path(toBroadcast...), fresh: "requote.live", forced: "requote.live", state: pending.Broadcast},
		"complete":     {make: path(append(slices.Clone(toBroadcast), pending.Confirm)...), conflicts: "replace.complete", fresh: "requote.state", forced: "requote.state"},
		"cancelled":    {make: path(pending.Cancel), conflicts: "replace.conflict", fresh: "requote.state", forced: "requote.state"},
		"withdrawn": {make: func(t *testing.T, s *Store, id bundle.ID) {
			move(t, s, id, toExported...)
			_, err := s.Cancel(t.Context(), "a", id)
			ok(t, err)
		}, conflicts: "replace.cancelled", fresh: "replace.cancelled", forced: "replace.cancelled"},
		"refused":        {make: end("policy.limit", pending.Refuse, toExported...), conflicts: "replace.conflict", fresh: "requote.state", forced: "requote.state"},
		"refused late":   {make: end(tooLate, pending.Refuse, toExported...), conflicts: "replace.conflict", fresh: "requote.told", state: pending.Refused, code: tooLate},
		"expired":        {make: end("chain.expired", pending.Expire, toSent...), conflicts: "replace.conflict", fresh: "requote.told", state: pending.Expired, code: "chain.expired"},
		"conflicted":     {make: end(conflicted, pending.Fail, toSent...), conflicts: "replace.conflict", fresh: "requote.told", state: pending.Failed, code: conflicted},
		"executed":       {make: end(Executed, pending.Fail, toSent...), conflicts: "replace.conflict", fresh: "requote.state", forced: "requote.state"},
		"replaced":       {make: end(pending.Replaced, pending.Fail, toSent...), conflicts: "replace.conflict", fresh: "requote.state", forced: "requote.state"},
		"late, unsent":   {make: late1(nil), conflicts: "replace.conflict", fresh: "requote.told", state: pending.Cancelled, code: passed},
		"late, answered": {make: late1(toSigned), conflicts: "requote.told", fresh: "requote.told", forced: "requote.live", state: pending.Signed, parked: true, code: pending.Requoted},
	}
}

// late1 brings a row with a deadline to its end.
func late1(path []pending.Event) func(*testing.T, *Store, bundle.ID) {
	return func(t *testing.T, s *Store, id bundle.ID) {
		t.Helper()
		move(t, s, id, path...)
		ok(t, s.writeBeside(t.Context(), func(x *tx) error {
			row, err := x.load(Any, id)
			if err != nil {
				return err
			}
			row.Code, row.Reason = passed, "too late"
			if path != nil {
				return x.park(row, passed)
			}
			_, err = x.move(row, pending.Cancel, nil)
			return err
		}))
	}
}

// TestRequoteEveryState: whose payment may be made anew, and how: what may still land
// must conflict with the new row, and what the application may know to have failed is
// not made again without a word.
func TestRequoteEveryState(t *testing.T) {
	if onBoth(t, TestRequoteEveryState) {
		return
	}
	s, n := fresh(t), 0
	for name, o := range origins() {
		for _, conflicts := range []bool{true, false} {
			for _, forced := range []bool{false, true} {
				n += 2
				own := "nonce:own:" + name
				if conflicts {
					own += "c"
				}
				if forced {
					own += "f"
				}
				p := put(t, s, number(n, func(p *pending.Transaction) { p.Reserve = []string{own} }))
				o.make(t, s, p.ID)
				before := get(t, s, p.ID)
				_, err := s.Create(t.Context(), number(n+1, func(p *pending.Transaction) {
					p.Requotes, p.Told, p.Reserve = before.ID, forced, []string{own + "2"}
					if conflicts {
						p.Replaces, p.Reserve = before.ID, []string{own}
					}
				}), Idempotency{})
				want := o.fresh
				switch {
				case conflicts && !(forced && o.conflicts == "requote.told"):
					want = o.conflicts
				case conflicts:
					want = ""
				case forced:
					want = o.forced
				}
				row := get(t, s, p.ID)
				if want != "" {
					if !fault.Is(err, want) || row.State != before.State || row.Code != before.Code {
						t.Errorf("%s, conflicts %v, forced %v: %v, want %s; it is %s %s", name, conflicts, forced, err, want, row.State, row.Code)
					}
					continue
				}
				if err != nil || row.State != o.state || row.CancelRequested != o.parked || row.Code != o.code {
					t.Errorf("%s, conflicts %v, forced %v: %v; it is %s %v %q", name, conflicts, forced, err, row.State, row.CancelRequested, row.Code)
				}
			}
		}
	}
}

// TestRequoteToldOnce: whatever becomes of the rows of a payment, its end is told once,
// under the first of them.
func TestRequoteToldOnce(t *testing.T) {
	if onBoth(t, TestRequoteToldOnce) {
		return
	}
	confirm := append(slices.Clone(toBroadcast), pending.Confirm)
	txid := func(n int) string { return "txid of " + number(n).ID.String() }
	id := func(n int) string { return number(n).ID.String() }
	for name, c := range map[string]struct {
		do   func(*testing.T, *Store)
		want []string
	}{
		"the new one is made": {func(t *testing.T, s *Store) {
			move(t, s, number(2).ID, confirm...)
		}, []string{"KMS_COMPLETED_TX 1 " + txid(2) + " " + id(2)}},
		"and undone, and made again": {func(t *testing.T, s *Store) {
			move(t, s, number(2).ID, append(slices.Clone(confirm), pending.Reorg, pending.Confirm)...)
		}, []string{"KMS_COMPLETED_TX 1 " + txid(2) + " " + id(2), "KMS_REORGED_TX 1 " + txid(2), "KMS_COMPLETED_TX 1 " + txid(2) + " " + id(2)}},
		"the new one is refused": {func(t *testing.T, s *Store) {
			move(t, s, number(2).ID, pending.Export)
			ended(t, s, number(2).ID, pending.Refuse, "policy.limit")
		}, []string{"KMS_FAILED_TX 1 policy.limit " + id(2)}},
		"the operator cancels the new one": {func(t *testing.T, s *Store) {
			_, err := s.Cancel(as(t, "operator"), Any, number(2).ID)
			ok(t, err)
		}, []string{"KMS_FAILED_TX 1 " + id(2)}},
		"the application cancels the first": {func(t *testing.T, s *Store) {
			_, err := s.Cancel(as(t, "apikey 1"), "a", number(1).ID)
			ok(t, err)
			if row := get(t, s, number(2).ID); row.State != pending.Cancelled {
				t.Errorf("the new one is %s", row.State)
			}
		}, nil},
		"the first lands after all": {func(t *testing.T, s *Store) {
			move(t, s, number(2).ID, toSent...)
			move(t, s, number(1).ID, pending.Confirm)
			if row := get(t, s, number(2).ID); row.State != pending.Failed || row.Code != pending.Replaced {
				t.Errorf("the new one is %s %s", row.State, row.Code)
			}
		}, []string{"KMS_COMPLETED_TX 1 " + txid(1)}},
		"a stranger has the place of both": {func(t *testing.T, s *Store) {
			move(t, s, number(2).ID, toSent...)
			ended(t, s, number(2).ID, pending.Fail, conflicted)
			wantTold(t, s) // the first may be the stranger
			ended(t, s, number(1).ID, pending.Fail, conflicted)
		}, []string{"KMS_FAILED_TX 1 chain.conflict " + id(2)}},
		"nobody knows who has it, and the operator gives up": {func(t *testing.T, s *Store) {
			move(t, s, number(2).ID, toSent...)
			ended(t, s, number(2).ID, pending.Fail, conflicted)
			_, err := s.Create(t.Context(), anew(3, number(2).ID, false), Idempotency{})
			code(t, err, "requote.unproven")
			for range 2 {
				_, err = s.Cancel(as(t, "operator"), Any, number(1).ID)
				ok(t, err)
			}
		}, []string{"KMS_FAILED_TX 1 chain.conflict " + id(2)}},
		"three, and the last is made": {func(t *testing.T, s *Store) {
			move(t, s, number(2).ID, toExported...)
			put(t, s, anew(3, number(2).ID, true))
			move(t, s, number(3).ID, confirm...)
			for n := 1; n <= 2; n++ {
				if row := get(t, s, number(n).ID); row.State != pending.Cancelled || row.Code != pending.Replaced {
					t.Errorf("row %d is %s %s", n, row.State, row.Code)
				}
			}
		}, []string{"KMS_COMPLETED_TX 1 " + txid(3) + " " + id(3)}},
		"three, and the last fails": {func(t *testing.T, s *Store) {
			move(t, s, number(2).ID, toExported...)
			put(t, s, anew(3, number(2).ID, true))
			move(t, s, number(3).ID, pending.Export)
			ended(t, s, number(3).ID, pending.Refuse, "policy.limit")
		}, []string{"KMS_FAILED_TX 1 policy.limit " + id(3)}},
		"a higher fee makes the new one": {func(t *testing.T, s *Store) {
			move(t, s, number(2).ID, toBroadcast...)
			put(t, s, using(3, number(2).ID, false))
			move(t, s, number(3).ID, confirm...)
		}, []string{"KMS_COMPLETED_TX 1 " + txid(3) + " " + id(3), "KMS_COMPLETED_TX 3 " + txid(3)}},
		"the new one is cancelled on chain": {func(t *testing.T, s *Store) {
			move(t, s, number(2).ID, toBroadcast...)
			put(t, s, using(3, number(2).ID, true))
			move(t, s, number(3).ID, confirm...)
		}, []string{"KMS_FAILED_TX 1 chain.replaced " + id(2), "KMS_COMPLETED_TX 3 " + txid(3)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t)
			receivers(t, s)
			put(t, s, using(1, bundle.ID{}, false))
			move(t, s, number(1).ID, toSigned...)
			put(t, s, anew(2, number(1).ID, true))
			wantTold(t, s)
			c.do(t, s)
			wantTold(t, s, c.want...)
		})
	}
}

// TestRequoteHeld: a failure that may be mended waits, is told nobody who asks, and is
// told when the wait is over. Quoted anew in time it is never told.
func TestRequoteHeld(t *testing.T) {
	if onBoth(t, TestRequoteHeld) {
		return
	}
	s, at := fresh(t), epoch
	s.now = func() time.Time { return at }
	s.SetHold(10 * time.Minute)
	receivers(t, s)
	show := func(n int) Succession {
		t.Helper()
		list, err := s.Successions(t.Context(), []bundle.ID{number(n).ID})
		ok(t, err)
		return list[number(n).ID]
	}
	sweep := func(want int) {
		t.Helper()
		n, err := s.TellHeld(t.Context())
		if ok(t, err); n != want {
			t.Errorf("%d are told, want %d", n, want)
		}
	}
	put(t, s, withdrawing(1))
	for n := 2; n <= 4; n++ {
		put(t, s, number(n))
	}
	for n := 1; n <= 3; n++ {
		move(t, s, number(n).ID, toSent...)
		ended(t, s, number(n).ID, pending.Expire, "chain.expired")
	}
	move(t, s, number(4).ID, pending.Export)
	ended(t, s, number(4).ID, pending.Refuse, "policy.limit") // nothing mends it
	wantTold(t, s, "KMS_FAILED_TX 4 policy.limit")
	if !show(1).Held || !show(2).Held || show(4).Held || withdrawal(t, s, "a").State() != "open" {
		t.Error("what may be mended is told")
	}
	if _, open, err := s.PaidBy(t.Context(), &pending.Transaction{ID: number(2).ID, State: pending.Expired}); err != nil || !open {
		t.Errorf("open %v, %v", open, err)
	}
	_, err := s.Create(t.Context(), withdrawing(9), Idempotency{})
	code(t, err, "withdrawal.conflict") // it may be made anew
	sweep(0)
	put(t, s, anew(11, number(1).ID, false))
	_, err = s.Cancel(as(t, "apikey 1"), "a", number(3).ID) // who withdraws it waits for nothing
	ok(t, err)
	_, err = s.Create(t.Context(), anew(13, number(3).ID, false), Idempotency{})
	code(t, err, "requote.told")

	at = epoch.Add(10*time.Minute - time.Second)
	_, err = s.Create(t.Context(), anew(12, number(2).ID, false), Idempotency{})
	code(t, err, "requote.told") // it is about to be
	at = epoch.Add(10 * time.Minute)
	if show(2).Held {
		t.Error("the wait is over")
	}
	sweep(1)
	sweep(0)
	wantTold(t, s, "KMS_FAILED_TX 4 policy.limit", "KMS_FAILED_TX 2 chain.expired")

	// The new one ends in the same way, and waits in its turn.
	if w := withdrawal(t, s, "a"); w.State() != "open" {
		t.Errorf("%s", w.State())
	}
	move(t, s, number(11).ID, toSent...)
	ended(t, s, number(11).ID, pending.Expire, "chain.expired")
	if w := withdrawal(t, s, "a"); w.State() != "open" || !show(1).Held {
		t.Errorf("%s", w.State())
	}
	at = epoch.Add(20 * time.Minute)
	sweep(1)
	wantTold(t, s, "KMS_FAILED_TX 4 policy.limit", "KMS_FAILED_TX 2 chain.expired", "KMS_FAILED_TX 1 chain.expired "+number(11).ID.String())
	if w := withdrawal(t, s, "a"); w.State() != "expired" {
		t.Errorf("%s", w.State())
	}
}

// TestRequoteAnswers: whoever asks for the first row is told of the row that makes its
// payment, and of its transaction; so is the withdrawal.
func TestRequoteAnswers(t *testing.T) {
	if onBoth(t, TestRequoteAnswers) {
		return
	}
	s := fresh(t)
	put(t, s, withdrawing(1, func(p *pending.Transaction) { p.Reserve = []string{lane} }))
	move(t, s, number(1).ID, toExported...)
	put(t, s, anew(2, number(1).ID, true))
	put(t, s, anew(3, number(2).ID, true))
	ids := []bundle.ID{number(1).ID, number(2).ID, number(3).ID, number(4).ID}
	list, err := s.Successions(t.Context(), ids)
	ok(t, err)
	for n, want := range map[int]Succession{1: {By: ids[1], Open: true}, 2: {Of: ids[0], By: ids[2], Open: true}, 3: {Of: ids[1]}} {
		got := list[number(n).ID]
		if n < 3 && (got.At.ID != ids[2] || got.At.State != pending.Pending) {
			t.Errorf("row %d: %s stands for it", n, got.At.ID)
		}
		if got.At = (pending.Transaction{}); got.Of != want.Of || got.By != want.By || got.Open != want.Open || got.Held || got.Unanswered {
			t.Errorf("row %d: %+v", n, got)
		}
	}
	if w := withdrawal(t, s, "a"); w.State() != "open" || w.TxID() != "" {
		t.Errorf("%s %s", w.State(), w.TxID())
	}
	move(t, s, ids[2], append(slices.Clone(toBroadcast), pending.Confirm)...)
	if w := withdrawal(t, s, "a"); w.State() != "done" || w.TxID() != get(t, s, ids[2]).TxID || w.Row.ID != ids[0] {
		t.Errorf("%s %s", w.State(), w.TxID())
	}
	row := get(t, s, ids[0])
	if by, open, err := s.PaidBy(t.Context(), &row); err != nil || open || by == nil || by.ID != ids[2] {
		t.Errorf("%+v %v %v", by, open, err)
	}
	_, err = s.Create(t.Context(), withdrawing(9), Idempotency{})
	code(t, err, "withdrawal.conflict")
}

// TestRequoteRace: of several that quote a payment anew at once, one row is made.
func TestRequoteRace(t *testing.T) {
	if onBoth(t, TestRequoteRace) {
		return
	}
	s := fresh(t)
	for base, path := range map[int][]pending.Event{10: nil, 20: toExported, 30: toBroadcast} {
		put(t, s, number(base, func(p *pending.Transaction) { p.Reserve = []string{lane + string(rune(base))} }))
		move(t, s, number(base).ID, path...)
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = s.Create(t.Context(), number(base+1+i, func(p *pending.Transaction) {
					p.Requotes, p.Reserve = number(base).ID, []string{lane + string(rune(base))}
					if path != nil {
						p.Replaces = p.Requotes
					}
				}), Idempotency{})
			})
		}
		wg.Wait()
		made := 0
		for _, err := range errs {
			switch {
			case err == nil:
				made++
			case !fault.Is(err, "requote.exists"):
				t.Error(err)
			}
		}
		if made != 1 {
			t.Errorf("%d rows were made", made)
		}
	}
}

// TestRequoteLandedLate: a row that is final in a stranger's place no more, and may land,
// stops the new one that does not conflict with it.
func TestRequoteLandedLate(t *testing.T) {
	if onBoth(t, TestRequoteLandedLate) {
		return
	}
	for _, path := range [][]pending.Event{nil, toExported, toSigned} {
		s := fresh(t)
		receivers(t, s)
		put(t, s, using(1, bundle.ID{}, false))
		move(t, s, number(1).ID, toSent...)
		ended(t, s, number(1).ID, pending.Fail, conflicted)
		put(t, s, anew(2, number(1).ID, false, func(p *pending.Transaction) { p.Told = true }))
		move(t, s, number(2).ID, path...)
		ended(t, s, number(1).ID, pending.Revive, "chain.reorg")
		row := get(t, s, number(2).ID)
		if stopped := row.State == pending.Cancelled || row.CancelRequested; !stopped || row.Code != landed {
			t.Errorf("it is %s %v %s", row.State, row.CancelRequested, row.Code)
		}
		if _, err := s.Move(t.Context(), number(2).ID, pending.Intend, nil); !fault.Is(err, "state.conflict") {
			t.Errorf("it is sent: %v", err)
		}
		move(t, s, number(1).ID, pending.Confirm)
		wantTold(t, s, "KMS_FAILED_TX 1 chain.conflict", "KMS_REORGED_TX 1 txid of "+number(1).ID.String(), "KMS_COMPLETED_TX 1 txid of "+number(1).ID.String())
	}
}

// TestRequoteOfListed: what the upstream withdraws is withdrawn, whichever row makes it by
// now, and what it was told to have failed is not made anew without a word.
func TestRequoteOfListed(t *testing.T) {
	if onBoth(t, TestRequoteOfListed) {
		return
	}
	s := fresh(t)
	for n := 1; n <= 2; n++ {
		p := number(n, func(p *pending.Transaction) { p.Reserve = []string{lane + string(rune('a'+n))} })
		_, err := s.Take(t.Context(), listing(p), p)
		ok(t, err)
	}
	put(t, s, anew(3, number(1).ID, false))
	move(t, s, number(3).ID, pending.Export)
	waiting := func(want ...int) {
		t.Helper()
		rows, err := s.Waiting(t.Context(), number(1).Network)
		ok(t, err)
		var got []int
		for _, r := range rows {
			got = append(got, int(r.ID[11]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v wait, want %v", got, want)
		}
	}
	waiting(1, 2)
	_, err := s.Cancel(t.Context(), "a", number(1).ID)
	ok(t, err)
	if row := get(t, s, number(3).ID); !row.CancelRequested {
		t.Errorf("what the upstream has withdrawn is %s", row.State)
	}
	waiting(2)
	ok(t, s.Told(t.Context(), number(2).ID, ToldFailed, ""))
	_, err = s.Create(t.Context(), anew(4, number(2).ID, false), Idempotency{})
	code(t, err, "requote.told")
}

// TestRequoteCrash: a new quote that is cut short at its end has not happened, in no part.
func TestRequoteCrash(t *testing.T) {
	if onBoth(t, TestRequoteCrash) {
		return
	}
	s := fresh(t)
	put(t, s, using(1, bundle.ID{}, false))
	move(t, s, number(1).ID, toExported...)
	put(t, s, number(5, func(p *pending.Transaction) { p.Reserve = []string{"nonce:x:9"} }))
	before := get(t, s, number(1).ID)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Create(ctx, anew(2, number(1).ID, true), Idempotency{})
	if err == nil {
		t.Fatal("it was made")
	}
	_, err = s.Create(t.Context(), number(2, func(p *pending.Transaction) {
		p.Requotes, p.Replaces, p.Reserve = number(1).ID, number(1).ID, []string{lane, "nonce:x:9"} // the last step fails
	}), Idempotency{})
	code(t, err, "reservation.conflict")
	if row := get(t, s, number(1).ID); row.CancelRequested || row.Code != before.Code {
		t.Errorf("%+v", row)
	}
	list, err := s.Successions(t.Context(), []bundle.ID{number(1).ID})
	if ok(t, err); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	put(t, s, anew(2, number(1).ID, true))
}
