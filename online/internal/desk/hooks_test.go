package desk

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/account"
	"coldsign/online/internal/store"
)

// idemOf is the token of the page's form.
func idemOf(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`name="idem" value="([0-9a-f]{24})"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no token in\n%s", page)
	}
	return m[1]
}

// A key is made once, however often its form is sent, and shown once, in the session
// that made it.
func TestKeyOnce(t *testing.T) {
	w := newWorld(t)
	b, other := w.login(account.Admin), w.login(account.Viewer)
	keys := func() int {
		list, err := w.store.APIKeys(t.Context())
		must(t, err)
		return len(list)
	}
	want(t, b.ask("POST", "/desk/keys/create", b.form("name", "shop", "scope", "read")), 400, "the form is not whole")
	form := b.form("name", "shop", "scope", "read", "idem", idemOf(t, b.ask("GET", "/desk/keys", nil).Body.String()))
	for range 3 {
		got := b.ask("POST", "/desk/keys/create", form)
		want(t, got, 303)
		if at := got.Header().Get("Location"); at != "/desk/keys?shown="+form.Get("idem") {
			t.Errorf("leads to %s", at)
		}
	}
	if n := keys(); n != 1 {
		t.Errorf("%d keys", n)
	}
	at := "/desk/keys?shown=" + form.Get("idem")
	want(t, other.ask("GET", at, nil), 403)
	must(t, w.store.SetRole(t.Context(), mustUser(w, "viewer-user").ID, "admin"))
	second := w.again("viewer-user")
	want(t, second.ask("GET", at, nil), 200, "nothing is left to show")
	page := b.ask("GET", at, nil)
	want(t, page, 200, "csk_", "this once")
	key := regexp.MustCompile(`<pre>(csk_[^<]+)</pre>`).FindStringSubmatch(page.Body.String())
	if caller, err := w.store.Authenticate(t.Context(), key[1]); err != nil || caller.Name != "shop" {
		t.Errorf("%+v %v", caller, err)
	}
	page = b.ask("GET", at, nil)
	want(t, page, 200, "nothing is left to show")
	if strings.Contains(page.Body.String(), key[1]) {
		t.Error("shown twice")
	}
	want(t, b.ask("POST", "/desk/keys/create", form), 303)
	form.Set("idem", newIdem())
	want(t, b.ask("POST", "/desk/keys/create", form), 303)
	if n := keys(); n != 2 {
		t.Errorf("%d keys", n)
	}
	w.now = w.now.Add(ticket)
	want(t, b.ask("GET", "/desk/keys?shown="+form.Get("idem"), nil), 200, "nothing is left to show")
}

// Receivers are added, tested, told again and removed; no page has an address's path,
// and the secret is shown once.
func TestWebhooksPage(t *testing.T) {
	w := newWorld(t)
	w.wallet()
	b, viewer := w.login(account.Admin), w.login(account.Viewer)
	var told []string
	answer := 200
	receiver := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told = append(told, r.URL.Path+" "+string(body))
		rw.WriteHeader(answer)
	}))
	defer receiver.Close()
	add := func(pairs ...string) *httptest.ResponseRecorder {
		return b.ask("POST", "/desk/webhooks/add", b.form(append(pairs, "idem", newIdem())...))
	}
	secretPath := receiver.URL + "/of-the-shop"
	want(t, add("type", "KMS_FAILED_TX", "url", "https://10.0.0.1/x"), 400, "not a public address", "https://10.0.0.1/x")
	want(t, add("type", "KMS_OTHER", "url", secretPath), 400, "no such events")
	want(t, add("type", "KMS_FAILED_TX", "url", "ftp://shop.example/"), 400, "must begin with https")
	want(t, add("type", "KMS_FAILED_TX", "tenant", "*", "url", secretPath), 400, "no name for a tenant")
	made := add("type", "KMS_FAILED_TX", "url", secretPath)
	want(t, made, 303)
	want(t, add("type", "KMS_FAILED_TX", "url", secretPath), 400, "told of KMS_FAILED_TX already")
	want(t, b.ask("GET", made.Header().Get("Location"), nil), 200, "whsec_", "this once")
	list, err := w.store.Subscriptions(t.Context(), store.Any)
	must(t, err)
	if len(list) != 1 || list[0].Tenant != "default" || list[0].URL != secretPath {
		t.Fatalf("%+v", list)
	}
	id := list[0].ID
	want(t, b.ask("POST", "/desk/webhooks/test", b.form("id", id)), 200, "answered 200")
	if len(told) != 1 || !strings.Contains(told[0], "TEST") {
		t.Errorf("%q", told)
	}
	answer = 500
	want(t, b.ask("POST", "/desk/webhooks/test", b.form("id", id)), 400, "the receiver answered 500")
	want(t, b.ask("POST", "/desk/webhooks/test", b.form("id", "none")), 400, "no subscription")

	row := w.pay(0, 1)
	_, err = w.store.Cancel(t.Context(), "default", row.ID)
	must(t, err)
	events, err := w.store.Events(t.Context(), store.EventFilter{Tenant: store.Any})
	must(t, err)
	if len(events) != 1 {
		t.Fatalf("%+v", events)
	}
	must(t, w.store.EventTold(t.Context(), events[0].N, store.Dead, "500", time.Hour))
	for _, who := range []*browser{b, viewer} {
		for _, path := range []string{"/desk/webhooks", "/desk/webhooks?state=dead&of=" + id} {
			page := who.ask("GET", path, nil)
			want(t, page, 200, row.ID.String(), strings.TrimPrefix(receiver.URL, "http://"), ">Dead<", "<td>500</td>")
			if text := page.Body.String(); strings.Contains(text, "of-the-shop") || strings.Contains(text, "whsec_") || strings.Contains(text, "Remove") != (who == b) {
				t.Errorf("%s", text)
			}
		}
	}
	for _, path := range []string{"?state=delivered", "?of=other"} {
		want(t, b.ask("GET", "/desk/webhooks"+path, nil), 200, "No events.")
	}
	want(t, b.ask("GET", "/desk/webhooks?state=x", nil), 404)
	want(t, b.ask("POST", "/desk/webhooks/retry", b.form()), 303)
	if events, err = w.store.Events(t.Context(), store.EventFilter{Tenant: store.Any, State: store.Waiting}); err != nil || len(events) != 1 {
		t.Errorf("%+v %v", events, err)
	}
	want(t, b.ask("POST", "/desk/webhooks/retry", b.form("event", "none")), 400, "no event")
	want(t, b.ask("POST", "/desk/webhooks/remove", b.form("id", id)), 303)
	want(t, b.ask("POST", "/desk/webhooks/remove", b.form("id", id)), 400, "no subscription")
	want(t, b.ask("GET", "/desk/webhooks", nil), 200, "Nobody is told", "Not wanted any more")
	entries, err := w.store.AuditBefore(t.Context(), 1<<62, 100)
	must(t, err)
	var said []string
	for _, e := range entries {
		if e.Actor == "desk admin-user" {
			said = append(said, e.Action)
		}
	}
	if got := strings.Join(said, " "); got != "webhook.remove webhook.retry webhook.add" {
		t.Errorf("the audit has %s", got)
	}
}
