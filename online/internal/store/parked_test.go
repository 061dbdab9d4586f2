package store

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

const nonce = "nonce:0xabc:7"

func reserving(n int, keys ...string) *pending.Transaction {
	return number(n, func(p *pending.Transaction) { p.Reserve = keys })
}

// ticking is a fresh store with a clock to set forward by a second.
func ticking(t *testing.T) (s *Store, tick func()) {
	t.Helper()
	now := epoch
	s, err := Open(t.Context(), where(t), func() time.Time { return now })
	ok(t, err)
	t.Cleanup(func() { s.Close() })
	ok(t, s.SetPeer(t.Context(), peerKey(1), ownKey, false))
	return s, func() { now = now.Add(time.Second) }
}

// answered is a receipt of the present half for the row: Refuse or Defer.
func answered(t *testing.T, s *Store, id bundle.ID, e pending.Event) pending.Transaction {
	t.Helper()
	ok(t, s.write(t.Context(), func(x *tx) error {
		row, err := x.load(Any, id)
		if err == nil && e == pending.Defer {
			return x.putBack(row)
		}
		if err == nil {
			_, err = x.move(row, e, fill(e))
		}
		return err
	}))
	return get(t, s, id)
}

// What a former half may have signed is never cancelled, and its nonce is not
// free for others while it lives.
func TestRecalledMayBeSigned(t *testing.T) {
	if onBoth(t, TestRecalledMayBeSigned) {
		return
	}
	for name, c := range map[string]struct {
		then       func(t *testing.T, s *Store, id bundle.ID) // after the half was replaced
		want       pending.State
		wish       bool
		maybe      bool
		free       bool // the nonce is to be had: for nothing, or since the row is parked
		releases   bool // and nobody is asked for it
		beforehand pending.Event
	}{
		"left alone": {nil, pending.Pending, false, true, false, false, ""},
		"cancelled":  {withdraw, pending.Pending, true, true, true, false, ""},
		"exported again, deferred, cancelled": {func(t *testing.T, s *Store, id bundle.ID) {
			export(t, s, Selection{})
			answered(t, s, id, pending.Defer)
			withdraw(t, s, id)
		}, pending.Pending, true, true, true, false, ""},
		"exported again, cancelled, deferred": {func(t *testing.T, s *Store, id bundle.ID) {
			export(t, s, Selection{})
			withdraw(t, s, id)
			answered(t, s, id, pending.Defer)
		}, pending.Pending, true, true, true, false, ""},
		"exported again, refused": {func(t *testing.T, s *Store, id bundle.ID) {
			export(t, s, Selection{})
			answered(t, s, id, pending.Refuse)
		}, pending.Refused, false, true, true, false, ""},
		"exported again, sealed": {func(t *testing.T, s *Store, id bundle.ID) {
			export(t, s, Selection{})
			move(t, s, id, pending.Seal)
		}, pending.Signed, false, true, false, false, ""},
		"deferred before": {withdraw, pending.Cancelled, false, false, true, true, pending.Defer},
		"refused before":  {nil, pending.Refused, false, false, true, true, pending.Refuse},
		"wished before":   {nil, pending.Exported, true, true, true, false, "wish"},
	} {
		t.Run(name, func(t *testing.T) {
			s, tick := ticking(t)
			p := put(t, s, reserving(1, nonce))
			export(t, s, Selection{})
			tick()
			switch c.beforehand {
			case "wish":
				withdraw(t, s, p.ID)
			case "":
			default:
				answered(t, s, p.ID, c.beforehand)
			}
			ok(t, s.SetPeer(t.Context(), peerKey(2), ownKey, true))
			if c.then != nil {
				c.then(t, s, p.ID)
			}
			got := get(t, s, p.ID)
			if got.State != c.want || got.CancelRequested != c.wish || got.MaybeSigned != c.maybe {
				t.Errorf("%s, to be cancelled %v, perhaps signed %v; want %s %v %v", got.State, got.CancelRequested, got.MaybeSigned, c.want, c.wish, c.maybe)
			}
			q := reserving(2, nonce)
			if _, err := s.Create(t.Context(), q, Idempotency{}); !c.free {
				code(t, err, "reservation.conflict")
				return
			} else {
				ok(t, err)
			}
			taken := 0
			for _, e := range audits(t, s, q.ID) {
				if e.Action == "reservation.taken" && strings.Contains(e.Detail, p.ID.String()) {
					taken++
				}
			}
			if (taken == 0) != c.releases {
				t.Errorf("%d reservations were taken over, freed %v", taken, c.releases)
			}
			// It is not broadcast any more, whatever comes.
			for _, e := range []pending.Event{pending.Export, pending.Seal, pending.Intend} {
				_, err := s.Move(t.Context(), p.ID, e, fill(e))
				code(t, err, "state.conflict")
			}
			if c.maybe {
				_, err := s.Move(t.Context(), p.ID, pending.Cancel, nil)
				code(t, err, "state.conflict")
				for _, query := range []string{"UPDATE transactions SET state = 'cancelled' WHERE maybe_signed = 1", "UPDATE transactions SET maybe_signed = 0 WHERE maybe_signed = 1"} {
					if !refused(t, s, query) {
						t.Errorf("%s is possible", query)
					}
				}
			}
		})
	}
}

