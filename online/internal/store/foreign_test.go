package store

import (
	"database/sql"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/fault"
)

func byAnother(p *pending.Transaction) { p.Signer = pending.Foreign }

func exportForeign(t *testing.T, s *Store, id bundle.ID) pending.Transaction {
	t.Helper()
	row, err := s.ExportForeign(t.Context(), id)
	ok(t, err)
	return row
}

func TestExportForeign(t *testing.T) {
	if onBoth(t, TestExportForeign) {
		return
	}
	s := openAt(t, where(t)) // no half is paired, and none is needed
	p := put(t, s, number(1, byAnother))
	row := exportForeign(t, s, p.ID)
	if row.State != pending.Exported || row.Bundle != 0 || row.Signer != pending.Foreign || !reflect.DeepEqual(row, get(t, s, p.ID)) {
		t.Errorf("%+v", row)
	}
	trail := audits(t, s, p.ID)
	if last := trail[len(trail)-1]; last.Action != "export" || last.From != pending.Pending || last.To != pending.Exported || last.Detail != "foreign" {
		t.Errorf("audited as %+v", last)
	}
	if again := exportForeign(t, s, p.ID); !reflect.DeepEqual(again, row) || len(audits(t, s, p.ID)) != len(trail) {
		t.Error("the repeat differs or did something")
	}
	_, err := s.ExportForeign(t.Context(), bundle.ID{9})
	code(t, err, "kms.missing")
}

// Rows that leave together are all marked, or none.
func TestExportForeignBatch(t *testing.T) {
	if onBoth(t, TestExportForeignBatch) {
		return
	}
	s := openAt(t, where(t))
	one, two, gone := put(t, s, number(1, byAnother)), put(t, s, number(2, byAnother)), put(t, s, number(3, byAnother))
	exportForeign(t, s, gone.ID)
	withdraw(t, s, gone.ID)
	_, err := s.ExportForeignBatch(t.Context(), []bundle.ID{one.ID, two.ID, gone.ID})
	code(t, err, "export.state")
	for _, p := range []*pending.Transaction{one, two} {
		if row := get(t, s, p.ID); row.State != pending.Pending {
			t.Errorf("a row is %s though the batch did not leave", row.State)
		}
	}
	rows, err := s.ExportForeignBatch(t.Context(), []bundle.ID{two.ID, one.ID})
	ok(t, err)
	if len(rows) != 2 || rows[0].ID != two.ID || get(t, s, one.ID).State != pending.Exported || get(t, s, two.ID).State != pending.Exported {
		t.Errorf("%+v", rows)
	}
}

func TestExportForeignRefuses(t *testing.T) {
	if onBoth(t, TestExportForeignRefuses) {
		return
	}
	now := epoch
	s, err := Open(t.Context(), where(t), func() time.Time { return now })
	ok(t, err)
	defer s.Close()
	refused := func(p *pending.Transaction, why string) {
		t.Helper()
		before := get(t, s, p.ID)
		_, err := s.ExportForeign(t.Context(), p.ID)
		code(t, err, "export.state")
		if !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %q", err, why)
		}
		if after := get(t, s, p.ID); !reflect.DeepEqual(after, before) {
			t.Errorf("a refusal changed the row: %+v", after)
		}
	}
	refused(put(t, s, number(1)), "belongs to the paired offline half")
	for i, from := range []pending.State{pending.Signed, pending.Broadcasting, pending.Broadcast, pending.Complete, pending.Cancelled, pending.Expired, pending.Failed} {
		p := put(t, s, number(10+i, byAnother))
		move(t, s, p.ID, lives[from].path...)
		refused(p, "is "+string(from))
	}
	wish := put(t, s, number(2, byAnother))
	exportForeign(t, s, wish.ID)
	withdraw(t, s, wish.ID)
	refused(wish, "is to be cancelled")
	until := func(p *pending.Transaction) { p.Deadline, p.Reserve = epoch.Unix()+10, []string{p.ID.String()} }
	waits, gone := put(t, s, number(3, byAnother, until)), put(t, s, number(4, byAnother, until))
	exportForeign(t, s, gone.ID)
	now = epoch.Add(10 * time.Second)
	refused(gone, "is past its deadline") // it may be signed: it waits to be cancelled
	refused(waits, "is past its deadline")
	if p := get(t, s, waits.ID); p.State != pending.Cancelled || p.Code != "deadline.passed" {
		t.Errorf("what never left is %s %q", p.State, p.Code)
	}
	put(t, s, number(5, func(p *pending.Transaction) { p.Reserve = []string{waits.ID.String()} })) // and holds nothing
	_, err = s.Create(t.Context(), number(6, func(p *pending.Transaction) { p.Reserve = []string{gone.ID.String()} }), Idempotency{})
	code(t, err, "reservation.conflict")
}

