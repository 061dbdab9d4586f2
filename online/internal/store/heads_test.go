package store

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"coldsign/shared/bundle"
)

// The database itself takes no head that does not follow, whatever the program does,
// and the stop of a half that went back is there when it is opened again.
func TestHeadsOnlyRise(t *testing.T) {
	if onBoth(t, TestHeadsOnlyRise) {
		return
	}
	path := where(t)
	s, err := Open(t.Context(), path, fixed)
	ok(t, err)
	peer := make(ed25519.PublicKey, 32)
	peer[0] = 1
	own := make(ed25519.PublicKey, 32)
	own[0] = 2
	ok(t, s.SetPeer(t.Context(), peer, own, false))
	if h, err := s.JournalHead(t.Context()); err != nil || h != (bundle.Head{}) {
		t.Errorf("%v %v", h, err)
	}
	tell := func(bundleNumber, number int) error {
		if _, err := s.db.ExecContext(t.Context(), "INSERT INTO bundles (n, epoch, direction, sequence, digest, raw, at) VALUES (?, 1, 'in', ?, ?, "+bytesOf(t, "00")+", 0) ON CONFLICT DO NOTHING",
			bundleNumber, bundleNumber, append(make([]byte, 31), byte(bundleNumber))); err != nil {
			return err
		}
		_, err := s.db.ExecContext(t.Context(), "INSERT INTO heads (bundle, peer, number, hash) VALUES (?, ?, ?, ?)", bundleNumber, []byte(peer), number, make([]byte, 32))
		return err
	}
	ok(t, tell(1, 5))
	for _, number := range []int{0, 1, 4, 5} {
		if tell(2, number) == nil {
			t.Errorf("head %d was taken after 5", number)
		}
	}
	ok(t, tell(2, 6))
	if h, err := s.JournalHead(t.Context()); err != nil || h.Number != 6 {
		t.Errorf("%v %v", h, err)
	}

	_, err = s.Judge(t.Context(), []byte("raw"), bundle.Header{Kind: bundle.Keys, Sender: bundle.IDOf(peer), Sequence: 3, Previous: [32]byte{31: 2}}, [32]byte{3})
	code(t, err, "import.rollback")
	ok(t, s.Close())
	s = openAt(t, path)
	_, err = s.Bundle(t.Context(), 1)
	code(t, err, "pair.stopped")
	var raw string
	ok(t, s.db.QueryRowContext(t.Context(), "SELECT raw FROM rollbacks WHERE over = 0").Scan(&raw))
	if raw != "raw" {
		t.Errorf("kept %q", raw)
	}
	ok(t, s.SetPeer(t.Context(), peer, own, false))
	_, err = s.Bundle(t.Context(), 1)
	code(t, err, "export.missing")
}

// TestATT86ImportedMeanwhile: a bundle that somebody else imports while it is judged is a
// repeat. It shows no journal that went back, and stops nobody.
func TestATT86ImportedMeanwhile(t *testing.T) {
	if onBoth(t, TestATT86ImportedMeanwhile) {
		return
	}
	s := fresh(t)
	one, raw := bundle.Head{Number: 5}, []byte("first")
	h, digest := header(1, [32]byte{}, raw)
	h.Head = one
	nothing := func(*ImportTx) error { return nil }
	if repeat, err := s.Import(t.Context(), raw, h, digest, nothing); repeat || err != nil {
		t.Fatal(repeat, err)
	}
	raw = []byte("second")
	h, next := header(2, digest, raw)
	h.Head = bundle.Head{Number: 7}
	read, done := s.db.text, false
	s.db.text = func(query string) string {
		if strings.Contains(query, "FROM heads") && !done { // the place in the order has been read
			done = true
			if repeat, err := s.Import(t.Context(), raw, h, next, nothing); repeat || err != nil {
				t.Error(repeat, err)
			}
		}
		return read(query)
	}
	v, err := s.Judge(t.Context(), raw, h, next)
	if v != bundle.Repeat || err != nil || !done {
		t.Errorf("%v %v", v, err)
	}
	if repeat, err := s.Import(t.Context(), raw, h, next, nothing); !repeat || err != nil {
		t.Error(repeat, err)
	}
	h, third := header(3, next, []byte("third"))
	h.Head = bundle.Head{Number: 9}
	if v, err := s.Judge(t.Context(), []byte("third"), h, third); v != bundle.New || err != nil {
		t.Errorf("the next one: %v %v", v, err)
	}
}