func withdraw(t *testing.T, s *Store, id bundle.ID) {
	t.Helper()
	_, err := s.Cancel(t.Context(), "a", id)
	ok(t, err)
}

// A new row takes over what a withdrawn one holds, as the payment that cancels it
// on chain must; not what one holds that is or may be on its way.
func TestTakeOver(t *testing.T) {
	if onBoth(t, TestTakeOver) {
		return
	}
	for _, from := range pending.States() {
		for _, wish := range []bool{false, true} {
			s := fresh(t)
			p := put(t, s, reserving(1, nonce, "payload:aa", "utxo:1"))
			move(t, s, p.ID, lives[from].path...)
			if wish {
				if _, err := s.Cancel(t.Context(), "a", p.ID); err != nil {
					code(t, err, "state.conflict")
					continue
				}
			}
			before := get(t, s, p.ID)
			q := reserving(2, nonce, "payload:bb")
			_, err := s.Create(t.Context(), q, Idempotency{})
			if !free[before.State] && !before.CancelRequested {
				code(t, err, "reservation.conflict")
				continue
			}
			ok(t, err)
			if got := get(t, s, p.ID); got.State != before.State || got.CancelRequested != before.CancelRequested {
				t.Errorf("%s: the holder is now %s %v", from, got.State, got.CancelRequested)
			}
			if before.CancelRequested {
				list := audits(t, s, p.ID)
				if last := list[len(list)-1]; last.Action != "reservation.lost" || !strings.Contains(last.Detail, q.ID.String()) {
					t.Errorf("%s: audited as %+v", from, last)
				}
				if !refused(t, s, "UPDATE transactions SET cancel_requested = 0 WHERE cancel_requested = 1") {
					t.Error("a wish to cancel can be taken back")
				}
			}
			// The new row holds it now, and the very bytes that are sealed are no
			// replacement of themselves.
			_, err = s.Create(t.Context(), reserving(3, nonce), Idempotency{})
			code(t, err, "reservation.conflict")
			_, err = s.Create(t.Context(), reserving(4, "payload:aa"), Idempotency{})
			if before.State == pending.Signed {
				code(t, err, "reservation.conflict")
			} else {
				ok(t, err)
			}
			put(t, s, reserving(5, "utxo:1")) // what was left of the holder's
		}
	}
}

// Two rows that are sealed to one transaction are one payment.
func TestDuplicateTxID(t *testing.T) {
	if onBoth(t, TestDuplicateTxID) {
		return
	}
	s := fresh(t)
	seal := func(n int, network bool) error {
		p := put(t, s, number(n, func(p *pending.Transaction) {
			if network {
				p.Network = "eip155:1"
			}
		}))
		move(t, s, p.ID, pending.Export)
		_, err := s.Move(t.Context(), p.ID, pending.Seal, func(p *pending.Transaction) error { p.TxID, p.Raw = "same", []byte{1}; return nil })
		return err
	}
	asserted := put(t, s, number(9))
	_, err := s.Assert(t.Context(), "a", asserted.ID, "same") // a word is no evidence
	ok(t, err)
	ok(t, seal(1, false))
	code(t, seal(2, false), "txid.duplicate")
	ok(t, seal(3, true))
	if p := get(t, s, number(2).ID); p.State != pending.Exported || p.TxID != "" {
		t.Errorf("%+v", p)
	}
	if !refused(t, s, "UPDATE transactions SET txid = 'same', raw = "+bytesOf(t, "01")+" WHERE id = ?", number(2).ID[:]) {
		t.Error("the database has two rows with one transaction id")
	}
}