// A bundle for the paired half never holds what another wallet signs, and never
// asks for it again.
func TestBundlesHoldNoForeignRows(t *testing.T) {
	if onBoth(t, TestBundlesHoldNoForeignRows) {
		return
	}
	s := fresh(t)
	waits, out := put(t, s, number(1, byAnother)), put(t, s, number(2, byAnother))
	exportForeign(t, s, out.ID)
	for _, sel := range []Selection{{}, {Chain: "BTC"}} {
		_, _, _, err := s.Export(t.Context(), sel, seal)
		code(t, err, "export.empty")
	}
	ours := put(t, s, number(3))
	for _, ids := range [][]bundle.ID{{waits.ID}, {out.ID}, {ours.ID, waits.ID}, {out.ID, ours.ID}} {
		_, _, _, err := s.Export(t.Context(), Selection{IDs: ids}, seal)
		code(t, err, "export.state")
		if !strings.Contains(err.Error(), "belongs to another wallet; export it with --format ur") {
			t.Errorf("%v", err)
		}
	}
	for _, again := range []bool{false, true} {
		raw, seq, repeat := export(t, s, Selection{})
		if seq != 1 || repeat != again || !strings.HasSuffix(string(raw), ":request 3") {
			t.Errorf("bundle %d: %q", seq, raw)
		}
	}
	if get(t, s, waits.ID).State != pending.Pending || get(t, s, out.ID).Bundle != 0 {
		t.Error("a row of another wallet went out in a bundle")
	}
}

// Pairing with another half is none of the other wallet's business.
func TestPairingLeavesForeignRows(t *testing.T) {
	if onBoth(t, TestPairingLeavesForeignRows) {
		return
	}
	s := fresh(t)
	var before []pending.Transaction
	for i, path := range [][]pending.Event{nil, {pending.Export}, {pending.Export, pending.Seal}} {
		p := put(t, s, number(i+1, byAnother))
		move(t, s, p.ID, path...)
		before = append(before, get(t, s, p.ID))
	}
	wish := put(t, s, number(9, byAnother))
	exportForeign(t, s, wish.ID)
	withdraw(t, s, wish.ID)
	before = append(before, get(t, s, wish.ID))
	ours := put(t, s, number(10))
	export(t, s, Selection{})
	ok(t, s.SetPeer(t.Context(), peerKey(2), ownKey, true))
	for _, p := range before {
		if now := get(t, s, p.ID); !reflect.DeepEqual(now, p) {
			t.Errorf("%+v, was %+v", now, p)
		}
	}
	if p := get(t, s, ours.ID); p.State != pending.Pending || !p.MaybeSigned {
		t.Errorf("the paired half's row is %s", p.State)
	}
}

// Neither the code nor the database lets a row that another wallet has had look
// as if it had not, or as if the paired half had it.
func TestForeignInvariants(t *testing.T) {
	if onBoth(t, TestForeignInvariants) {
		return
	}
	s := fresh(t)
	p := put(t, s, number(1, byAnother))
	carried := func(p *pending.Transaction) error { p.Bundle = 1; return nil }
	_, err := s.Move(t.Context(), p.ID, pending.Export, carried)
	code(t, err, "state.invariant")
	exportForeign(t, s, p.ID)
	for _, change := range []func(*pending.Transaction){
		func(p *pending.Transaction) { p.Bundle = 1 }, func(p *pending.Transaction) { p.MaybeSigned = true },
	} {
		_, err = s.Move(t.Context(), p.ID, pending.Seal, func(p *pending.Transaction) error { change(p); return fill(pending.Seal)(p) })
		code(t, err, "state.invariant")
	}
	ok(t, s.PutForeign(t.Context(), []bundle.Wallet{single(1)}))
	for _, query := range []string{
		"UPDATE transactions SET signer = ''", "UPDATE transactions SET bundle = 1", "UPDATE transactions SET maybe_signed = 1",
		"UPDATE transactions SET state = 'pending'", "UPDATE transactions SET state = 'cancelled'", "UPDATE transactions SET state = 'refused'",
		"UPDATE wallets SET signer = ''", "UPDATE wallets SET id = " + bytesOf(t, "00000000000000000000000000000000") + "",
		"INSERT INTO wallets (id, item, created, updated, signer) VALUES (" + bytesOf(t, "00000000000000000000000000000000") + ", " + bytesOf(t, "00") + ", 1, 1, 'me')",
	} {
		if !refused(t, s, query) {
			t.Errorf("%s is possible", query)
		}
	}
	move(t, s, p.ID, pending.Seal, pending.Intend)
	_, err = s.Create(t.Context(), number(2, func(p *pending.Transaction) { p.Signer = "me" }), Idempotency{})
	code(t, err, "store.row")
}

