package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

func listing(p *pending.Transaction) Listed {
	return Listed{ID: p.ID, Network: p.Network, Content: sum([]byte("content"))}
}

// Whatever is listed how often, by however many servers at once: one row.
func TestListedOnce(t *testing.T) {
	if onBoth(t, TestListedOnce) {
		return
	}
	s := fresh(t)
	var made atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			p := number(1, func(p *pending.Transaction) {
				p.Request, p.Reserve = fmt.Appendf(nil, "frozen by server %d", i), []string{fmt.Sprintf("nonce:x:%d", i)}
			})
			first, err := s.Take(t.Context(), listing(p), p)
			if err != nil {
				t.Error(err)
			} else if first {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	rows, err := s.List(t.Context(), Filter{Tenant: Any})
	ok(t, err)
	if made.Load() != 1 || len(rows) != 1 {
		t.Fatalf("%d made, %d rows", made.Load(), len(rows))
	}
	known, err := s.ListedAs(t.Context(), []bundle.ID{rows[0].ID, number(2).ID})
	ok(t, err)
	if l := known[rows[0].ID]; len(known) != 1 || l.Made != rows[0].ID || l.Changed || l.Told != "" {
		t.Errorf("%+v", known)
	}
	move(t, s, rows[0].ID, pending.Export, pending.Seal, pending.Intend, pending.Accept, pending.Confirm)
	if first, err := s.Take(t.Context(), listing(number(1)), number(1)); err != nil || first {
		t.Errorf("a complete one again: %v, %v", first, err)
	}
}

func TestTakeRefuses(t *testing.T) {
	if onBoth(t, TestTakeRefuses) {
		return
	}
	s := fresh(t)
	ours := put(t, s, number(1))
	_, err := s.Take(t.Context(), listing(ours), number(1, func(p *pending.Transaction) { p.Request = []byte("other") }))
	code(t, err, "upstream.taken")
	if known, err := s.ListedAs(t.Context(), []bundle.ID{ours.ID}); err != nil || len(known) != 0 {
		t.Errorf("kept %v, %v", known, err)
	}
	// A reservation in the way keeps nothing: it may be taken later.
	put(t, s, number(2, func(p *pending.Transaction) { p.Reserve = []string{"utxo:a:0"} }))
	third := number(3, func(p *pending.Transaction) { p.Reserve = []string{"utxo:a:0"} })
	_, err = s.Take(t.Context(), listing(third), third)
	code(t, err, "reservation.conflict")
	if _, err := s.Cancel(t.Context(), Any, number(2).ID); err != nil {
		t.Fatal(err)
	}
	if first, err := s.Take(t.Context(), listing(third), third); err != nil || !first {
		t.Errorf("after the end of the other: %v, %v", first, err)
	}
	// A refusal is kept once, and no row comes of it any more.
	l := listing(number(4))
	l.Code, l.Reason = "kms.record", "cannot be read"
	for i := range 2 {
		if first, err := s.Take(t.Context(), l, nil); err != nil || first != (i == 0) {
			t.Errorf("refusal %d: %v, %v", i, first, err)
		}
	}
	if first, err := s.Take(t.Context(), listing(number(4)), number(4)); err != nil || first {
		t.Errorf("a refused one: %v, %v", first, err)
	}
	if again, err := s.Alter(t.Context(), l.ID, sum([]byte("other"))); err != nil || again {
		t.Errorf("altered: %v, %v", again, err)
	}
	for _, content := range []string{"other", "content"} {
		if again, err := s.Alter(t.Context(), l.ID, sum([]byte(content))); err != nil || !again {
			t.Errorf("altered to %s again: %v, %v", content, again, err)
		}
	}
}

func TestUntold(t *testing.T) {
	if onBoth(t, TestUntold) {
		return
	}
	s := fresh(t)
	take := func(n int, events ...pending.Event) *pending.Transaction {
		p := number(n)
		first, err := s.Take(t.Context(), listing(p), p)
		if err != nil || !first {
			t.Fatal(first, err)
		}
		move(t, s, p.ID, events...)
		return p
	}
	claim := func(pause time.Duration) map[bundle.ID]Untold {
		list, err := s.ClaimUntold(t.Context(), pause, 100)
		ok(t, err)
		found := map[bundle.ID]Untold{}
		for _, u := range list {
			found[u.ID] = u
		}
		return found
	}
	way := []pending.Event{pending.Export, pending.Seal, pending.Intend, pending.Accept}
	take(1)
	take(2, way[:3]...)
	sent := take(3, way...)
	refused := take(4, pending.Export, pending.Refuse)
	failed := take(5, append(way, pending.Fail)...)
	none := listing(number(6))
	none.Code = "kms.record"
	_, err := s.Take(t.Context(), none, nil)
	ok(t, err)
	put(t, s, number(7))
	got := claim(0)
	if len(got) != 4 || got[sent.ID].Row.State != pending.Broadcast || got[refused.ID].Row.Code != "some.code" ||
		got[failed.ID].Row.State != pending.Failed || got[none.ID].Code != "kms.record" || got[none.ID].Row.ID != (bundle.ID{}) {
		t.Fatalf("%+v", got)
	}
	if again := claim(time.Minute); len(again) != 0 {
		t.Errorf("claimed twice within the pause: %d", len(again))
	}
	ok(t, s.Told(t.Context(), sent.ID, ToldComplete, get(t, s, sent.ID).TxID))
	for _, id := range []bundle.ID{refused.ID, failed.ID, none.ID} {
		ok(t, s.Told(t.Context(), id, ToldFailed, ""))
	}
	if again := claim(0); len(again) != 0 {
		t.Errorf("told, and claimed again: %+v", again)
	}
	move(t, s, sent.ID, pending.Fail) // otherwise than it was told
	if again := claim(0); len(again) != 1 || again[sent.ID].Told != ToldComplete {
		t.Errorf("%+v", again)
	}
	if w, err := s.Waiting(context.Background(), number(1).Network); err != nil || len(w) != 1 || w[0].ID != number(1).ID {
		t.Errorf("waiting: %v, %v", w, err)
	}
}
