package courier

import (
	"path/filepath"
	"testing"

	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
)

func (o *offline) rehearsing(t testing.TB) []byte {
	t.Helper()
	item, err := bundle.EncodeItem(bundle.Device{Key: [32]byte(o.Public()), Half: "offline"})
	ok(t, err)
	raw, err := bundle.Seal(bundle.Header{Kind: bundle.Pairing, Rehearsal: true}, [][]byte{item}, o)
	ok(t, err)
	return raw
}

// marked is a half that rehearses, with an empty list.
func marked(t testing.TB) (*store.Store, *Device) {
	t.Helper()
	home := t.TempDir()
	s, err := store.Open(t.Context(), filepath.Join(home, "kms.db"), epochClock)
	ok(t, err)
	t.Cleanup(func() { s.Close() })
	dev, err := LoadOrCreateRehearsal(home)
	ok(t, err)
	again, err := LoadOrCreateDevice(home) // it stays one without the flag
	if ok(t, err); !again.Rehearsal() || !again.Public().Equal(dev.Public()) {
		t.Fatal("the home forgot that it is a rehearsal")
	}
	return s, dev
}

func TestRehearsalPairsWithARehearsalAlone(t *testing.T) {
	s, dev := marked(t)
	off := newOffline("offline")
	_, _, err := PairIn(t.Context(), s, dev, off.pairing(t), false)
	code(t, err, "rehearsal.mark")
	_, confirm, err := PairIn(t.Context(), s, dev, off.rehearsing(t), false)
	ok(t, err)
	ok(t, confirm(t.Context()))
	raw, err := PairOut(dev)
	ok(t, err)
	b, _, err := bundle.OpenPairing(raw)
	if ok(t, err); !b.Rehearsal {
		t.Error("its own pairing is not marked")
	}

	w := newWorld(t) // a real half
	_, _, err = PairIn(t.Context(), w.s, w.dev, newOffline("other").rehearsing(t), true)
	code(t, err, "rehearsal.mark")
	if pub, _, err := w.s.Peer(t.Context()); err != nil || !pub.Equal(w.off.Public()) {
		t.Errorf("the refused pairing changed the peer: %v", err)
	}
	_, err = LoadOrCreateRehearsal(filepath.Dir(w.path))
	code(t, err, "rehearsal.mark")
}

// TestRehearsalKeys has a real half refuse what a device that it is paired with marks,
// and a rehearsal what its device does not mark, or what is of a main network.
func TestRehearsalKeys(t *testing.T) {
	s, dev := marked(t)
	off := newOffline("offline")
	_, confirm, err := PairIn(t.Context(), s, dev, off.rehearsing(t), false)
	ok(t, err)
	ok(t, confirm(t.Context()))
	mark := func(h *bundle.Header) { h.Rehearsal = true }
	h := bundle.Header{Kind: bundle.Keys, Recipient: bundle.IDOf(dev.Public())}
	test := wallet(1, "a")
	test.Testnet = true

	_, err = ImportKeys(t.Context(), s, dev, off.send(t, h, nil, test))
	code(t, err, "rehearsal.mark")
	_, err = ImportKeys(t.Context(), s, dev, off.send(t, h, mark, test, wallet(2, "b")))
	code(t, err, "rehearsal.mainnet")
	if list, err := s.Wallets(t.Context()); err != nil || len(list) != 0 {
		t.Fatalf("%d wallets after what was refused: %v", len(list), err)
	}
	_, err = ImportKeys(t.Context(), s, dev, off.send(t, h, mark, test))
	ok(t, err)

	w := newWorld(t)
	before, err := w.s.Wallets(t.Context())
	ok(t, err)
	h.Recipient = bundle.IDOf(w.dev.Public())
	_, err = ImportKeys(t.Context(), w.s, w.dev, w.off.send(t, h, mark, test))
	code(t, err, "rehearsal.mark")
	h = bundle.Header{Kind: bundle.Receipts, Recipient: bundle.IDOf(w.dev.Public()), Answers: [32]byte{1}}
	_, err = Import(t.Context(), w.s, w.dev, w.registry, w.off.send(t, h, mark, bundle.Receipt{ID: bundle.ID{1}, Digest: [32]byte{1}, Status: bundle.Deferred, Code: "x"}))
	code(t, err, "rehearsal.mark")
	if list, err := w.s.Wallets(t.Context()); err != nil || len(list) != len(before) {
		t.Errorf("%d wallets, %d before: %v", len(list), len(before), err)
	}
}

// TestRehearsalList has a rehearsal refuse a list that holds wallets of a main network.
func TestRehearsalList(t *testing.T) {
	s, dev := marked(t)
	ok(t, s.PutWallets(t.Context(), []bundle.Wallet{wallet(3, "c")}))
	_, _, err := PairIn(t.Context(), s, dev, newOffline("offline").rehearsing(t), false)
	code(t, err, "rehearsal.mainnet")
}