// What is parked gives its reservations up to a replacement, as ever.
func TestForeignTakenOver(t *testing.T) {
	if onBoth(t, TestForeignTakenOver) {
		return
	}
	s := fresh(t)
	p := put(t, s, number(1, byAnother, func(p *pending.Transaction) { p.Reserve = []string{nonce} }))
	exportForeign(t, s, p.ID)
	_, err := s.Create(t.Context(), reserving(2, nonce), Idempotency{})
	code(t, err, "reservation.conflict")
	withdraw(t, s, p.ID)
	put(t, s, reserving(3, nonce))
	_, err = s.Move(t.Context(), p.ID, pending.Seal, fill(pending.Seal))
	code(t, err, "state.conflict")
}

func single(n byte) bundle.Wallet {
	return bundle.Wallet{SignatureID: bundle.SignatureID{n}, Chain: "SOL", Curve: chain.Ed25519, Key: chaintest.Ed25519Key(append(make([]byte, 31), n)).Bytes(),
		Fingerprint: []byte{1, 2, 3, n}}
}

func TestPutForeign(t *testing.T) {
	if onBoth(t, TestPutForeign) {
		return
	}
	s := fresh(t)
	theirs, ours := []bundle.Wallet{single(1), single(2)}, []bundle.Wallet{single(3)}
	for range 2 { // the second time changes nothing
		ok(t, s.PutForeign(t.Context(), theirs))
		ok(t, s.PutWallets(t.Context(), ours))
	}
	if list := audits(t, s, bundle.ID{}); len(list) != 4 || list[1].Detail != theirs[0].SignatureID.String()+" foreign" || list[3].Detail != ours[0].SignatureID.String() {
		t.Errorf("audited as %+v", list)
	}
	for id, want := range map[byte]string{1: pending.Foreign, 2: pending.Foreign, 3: ""} {
		w, found, err := s.Wallet(t.Context(), bundle.SignatureID{id})
		ok(t, err)
		if !found || w.Signer != want || !reflect.DeepEqual(w.Key, single(id).Key) {
			t.Errorf("wallet %d: %+v", id, w)
		}
	}
	changed := single(1)
	changed.Key = single(9).Key
	for name, err := range map[string]error{
		"ours as theirs":   s.PutForeign(t.Context(), []bundle.Wallet{single(4), single(3)}), // all or none
		"theirs as ours":   s.PutWallets(t.Context(), []bundle.Wallet{single(4), single(1)}),
		"theirs, changed":  s.PutForeign(t.Context(), []bundle.Wallet{changed}),
		"changed and ours": s.PutWallets(t.Context(), []bundle.Wallet{changed}),
	} {
		if !fault.Is(err, "keys.conflict") {
			t.Errorf("%s: %v", name, err)
		}
	}
	conflicts, err := s.Conflicts(t.Context(), []bundle.Wallet{single(1), single(3), single(5)})
	if err != nil || len(conflicts) != 1 || !strings.Contains(conflicts[0].Error(), "another wallet") {
		t.Errorf("%v %v", conflicts, err)
	}
	all, err := s.Wallets(t.Context())
	if err != nil || len(all) != 3 || all[0].Signer != pending.Foreign || all[2].Signer != "" {
		t.Errorf("%+v %v", all, err)
	}
}

