package desk

import (
	"bytes"
	"crypto/ed25519"
	"regexp"
	"testing"

	"coldsign/online/internal/account"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
)

// "Send all" takes what its page has shown, says what came in since, and asks again
// where more is there than was shown.
func TestSendWhatWasShown(t *testing.T) {
	w := newWorld(t)
	w.wallet()
	peer := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)).Public().(ed25519.PublicKey)
	must(t, w.store.SetPeer(t.Context(), peer, w.desk.Device.Public(), true))
	b := w.login(account.Operator)
	want(t, b.ask("GET", "/desk/send", nil), 200, "Nothing is pending")
	first := w.pay(0, 1)
	page := b.ask("GET", "/desk/send", nil)
	want(t, page, 200, "(1)", first.ID.String())
	field := func(name string) string {
		t.Helper()
		return regexp.MustCompile(`name="` + name + `" value="(\d+)"`).FindStringSubmatch(page.Body.String())[1]
	}
	until, count := field("until"), field("count")
	second := w.pay(1, 1)
	state := func(row pending.Transaction) pending.State {
		t.Helper()
		got, err := w.store.Get(t.Context(), store.Any, row.ID)
		must(t, err)
		return got.State
	}
	want(t, b.ask("POST", "/desk/send", b.form("what", "all")), 400, "does not say what was shown", second.ID.String())
	want(t, b.ask("POST", "/desk/send", b.form("what", "all", "until", "99", "count", "1")), 400, "2 transactions are pending where 1 were shown", second.ID.String())
	if state(first) != pending.Pending || state(second) != pending.Pending {
		t.Fatal("something was taken")
	}
	for range 2 { // sent twice it is the same
		done := b.ask("POST", "/desk/send", b.form("what", "all", "until", until, "count", count))
		want(t, done, 303)
		if at := done.Header().Get("Location"); at != "/desk/send/bundle-1?new=1" {
			t.Errorf("leads to %s", at)
		}
		if state(first) != pending.Exported || state(second) != pending.Pending {
			t.Errorf("%s and %s", state(first), state(second))
		}
	}
	want(t, b.ask("GET", "/desk/send/bundle-1?new=1", nil), 200, "1 new since the list was made", `data-name="bundle-1"`)
	want(t, b.ask("GET", "/desk/send/bundle-1?new=%3Cb%3E", nil), 200)
}
