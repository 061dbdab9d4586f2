package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

func TestExport(t *testing.T) {
	if onBoth(t, TestExport) {
		return
	}
	s := fresh(t)
	_, _, _, err := s.Export(t.Context(), Selection{}, seal)
	code(t, err, "export.empty")
	put(t, s, number(1))
	put(t, s, number(2, func(p *pending.Transaction) { p.Chain = "ETH" }))
	one, seq, repeat := export(t, s, Selection{Chain: "BTC"})
	if seq != 1 || repeat || !strings.HasSuffix(string(one), ":request 1") {
		t.Fatalf("bundle %d: %q", seq, one)
	}
	again, seq, repeat := export(t, s, Selection{Chain: "BTC"})
	if seq != 1 || !repeat || !bytes.Equal(again, one) {
		t.Error("the repeat differs")
	}
	two, seq, repeat := export(t, s, Selection{}) // what is new goes before a repeat
	if seq != 2 || repeat || !strings.HasSuffix(string(two), ":request 2") {
		t.Fatalf("bundle %d: %q", seq, two)
	}
	head, err := s.OutChannel(t.Context())
	ok(t, err)
	if head.Sequence != 2 || head.Last != sha256.Sum256(two) {
		t.Errorf("the head is %d %x", head.Sequence, head.Last)
	}
	for _, c := range []struct {
		sel  Selection
		want []byte
	}{
		{Selection{}, two}, {Selection{Chain: "BTC"}, one}, {Selection{Chain: "ETH"}, two},
		{Selection{IDs: []bundle.ID{number(1).ID}}, one}, {Selection{IDs: []bundle.ID{number(2).ID}, Chain: "ETH"}, two},
	} {
		if raw, _, repeat := export(t, s, c.sel); !repeat || !bytes.Equal(raw, c.want) {
			t.Errorf("%+v repeats %q, want %q", c.sel, raw, c.want)
		}
	}
	back, err := s.Bundle(t.Context(), 1)
	ok(t, err)
	if !bytes.Equal(back, one) {
		t.Error("bundle 1 reads back differently")
	}
	_, err = s.Bundle(t.Context(), 3)
	code(t, err, "export.missing")
	back, found, err := s.BundleByDigest(t.Context(), sha256.Sum256(two))
	ok(t, err)
	if !found || !bytes.Equal(back, two) {
		t.Error("bundle 2 is not found by its digest")
	}
	if _, found, err = s.BundleByDigest(t.Context(), [32]byte{1}); found || err != nil {
		t.Error("an unknown bundle is found", err)
	}
	// Answered or to be cancelled, a row no longer asks for its bundle again.
	move(t, s, number(2).ID, pending.Seal)
	_, err = s.Cancel(t.Context(), "a", number(1).ID)
	ok(t, err)
	_, _, _, err = s.Export(t.Context(), Selection{}, seal)
	code(t, err, "export.empty")
	for id, sel := range map[string]Selection{
		"export.state": {IDs: []bundle.ID{number(1).ID}},
		"export.limit": {IDs: []bundle.ID{number(1).ID, number(2).ID}, Limit: 1},
		"kms.missing":  {IDs: []bundle.ID{number(9).ID}},
		"export.empty": {Chain: "SOL"},
	} {
		_, _, _, err := s.Export(t.Context(), sel, seal)
		code(t, err, id)
	}
}

// What somebody was shown is taken, and nothing that came after it.
func TestExportShown(t *testing.T) {
	if onBoth(t, TestExportShown) {
		return
	}
	s := fresh(t)
	put(t, s, number(1))
	gone := put(t, s, number(2))
	put(t, s, number(3, func(p *pending.Transaction) { p.Signer = pending.Foreign }))
	count, last, err := s.Exportable(t.Context(), 0)
	if err != nil || count != 2 {
		t.Fatalf("%d rows, the last is %d: %v", count, last, err)
	}
	put(t, s, number(4)) // nobody has seen it
	_, _, _, err = s.Export(t.Context(), Selection{Until: last + 2, Count: count}, seal)
	code(t, err, "export.changed")
	_, err = s.Cancel(t.Context(), Any, gone.ID) // less than what was shown surprises nobody
	ok(t, err)
	raw, seq, repeat := export(t, s, Selection{Until: last, Count: count})
	if seq != 1 || repeat || !strings.HasSuffix(string(raw), ":request 1") {
		t.Errorf("bundle %d: %q", seq, raw)
	}
	if more, _, err := s.Exportable(t.Context(), last); err != nil || more != 1 {
		t.Errorf("%d came after it: %v", more, err)
	}
	if again, seq, repeat := export(t, s, Selection{Until: last, Count: count}); seq != 1 || !repeat || !bytes.Equal(again, raw) {
		t.Errorf("sent twice it gives bundle %d: %q", seq, again)
	}
	if raw, seq, _ := export(t, s, Selection{}); seq != 2 || !strings.HasSuffix(string(raw), ":request 4") {
		t.Errorf("bundle %d: %q", seq, raw)
	}
}

