package store

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

// receivers subscribes tenant a to every kind, and gives the ids.
func receivers(t *testing.T, s *Store) {
	t.Helper()
	for _, kind := range EventTypes() {
		_, secret, err := s.Subscribe(t.Context(), "a", kind, "https://example.com/hook")
		ok(t, err)
		if !strings.HasPrefix(secret, "whsec_") || len(secret) != 6+44 {
			t.Fatalf("secret %q", secret)
		}
	}
}

// told gives the events in order, as "kind row-number txId error replacedBy".
func told(t *testing.T, s *Store) (out []string) {
	t.Helper()
	list, err := s.Events(t.Context(), EventFilter{Tenant: Any})
	ok(t, err)
	slices.Reverse(list)
	for _, d := range list {
		var b body
		ok(t, json.Unmarshal([]byte(d.Body), &b))
		id, err := bundle.ParseID(b.SignatureID)
		ok(t, err)
		line := b.Type + " " + string('0'+id[11])
		for _, s := range []string{b.TxID, b.Code, b.ReplacedBy} {
			if s != "" {
				line += " " + s
			}
		}
		if d.Row != id || d.State != Waiting || b.Type != d.Type || (b.Error == "") == (b.Type == KMSFailed) {
			t.Errorf("%+v", d)
		}
		out = append(out, line)
	}
	return out
}

