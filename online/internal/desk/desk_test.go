package desk

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/account"
	"coldsign/online/internal/courier"
	"coldsign/online/internal/doctor"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/replace"
	"coldsign/online/internal/store"
	"coldsign/online/internal/webhook"
	"coldsign/shared/chain/registry"
)

// world is a desk on a new database, with a clock to set.
type world struct {
	t     *testing.T
	store *store.Store
	desk  *Desk
	now   time.Time
}

const host = "localhost:8190"

func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, now: time.UnixMilli(1_800_000_000_000)}
	clock := func() time.Time { return w.now }
	dir := t.TempDir()
	var err error
	if w.store, err = store.Open(t.Context(), filepath.Join(dir, "kms.db"), clock); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	device, err := courier.LoadOrCreateDevice(dir)
	if err != nil {
		t.Fatal(err)
	}
	chains := registry.New()
	in := &intake.Intake{Chains: chains.All(), Wallets: w.store, Now: clock}
	for _, c := range chains.All() {
		for _, n := range c.Networks {
			in.Networks = append(in.Networks, n.ID)
		}
	}
	c := Config{
		Store: w.store, Intake: in, Replacer: &replace.Maker{Store: w.store, Intake: in}, Chains: chains, Hooks: webhook.NewSender(webhook.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, clock), Device: device, Now: clock,
		Doctor: func(context.Context) ([]doctor.Finding, error) { return nil, nil },
		Log:    slog.New(slog.DiscardHandler), Version: "test", Listen: "127.0.0.1:8190",
	}
	for _, f := range change {
		f(&c)
	}
	if w.desk, err = New(c); err != nil {
		t.Fatal(err)
	}
	return w
}

// browser is one that somebody is logged in with.
type browser struct {
	*world
	cookie, csrf string
}