func TestExportNamed(t *testing.T) {
	if onBoth(t, TestExportNamed) {
		return
	}
	s := fresh(t)
	for i := range 5 {
		put(t, s, number(i+1))
	}
	named := func(n ...int) (sel Selection) {
		for _, i := range n {
			sel.IDs = append(sel.IDs, number(i).ID)
		}
		return sel
	}
	raw, _, _ := export(t, s, named(3, 1, 3))
	if !strings.HasSuffix(string(raw), ":request 3request 1") {
		t.Errorf("%q", raw)
	}
	export(t, s, named(2))
	for _, bad := range []Selection{named(1, 2), named(4, 1), named(1, 4), {IDs: named(4).IDs, Chain: "ETH"}} {
		_, _, _, err := s.Export(t.Context(), bad, seal)
		code(t, err, "export.state")
	}
	again, seq, repeat := export(t, s, named(1, 3))
	if !repeat || seq != 1 || !bytes.Equal(again, raw) {
		t.Error("the repeat differs")
	}
	raw, seq, _ = export(t, s, Selection{Limit: 1})
	if seq != 3 || !strings.HasSuffix(string(raw), ":request 4") {
		t.Errorf("bundle %d: %q", seq, raw)
	}
	// Deferred, a row goes out again in a new bundle.
	move(t, s, number(1).ID, pending.Defer)
	raw, seq, repeat = export(t, s, named(1))
	if seq != 4 || repeat || get(t, s, number(1).ID).Bundle != 4 || !strings.HasSuffix(string(raw), ":request 1") {
		t.Errorf("bundle %d: %q", seq, raw)
	}
}

// What fails while sealing has not happened.
func TestExportFails(t *testing.T) {
	if onBoth(t, TestExportFails) {
		return
	}
	s := fresh(t)
	p := put(t, s, number(1))
	_, _, _, err := s.Export(t.Context(), Selection{}, func(uint64, [32]byte, int64, []pending.Transaction) ([]byte, error) {
		return nil, fault.New("seal.failed", "", "no")
	})
	code(t, err, "seal.failed")
	if get(t, s, p.ID).State != pending.Pending {
		t.Error("the row moved")
	}
	if _, seq, repeat := export(t, s, Selection{}); seq != 1 || repeat {
		t.Errorf("the next bundle is %d", seq)
	}
}

func TestPeer(t *testing.T) {
	if onBoth(t, TestPeer) {
		return
	}
	s := openAt(t, where(t))
	_, found, err := s.Peer(t.Context())
	ok(t, err)
	if found {
		t.Fatal("a new store is paired")
	}
	put(t, s, number(1))
	_, _, _, err = s.Export(t.Context(), Selection{}, seal)
	code(t, err, "pair.missing")
	_, err = s.InChannel(t.Context())
	code(t, err, "pair.missing")
	code(t, s.SetPeer(t.Context(), peerKey(1)[:31], ownKey, false), "pair.key")
	ok(t, s.SetPeer(t.Context(), peerKey(1), ownKey, false))
	ok(t, s.SetPeer(t.Context(), peerKey(1), ownKey, false))
	put(t, s, number(2))
	put(t, s, number(3))
	first, _, _ := export(t, s, Selection{})
	move(t, s, number(3).ID, pending.Seal)
	_, err = s.Cancel(t.Context(), "a", number(2).ID)
	ok(t, err)
	code(t, s.SetPeer(t.Context(), peerKey(2), ownKey, false), "pair.exists")
	ok(t, s.SetPeer(t.Context(), peerKey(2), ownKey, true))
	pub, _, err := s.Peer(t.Context())
	ok(t, err)
	if !pub.Equal(peerKey(2)) {
		t.Error("the peer is not the new one")
	}
	for n, want := range map[int]pending.State{1: pending.Pending, 2: pending.Exported, 3: pending.Signed} {
		if p := get(t, s, number(n).ID); p.State != want || p.MaybeSigned != (n != 3) || p.CancelRequested != (n == 2) {
			t.Errorf("row %d is %s, perhaps signed %v, to be cancelled %v, want %s", n, p.State, p.MaybeSigned, p.CancelRequested, want)
		}
	}
	raw, seq, repeat := export(t, s, Selection{})
	if seq != 1 || repeat || bytes.Equal(raw, first) {
		t.Errorf("the new half's first bundle is %d", seq)
	}
	h, d := header(1, [32]byte{}, []byte("x"))
	_, err = s.Import(t.Context(), []byte("x"), h, d, func(*ImportTx) error { return nil })
	code(t, err, "bundle.sender") // the former half
}