// A deadline is looked at where a row leaves: at export, and before it is sent.
func TestDeadline(t *testing.T) {
	if onBoth(t, TestDeadline) {
		return
	}
	now := epoch
	s, err := Open(t.Context(), where(t), func() time.Time { return now })
	ok(t, err)
	defer s.Close()
	ok(t, s.SetPeer(t.Context(), peerKey(1), ownKey, false))
	until := func(n int, d time.Duration) *pending.Transaction {
		return put(t, s, number(n, func(p *pending.Transaction) {
			p.Deadline, p.Reserve = epoch.Add(d).Unix(), []string{number(n).ID.String()}
		}))
	}
	// 1 waits here too long, 2 is signed too late, 3 is recalled and late, 4 is on
	// its way, 5 is in time, 6 has been deferred.
	hour := 3600 * time.Second
	signed := until(2, hour)
	recalled := until(3, hour)
	way := until(4, hour)
	deferred := until(6, hour)
	export(t, s, Selection{})
	move(t, s, signed.ID, pending.Seal)
	move(t, s, way.ID, pending.Seal, pending.Intend)
	move(t, s, deferred.ID, pending.Defer)
	ok(t, s.SetPeer(t.Context(), peerKey(2), ownKey, true))
	waits, fresh := until(1, hour), until(5, 2*hour)
	now = epoch.Add(hour - time.Second)
	if due, err := s.Due(t.Context(), 9); err != nil || len(due) != 2 {
		t.Fatalf("%d due, %v", len(due), err)
	}
	now = epoch.Add(hour)
	for range 2 { // what happened stays, though the second export fails
		raw, _, _, err := s.Export(t.Context(), Selection{IDs: []bundle.ID{fresh.ID}}, seal)
		ok(t, err)
		if !bytes.HasSuffix(raw, fresh.Request) {
			t.Errorf("%q", raw)
		}
	}
	_, _, _, err = s.Export(t.Context(), Selection{IDs: []bundle.ID{waits.ID}}, seal)
	code(t, err, "export.state")
	for range 2 {
		_, err = s.Move(t.Context(), signed.ID, pending.Intend, nil)
		if get(t, s, signed.ID).State != pending.Signed || err == nil {
			t.Fatalf("%v", err)
		}
	}
	code(t, err, "state.conflict") // the second time it is parked already
	for p, want := range map[*pending.Transaction]struct {
		state  pending.State
		wish   bool
		code   string
		frees  bool
		audits string
	}{
		waits:    {pending.Cancelled, false, "deadline.passed", true, "cancel"},
		deferred: {pending.Cancelled, false, "deadline.passed", true, "cancel"},
		signed:   {pending.Signed, true, "deadline.passed", false, "cancel.request"},
		recalled: {pending.Pending, true, "deadline.passed", false, "cancel.request"},
		way:      {pending.Broadcasting, false, "", false, "intend"},
		fresh:    {pending.Exported, false, "", false, "export"},
	} {
		got, list := get(t, s, p.ID), audits(t, s, p.ID)
		last := list[len(list)-1]
		if got.State != want.state || got.CancelRequested != want.wish || got.Code != want.code || (got.Reason != "") != (want.code != "") ||
			last.Action != want.audits || want.code != "" && last.Detail != want.code {
			t.Errorf("row %d: %s %v %q %q, audited %s %q", p.ID[11], got.State, got.CancelRequested, got.Code, got.Reason, last.Action, last.Detail)
		}
		var held int
		ok(t, s.db.QueryRowContext(t.Context(), "SELECT count(*) FROM reservations WHERE id = ?", p.ID[:]).Scan(&held))
		if (held == 0) != want.frees {
			t.Errorf("row %d keeps %d reservations", p.ID[11], held)
		}
	}
	due, err := s.Due(t.Context(), 9)
	ok(t, err)
	if len(due) != 1 || due[0].ID != way.ID {
		t.Errorf("%d rows are due", len(due))
	}
	move(t, s, way.ID, pending.Accept)
}

