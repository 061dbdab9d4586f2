package courier

import (
	"crypto/ed25519"
	"fmt"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/solana"
)

// pair pairs both halves as their programs do: the offline half goes on where it
// was with this very key.
func (w *world) pair(t *testing.T, off *offline, dev *Device) {
	t.Helper()
	if !off.peer.Equal(dev.Public()) {
		if off.met == nil {
			off.met = map[string]place{}
		}
		off.met[string(off.peer)] = place{off.sequence, off.last}
		now := off.met[string(dev.Public())]
		off.peer, off.sequence, off.last = dev.Public(), now.sequence, now.last
	}
	_, confirm, err := PairIn(t.Context(), w.s, dev, off.pairing(t), true)
	ok(t, err)
	ok(t, confirm(t.Context()))
	w.off, w.dev = off, dev
}

// Whoever is paired again, in whatever order: what was exported before can be
// exported, signed and imported, and every sequence is the one that the offline
// half waits for.
func TestPairAgain(t *testing.T) {
	for name, c := range map[string]struct {
		pairs [][2]int // offline half, online device key
		want  []uint64 // sequence that the offline half sees after each
	}{
		"another offline half":     {[][2]int{{0, 0}, {1, 0}}, []uint64{1, 1}},
		"a new online key":         {[][2]int{{0, 0}, {0, 1}}, []uint64{1, 1}},
		"the former online key":    {[][2]int{{0, 0}, {0, 1}, {0, 0}}, []uint64{1, 1, 2}},
		"the former offline half":  {[][2]int{{0, 0}, {1, 0}, {0, 0}, {1, 0}}, []uint64{1, 1, 2, 2}},
		"the same, for no reason":  {[][2]int{{0, 0}, {0, 0}}, []uint64{1, 2}},
		"both new, and both again": {[][2]int{{0, 0}, {1, 1}, {0, 0}, {1, 1}}, []uint64{1, 1, 2, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			second, err := LoadOrCreateDevice(t.TempDir())
			ok(t, err)
			devices := []*Device{w.dev, second}
			halves := []*offline{w.off, newOffline("second")}
			w.off.peer = w.dev.Public()
			left := w.pay(t) // exported by every pairing, answered by the last
			for i, p := range c.pairs {
				w.now = w.now.Add(time.Second)
				w.pair(t, halves[p[0]], devices[p[1]])
				id := w.pay(t)
				same := i > 0 && c.pairs[i-1] == p
				e := w.export(t)
				b, err := bundle.Open(e.Raw, w.dev.Public())
				ok(t, err)
				if e.Sequence != c.want[i] || e.Items != 2 && !same || b.Recipient != bundle.IDOf(w.off.Public()) {
					t.Fatalf("pairing %d: bundle %d with %d items, want bundle %d", i+1, e.Sequence, e.Items, c.want[i])
				}
				answers := w.answers(t, e.Raw)
				if i < len(c.pairs)-1 {
					answers = answers[len(answers)-1:]
				}
				if r := w.take(t, w.receipts(t, e.Raw, nil, answers...)); r.Items[len(r.Items)-1].Status != StatusSigned || w.get(t, id).State != pending.Signed {
					t.Fatalf("pairing %d: %+v", i+1, r)
				}
			}
			same := c.pairs[len(c.pairs)-1] == c.pairs[len(c.pairs)-2]
			if p := w.get(t, left); p.MaybeSigned == same || (p.State == pending.Exported) != same {
				t.Errorf("what waited is %s, perhaps signed %v", p.State, p.MaybeSigned)
			}
		})
	}
}

// A device key that was not paired exports and imports nothing.
func TestUnpairedDevice(t *testing.T) {
	w := newWorld(t)
	id := w.pay(t)
	other, err := LoadOrCreateDevice(t.TempDir())
	ok(t, err)
	_, err = Export(t.Context(), w.s, other, store.Selection{}, time.Time{})
	code(t, err, "pair.device")
	_, err = ImportKeys(t.Context(), w.s, other, []byte("x"))
	code(t, err, "pair.device")
	if w.get(t, id).State != pending.Pending {
		t.Error("the row moved")
	}
}

// The answers of a half that is paired no more, and what they may say once it is
// paired again.
func TestFormerAnswers(t *testing.T) {
	w := newWorld(t)
	first, second := w.off, newOffline("second")
	first.peer = w.dev.Public()
	signed, deferred, refused := w.pay(t), w.pay(t), w.pay(t)
	e := w.export(t)
	a := w.answers(t, e.Raw)
	a[1] = bundle.Receipt{ID: deferred, Digest: a[1].Digest, Status: bundle.Deferred, Code: "operator.later"}
	a[2] = bundle.Receipt{ID: refused, Digest: a[2].Digest, Status: bundle.Refused, Code: "operator.no"}
	late := w.receipts(t, e.Raw, nil, a...)
	w.now = w.now.Add(time.Second)
	w.pair(t, second, w.dev)
	_, err := Import(t.Context(), w.s, w.dev, w.registry, late)
	code(t, err, "bundle.sender")
	forged := w.receipts(t, e.Raw, nil, a...) // the new half answers what it was never asked
	_, err = Import(t.Context(), w.s, w.dev, w.registry, forged)
	code(t, err, "import.answers")
	w.pair(t, first, w.dev) // its sequences go on, and so do its bundles
	w.now = w.now.Add(time.Second)
	if e := w.export(t); e.Sequence != 2 || e.Items != 3 {
		t.Fatalf("bundle %d with %d items", e.Sequence, e.Items)
	}
	w.now = w.now.Add(time.Second)
	r := w.take(t, late)
	for i, want := range []struct {
		id     bundle.ID
		state  pending.State
		status string
	}{{signed, pending.Signed, StatusSigned}, {deferred, pending.Exported, StatusQuarantined}, {refused, pending.Exported, StatusQuarantined}} {
		if p := w.get(t, want.id); p.State != want.state || !p.MaybeSigned || r.Items[i].Status != want.status {
			t.Errorf("row %d is %s, %+v", i, p.State, r.Items[i])
		}
	}
}

