package store

import (
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

// TestRequoteBesideRivals: a row and its replacement with a higher fee are one payment. It
// is not made anew beside one of them that may land, nor once for each of them.
func TestRequoteBesideRivals(t *testing.T) {
	if onBoth(t, TestRequoteBesideRivals) {
		return
	}
	told := func(p *pending.Transaction) { p.Told = true }
	for name, path := range map[string][]pending.Event{"unsent": nil, "exported": toExported, "signed": toSigned, "sent": toBroadcast} {
		s := fresh(t)
		put(t, s, using(1, bundle.ID{}, false))
		move(t, s, number(1).ID, toBroadcast...)
		put(t, s, using(2, number(1).ID, false))
		move(t, s, number(2).ID, path...)
		ended(t, s, number(1).ID, pending.Fail, conflicted) // by the second, as far as anybody knows
		if _, err := s.Create(t.Context(), anew(3, number(1).ID, false, told), Idempotency{}); err == nil {
			t.Errorf("%s: the first is made anew while the second may land", name)
		} else {
			code(t, err, "requote.live")
		}
		if name != "sent" {
			continue
		}
		ended(t, s, number(2).ID, pending.Fail, conflicted)
		put(t, s, anew(3, number(1).ID, false, told))
		if _, err := s.Create(t.Context(), number(4, func(p *pending.Transaction) {
			p.Requotes, p.Told, p.Reserve = number(2).ID, true, []string{"nonce:x:3"}
		}), Idempotency{}); err == nil {
			t.Error("each of the two is made anew")
		} else {
			code(t, err, "requote.exists")
		}
	}
}