func wantTold(t *testing.T, s *Store, want ...string) {
	t.Helper()
	if got := told(t, s); !slices.Equal(got, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestEventsOfMoves: each end of a row is told once, in the order of its life, to
// its tenant alone.
func TestEventsOfMoves(t *testing.T) {
	if onBoth(t, TestEventsOfMoves) {
		return
	}
	s := fresh(t)
	put(t, s, number(9))
	move(t, s, number(9).ID, pending.Assert) // before anybody wants to know
	receivers(t, s)
	for n := 1; n <= 8; n++ {
		put(t, s, number(n, func(p *pending.Transaction) {
			if n == 8 {
				p.Tenant = "b"
			}
		}))
	}
	sent := []pending.Event{pending.Export, pending.Seal, pending.Intend, pending.Accept}
	move(t, s, number(1).ID, append(sent, pending.Confirm, pending.Reorg, pending.Confirm)...)
	move(t, s, number(2).ID, append(sent, pending.Fail)...)
	move(t, s, number(3).ID, append(sent, pending.Expire)...)
	move(t, s, number(4).ID, pending.Export, pending.Refuse)
	move(t, s, number(5).ID, pending.Assert)
	_, err := s.Cancel(as(t, "apikey 1"), "a", number(6).ID) // its own wish
	ok(t, err)
	_, err = s.Cancel(as(t, "operator"), Any, number(7).ID)
	ok(t, err)
	move(t, s, number(8).ID, append(sent, pending.Confirm)...)
	one := "txid of " + number(1).ID.String()
	wantTold(t, s, "KMS_COMPLETED_TX 1 "+one, "KMS_REORGED_TX 1 "+one, "KMS_COMPLETED_TX 1 "+one,
		"KMS_FAILED_TX 2 some.code", "KMS_FAILED_TX 3 some.code", "KMS_FAILED_TX 4 some.code", "KMS_COMPLETED_TX 5 asserted txid", "KMS_FAILED_TX 7")
}

// TestEventsOfDeadlines: what was never sent and is too late has failed.
func TestEventsOfDeadlines(t *testing.T) {
	if onBoth(t, TestEventsOfDeadlines) {
		return
	}
	s := fresh(t)
	receivers(t, s)
	put(t, s, number(1, func(p *pending.Transaction) { p.Deadline = epoch.Unix() }))
	put(t, s, number(2, func(p *pending.Transaction) { p.Deadline = epoch.Unix() + 60 }))
	move(t, s, number(2).ID, pending.Export, pending.Seal)
	s.now = func() time.Time { return epoch.Add(time.Hour) }
	_, err := s.Move(t.Context(), number(2).ID, pending.Intend, nil)
	code(t, err, "deadline.passed")
	_, _, _, err = s.Export(t.Context(), Selection{}, seal)
	wantTold(t, s, "KMS_FAILED_TX 2 deadline.passed", "KMS_FAILED_TX 1 deadline.passed")
	_ = err // nothing is left to export
}

// TestEventsOfReplacements: a payment made with a higher fee is told as made, and
// as failed only when nothing paid. Whoever is told that it failed pays again.
func TestEventsOfReplacements(t *testing.T) {
	if onBoth(t, TestEventsOfReplacements) {
		return
	}
	nonce := func(p *pending.Transaction) { p.Reserve = []string{"nonce:x:1"} }
	replaces := func(n int, cancels bool) func(*pending.Transaction) {
		return func(p *pending.Transaction) {
			p.Replaces, p.Cancels = number(n).ID, cancels
			nonce(p)
		}
	}
	sent := []pending.Event{pending.Export, pending.Seal, pending.Intend, pending.Accept}
	txid := func(n int) string { return "txid of " + number(n).ID.String() }
	for _, c := range []struct {
		name    string
		cancels bool
		last    func(*Store)
		want    []string
	}{
		{"paid by the second", false, func(s *Store) { move(t, s, number(2).ID, pending.Confirm) },
			[]string{"KMS_COMPLETED_TX 1 " + txid(2) + " chain.replaced " + number(2).ID.String(), "KMS_COMPLETED_TX 2 " + txid(2)}},
		{"paid by the first", false, func(s *Store) { move(t, s, number(1).ID, pending.Confirm) },
			[]string{"KMS_COMPLETED_TX 2 " + txid(1) + " chain.replaced " + number(1).ID.String(), "KMS_COMPLETED_TX 1 " + txid(1)}},
		{"cancelled", true, func(s *Store) { move(t, s, number(2).ID, pending.Confirm) },
			[]string{"KMS_FAILED_TX 1 chain.replaced " + number(2).ID.String(), "KMS_COMPLETED_TX 2 " + txid(2)}},
		{"the nodes said so first", false, func(s *Store) {
			conflict := func(p *pending.Transaction) error { p.Code = conflicted; return nil }
			_, err := s.Move(t.Context(), number(1).ID, pending.Fail, conflict)
			ok(t, err)
			if got := told(t, s); len(got) != 0 {
				t.Errorf("told too early: %q", got)
			}
			move(t, s, number(2).ID, pending.Confirm)
		}, []string{"KMS_COMPLETED_TX 2 " + txid(2), "KMS_COMPLETED_TX 1 " + txid(2) + " chain.conflict " + number(2).ID.String()}},
		{"none of them", false, func(s *Store) {
			conflict := func(p *pending.Transaction) error { p.Code = conflicted; return nil }
			for n := 1; n < 3; n++ {
				_, err := s.Move(t.Context(), number(n).ID, pending.Fail, conflict)
				ok(t, err)
			}
		}, []string{"KMS_FAILED_TX 2 chain.conflict", "KMS_FAILED_TX 1 chain.conflict"}},
	} {
		s := fresh(t)
		receivers(t, s)
		put(t, s, number(1, nonce))
		move(t, s, number(1).ID, sent...)
		put(t, s, number(2, replaces(1, c.cancels)))
		move(t, s, number(2).ID, sent...)
		c.last(s)
		t.Log(c.name)
		wantTold(t, s, c.want...)
	}
}

// TestATT100RevivalIsTold: whatever an application was told of a row's end, it is told
// when that holds no more, of each row of a set, and then how it ended after all.
func TestATT100RevivalIsTold(t *testing.T) {
	if onBoth(t, TestATT100RevivalIsTold) {
		return
	}
	txid := func(n int) string { return "txid of " + number(n).ID.String() }
	fail := func(s *Store, n int, code string) {
		_, err := s.Move(t.Context(), number(n).ID, pending.Fail, func(p *pending.Transaction) error { p.Code = code; return nil })
		ok(t, err)
	}
	again := func(n int) string { return "KMS_REORGED_TX " + string('0'+byte(n)) + " " + txid(n) }
	done := func(n int) string { return "KMS_COMPLETED_TX " + string('0'+byte(n)) + " " + txid(n) }
	by := func(n, won int, code string) string {
		return "KMS_COMPLETED_TX " + string('0'+byte(n)) + " " + txid(won) + " " + code + " " + number(won).ID.String()
	}
	for _, c := range []struct {
		name string
		rows int // that compete with one another
		life func(*Store)
		want []string
	}{
		{"a stranger's is gone", 1, func(s *Store) {
			fail(s, 1, conflicted)
			move(t, s, number(1).ID, pending.Revive, pending.Confirm)
		}, []string{"KMS_FAILED_TX 1 chain.conflict", again(1), done(1)}},
		{"and is final after all", 1, func(s *Store) {
			fail(s, 1, conflicted)
			move(t, s, number(1).ID, pending.Revive)
			fail(s, 1, conflicted)
		}, []string{"KMS_FAILED_TX 1 chain.conflict", again(1), "KMS_FAILED_TX 1 chain.conflict"}},
		{"its execution failed, and does not in another block", 1, func(s *Store) {
			fail(s, 1, Executed)
			move(t, s, number(1).ID, pending.Revive, pending.Confirm)
		}, []string{"KMS_FAILED_TX 1 chain.failed", again(1), done(1)}},
		{"a stranger's was final for both", 2, func(s *Store) {
			fail(s, 1, conflicted)
			fail(s, 2, conflicted)
			move(t, s, number(2).ID, pending.Revive, pending.Confirm)
		}, []string{"KMS_FAILED_TX 2 chain.conflict", "KMS_FAILED_TX 1 chain.conflict", again(1), again(2), by(1, 2, "chain.replaced"), done(2)}},
		{"the nodes said so first", 2, func(s *Store) {
			fail(s, 1, conflicted)
			move(t, s, number(2).ID, pending.Confirm, pending.Reorg)
			move(t, s, number(1).ID, pending.Confirm)
		}, []string{done(2), by(1, 2, "chain.conflict"), again(1), again(2), by(2, 1, "chain.replaced"), done(1)}},
		{"the first lands where the second had failed", 2, func(s *Store) {
			fail(s, 2, Executed)
			move(t, s, number(1).ID, pending.Revive, pending.Confirm)
		}, []string{"KMS_FAILED_TX 1 chain.replaced " + number(2).ID.String(), "KMS_FAILED_TX 2 chain.failed", again(2), again(1), by(2, 1, "chain.replaced"), done(1)}},
		{"three, and the last is gone again", 3, func(s *Store) {
			move(t, s, number(3).ID, pending.Confirm, pending.Reorg, pending.Confirm)
		}, []string{by(1, 3, "chain.replaced"), by(2, 3, "chain.replaced"), done(3), again(2), again(1), again(3), by(1, 3, "chain.replaced"), by(2, 3, "chain.replaced"), done(3)}},
	} {
		s := fresh(t)
		receivers(t, s)
		for n := 1; n <= c.rows; n++ {
			put(t, s, number(n, func(p *pending.Transaction) {
				p.Reserve = []string{lane}
				if n > 1 {
					p.Replaces = number(1).ID
				}
			}))
			move(t, s, number(n).ID, toBroadcast...)
		}
		c.life(s)
		t.Log(c.name)
		wantTold(t, s, c.want...)
	}
}

// TestEventIsOfTheMove: an event is there if the move is, and only then.
func TestEventIsOfTheMove(t *testing.T) {
	if onBoth(t, TestEventIsOfTheMove) {
		return
	}
	s := fresh(t)
	receivers(t, s)
	put(t, s, number(1))
	move(t, s, number(1).ID, pending.Export, pending.Seal, pending.Intend, pending.Accept)
	err := s.write(t.Context(), func(x *tx) error {
		row, err := x.load(Any, number(1).ID)
		ok(t, err)
		_, err = x.move(row, pending.Confirm, nil)
		ok(t, err)
		return errBroken() // as a crash before the commit
	})
	code(t, err, "store.write")
	wantTold(t, s)
	move(t, s, number(1).ID, pending.Confirm)
	wantTold(t, s, "KMS_COMPLETED_TX 1 txid of "+number(1).ID.String())
}

// TestReports: a hot signer's errors are told, each once, without changing the row.
func TestReports(t *testing.T) {
	if onBoth(t, TestReports) {
		return
	}
	s, ctx := fresh(t), t.Context()
	receivers(t, s)
	put(t, s, number(1))
	if _, unknown, err := s.KeepReports(ctx, "b", []SignerReport{{ID: number(1).ID, Text: "x"}}); err != nil || unknown != 1 {
		t.Errorf("%d unknown, %v", unknown, err)
	}
	for range 3 {
		ok(t, reports(s, number(1).ID, "{\n \"message\": \"no\u2028\U0001f4a9 <gas>\" \\ "+strings.Repeat("x", 5000)))
	}
	wantTold(t, s, "KMS_FAILED_TX 1 signer.error")
	for n := range 2 * maxReports {
		ok(t, reports(s, number(1).ID, strings.Repeat("y", n)))
	}
	if got := told(t, s); len(got) != maxReports {
		t.Errorf("%d reports", len(got))
	}
	if get(t, s, number(1).ID).State != pending.Pending {
		t.Error("the row has moved")
	}
	list, err := s.Events(ctx, EventFilter{Tenant: "a"})
	ok(t, err)
	for _, d := range list { // JSON.stringify(JSON.parse(body)) is the body
		if strings.ContainsAny(d.Body, "\n\u2028") || strings.Contains(d.Body, `\u`) {
			t.Errorf("%s", d.Body)
		}
	}
	if list, err := s.Events(ctx, EventFilter{Tenant: "b"}); err != nil || len(list) != 0 {
		t.Errorf("another tenant's: %v %v", list, err)
	}
}

// TestReportsOfWhatGoesOn: what a hot signer could not do with a row that is exported,
// sealed or being sent is no failure of the payment: told as one, it is made again.
func TestReportsOfWhatGoesOn(t *testing.T) {
	if onBoth(t, TestReportsOfWhatGoesOn) {
		return
	}
	s := fresh(t)
	receivers(t, s)
	for n, events := range [][]pending.Event{
		{pending.Take}, {pending.Take, pending.Intend}, {pending.Take, pending.Intend, pending.Accept},
		{pending.Export}, {pending.Export, pending.Seal}, {pending.Export, pending.Defer}, {},
	} {
		row := put(t, s, number(n+1))
		move(t, s, row.ID, events...)
		ok(t, reports(s, row.ID, "Request failed with status code 403"))
		if r := get(t, s, row.ID); r.Report == "" {
			t.Errorf("row %d does not show it", n+1)
		}
	}
	wantTold(t, s, "KMS_FAILED_TX 7 signer.error")
}

// TestTake: a receiver is one server's at a time, and has the events of a row in
// their order, each again until it is told.
func TestTake(t *testing.T) {
	if onBoth(t, TestTake) {
		return
	}
	s, ctx := fresh(t), t.Context()
	for _, n := range []int{1, 2} {
		put(t, s, number(n))
	}
	id, _, err := s.Subscribe(ctx, "a", KMSFailed, "https://example.com/")
	ok(t, err)
	if b, err := s.TakeEvents(ctx, "x", 10); err != nil || len(b.Events) != 0 {
		t.Fatalf("%+v %v", b, err)
	}
	for _, n := range []int{1, 2} {
		ok(t, reports(s, number(n).ID, "first"))
		ok(t, reports(s, number(n).ID, "second"))
	}
	var wg sync.WaitGroup
	got := make(chan Batch, 8)
	for range 8 {
		wg.Go(func() {
			b, err := s.TakeEvents(ctx, NewID().String(), 10)
			if err != nil {
				t.Error(err)
			}
			if len(b.Events) > 0 {
				got <- b
			}
		})
	}
	wg.Wait()
	close(got)
	b := <-got
	if len(b.Events) != 2 || len(got) != 0 || b.ID != id || b.Key == ([32]byte{}) {
		t.Fatalf("%d events, %d more batches", len(b.Events), len(got))
	}
	for _, d := range b.Events {
		if !strings.Contains(d.Body, "first") {
			t.Errorf("%s comes first", d.Body)
		}
	}
	var holder string
	ok(t, s.db.QueryRowContext(ctx, "SELECT holder FROM subscriptions WHERE id = ?", id).Scan(&holder))
	ok(t, s.EventTold(ctx, b.Events[0].N, Delivered, "200", 0))
	ok(t, s.EventTold(ctx, b.Events[1].N, Waiting, "503", time.Hour))
	ok(t, s.LeaveEvents(ctx, id, "somebody else"))
	if b, err := s.TakeEvents(ctx, "y", 10); err != nil || len(b.Events) != 0 {
		t.Fatalf("taken from its holder: %+v %v", b, err)
	}
	ok(t, s.LeaveEvents(ctx, id, holder))
	next, err := s.TakeEvents(ctx, "y", 10)
	ok(t, err)
	if len(next.Events) != 1 || next.Events[0].Row != b.Events[0].Row || !strings.Contains(next.Events[0].Body, "second") {
		t.Fatalf("%+v", next.Events) // the second row's first is not due, and its second waits for it
	}
	ok(t, s.EventTold(ctx, next.Events[0].N, Dead, "gone", 0))
	ok(t, s.LeaveEvents(ctx, id, "y"))
	if n, err := s.Resend(ctx, "b", ""); err != nil || n != 0 {
		t.Errorf("another tenant's: %d %v", n, err)
	}
	if n, err := s.Resend(ctx, "a", ""); err != nil || n != 1 {
		t.Errorf("%d %v", n, err)
	}
	if b, err := s.TakeEvents(ctx, "z", 10); err != nil || len(b.Events) != 1 || b.Events[0].ID != next.Events[0].ID {
		t.Errorf("%+v %v", b, err)
	}
	code(t, s.Unsubscribe(ctx, "b", id), "subscription.missing")
	ok(t, s.Unsubscribe(ctx, "a", id))
	list, err := s.Events(ctx, EventFilter{Tenant: Any, State: Waiting})
	if err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
}

// TestOrderAcrossKinds: a subscription is of one kind. What a receiver is told of a row
// comes in order all the same: "taken back" after the "complete" that it takes back.
func TestOrderAcrossKinds(t *testing.T) {
	if onBoth(t, TestOrderAcrossKinds) {
		return
	}
	s, ctx := fresh(t), t.Context()
	receivers(t, s)
	_, _, err := s.Subscribe(ctx, "a", KMSReorged, "https://example.com/alarm")
	ok(t, err)
	for _, n := range []int{1, 2} {
		put(t, s, number(n))
		move(t, s, number(n).ID, pending.Take, pending.Intend, pending.Accept, pending.Confirm, pending.Reorg)
	}
	due := func() (got []string) {
		for range 10 {
			b, err := s.TakeEvents(ctx, "x", 10)
			ok(t, err)
			for _, d := range b.Events {
				got = append(got, string('0'+d.Row[11])+" "+b.Type+" "+b.URL)
				if d.Type == KMSCompleted && d.Row == number(1).ID {
					ok(t, s.EventTold(ctx, d.N, Waiting, "503", time.Hour))
				} else {
					ok(t, s.EventTold(ctx, d.N, Delivered, "200", 0))
				}
			}
			if len(b.Events) > 0 {
				ok(t, s.LeaveEvents(ctx, b.ID, "x"))
			}
		}
		slices.Sort(got)
		return got
	}
	want := []string{
		"1 KMS_COMPLETED_TX https://example.com/hook", "1 KMS_REORGED_TX https://example.com/alarm",
		"2 KMS_COMPLETED_TX https://example.com/hook", "2 KMS_REORGED_TX https://example.com/alarm", "2 KMS_REORGED_TX https://example.com/hook",
	}
	if got := due(); !slices.Equal(got, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestForgetsAll: as many delivered events as there are go at once, and no others.
func TestForgetsAll(t *testing.T) {
	if onBoth(t, TestForgetsAll) {
		return
	}
	s, ctx := fresh(t), t.Context()
	receivers(t, s)
	row := put(t, s, number(1))
	ok(t, reports(s, row.ID, "waits"))
	ok(t, s.write(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO events (id, subscription, row, body, due, at, state, done)
 WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ?) SELECT CAST(i AS TEXT), (SELECT min(id) FROM subscriptions), id, '{}', 0, 0, 'delivered', 1 FROM c, transactions`, 2*forget+1)
		return err
	}))
	ok(t, s.Forget(ctx, epoch))
	wantTold(t, s, "KMS_FAILED_TX 1 signer.error")
}

func reports(s *Store, id bundle.ID, text string) error {
	_, _, err := s.KeepReports(context.Background(), "a", []SignerReport{{ID: id, Text: text}})
	return err
}