// Two rows of the same Solana message: one payment, made once.
func TestSameMessageTwice(t *testing.T) {
	w := newWorld(t)
	secret := seed("sol")
	key := chaintest.Ed25519Key(secret)
	msg, err := solana.Compile([32]byte(key.Bytes()), [32]byte{7}, solana.SystemTransfer([32]byte(key.Bytes()), [32]byte{8}, 5))
	ok(t, err)
	for range 2 { // as an intake without reservations would store them
		r := bundle.Request{ID: store.NewID(), Network: solana.NetworkTable()[0].ID, Payload: msg,
			Keys: []bundle.KeyRef{{SignatureID: bundle.SignatureID{1}, Curve: chain.Ed25519, Key: key.Bytes(), Sign: true}}}
		raw, err := bundle.EncodeItem(r)
		ok(t, err)
		_, err = w.s.Create(t.Context(), &pending.Transaction{ID: r.ID, Tenant: "a", Chain: "SOL", Network: r.Network, Request: raw}, store.Idempotency{})
		ok(t, err)
	}
	last := w.pay(t)
	e := w.export(t)
	b, err := bundle.Open(e.Raw, w.dev.Public())
	ok(t, err)
	receipts := w.answers(t, e.Raw, ed25519.NewKeyFromSeed(secret))
	r := w.take(t, w.receipts(t, e.Raw, nil, receipts...))
	if b.Len() != 3 || r.Items[0].Status != StatusSigned || r.Items[1].Status != StatusQuarantined || r.Items[1].Code != "txid.duplicate" || r.Items[2].Status != StatusSigned {
		t.Errorf("%+v", r.Items)
	}
	if p := w.get(t, r.Items[1].ID); p.State != pending.Exported || p.TxID != "" || w.get(t, last).State != pending.Signed {
		t.Errorf("%+v", p)
	}
}

// A codec that breaks on one receipt takes no other with it.
func TestCodecPanics(t *testing.T) {
	w := newWorld(t)
	ids := []bundle.ID{w.pay(t), w.pay(t), w.pay(t)}
	e := w.export(t)
	answers := w.answers(t, e.Raw)
	raw := w.receipts(t, e.Raw, nil, answers...)
	payload := w.payloads(t, e.Raw)[1]
	r, err := Import(t.Context(), w.s, w.dev, breaking{w.registry, string(payload)}, raw)
	ok(t, err)
	for i, want := range []pending.State{pending.Signed, pending.Exported, pending.Signed} {
		if p := w.get(t, ids[i]); p.State != want {
			t.Errorf("row %d is %s, want %s", i, p.State, want)
		}
	}
	if o := r.Items[1]; o.Status != StatusQuarantined || o.Code != "receipt.codec" || o.Reason == "" {
		t.Errorf("%+v", o)
	}
}

// breaking is a registry whose codecs panic when they seal one payload.
type breaking struct {
	Codecs
	payload string
}

func (b breaking) ByNetwork(id chain.ID) (chain.Chain, chain.Network, bool) {
	c, n, ok := b.Codecs.ByNetwork(id)
	c.Codec = breakingCodec{c.Codec, b.payload}
	return c, n, ok
}

type breakingCodec struct {
	chain.Codec
	payload string
}

func (c breakingCodec) Decode(u chain.Unsigned) (chain.Tx, error) {
	tx, err := c.Codec.Decode(u)
	if string(u.Payload) == c.payload {
		tx = breakingTx{tx}
	}
	return tx, err
}

type breakingTx struct{ chain.Tx }

func (breakingTx) Seal([]chain.Signature) (chain.Sealed, error) { panic(fmt.Errorf("a defect\x1b[2J")) }

// A keys bundle that was refused in part is so every time it is read.
func TestKeysConflictStays(t *testing.T) {
	w := newWorld(t)
	h := bundle.Header{Kind: bundle.Keys, Recipient: bundle.IDOf(w.dev.Public())}
	first := w.off.send(t, h, nil, wallet(1, "a"))
	_, err := ImportKeys(t.Context(), w.s, w.dev, first)
	ok(t, err)
	w.off.sent(first)
	second := w.off.send(t, h, nil, wallet(2, "b"), wallet(1, "changed"))
	for _, repeat := range []bool{false, true, true} {
		r, err := ImportKeys(t.Context(), w.s, w.dev, second)
		code(t, err, "keys.conflict")
		if r.Repeat != repeat || r.Wallets != 1 {
			t.Errorf("%+v", r)
		}
	}
	_, err = ImportKeys(t.Context(), w.s, w.dev, first) // a sound one, older
	ok(t, err)
}