// login makes a user of the role and a session.
func (w *world) login(role account.Role) *browser {
	w.t.Helper()
	code := account.NewCode()
	name := role.String() + "-user"
	u, err := w.store.CreateUser(w.t.Context(), name, role.String(), account.CodeDigest(code), w.now.Add(time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.again(u.Name)
}

// again makes another session of a user.
func (w *world) again(name string) *browser {
	w.t.Helper()
	token := account.NewToken()
	must(w.t, w.store.LogIn(w.t.Context(), mustUser(w, name).ID, 0, sha256.Sum256(token[:]), "test"))
	r := &request{token: token}
	return &browser{w, base64.RawURLEncoding.EncodeToString(token[:]), r.csrf()}
}

func mustUser(w *world, name string) store.User {
	w.t.Helper()
	u, err := w.store.UserNamed(w.t.Context(), name)
	must(w.t, err)
	return u
}

// ask sends a request as a page of ours would, save what change does to it.
func (b *browser) ask(method, path string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequestWithContext(b.t.Context(), method, "http://"+host+path, body)
	r.RemoteAddr = "127.0.0.1:4000"
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if method != http.MethodGet {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Origin", "http://"+host)
	}
	if b.cookie != "" {
		r.AddCookie(&http.Cookie{Name: "coldsign", Value: b.cookie})
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	b.desk.ServeHTTP(w, r)
	return w
}

func (b *browser) form(pairs ...string) url.Values {
	v := url.Values{"csrf": {b.csrf}}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func want(t *testing.T, w *httptest.ResponseRecorder, status int, holds ...string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	for _, s := range holds {
		if !strings.Contains(w.Body.String(), s) {
			t.Errorf("the page lacks %q:\n%s", s, w.Body)
		}
	}
}

// Enrolment, login with password and code, logout; and each of them only once.
func TestLogin(t *testing.T) {
	w := newWorld(t)
	b := &browser{world: w}
	want(t, b.ask("GET", "/desk/login", nil), 200, "desk user add")
	code := account.NewCode()
	if _, err := w.store.CreateUser(t.Context(), "anna", "admin", account.CodeDigest(code), w.now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	want(t, b.ask("POST", "/desk/enrol", url.Values{"code": {"wrong"}}), 400, "wrong, used or too old")
	page := b.ask("POST", "/desk/enrol", url.Values{"code": {strings.ToUpper(code)}})
	want(t, page, 200, "anna", "data:image/png;base64,")
	secret, err := account.ParseSecret(regexp.MustCompile(`name="secret" value="([A-Z2-7]+)"`).FindStringSubmatch(page.Body.String())[1])
	if err != nil {
		t.Fatal(err)
	}
	now := func() string { return account.Code(secret, w.now.Unix()/30) }
	set := url.Values{"code": {code}, "secret": {account.SecretText(secret)}, "password": {"correct horse battery"}, "again": {"correct horse battery"}, "totp": {"000000"}}
	want(t, b.ask("POST", "/desk/enrol/set", set), 400, "not the code of now")
	set.Set("totp", now())
	set.Set("password", "short")
	want(t, b.ask("POST", "/desk/enrol/set", set), 400, "fewer than 12")
	set.Set("password", "correct horse battery")
	done := b.ask("POST", "/desk/enrol/set", set)
	want(t, done, 303)
	want(t, b.ask("POST", "/desk/enrol/set", set), 400, "wrong, used or too old")

	cookie := done.Result().Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" {
		t.Errorf("%+v", cookie)
	}
	b.cookie = cookie.Value
	first := b.ask("GET", "/desk/", nil)
	want(t, first, 200, "anna", "Log out")
	b.csrf = regexp.MustCompile(`name="csrf" content="([^"]+)"`).FindStringSubmatch(first.Body.String())[1]
	want(t, b.ask("POST", "/desk/logout", b.form()), 303)
	want(t, b.ask("GET", "/desk/", nil), 303)

	b.cookie = ""
	try := func(name, password, code string) *httptest.ResponseRecorder {
		return b.ask("POST", "/desk/login", url.Values{"name": {name}, "password": {password}, "code": {code}})
	}
	want(t, try("anna", "correct horse battery", now()), 403, "used already") // the enrolment took it
	w.now = w.now.Add(time.Minute)
	for _, wrong := range [][]string{{"bert", "correct horse battery", now()}, {"anna", "wrong horse battery", now()}, {"anna", "correct horse battery", "000000"}, {"", "", ""}} {
		got := try(wrong[0], wrong[1], wrong[2])
		want(t, got, 403, "name, password or code is wrong")
		if len(got.Result().Cookies()) != 0 {
			t.Errorf("%q: a cookie", wrong)
		}
	}
	want(t, try("anna", "correct horse battery", now()), 303)
	want(t, try("anna", "correct horse battery", now()), 403, "used already")
}

// After some wrong ones neither the address nor the user is listened to for a while.
func TestAttempts(t *testing.T) {
	w := newWorld(t)
	b := &browser{world: w}
	code := account.NewCode()
	secret := account.NewSecret()
	if _, err := w.store.CreateUser(t.Context(), "anna", "admin", account.CodeDigest(code), w.now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Enrol(t.Context(), account.CodeDigest(code), account.Hash("correct horse battery"), secret, 0); err != nil {
		t.Fatal(err)
	}
	from := func(address string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = address }
	}
	try := func(password, address string) *httptest.ResponseRecorder {
		return b.ask("POST", "/desk/login", url.Values{"name": {"anna"}, "password": {password}, "code": {account.Code(secret, w.now.Unix()/30)}}, from(address))
	}
	for range 5 {
		want(t, try("wrong", "10.0.0.1:1"), 403, "is wrong")
	}
	want(t, try("correct horse battery", "10.0.0.1:1"), 400, "is locked until")
	want(t, try("wrong", "10.0.0.1:1"), 403, "is wrong") // nothing about the lock to who does not know it
	guess := url.Values{"name": {"anna"}, "password": {"correct horse battery"}, "code": {"000000"}}
	want(t, b.ask("POST", "/desk/login", guess, from("10.0.0.2:1")), 403, "is wrong") // nor that a guess without the code is right
	for range 3 {
		try("wrong", "10.0.0.1:1")
	}
	want(t, try("correct horse battery", "10.0.0.1:1"), 429, "too many attempts")
	w.now = w.now.Add(time.Minute)
	want(t, try("correct horse battery", "10.0.0.1:1"), 303)
	want(t, b.ask("POST", "/desk/login", url.Values{"name": {"anna"}}, from("[2001:db8::1%eth0]:1")), 403)
	for range tries {
		b.ask("POST", "/desk/enrol", url.Values{"code": {"x"}}, from("[2001:db8::1]:1"))
	}
	want(t, b.ask("POST", "/desk/enrol", url.Values{"code": {"x"}}, from("[2001:db8::2]:1")), 429) // the same network
}

// Every route has a role that it asks for, and refuses everybody below it; each
// change wants its token and its origin.
func TestEveryRouteIsGuarded(t *testing.T) {
	w := newWorld(t)
	var by []*browser
	for role := account.Viewer; role <= account.Admin; role++ {
		by = append(by, w.login(role))
	}
	nobody := &browser{world: w}
	for _, x := range w.desk.routes() {
		method, path, _ := strings.Cut(x.pattern, " ")
		path = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "")
		if x.pattern != "GET /desk/{$}" {
			path = strings.ReplaceAll(path, "//", "/x/")
			if strings.HasSuffix(path, "/") {
				path += "x"
			}
		}
		change := method != "GET"
		if x.public {
			if change {
				want(t, nobody.ask(method, path, url.Values{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }), 403, "another page")
			}
			continue
		}
		if x.need == account.Nobody {
			t.Errorf("%s is open to nobody", x.pattern)
		}
		if got := nobody.ask(method, path, url.Values{}); got.Code != 303 && got.Code != 401 || got.Code == 303 && got.Header().Get("Location") != "/desk/login" {
			t.Errorf("%s without login: %d", x.pattern, got.Code)
		}
		for i, b := range by {
			role := account.Role(i + 1)
			if !role.May(x.need) {
				want(t, b.ask(method, path, b.form()), 403, "may not do this")
				continue
			}
			if !change {
				continue
			}
			want(t, b.ask(method, path, url.Values{}), 403, "earlier login")
			want(t, b.ask(method, path, url.Values{"csrf": {by[(i+1)%len(by)].csrf}}), 403, "earlier login")
			for _, bad := range []func(*http.Request){
				func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
				func(r *http.Request) { r.Header.Set("Origin", "http://localhost:8191") },
				func(r *http.Request) { r.Header.Set("Origin", "null") },
				func(r *http.Request) { r.Header.Del("Origin"); r.Header.Del("Sec-Fetch-Site") },
			} {
				want(t, b.ask(method, path, b.form(), bad), 403, "another page")
			}
		}
	}
}

func TestRoles(t *testing.T) {
	w := newWorld(t)
	b := w.login(account.Viewer)
	list := func() []route { return []route{{pattern: "GET /desk/x", do: func(*request) error { return nil }}} }
	for _, x := range list() { // a route that names no role
		rec := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://"+host+"/desk/x", nil)
		r.AddCookie(&http.Cookie{Name: "coldsign", Value: b.cookie})
		w.desk.serve(x, rec, r)
		want(t, rec, 403)
	}
	if account.Nobody.May(account.Viewer) || account.Admin.May(account.Nobody) || account.Role(9).May(account.Viewer) || !account.Admin.May(account.Viewer) || account.Viewer.May(account.Submitter) {
		t.Error("roles")
	}
}

// A name that was made to point here is not ours, and neither is another port.
func TestHost(t *testing.T) {
	at := func(w *world, name string) int {
		b := &browser{world: w}
		return b.ask("GET", "/desk/login", nil, func(r *http.Request) { r.Host = name }).Code
	}
	w := newWorld(t)
	for _, name := range []string{"localhost:8190", "127.0.0.1:8190", "[::1]:8190", "LOCALHOST:8190"} {
		if got := at(w, name); got != 200 {
			t.Errorf("%s: %d", name, got)
		}
	}
	for _, name := range []string{"evil.example:8190", "localhost:8191", "localhost", "", "127.0.0.1.evil.example:8190", "desk.example"} {
		if got := at(w, name); got != 421 {
			t.Errorf("%s: %d", name, got)
		}
	}
	w = newWorld(t, func(c *Config) {
		c.URL, c.TLS, c.Listen = &url.URL{Scheme: "https", Host: "desk.example"}, true, "10.0.0.1:443"
	})
	if at(w, "desk.example") != 200 || at(w, "evil.example") != 421 || at(w, "10.0.0.1") != 421 {
		t.Error("with a URL")
	}
	b := &browser{world: w}
	got := b.ask("GET", "/desk/login", nil, func(r *http.Request) { r.Host = "desk.example" })
	if got.Header().Get("Strict-Transport-Security") == "" || w.desk.cookieName() != "__Host-coldsign" {
		t.Errorf("%v", got.Header())
	}
}

func TestHeaders(t *testing.T) {
	w := newWorld(t)
	b := w.login(account.Admin)
	for _, path := range []string{"/desk/", "/desk/login", "/desk/none", "/desk/static/desk.css", "/desk/static/none"} {
		h := b.ask("GET", path, nil).Header()
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; script-src 'self';") || strings.Contains(csp, "unsafe-inline") || strings.Contains(csp, "http") || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("X-Frame-Options") != "DENY" || h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, h)
		}
	}
	if h := b.ask("GET", "/desk/", nil).Header(); h.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", h)
	}
}

// What a whole bundle goes through has the time that 200,000 transactions take; all
// else ends soon.
func TestLongWork(t *testing.T) {
	w := newWorld(t)
	long := map[string]bool{}
	for _, x := range w.desk.routes() {
		long[x.pattern] = x.long
		x.public, x.do = true, func(r *request) error {
			end, ok := r.Context().Deadline()
			if left := time.Until(end); !x.live && (!ok || x.long != (left > 10*time.Minute)) {
				t.Errorf("%s has %v", x.pattern, left)
			}
			return nil
		}
		w.desk.serve(x, httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "http://"+host+"/desk/", nil))
	}
	for _, pattern := range []string{"POST /desk/send", "POST /desk/carry/out", "POST /desk/carry/in/{scan}/take"} {
		if !long[pattern] {
			t.Errorf("%s ends after %v", pattern, work)
		}
	}
}