func TestImportOrder(t *testing.T) {
	if onBoth(t, TestImportOrder) {
		return
	}
	s := fresh(t)
	take := func(n uint64, previous [32]byte, raw string) (bool, error) {
		h, d := header(n, previous, []byte(raw))
		return s.Import(t.Context(), []byte(raw), h, d, func(x *ImportTx) error {
			return x.Record(0, Outcome{ID: number(1).ID, Status: "refused", Code: raw})
		})
	}
	sum := func(raw string) [32]byte { return sha256.Sum256([]byte(raw)) }
	_, err := take(2, sum("one"), "two")
	code(t, err, "bundle.gap")
	for _, c := range []struct {
		n        uint64
		previous [32]byte
		raw      string
		repeat   bool
		code     string
	}{
		{1, [32]byte{}, "one", false, ""}, {1, [32]byte{}, "one", true, ""}, {1, [32]byte{}, "uno", false, "bundle.fork"},
		{2, sum("uno"), "two", false, "bundle.fork"}, {2, sum("one"), "two", false, ""}, {3, sum("two"), "three", false, ""},
		{1, [32]byte{}, "one", true, ""}, {2, sum("one"), "dos", false, "bundle.fork"}, {5, sum("three"), "five", false, "bundle.gap"},
	} {
		repeat, err := take(c.n, c.previous, c.raw)
		if repeat != c.repeat || (c.code == "") != (err == nil) || err != nil && !fault.Is(err, c.code) {
			t.Errorf("bundle %d %q: repeat %v, %v, want %v %q", c.n, c.raw, repeat, err, c.repeat, c.code)
		}
	}
	out, err := s.Outcomes(t.Context(), sum("two"))
	ok(t, err)
	if len(out) != 1 || out[0].Code != "two" {
		t.Errorf("the outcomes of bundle 2 are %+v", out)
	}
	head, err := s.InChannel(t.Context())
	ok(t, err)
	if head.Sequence != 3 || head.Last != sum("three") {
		t.Errorf("the head is %+v", head)
	}
}

// An import that fails half way leaves nothing, and can be done again.
func TestImportAllOrNothing(t *testing.T) {
	if onBoth(t, TestImportAllOrNothing) {
		return
	}
	s := fresh(t)
	put(t, s, number(1))
	put(t, s, number(2))
	export(t, s, Selection{})
	raw := []byte("receipts")
	h, d := header(1, [32]byte{}, raw)
	apply := func(fails error) func(*ImportTx) error {
		return func(x *ImportTx) error {
			for i := range 2 {
				row, found, err := x.Row(number(i + 1).ID)
				if err != nil || !found {
					t.Fatal(err)
				}
				if err := x.Move(row, pending.Seal, fill(pending.Seal)); err != nil {
					return err
				}
				if err := x.Record(i, Outcome{ID: row.ID, Status: "signed"}); err != nil {
					return err
				}
			}
			return fails
		}
	}
	_, err := s.Import(t.Context(), raw, h, d, apply(errors.New("the plug was pulled")))
	code(t, err, "store.failed")
	if head, _ := s.InChannel(t.Context()); head.Sequence != 0 || get(t, s, number(1).ID).State != pending.Exported {
		t.Error("half an import was kept")
	}
	repeat, err := s.Import(t.Context(), raw, h, d, apply(nil))
	ok(t, err)
	if repeat || get(t, s, number(2).ID).State != pending.Signed {
		t.Error("the second try did nothing")
	}
	repeat, err = s.Import(t.Context(), raw, h, d, func(*ImportTx) error { t.Error("a repeat was applied"); return nil })
	ok(t, err)
	if !repeat {
		t.Error("not a repeat")
	}
}