func TestAnswerable(t *testing.T) {
	if onBoth(t, TestAnswerable) {
		return
	}
	s := fresh(t)
	paths := map[int][]pending.Event{1: nil, 2: {pending.Export}, 3: {pending.Export, pending.Seal}, 4: {pending.Export},
		5: lives[pending.Complete].path, 6: lives[pending.Failed].path, 7: {pending.Cancel}, 8: {pending.Assert}, 9: {pending.Export}}
	for n := 1; n <= 9; n++ {
		move(t, s, put(t, s, number(n, byAnother)).ID, paths[n]...)
	}
	withdraw(t, s, number(4).ID)
	put(t, s, number(10))
	export(t, s, Selection{})
	numbers := func(list []pending.Transaction) (got []byte) {
		for _, p := range list {
			got = append(got, p.ID[11])
		}
		return got
	}
	var list []pending.Transaction
	for row, err := range s.Answerable(t.Context()) {
		ok(t, err)
		list = append(list, row)
	}
	if got := numbers(list); string(got) != "\x09\x02\x06\x05\x03\x04" {
		t.Errorf("answers are for %v", got)
	}
	for row, err := range s.Answerable(t.Context()) {
		if ok(t, err); row.ID != number(9).ID {
			t.Errorf("first %s", row.ID)
		}
		break
	}
	out, err := s.Outstanding(t.Context())
	if ok(t, err); string(numbers(out)) != "\x02\x04\x09" {
		t.Errorf("outstanding are %v", numbers(out))
	}
	ok(t, s.Close())
	n := 0
	for _, err := range s.Answerable(t.Context()) {
		if n++; err == nil {
			t.Error("a closed store has rows")
		}
	}
	if n != 1 {
		t.Errorf("a closed store fails %d times", n)
	}
}

// Two answers at once: one seals, and the other sees it.
func TestForeignSealedOnce(t *testing.T) {
	if onBoth(t, TestForeignSealedOnce) {
		return
	}
	s := fresh(t)
	p := put(t, s, number(1, byAnother))
	exportForeign(t, s, p.ID)
	var wait sync.WaitGroup
	won := make(chan string, 20)
	for i := range 20 {
		wait.Go(func() {
			ok := false
			err := s.ImportForeign(t.Context(), func(x *ImportTx) error {
				row, _, err := x.Row(p.ID)
				if err != nil || row.State != pending.Exported {
					return err
				}
				ok = true
				return x.Move(row, pending.Seal, func(p *pending.Transaction) error { p.TxID, p.Raw = "txid", []byte{byte(i)}; return nil })
			})
			if err != nil {
				t.Error(err)
			}
			if ok {
				won <- string([]byte{byte(i)})
			}
		})
	}
	wait.Wait()
	close(won)
	var winners []string
	for w := range won {
		winners = append(winners, w)
	}
	if len(winners) != 1 || string(get(t, s, p.ID).Raw) != winners[0] {
		t.Errorf("%d answers won", len(winners))
	}
}

func TestQuarantine(t *testing.T) {
	if onBoth(t, TestQuarantine) {
		return
	}
	s := fresh(t)
	p := put(t, s, number(1, byAnother))
	exportForeign(t, s, p.ID)
	for i, answer := range []string{"one", "one", "two"} {
		ok(t, s.ImportForeign(t.Context(), func(x *ImportTx) error {
			repeat, err := x.Quarantine(Outcome{ID: p.ID, Code: "some.code", Reason: "why"}, []byte(answer))
			if repeat != (i == 1) {
				t.Errorf("answer %d: repeat %v", i, repeat)
			}
			return err
		}))
	}
	trail := audits(t, s, p.ID)
	if last := trail[len(trail)-1]; len(trail) != 4 || last.Action != "quarantine" || last.Detail != "some.code" {
		t.Errorf("%+v", trail)
	}
	var kept []byte
	two := sum([]byte("two"))
	ok(t, s.db.QueryRowContext(t.Context(), "SELECT answer FROM quarantined WHERE digest = ?", two[:]).Scan(&kept))
	if string(kept) != "two" {
		t.Errorf("kept %q", kept)
	}
}

func TestKilledForeign(t *testing.T) {
	if onBoth(t, TestKilledForeign) {
		return
	}
	path := where(t)
	with := func(do func(s *Store)) {
		t.Helper()
		s, err := Open(t.Context(), path, fixed)
		ok(t, err)
		do(s)
		ok(t, s.Close())
	}
	state := func(want pending.State, quarantined int) {
		t.Helper()
		with(func(s *Store) {
			var n int
			ok(t, s.db.QueryRowContext(t.Context(), "SELECT count(*) FROM quarantined").Scan(&n))
			if p := get(t, s, number(1).ID); p.State != want || n != quarantined || (p.TxID != "") != (want == pending.Signed) {
				t.Fatalf("the row is %s, %d answers are kept", p.State, n)
			}
		})
	}
	with(func(s *Store) {
		put(t, s, number(1, byAnother))
		put(t, s, number(2, byAnother))
	})
	dies(t, "foreign export not committed", path)
	state(pending.Pending, 0)
	dies(t, "foreign export committed", path)
	state(pending.Exported, 0)
	with(func(s *Store) { exportForeign(t, s, number(1).ID) })
	dies(t, "foreign import not committed", path)
	state(pending.Exported, 0)
	dies(t, "foreign import committed", path)
	state(pending.Signed, 1)
}

