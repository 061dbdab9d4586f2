package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

func TestCreateReadsBack(t *testing.T) {
	if onBoth(t, TestCreateReadsBack) {
		return
	}
	s := fresh(t)
	index := uint32(0)
	p := number(1, func(p *pending.Transaction) {
		p.Index = &index
		p.Signatures = []pending.KeyIndex{{ID: "x", Index: 4_000_000_000}}
		p.WithdrawalID, p.WithdrawalResponses = "w", "[]"
	})
	put(t, s, p)
	if got := get(t, s, p.ID); !reflect.DeepEqual(got, *p) || got.Created != epoch {
		t.Errorf("read back\n%+v, want\n%+v", got, *p)
	}
	for name, change := range map[string]func(*pending.Transaction){
		"id":      func(p *pending.Transaction) { p.ID = bundle.ID{} },
		"tenant":  func(p *pending.Transaction) { p.Tenant = "" },
		"any":     func(p *pending.Transaction) { p.Tenant = Any },
		"network": func(p *pending.Transaction) { p.Network = "" },
		"request": func(p *pending.Transaction) { p.Request = nil },
		"digest":  func(p *pending.Transaction) { p.Digest = [32]byte{1} },
		"state":   func(p *pending.Transaction) { p.State = pending.Signed },
		"txid":    func(p *pending.Transaction) { p.TxID = "x" },
		"raw":     func(p *pending.Transaction) { p.Raw = []byte{1} },
		"bundle":  func(p *pending.Transaction) { p.Bundle = 1 },
		"reserve": func(p *pending.Transaction) { p.Reserve = []string{"a", "a"} },
	} {
		if _, err := s.Create(t.Context(), number(2, change), Idempotency{}); !fault.Is(err, "store.row") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIdempotency(t *testing.T) {
	if onBoth(t, TestIdempotency) {
		return
	}
	s := fresh(t)
	key := func(body string) Idempotency { return Idempotency{"key", sha256.Sum256([]byte(body))} }
	first := number(1, func(p *pending.Transaction) { p.Reserve = []string{"nonce:1"} })
	existing, err := s.Create(t.Context(), first, key("body"))
	ok(t, err)
	if existing != nil {
		t.Fatal("the first one existed")
	}
	move(t, s, first.ID, pending.Export)
	existing, err = s.Create(t.Context(), number(2, func(p *pending.Transaction) { p.Reserve = []string{"nonce:1"} }), key("body"))
	ok(t, err)
	if existing == nil || existing.ID != first.ID || existing.State != pending.Exported {
		t.Errorf("the repeat gives %+v", existing)
	}
	_, err = s.Create(t.Context(), number(3), key("another body"))
	code(t, err, "idempotency.conflict")
	existing, err = s.Create(t.Context(), number(4, func(p *pending.Transaction) { p.Tenant = "b" }), key("another body"))
	ok(t, err) // another tenant's key is another key
	if existing != nil {
		t.Error("another tenant's key gave a row")
	}
	_, err = s.Create(t.Context(), number(5), Idempotency{Key: strings.Repeat("x", 257)})
	code(t, err, "idempotency.key")
	for _, id := range []int{2, 3, 5} {
		_, err := s.Get(t.Context(), Any, number(id).ID)
		code(t, err, "kms.missing")
	}
	// A submission that fails keeps no key.
	_, err = s.Create(t.Context(), number(6, func(p *pending.Transaction) { p.Reserve = []string{"nonce:1"} }), Idempotency{Key: "other"})
	code(t, err, "reservation.conflict")
	existing, err = s.Create(t.Context(), number(7), Idempotency{Key: "other", Body: [32]byte{1}})
	ok(t, err)
	if existing != nil {
		t.Error("a failed submission kept its key")
	}
}

func TestIdempotencyRace(t *testing.T) {
	if onBoth(t, TestIdempotencyRace) {
		return
	}
	s := fresh(t)
	ids := make(chan bundle.ID, 40)
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			p := number(i + 1)
			existing, err := s.Create(t.Context(), p, Idempotency{Key: "key"})
			if err != nil {
				t.Error(err)
			} else if existing != nil {
				p = existing
			}
			ids <- p.ID
		})
	}
	wait.Wait()
	close(ids)
	seen := map[bundle.ID]bool{}
	for id := range ids {
		seen[id] = true
	}
	list, err := s.List(t.Context(), Filter{Tenant: "a"})
	ok(t, err)
	if len(seen) != 1 || len(list) != 1 {
		t.Errorf("40 submissions with one key gave %d ids and %d rows, want 1", len(seen), len(list))
	}
}

