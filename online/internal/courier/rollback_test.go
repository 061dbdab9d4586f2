package courier

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
)

// head is the head of a journal of n entries.
func head(n byte) bundle.Head { return bundle.Head{Number: uint64(n), Hash: sha256.Sum256([]byte{n})} }

func tells(n byte) func(*bundle.Header) { return func(h *bundle.Header) { h.Head = head(n) } }

// told gives the head that an exported bundle tells.
func (w *world) told(t *testing.T, raw []byte) bundle.Head {
	t.Helper()
	b, err := bundle.Open(raw, w.dev.Public())
	ok(t, err)
	return b.Head
}

// signedPay makes the next receipts, of a new payment.
func (w *world) signedPay(t *testing.T, change func(*bundle.Header)) (raw []byte, id bundle.ID) {
	t.Helper()
	id = w.pay(t)
	w.now = w.now.Add(time.Second)
	e := w.export(t)
	return w.receipts(t, e.Raw, change, w.answers(t, e.Raw)...), id
}

// pairAgain is what PairIn's confirm does, without the words.
func (w *world) pairAgain(t *testing.T) {
	t.Helper()
	ok(t, w.s.SetPeer(t.Context(), w.off.Public(), w.dev.Public(), false))
}

// Every export tells the last head that came, and the same bytes when repeated.
func TestHeadIsToldBack(t *testing.T) {
	w := newWorld(t)
	w.pay(t)
	first := w.export(t)
	if got := w.told(t, first.Raw); got != (bundle.Head{}) {
		t.Errorf("told %v before there was any", got)
	}
	receipts := w.receipts(t, first.Raw, tells(5), w.answers(t, first.Raw)...)
	w.take(t, receipts)
	w.pay(t)
	second := w.export(t)
	if got := w.told(t, second.Raw); got != head(5) {
		t.Errorf("told %v", got)
	}
	// A keys bundle tells one too; what was exported before stays as it is.
	keys := w.off.send(t, bundle.Header{Kind: bundle.Keys, Recipient: bundle.IDOf(w.dev.Public())}, tells(9), wallet(1, "a"))
	_, err := ImportKeys(t.Context(), w.s, w.dev, keys)
	ok(t, err)
	w.off.sent(keys)
	if again := w.export(t); !again.Repeat || !bytes.Equal(again.Raw, second.Raw) {
		t.Error("a repeat is not the same bytes")
	}
	w.pay(t)
	if got := w.told(t, w.export(t).Raw); got != head(9) {
		t.Errorf("told %v", got)
	}
	// An old bundle, imported again, tells an old head: a repeat, and no rollback.
	if r, err := Import(t.Context(), w.s, w.dev, w.registry, receipts); err != nil || !r.Repeat {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := ImportKeys(t.Context(), w.s, w.dev, keys); err != nil || !r.Repeat {
		t.Errorf("%+v %v", r, err)
	}
}

// ATT-68: a bundle that shows that the journal went back is refused, changes no
// row, and stops all exchange until people pair the halves once more. The positive
// twin is the bundle of the newest copy, which is taken then.
func TestRollback(t *testing.T) {
	another := [32]byte{0xee}
	for name, spoil := range map[string]func(*bundle.Header){
		"an earlier entry":           tells(4),
		"the first entry":            tells(1),
		"the same entry":             tells(7),
		"the same number":            func(h *bundle.Header) { h.Head = bundle.Head{Number: 7, Hash: another} },
		"no entry":                   func(h *bundle.Header) {},
		"its last bundle again":      func(h *bundle.Header) { h.Sequence, h.Previous, h.Head = 1, [32]byte{}, head(4) },
		"that, with more entries":    func(h *bundle.Header) { h.Sequence, h.Previous, h.Head = 1, [32]byte{}, head(30) },
		"another bundle before":      func(h *bundle.Header) { h.Previous, h.Head = another, head(30) },
		"a missing bundle before":    func(h *bundle.Header) { h.Sequence, h.Previous, h.Head = 3, another, head(6) },
		"made later by its own word": func(h *bundle.Header) { h.Created, h.Head = epoch.Unix()+1_000_000, head(7) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first, _ := w.signedPay(t, tells(7))
			w.take(t, first)
			good, id := w.signedPay(t, tells(8))
			b, err := bundle.Open(good, w.off.Public())
			ok(t, err)
			r, err := b.Receipt(0)
			ok(t, err)
			h := bundle.Header{Kind: bundle.Receipts, Recipient: b.Recipient, Answers: b.Answers}
			bad := w.off.send(t, h, spoil, r)
			keys := w.off.send(t, bundle.Header{Kind: bundle.Keys, Recipient: b.Recipient}, spoil, wallet(1, "a"))
			for round := range 2 { // after the stop is over, it begins again
				_, err = Import(t.Context(), w.s, w.dev, w.registry, bad)
				code(t, err, "import.rollback")
				_, err = ImportKeys(t.Context(), w.s, w.dev, keys)
				code(t, err, "import.rollback")
				_, err = Import(t.Context(), w.s, w.dev, w.registry, good)
				code(t, err, "pair.stopped")
				_, err = Export(t.Context(), w.s, w.dev, store.Selection{}, time.Time{})
				code(t, err, "pair.stopped")
				_, err = w.s.Bundle(t.Context(), 1)
				code(t, err, "pair.stopped")
				if r, err := Import(t.Context(), w.s, w.dev, w.registry, first); err != nil || !r.Repeat {
					t.Errorf("round %d: %+v %v", round, r, err)
				}
				if p := w.get(t, id); p.State != pending.Exported {
					t.Errorf("round %d: the row is %s", round, p.State)
				}
				w.pairAgain(t)
				if e := w.export(t); !e.Repeat {
					t.Errorf("round %d: a new bundle", round)
				}
			}
			if r := w.take(t, good); r.Repeat || w.get(t, id).State != pending.Signed {
				t.Errorf("%+v", r)
			}
			kinds := map[string]int{}
			list, err := w.s.Audit(t.Context(), bundle.ID{}, 0, 1000)
			ok(t, err)
			for _, e := range list {
				kinds[e.Action]++
			}
			if kinds["rollback"] != 4 || kinds["rollback.over"] != 2 {
				t.Errorf("audit %v", kinds)
			}
		})
	}
}