// A page that nobody uses ends its session, whatever it loads by itself.
func TestIdlePageEnds(t *testing.T) {
	w := newWorld(t)
	b := w.login(account.Viewer)
	live := func(r *http.Request) { r.Header.Set("X-Live", "1") }
	for range 3 {
		w.now = w.now.Add(idle / 4)
		want(t, b.ask("GET", "/desk/", nil, live), 200)
	}
	w.now = w.now.Add(idle / 4)
	want(t, b.ask("GET", "/desk/", nil, live), 303)
	used := newWorld(t)
	b = used.login(account.Viewer)
	for range 5 {
		used.now = used.now.Add(idle / 2)
		want(t, b.ask("GET", "/desk/", nil), 200)
	}
	if script := read(t, "static/live.js"); !strings.Contains(script, `"X-Live"`) {
		t.Error("live.js does not say that nobody asked")
	}
}

// Cookies ignore ports: a server on another port of this machine can set one of our
// name, for a longer path. Which of two is ours nobody can tell.
func TestTossedCookie(t *testing.T) {
	w := newWorld(t)
	anna, mallory := w.login(account.Admin), w.login(account.Viewer)
	want(t, anna.ask("GET", "/desk/me", nil), 200, "admin-user")
	got := anna.ask("GET", "/desk/me", nil, func(r *http.Request) {
		r.Header.Set("Cookie", "coldsign="+mallory.cookie+"; "+r.Header.Get("Cookie"))
	})
	want(t, got, 303)
}