func TestReservations(t *testing.T) {
	if onBoth(t, TestReservations) {
		return
	}
	s := fresh(t)
	with := func(n int, network chain.ID, tenant string, keys ...string) *pending.Transaction {
		return number(n, func(p *pending.Transaction) { p.Reserve, p.Network, p.Tenant = keys, network, tenant })
	}
	first := put(t, s, with(1, "eip155:1", "a", "nonce:0xa:7", "x"))
	_, err := s.Create(t.Context(), with(2, "eip155:1", "a", "fresh", "nonce:0xa:7"), Idempotency{})
	code(t, err, "reservation.conflict")
	if !strings.Contains(err.Error(), first.ID.String()) {
		t.Errorf("%v does not name the other row", err)
	}
	_, err = s.Create(t.Context(), with(3, "eip155:1", "b", "nonce:0xa:7"), Idempotency{})
	code(t, err, "reservation.conflict")
	if strings.Contains(err.Error(), first.ID.String()) {
		t.Errorf("%v names another tenant's row", err)
	}
	put(t, s, with(4, "eip155:5", "a", "nonce:0xa:7")) // another network
	put(t, s, with(5, "eip155:1", "a", "fresh"))       // row 2 kept nothing
	_, err = s.Cancel(t.Context(), "a", first.ID)
	ok(t, err)
	put(t, s, with(6, "eip155:1", "b", "nonce:0xa:7"))
}