// Without heads, as older offline halves are, a fork is a fork and stops nothing.
func TestForkWithoutHeads(t *testing.T) {
	w := newWorld(t)
	first, _ := w.signedPay(t, nil)
	w.take(t, first)
	good, _ := w.signedPay(t, nil)
	b, err := bundle.Open(good, w.off.Public())
	ok(t, err)
	r, err := b.Receipt(0)
	ok(t, err)
	bad := w.off.send(t, bundle.Header{Kind: bundle.Receipts, Recipient: b.Recipient, Answers: b.Answers}, func(h *bundle.Header) { h.Previous[0] ^= 1 }, r)
	_, err = Import(t.Context(), w.s, w.dev, w.registry, bad)
	code(t, err, "bundle.fork")
	w.take(t, good)
}

// The journal is the offline half's, whatever key of ours it is paired with: a new
// pairing forgets nothing. Another device has another journal.
func TestRollbackAcrossPairings(t *testing.T) {
	w := newWorld(t)
	w.off.peer = w.dev.Public()
	first, _ := w.signedPay(t, tells(7))
	w.take(t, first)
	mine, own := w.off, w.dev
	second, err := LoadOrCreateDevice(t.TempDir())
	ok(t, err)
	w.pair(t, mine, second)
	bad, _ := w.signedPay(t, tells(7)) // sequence 1 of the new pairing
	if got := w.told(t, w.export(t).Raw); got != head(7) {
		t.Errorf("told %v", got)
	}
	_, err = Import(t.Context(), w.s, w.dev, w.registry, bad)
	code(t, err, "import.rollback")

	w.pair(t, newOffline("another"), own) // the stop is not this one's
	raw, _ := w.signedPay(t, tells(2))
	if got := w.told(t, w.export(t).Raw); got != (bundle.Head{}) {
		t.Errorf("told %v", got)
	}
	w.take(t, raw)

	w.pair(t, mine, own) // people compared the words: it goes on where it was
	raw, _ = w.signedPay(t, tells(8))
	w.take(t, raw)
}

// A database from before an import knows an older head. That is legal: what is
// missing is imported once more, in order.
func TestOlderDatabase(t *testing.T) {
	w := newWorld(t)
	first, _ := w.signedPay(t, tells(5))
	w.take(t, first)
	second, id := w.signedPay(t, tells(7))
	ok(t, w.s.Close())
	copied, err := os.ReadFile(w.path)
	ok(t, err)
	w.open(t)
	w.take(t, second)
	ok(t, w.s.Close())
	for _, name := range []string{w.path + "-wal", w.path + "-shm"} {
		if _, err := os.Stat(name); err == nil {
			t.Fatalf("%s is left", filepath.Base(name))
		}
	}
	ok(t, os.WriteFile(w.path, copied, 0o600))
	w.open(t)
	if got := w.told(t, w.export(t).Raw); got != head(5) {
		t.Errorf("told %v", got)
	}
	if r, err := Import(t.Context(), w.s, w.dev, w.registry, second); err != nil || r.Repeat || w.get(t, id).State != pending.Signed {
		t.Errorf("%+v %v", r, err)
	}
	third, _ := w.signedPay(t, tells(9))
	w.take(t, third)
}