func TestNote(t *testing.T) {
	if onBoth(t, TestNote) {
		return
	}
	now := epoch
	s, err := Open(t.Context(), where(t), func() time.Time { return now })
	ok(t, err)
	defer s.Close()
	p := put(t, s, number(1))
	q := put(t, s, number(2))
	for _, e := range lives[pending.Broadcasting].path {
		move(t, s, p.ID, e)
	}
	for i, c := range []struct {
		code, reason string
		noted        int // in the i-th second
	}{
		{"node.a", "one", 0}, {"node.a", "two", 0}, {"node.b", strings.Repeat("x", 5000), 2}, {"", "", -1}, {"node.b", "one", 4},
	} {
		now = epoch.Add(time.Duration(i) * time.Second)
		ok(t, s.Note(t.Context(), p.ID, c.code, c.reason))
		ok(t, s.Note(t.Context(), q.ID, c.code, c.reason))
		want := epoch.Add(time.Duration(c.noted) * time.Second)
		if c.noted < 0 {
			want = time.Time{}
		}
		got := get(t, s, p.ID)
		if got.Code != c.code || got.Reason != c.reason[:min(len(c.reason), bundle.MaxReason)] || !got.Noted.Equal(want) || !got.Updated.Equal(epoch) || got.State != pending.Broadcasting {
			t.Errorf("note %d: %q since %s, changed %s", i, got.Code, got.Noted, got.Updated)
		}
	}
	if got := get(t, s, q.ID); got.Code != "" {
		t.Error("a row that is not on its way has a note")
	}
	move(t, s, p.ID, pending.Accept)
	if got := get(t, s, p.ID); got.Code != "" || got.Reason != "" || !got.Noted.IsZero() {
		t.Errorf("accepted, and still %q %q", got.Code, got.Reason)
	}
}

// Each pair of device keys has its own sequences, as it has on the offline half.
func TestEpochs(t *testing.T) {
	if onBoth(t, TestEpochs) {
		return
	}
	type pair struct{ peer, own byte }
	for name, c := range map[string]struct {
		pairs []pair
		want  []uint64 // sequence of the bundle that is made after each
	}{
		"the same again":       {[]pair{{1, 9}, {1, 9}, {1, 9}}, []uint64{1, 2, 3}},
		"a new half":           {[]pair{{1, 9}, {2, 9}}, []uint64{1, 1}},
		"a new key here":       {[]pair{{1, 9}, {1, 8}, {1, 8}}, []uint64{1, 1, 2}},
		"an old key here":      {[]pair{{1, 9}, {1, 8}, {1, 9}}, []uint64{1, 1, 2}},
		"the former half":      {[]pair{{1, 9}, {2, 9}, {1, 9}, {2, 9}}, []uint64{1, 1, 2, 2}},
		"former half, new key": {[]pair{{1, 9}, {2, 9}, {1, 8}, {2, 9}}, []uint64{1, 1, 1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			now := epoch
			s, err := Open(t.Context(), where(t), func() time.Time { return now })
			ok(t, err)
			defer s.Close()
			p := put(t, s, number(99))
			for i, pair := range c.pairs {
				now = now.Add(time.Second)
				ok(t, s.SetPeer(t.Context(), peerKey(pair.peer), peerKey(pair.own), true))
				got, found, err := s.Pairing(t.Context())
				if err != nil || !found || !got.Peer.Equal(peerKey(pair.peer)) || !got.Own.Equal(peerKey(pair.own)) {
					t.Fatalf("%+v %v", got, err)
				}
				put(t, s, number(i+1))
				if _, seq, repeat := export(t, s, Selection{}); seq != c.want[i] || repeat {
					t.Errorf("after pairing %d the bundle is %d, want %d", i+1, seq, c.want[i])
				}
				if p := get(t, s, p.ID); p.State != pending.Exported || p.Bundle == 0 {
					t.Errorf("after pairing %d a row of the first is %s", i+1, p.State)
				}
			}
		})
	}
}