func TestPendingAndList(t *testing.T) {
	if onBoth(t, TestPendingAndList) {
		return
	}
	s := fresh(t)
	var all []string
	for i, state := range pending.States() {
		p := put(t, s, number(i+1))
		move(t, s, p.ID, lives[state].path...)
		all = append(all, p.ID.String())
	}
	put(t, s, number(50, func(p *pending.Transaction) { p.Tenant = "b" }))
	put(t, s, number(51, func(p *pending.Transaction) { p.Chain = "ETH" }))
	put(t, s, number(52, func(p *pending.Transaction) {
		p.Hashes, p.Signatures = nil, []pending.KeyIndex{{ID: "w1"}, {ID: "w2"}}
	}))
	show := func(list []pending.Transaction, err error) string {
		t.Helper()
		ok(t, err)
		var b []string
		for _, p := range list {
			b = append(b, fmt.Sprintf("%d", p.ID[11]))
		}
		return strings.Join(b, " ")
	}
	for _, c := range []struct{ name, got, want string }{
		{"all", show(s.Pending(t.Context(), "a", "BTC", nil)), "1 2 3 4 52"},
		{"no ids", show(s.Pending(t.Context(), "a", "BTC", []string{})), ""},
		{"by hash", show(s.Pending(t.Context(), "a", "BTC", []string{number(3).Hashes[0], number(6).Hashes[0]})), "3"},
		{"by signature", show(s.Pending(t.Context(), "a", "BTC", []string{"w2"})), "52"},
		{"tenant", show(s.Pending(t.Context(), "b", "BTC", nil)), "50"},
		{"no tenant", show(s.Pending(t.Context(), "", "BTC", nil)), ""},
		{"any tenant", show(s.Pending(t.Context(), Any, "BTC", nil)), "1 2 3 4 50 52"},
		{"chain", show(s.Pending(t.Context(), "a", "ETH", nil)), "51"},
		{"list", show(s.List(t.Context(), Filter{Tenant: "a"})), "1 2 3 4 5 6 7 8 9 10 51 52"},
		{"state", show(s.List(t.Context(), Filter{Tenant: Any, State: pending.Pending})), "1 50 51 52"},
		{"page", show(s.List(t.Context(), Filter{Tenant: "a", Limit: 2, After: all[3]})), "5 6"},
		{"list of chain", show(s.List(t.Context(), Filter{Tenant: Any, Chain: "ETH"})), "51"},
		{"list of nobody", show(s.List(t.Context(), Filter{})), ""},
		{"due", show(s.Due(t.Context(), 10)), "3 4 5"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
	_, err := s.List(t.Context(), Filter{Tenant: "b", After: all[0]})
	code(t, err, "kms.missing")
	_, err = s.List(t.Context(), Filter{Tenant: "b", After: "xyz"})
	code(t, err, "id.format")
	_, err = s.Get(t.Context(), "b", number(1).ID)
	code(t, err, "kms.missing")
	_, err = s.Get(t.Context(), "a", number(99).ID)
	code(t, err, "kms.missing")
}

func TestDueTakesTurns(t *testing.T) {
	if onBoth(t, TestDueTakesTurns) {
		return
	}
	now := epoch
	s, err := Open(t.Context(), where(t), func() time.Time { return now })
	ok(t, err)
	defer s.Close()
	for i := range 3 {
		p := put(t, s, number(i+1))
		move(t, s, p.ID, lives[pending.Broadcast].path...)
	}
	var turns string
	for range 6 {
		due, err := s.Due(t.Context(), 1)
		ok(t, err)
		turns += fmt.Sprint(due[0].ID[11])

		now = now.Add(time.Millisecond)
		ok(t, s.Seen(t.Context(), due[0].ID, 3))
	}
	if p := get(t, s, number(1).ID); turns != "123123" || p.Confirmations != 3 || p.Updated != epoch {
		t.Errorf("turns %s, then %+v", turns, p)
	}
}

func TestAPIKeys(t *testing.T) {
	if onBoth(t, TestAPIKeys) {
		return
	}
	path := where(t)
	s := openAt(t, path)
	id, key, err := s.CreateAPIKey(t.Context(), "shop", "a", []string{ScopeRead, ScopeSubmit})
	ok(t, err)
	c, err := s.Authenticate(t.Context(), key)
	ok(t, err)
	if c.KeyID != id || c.Name != "shop" || c.Tenant != "a" || !c.Can(ScopeRead) || !c.Can(ScopeSubmit) || c.Can(ScopeComplete) || c.Can(ScopeAdmin) || c.Can("") {
		t.Errorf("the caller is %+v", c)
	}
	if (Caller{}).Can(ScopeRead) || !(Caller{Scopes: []string{ScopeAdmin}}).Can(ScopeComplete) {
		t.Error("a caller of nothing can read, or an admin cannot complete")
	}
	other, otherKey, err := s.CreateAPIKey(t.Context(), "x", "b", []string{ScopeAdmin})
	ok(t, err)
	_, secret, _ := strings.Cut(strings.TrimPrefix(otherKey, keyPrefix), "_")
	last := "A"
	if strings.HasSuffix(key, last) {
		last = "B"
	}
	for _, bad := range []string{"", "csk_", "_", key[:len(key)-1], key + "A", key[:len(key)-1] + last, strings.ToUpper(key), keyPrefix + id + "_" + secret,
		strings.TrimPrefix(key, keyPrefix), id, keyPrefix + id + "_", strings.Repeat("x_", 1<<16), "' OR 1=1 --_"} {
		if _, err := s.Authenticate(t.Context(), bad); !fault.Is(err, "apikey.invalid") || bad != "" && strings.Contains(err.Error(), bad) && len(bad) > 4 {
			t.Errorf("key %.40q: %v", bad, err)
		}
	}
	ok(t, s.RevokeAPIKey(t.Context(), id))
	ok(t, s.RevokeAPIKey(t.Context(), id))
	_, err = s.Authenticate(t.Context(), key)
	code(t, err, "apikey.invalid")
	_, err = s.Authenticate(t.Context(), otherKey)
	ok(t, err)
	code(t, s.RevokeAPIKey(t.Context(), "none"), "apikey.missing")
	list, err := s.APIKeys(t.Context())
	ok(t, err)
	if len(list) != 2 || list[0].Created != epoch || list[0].Revoked.IsZero() == list[1].Revoked.IsZero() {
		t.Errorf("the keys are %+v", list)
	}
	for name, err := range map[string]error{
		"apikey.name":   second(s.CreateAPIKey(t.Context(), "", "a", []string{ScopeRead})),
		"apikey.tenant": second(s.CreateAPIKey(t.Context(), "n", Any, []string{ScopeRead})),
		"apikey.scope":  second(s.CreateAPIKey(t.Context(), "n", "a", []string{"root"})),
	} {
		code(t, err, name)
	}
	code(t, second(s.CreateAPIKey(t.Context(), "n", "a", nil)), "apikey.scope")
	// Neither key is anywhere on the disk; the ids are, so the search works.
	files := []string{path, path + "-wal"}
	if isPostgres(t) {
		files = nil
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		ok(t, err)
		for _, k := range []string{key, otherKey} {
			_, secret, _ := strings.Cut(strings.TrimPrefix(k, keyPrefix), "_")
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s holds a key", file)
			}
		}
		if strings.HasSuffix(file, "-wal") && !bytes.Contains(raw, []byte(other)) {
			t.Errorf("%s does not hold the id of a key", file)
		}
	}
}

func second(_, _ string, err error) error { return err }

func TestWallets(t *testing.T) {
	if onBoth(t, TestWallets) {
		return
	}
	s := fresh(t)
	key := func(n byte) []byte { return append(make([]byte, 31), n) }
	w := bundle.Wallet{SignatureID: bundle.SignatureID{1}, Chain: "SOL", Curve: chain.Ed25519, Keys: [][]byte{key(1), key(2)}}
	v := bundle.Wallet{SignatureID: bundle.SignatureID{2}, Chain: "SOL", Testnet: true, Curve: chain.Ed25519, Key: key(3)}
	ok(t, s.PutWallets(t.Context(), []bundle.Wallet{w, v}))
	got, found, err := s.Wallet(t.Context(), w.SignatureID)
	ok(t, err)
	if !found || len(got.Keys) != 2 || got.Chain != "SOL" {
		t.Errorf("read back %+v", got)
	}
	if _, found, err := s.Wallet(t.Context(), bundle.SignatureID{9}); found || err != nil {
		t.Error("an unknown wallet is known", err)
	}
	more := w
	more.Keys = [][]byte{key(1), key(2), key(4)}
	ok(t, s.PutWallets(t.Context(), []bundle.Wallet{more}))
	ok(t, s.PutWallets(t.Context(), []bundle.Wallet{w})) // fewer: nothing is forgotten
	if got, _, _ := s.Wallet(t.Context(), w.SignatureID); len(got.Keys) != 3 {
		t.Errorf("%d child keys, want 3", len(got.Keys))
	}
	for name, change := range map[string]func(*bundle.Wallet){
		"child":   func(w *bundle.Wallet) { w.Keys = [][]byte{key(1), key(9)} },
		"chain":   func(w *bundle.Wallet) { w.Chain = "ETH" },
		"testnet": func(w *bundle.Wallet) { w.Testnet = true },
		"key":     func(w *bundle.Wallet) { w.Key = key(9) },
		"path":    func(w *bundle.Wallet) { w.Path = []uint32{1} },
	} {
		changed, fresh := more, bundle.Wallet{SignatureID: bundle.SignatureID{7}, Chain: "SOL", Curve: chain.Ed25519, Key: key(5)}
		change(&changed)
		if err := s.PutWallets(t.Context(), []bundle.Wallet{fresh, changed}); !fault.Is(err, "keys.conflict") {
			t.Errorf("%s: %v", name, err)
		}
	}
	list, err := s.Wallets(t.Context())
	ok(t, err)
	if len(list) != 2 {
		t.Errorf("%d wallets, want 2: a refused import leaves none", len(list))
	}
}
