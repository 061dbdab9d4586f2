package store

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// epoch is the time of every test's clock.
var epoch = time.UnixMilli(1_800_000_000_000).UTC()

func fixed() time.Time { return epoch }

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, fixed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// fresh is an empty store with a paired offline half.
func fresh(t testing.TB) *Store {
	t.Helper()
	s := openAt(t, where(t))
	ok(t, s.SetPeer(t.Context(), peerKey(1), ownKey, false))
	return s
}

// ownKey stands for the device key of this half.
var ownKey = peerKey(200)

func peerKey(n byte) ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), n)).Public().(ed25519.PublicKey)
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func code(t testing.TB, err error, want string) {
	t.Helper()
	if !fault.Is(err, want) {
		t.Fatalf("error %v (%s), want code %s", err, fault.Code(err), want)
	}
}

// number makes the n-th row, of tenant "a" and chain BTC.
func number(n int, change ...func(*pending.Transaction)) *pending.Transaction {
	p := &pending.Transaction{
		Tenant: "a", Chain: "BTC", Network: "bip122:000000000019d6689c085ae165831e93",
		Hashes: []string{fmt.Sprintf("00000000-0000-0000-0000-%012d", n)}, Serialized: `{"tx":1}`,
		Request: fmt.Appendf(nil, "request %d", n),
	}
	binary.BigEndian.PutUint64(p.ID[4:], uint64(n))
	for _, c := range change {
		c(p)
	}
	return p
}

func put(t testing.TB, s *Store, p *pending.Transaction) *pending.Transaction {
	t.Helper()
	existing, err := s.Create(t.Context(), p, Idempotency{})
	ok(t, err)
	if existing != nil {
		t.Fatal("a row without an idempotency key existed")
	}
	return p
}

// seal makes a stand-in for a bundle: the store does not look into it.
func seal(seq uint64, previous [32]byte, created int64, rows []pending.Transaction) ([]byte, error) {
	raw := fmt.Appendf(nil, "bundle %d after %x at %d:", seq, previous, created)
	for _, r := range rows {
		raw = append(raw, r.Request...)
	}
	return raw, nil
}

func export(t testing.TB, s *Store, sel Selection) (raw []byte, seq uint64, repeat bool) {
	t.Helper()
	raw, seq, repeat, err := s.Export(t.Context(), sel, seal)
	ok(t, err)
	return raw, seq, repeat
}

func get(t testing.TB, s *Store, id bundle.ID) pending.Transaction {
	t.Helper()
	p, err := s.Get(t.Context(), Any, id)
	ok(t, err)
	return p
}

// fill sets what a caller sets with an event.
func fill(e pending.Event) func(*pending.Transaction) error {
	return func(p *pending.Transaction) error {
		switch e {
		case pending.Export:
			if p.Signer == "" {
				p.Bundle = 1
			}
		case pending.Seal:
			p.TxID, p.Raw = "txid of "+p.ID.String(), []byte("raw of "+p.ID.String())
		case pending.Take:
			p.TxID, p.Raw, p.Hot = "txid of "+p.ID.String(), []byte("raw of "+p.ID.String()), true
		case pending.Refuse, pending.Fail, pending.Expire:
			p.Code, p.Reason = "some.code", "some reason"
		case pending.Supersede:
			p.Code = pending.Replaced
		case pending.Assert:
			p.TxID, p.Asserted = "asserted txid", true
		}
		return nil
	}
}

// move drives a row through events.
func move(t testing.TB, s *Store, id bundle.ID, events ...pending.Event) {
	t.Helper()
	for _, e := range events {
		if _, err := s.Move(t.Context(), id, e, fill(e)); err != nil {
			t.Fatalf("%s: %v", e, err)
		}
	}
}

// header is that of the n-th incoming bundle with the content raw.
func header(n uint64, previous [32]byte, raw []byte) (bundle.Header, [32]byte) {
	return bundle.Header{Kind: bundle.Receipts, Sender: bundle.IDOf(peerKey(1)), Sequence: n, Previous: previous}, sha256.Sum256(raw)
}

func audits(t testing.TB, s *Store, id bundle.ID) []Entry {
	t.Helper()
	list, err := s.Audit(t.Context(), id, 0, 1000)
	ok(t, err)
	return list
}

func as(t testing.TB, actor string) context.Context { return WithActor(t.Context(), actor) }

func sum(raw []byte) [32]byte { return sha256.Sum256(raw) }