func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	b := w.login(account.Viewer)
	want(t, b.ask("GET", "/desk/", nil), 200)
	w.now = w.now.Add(idle)
	want(t, b.ask("GET", "/desk/", nil), 303)
	if got := b.ask("GET", "/desk/", nil, func(r *http.Request) { r.Header.Set("Accept", "application/json") }); got.Code != 401 || !strings.Contains(got.Body.String(), `"code":"desk.session"`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// No page names a text that there is none of.
func TestTextsAreThere(t *testing.T) {
	used := regexp.MustCompile(`(?:\bt|text) "([a-z.]+)"|text\("([a-z.]+)"\)|"(nav\.[a-z]+)"`)
	var named []string
	for _, pattern := range []string{"templates/*.html", "*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(err)
		}
		for _, name := range names {
			for _, m := range used.FindAllStringSubmatch(read(t, name), -1) {
				key := m[1] + m[2] + m[3]
				named = append(named, key)
				if _, ok := english()[key]; !ok && !strings.HasSuffix(name, "_test.go") && !strings.HasSuffix(key, ".") {
					t.Errorf("%s: there is no text %q", name, key)
				}
			}
		}
	}
	for group, keys := range map[string][]string{"scope.": store.Scopes(), "role.": account.Roles(), "order.": {"", "oldest", "deadline", "largest", "smallest"}, "health.": {"ok", "warning", "bad"}, "cancel.": {"now", "chain"}, "requote.": {"unsent", "signed", "sent", "dead"}} {
		for _, key := range keys {
			if _, ok := english()[group+key]; !ok {
				t.Errorf("there is no text %q", group+key)
			}
		}
	}
	scripts := read(t, "static/words.js")
	for _, s := range pending.States() {
		if _, ok := english()["state."+string(s)]; !ok {
			t.Errorf("there is no text for %q", s)
		}
		if same := fmt.Sprintf("%s: %q,\n", s, english()["state."+string(s)]); !strings.Contains(scripts, same) {
			t.Errorf("words.js lacks %s", same)
		}
	}
	if len(named) < 30 || !slices.Contains(named, "login.title") {
		t.Errorf("only %d texts found: the test sees nothing", len(named))
	}
}