// A database of the first schema goes on: what it holds is the paired half's.
func TestFirstSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.db")
	s, err := open(t.Context(), path, fixed, migrations[:1])
	ok(t, err)
	_, err = s.db.Exec("INSERT INTO epochs (peer, own, since) VALUES (?, ?, 1); INSERT INTO pairing (one, epoch) VALUES (1, 1)", []byte(peerKey(1)), []byte(ownKey))
	ok(t, err)
	old := single(7)
	item, err := bundle.EncodeItem(old)
	ok(t, err)
	_, err = s.db.Exec("INSERT INTO wallets (id, item, created, updated) VALUES (?, ?, 1, 1)", old.SignatureID[:], item)
	ok(t, err)
	for n, c := range map[int]struct {
		state, txid, raw string
		bundle, wish     int
	}{
		1: {"pending", "", "", 0, 0}, 2: {"exported", "", "", 1, 0}, 3: {"signed", "tx3", "raw", 1, 0}, 4: {"exported", "", "", 1, 1}, 5: {"complete", "tx5", "raw", 1, 0},
	} {
		p := number(n)
		d := sum(p.Request)
		_, err := s.db.Exec(`INSERT INTO transactions (n, id, tenant, chain, network, hashes, signatures, serialized, withdrawal_id, withdrawal_responses, request, digest,
 state, cancel_requested, maybe_signed, asserted, txid, raw, confirmations, code, reason, noted, bundle, deadline, created, updated)
 VALUES (?, ?, 'a', 'BTC', ?, 'null', 'null', '', '', '', ?, ?, ?, ?, 0, 0, ?, ?, 0, '', '', 0, ?, 0, 1, 1)`,
			n, p.ID[:], string(p.Network), p.Request, d[:], c.state, c.wish, c.txid, []byte(c.raw), c.bundle)
		ok(t, err)
	}
	sent := []byte("bundle 1")
	d := sum(sent)
	_, err = s.db.Exec("INSERT INTO bundles (epoch, direction, sequence, digest, raw, at) VALUES (1, 'out', 1, ?, ?, 1)", d[:], sent)
	ok(t, err)
	ok(t, s.Close())

	s = openAt(t, path)
	for n, want := range map[int]pending.State{1: pending.Pending, 2: pending.Exported, 3: pending.Signed, 4: pending.Exported, 5: pending.Complete} {
		if p := get(t, s, number(n).ID); p.State != want || p.Signer != "" || p.CancelRequested != (n == 4) {
			t.Errorf("row %d: %+v", n, p)
		}
	}
	w, found, err := s.Wallet(t.Context(), old.SignatureID)
	if ok(t, err); !found || w.Signer != "" {
		t.Errorf("%+v", w)
	}
	code(t, s.PutForeign(t.Context(), []bundle.Wallet{old}), "keys.conflict")
	if raw, seq, repeat := export(t, s, Selection{IDs: []bundle.ID{number(2).ID}}); seq != 1 || !repeat || string(raw) != string(sent) {
		t.Errorf("bundle %d %v %q", seq, repeat, raw)
	}
	if _, seq, repeat := export(t, s, Selection{}); seq != 2 || repeat {
		t.Errorf("bundle %d %v", seq, repeat)
	}
	move(t, s, number(2).ID, pending.Seal, pending.Intend)
	_, err = s.ExportForeign(t.Context(), number(4).ID)
	code(t, err, "export.state")
	exportForeign(t, s, put(t, s, number(6, byAnother)).ID)

	db, err := sql.Open("sqlite", path+".schema1.backup")
	ok(t, err)
	defer db.Close()
	var version, rows int
	ok(t, db.QueryRow("PRAGMA user_version").Scan(&version))
	ok(t, db.QueryRow("SELECT count(*) FROM transactions").Scan(&rows))
	if version != 1 || rows != 5 {
		t.Errorf("the copy has schema %d and %d rows", version, rows)
	}
}
