package store

import (
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

// busy makes an installation with rows in every table that moves.
func busy(t *testing.T, s *Store) {
	t.Helper()
	ctx := t.Context()
	ok(t, s.SetPeer(ctx, peerKey(1), ownKey, false))
	_, _, err := s.CreateAPIKey(ctx, "name", "a", []string{ScopeSubmit, ScopeRead})
	ok(t, err)
	ok(t, s.PutForeign(ctx, []bundle.Wallet{single(1)}))
	for i := range 20 {
		p := reserving(i+1, "nonce:"+string(rune('a'+i)), "Ä"+string(rune('a'+i)))
		if i%5 == 4 {
			p.Signer = pending.Foreign
		}
		_, err := s.Create(ctx, p, Idempotency{Key: strings.Repeat("K", i%3+1) + string(rune('a'+i))})
		ok(t, err)
	}
	export(t, s, Selection{Limit: 6})
	raw := []byte("receipts")
	h, d := header(1, [32]byte{}, raw)
	h.Head = bundle.Head{Number: 7, Hash: [32]byte{1}}
	_, err = s.Import(ctx, raw, h, d, func(x *ImportTx) error {
		for i := range 3 {
			row, _, err := x.Row(number(i + 1).ID)
			must(err)
			must(x.Move(row, pending.Seal, fill(pending.Seal)))
			must(x.Record(i, Outcome{ID: row.ID, Status: "signed", TxID: "t"}))
		}
		return nil
	})
	ok(t, err)
	back, old := []byte("older"), h
	old.Sequence, old.Head.Number = 2, 3
	_, err = s.Judge(ctx, back, old, sum(back))
	code(t, err, "import.rollback")
	_, _, err = s.Subscribe(ctx, "a", KMSCompleted, "https://example.com/")
	ok(t, err)
	ok(t, s.SetPayloadKey(ctx, "a", "secret"))
	move(t, s, number(1).ID, pending.Intend, pending.Accept, pending.Confirm)
	ok(t, s.Cover(ctx, number(2).ID))
	_, err = s.ExportForeign(ctx, number(5).ID)
	ok(t, err)
	ok(t, s.ImportForeign(ctx, func(x *ImportTx) error {
		_, err := x.Quarantine(Outcome{ID: number(5).ID, Code: "c"}, []byte("answer"))
		return err
	}))
	listed := number(45)
	_, err = s.Take(ctx, listing(listed), listed)
	ok(t, err)
	ok(t, s.answered(ctx, listed, Approval{Kind: "compat"}, nil))
	rival := reserving(30, "nonce:c", "Äc")
	rival.Replaces, rival.WithdrawalID = number(3).ID, withdrawalID
	put(t, s, rival)
	move(t, s, put(t, s, number(46)).ID, toSent...)
	ended(t, s, number(46).ID, pending.Expire, "chain.expired")
	put(t, s, anew(47, number(46).ID, false, func(p *pending.Transaction) { p.Told = true }))
	waiting, err := s.Unread(ctx, 0, 1)
	ok(t, err)
	ok(t, s.Summarise(ctx, []Summary{{N: waiting[0].N, Wallets: []string{"w"}, Movements: []Movement{{Asset: "a", Amount: big.NewInt(1)}}}}))
	u := person(t, s, "anna", "admin")
	ok(t, s.LogIn(ctx, u.ID, 0, [32]byte{1}, "password"))
	ok(t, s.AddPasskey(ctx, Passkey{ID: []byte{1}, User: u.ID, Name: "key", Host: "localhost", Credential: "{}"}))
	ok(t, s.PutTicket(ctx, [32]byte{2}, "kind", "data", s.Now().Add(time.Hour)))
}

// target is an empty PostgreSQL, whichever database the test's name asks for.
func target(t *testing.T) *Store { return openAt(t, postgresAt(t)) }

func TestTransfer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.db")
	from, to := openAt(t, path), target(t)
	busy(t, from)
	list, err := Transfer(t.Context(), from, to)
	ok(t, err)
	for _, table := range list {
		if table.Rows == 0 {
			t.Errorf("table %s has no rows to move: the test shows nothing of it", table.Name)
		}
	}
	// Everything is there and goes on where it was.
	for i := range 20 {
		a, b := get(t, from, number(i+1).ID), get(t, to, number(i+1).ID)
		if a.State != b.State || a.TxID != b.TxID || string(a.Request) != string(b.Request) || !a.Updated.Equal(b.Updated) {
			t.Errorf("row %d differs: %+v %+v", i+1, a, b)
		}
	}
	if existing, err := to.Create(t.Context(), number(99), Idempotency{Key: "Ka"}); err != nil || existing == nil || existing.ID != number(1).ID {
		t.Errorf("a client's retry gives %v, %v", existing, err)
	}
	put(t, to, number(40))
	_, err = to.Create(t.Context(), reserving(41, "nonce:d"), Idempotency{})
	code(t, err, "reservation.conflict")
	_, err = to.Create(t.Context(), anew(48, number(46).ID, false), Idempotency{})
	code(t, err, "requote.exists")
	before, after := audits(t, from, bundle.ID{}), audits(t, to, bundle.ID{})
	if len(after) <= len(before) || !slices.Equal(after[:len(before)], before) {
		t.Error("the audit is not the same")
	}

	// The file stays as it was, and cannot be used.
	_, err = openAt(t, path).Serve(t.Context())
	code(t, err, "store.moved")
	_, err = from.Cancel(t.Context(), "a", number(4).ID)
	code(t, err, "store.moved")
	late := openAt(t, path)
	_, err = late.Create(t.Context(), number(50), Idempotency{})
	code(t, err, "store.moved")
	_, err = late.Adopt(t.Context(), false)
	code(t, err, "store.moved")
	done, err := late.Adopt(t.Context(), true)
	ok(t, err)
	if !done {
		t.Error("the move was not undone")
	}
	put(t, late, number(50))
}