// Bundles of a former pairing are neither repeated nor answered nor taken again.
func TestFormerBundles(t *testing.T) {
	if onBoth(t, TestFormerBundles) {
		return
	}
	s, tick := ticking(t)
	put(t, s, number(1))
	old, _, _ := export(t, s, Selection{})
	h, d := header(1, [32]byte{}, []byte("keys"))
	_, err := s.Import(t.Context(), []byte("keys"), h, d, func(*ImportTx) error { return nil })
	ok(t, err)
	ok(t, s.SetPeer(t.Context(), peerKey(1), peerKey(201), false)) // a new key of ours is no other half
	for _, read := range []func() (bundle.Channel, error){
		func() (bundle.Channel, error) { return s.InChannel(t.Context()) }, func() (bundle.Channel, error) { return s.OutChannel(t.Context()) },
	} {
		if head, err := read(); err != nil || head != (bundle.Channel{}) {
			t.Errorf("the new pairing begins with %+v, %v", head, err)
		}
	}
	_, err = s.Bundle(t.Context(), 1)
	code(t, err, "export.missing")
	_, found, err := s.BundleByDigest(t.Context(), sum(old))
	if ok(t, err); found {
		t.Error("a bundle of the former pairing can be answered")
	}
	_, err = s.Judge(t.Context(), nil, h, d)
	code(t, err, "bundle.former")
	_, err = s.Import(t.Context(), []byte("keys"), h, d, func(*ImportTx) error { return nil })
	code(t, err, "bundle.former")
	// The same bytes again, in the same second: nothing goes out twice.
	_, _, _, err = s.Export(t.Context(), Selection{}, func(uint64, [32]byte, int64, []pending.Transaction) ([]byte, error) { return old, nil })
	code(t, err, "bundle.former")
	tick()
	raw, seq, repeat := export(t, s, Selection{Limit: 1, IDs: []bundle.ID{number(1).ID}})
	if seq != 1 || repeat || get(t, s, number(1).ID).Bundle != 1 {
		t.Errorf("bundle %d %v %q", seq, repeat, raw)
	}
	code(t, s.SetPeer(t.Context(), peerKey(2), ownKey, false), "pair.exists")
	code(t, s.SetPeer(t.Context(), peerKey(1), ed25519.PublicKey{1}, true), "pair.key")
}

func TestEarlier(t *testing.T) {
	if onBoth(t, TestEarlier) {
		return
	}
	s := fresh(t)
	idem := Idempotency{Key: "k", Body: [32]byte{1}}
	for _, i := range []Idempotency{idem, {}} {
		if row, err := s.Earlier(t.Context(), "a", i); err != nil || row != nil {
			t.Errorf("%v %v", row, err)
		}
	}
	p := number(1)
	_, err := s.Create(t.Context(), p, idem)
	ok(t, err)
	move(t, s, p.ID, pending.Cancel)
	row, err := s.Earlier(t.Context(), "a", idem)
	ok(t, err)
	if row == nil || row.ID != p.ID || row.State != pending.Cancelled {
		t.Errorf("%+v", row)
	}
	_, err = s.Earlier(t.Context(), "a", Idempotency{Key: "k"})
	code(t, err, "idempotency.conflict")
	if row, err := s.Earlier(t.Context(), "b", idem); err != nil || row != nil {
		t.Errorf("another tenant: %v %v", row, err)
	}
}

// TestATT110WithdrawnIsParked: a signed row that was withdrawn is looked for, and what the
// network shows of it counts.
func TestATT110WithdrawnIsParked(t *testing.T) {
	if onBoth(t, TestATT110WithdrawnIsParked) {
		return
	}
	s := fresh(t)
	for n, e := range []pending.Event{pending.Confirm, pending.Expire, pending.Supersede} {
		id := put(t, s, number(n+1)).ID
		move(t, s, id, toSigned...)
		_, err := s.Cancel(t.Context(), "a", id)
		ok(t, err)
		list, err := s.Parked(t.Context(), s.Now().Add(time.Second), 10)
		if ok(t, err); len(list) != 1 || list[0].ID != id {
			t.Fatalf("%d rows are looked for", len(list))
		}
		ok(t, s.Doubt(t.Context(), id, true))
		_, err = s.Move(t.Context(), id, e, func(p *pending.Transaction) error {
			if e != pending.Confirm {
				p.Code = pending.Replaced
			}
			return nil
		})
		ok(t, err)
	}
}