// A process that opened the file earlier is refused from the mark on.
func TestTransferStopsOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.db")
	from, other, to := openAt(t, path), openAt(t, path), target(t)
	ok(t, from.SetPeer(t.Context(), peerKey(1), ownKey, false))
	release := serves(t, other)
	_, err := Transfer(t.Context(), from, to)
	code(t, err, "store.served")
	release()
	put(t, other, number(1))
	_, err = Transfer(t.Context(), from, to)
	ok(t, err)
	_, err = other.Create(t.Context(), number(2), Idempotency{})
	code(t, err, "store.moved")
}

// What fails leaves the server empty and the file in use.
func TestTransferAllOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.db")
	from := openAt(t, path)
	busy(t, from)
	taken := target(t)
	_, _, err := taken.CreateAPIKey(t.Context(), "n", "a", []string{ScopeRead})
	ok(t, err)
	_, err = Transfer(t.Context(), from, taken)
	code(t, err, "store.occupied")
	put(t, from, number(50))
	// The last table fails: a coverage of a time that is not one.
	to := target(t)
	_, err = to.db.ExecContext(t.Context(), "ALTER TABLE coverage ADD CHECK (at < 0)")
	ok(t, err)
	_, err = Transfer(t.Context(), from, to)
	code(t, err, "store.failed")
	for _, table := range tables() {
		var n int
		ok(t, to.db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
		if n != 0 {
			t.Errorf("%d rows are left in %s", n, table)
		}
	}
	// A value that changes on the way is found.
	_, err = to.db.ExecContext(t.Context(), `ALTER TABLE coverage DROP CONSTRAINT coverage_at_check;
 CREATE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.reason := ''x''; RETURN NEW; END';
 CREATE TRIGGER bend BEFORE INSERT ON outcomes FOR EACH ROW EXECUTE FUNCTION bend()`)
	ok(t, err)
	_, err = Transfer(t.Context(), from, to)
	code(t, err, "store.differs")
	put(t, from, number(51))
	_, err = Transfer(t.Context(), to, from)
	code(t, err, "store.transfer")
}

// One that died between the server's commit and its own end goes on.
func TestTransferResumes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.db")
	from, to := openAt(t, path), target(t)
	busy(t, from)
	first, err := Transfer(t.Context(), from, to)
	ok(t, err)
	again := openAt(t, path)
	second, err := Transfer(t.Context(), again, to)
	ok(t, err)
	if !slices.Equal(first, second) {
		t.Errorf("%+v, then %+v", first, second)
	}
	// Once the server went on, it is no longer what was moved.
	put(t, to, number(60))
	_, err = Transfer(t.Context(), openAt(t, path), to)
	code(t, err, "store.moved")
	_, err = openAt(t, path).Serve(t.Context())
	code(t, err, "store.moved")
}

// Both databases have the same tables and columns, and all of them move.
func TestSchemasAgree(t *testing.T) {
	if len(migrations) != len(postgresSteps()) {
		t.Fatalf("%d steps for SQLite and %d for PostgreSQL: write the other one", len(migrations), len(postgresSteps()))
	}
	from, to := openAt(t, filepath.Join(t.TempDir(), "kms.db")), target(t)
	names := func(s *Store, query string) []string {
		rows, err := s.db.QueryContext(t.Context(), query)
		list, err := all(rows, err, func(from scanner) (n string, err error) { return n, from.Scan(&n) })
		ok(t, err)
		slices.Sort(list)
		return list
	}
	here := names(from, "SELECT m.name || '.' || c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'")
	there := names(to, "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = current_schema()")
	there = slices.DeleteFunc(there, func(c string) bool {
		return strings.HasPrefix(c, "coldsign.") || c == "transactions.holder" || c == "transactions.held"
	})
	if !slices.Equal(here, there) {
		t.Errorf("SQLite has\n%q\nPostgreSQL\n%q", here, there)
	}
	var moving []string
	for _, column := range here {
		if name, _, _ := strings.Cut(column, "."); !slices.Contains(moving, name) && name != "installation" {
			moving = append(moving, name)
		}
	}
	listed := tables()
	slices.Sort(listed)
	if !slices.Equal(moving, listed) {
		t.Errorf("the tables are %q, and those that move %q", moving, listed)
	}
	triggers := func(list []string) []string {
		return slices.DeleteFunc(list, func(n string) bool {
			return n == "transactions_wake" || n == "transactions_whole" || n == "audit_whole"
		})
	}
	a := names(from, "SELECT name FROM sqlite_schema WHERE type = 'trigger'")
	b := triggers(slices.Compact(names(to, "SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND NOT t.tgisinternal")))
	if !slices.Equal(a, b) {
		t.Errorf("SQLite has the triggers\n%q\nPostgreSQL\n%q", a, b)
	}
}
