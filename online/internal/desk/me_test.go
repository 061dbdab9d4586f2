package desk

import (
	"crypto/sha256"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/account"
	"coldsign/online/internal/store"
)

// What an administrator does to a user ends that user's sessions, and no others.
func TestAdministratorsEndSessions(t *testing.T) {
	w := newWorld(t)
	admin := w.login(account.Admin)
	viewer := w.login(account.Viewer)
	bystander := w.login(account.Operator)
	id := mustUser(w, "viewer-user").ID
	for _, c := range []struct {
		path  string
		pairs []string
	}{
		{"/desk/users/role", []string{"role", "submitter"}},
		{"/desk/users/lock", nil},
		{"/desk/users/reset", nil},
		{"/desk/users/remove", nil},
	} {
		want(t, viewer.ask("GET", "/desk/", nil), 200)
		if got := admin.ask("POST", c.path, admin.form(append(c.pairs, "id", id)...)); got.Code != 303 && got.Code != 200 {
			t.Fatalf("%s: %d %s", c.path, got.Code, got.Body)
		}
		want(t, viewer.ask("GET", "/desk/", nil), 303)
		want(t, bystander.ask("GET", "/desk/", nil), 200)
		switch page := admin.ask("GET", "/desk/users", nil).Body.String(); c.path {
		case "/desk/users/lock":
			if !strings.Contains(page, ">locked<") || !strings.Contains(page, "Unlock viewer-user") {
				t.Errorf("the page does not say who is locked:\n%s", page)
			}
			want(t, admin.ask("POST", "/desk/users/unlock", admin.form("id", id)), 303)
		case "/desk/users/remove":
			return
		}
		viewer = w.again("viewer-user")
	}
	want(t, admin.ask("POST", "/desk/users/lock", admin.form("id", mustUser(w, "admin-user").ID)), 400, "another administrator")
}

// withPassword is somebody who logs in with password and code, in two browsers.
func (w *world) withPassword() (here, there *browser, secret []byte) {
	w.t.Helper()
	code, secret := account.NewCode(), account.NewSecret()
	_, err := w.store.CreateUser(w.t.Context(), "anna", "operator", account.CodeDigest(code), w.now.Add(time.Hour))
	must(w.t, err)
	_, err = w.store.Enrol(w.t.Context(), account.CodeDigest(code), account.Hash("correct horse battery"), secret, 0)
	must(w.t, err)
	return w.again("anna"), w.again("anna"), secret
}

// Somebody changes their own password or authenticator, with what they log in with now;
// whoever else is logged in as them is out.
func TestOwnLogin(t *testing.T) {
	w := newWorld(t)
	here, there, secret := w.withPassword()
	now := func() string { return account.Code(secret, w.now.Unix()/30) }
	fresh := func() string {
		t.Helper()
		page := here.ask("GET", "/desk/me/login", nil)
		want(t, page, 200, "data:image/png;base64,")
		return regexp.MustCompile(`name="secret" value="([A-Z2-7]+)"`).FindStringSubmatch(page.Body.String())[1]
	}
	change := func(pairs ...string) *httptest.ResponseRecorder {
		w.now = w.now.Add(time.Minute) // a code is taken once, an address is listened to often enough
		form := here.form("secret", fresh(), "old", "correct horse battery", "code", now())
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return here.ask("POST", "/desk/me/login", form)
	}
	both := []string{"password", "staple battery horse", "again", "staple battery horse"}
	want(t, change(append(both, "old", "guessed horse battery")...), 403, "is wrong")
	want(t, change(append(both, "code", "000000")...), 403, "is wrong")
	want(t, change(), 400, "nothing is to be changed")
	want(t, change("password", "staple battery horse", "again", "other battery horse"), 400, "differ")
	want(t, change("password", "short", "again", "short"), 400, "fewer than 12")
	want(t, change("totp", "000000"), 400, "new authenticator")
	want(t, there.ask("GET", "/desk/", nil), 200) // nothing was changed
	want(t, change(both...), 303)
	want(t, here.ask("GET", "/desk/me?changed=1", nil), 200, "logged out everywhere else")
	want(t, there.ask("GET", "/desk/", nil), 303)

	w.now = w.now.Add(time.Minute)
	there = w.again("anna")
	text := fresh()
	next, err := account.ParseSecret(text)
	must(t, err)
	want(t, change("old", "staple battery horse", "secret", text, "totp", account.Code(next, w.now.Add(time.Minute).Unix()/30)), 303)
	want(t, there.ask("GET", "/desk/", nil), 303)
	w.now = w.now.Add(time.Minute)
	nobody := &browser{world: w}
	login := func(secret []byte) *httptest.ResponseRecorder {
		return nobody.ask("POST", "/desk/login", url.Values{"name": {"anna"}, "password": {"staple battery horse"}, "code": {account.Code(secret, w.now.Unix()/30)}})
	}
	want(t, login(secret), 403, "is wrong")
	want(t, login(next), 303)
	alone := w.login(account.Viewer)
	want(t, alone.ask("GET", "/desk/me/login", nil), 400, "passkey alone")
}

// A passkey that is taken away may have let somebody else in.
func TestRemovedPasskeyEndsSessions(t *testing.T) {
	w := newWorld(t)
	here, there, _ := w.withPassword()
	must(t, w.store.AddPasskey(t.Context(), store.Passkey{ID: []byte{0xab}, User: mustUser(w, "anna").ID, Name: "k", Host: "localhost", Credential: "{}"}))
	want(t, there.ask("GET", "/desk/", nil), 200)
	want(t, here.ask("GET", "/desk/me?changed=1", nil), 200, "logged out everywhere else. Your passkeys stay")
	want(t, here.ask("POST", "/desk/me/remove", here.form("id", "ab")), 303)
	want(t, here.ask("GET", "/desk/me", nil), 200, "None yet")
	want(t, there.ask("GET", "/desk/", nil), 303)
}

// Who finds a session open cannot stay by a passkey of their own.
func TestPasskeyWantsARecentLogin(t *testing.T) {
	w := newWorld(t)
	b := w.login(account.Viewer)
	w.now = w.now.Add(recent)
	want(t, b.ask("POST", "/desk/me/begin", b.form()), 200, "challenge")
	w.now = w.now.Add(time.Second)
	want(t, b.ask("POST", "/desk/me/begin", b.form()), 400, "10 minutes after a login")
}

// Somebody else's wrong attempts lock a user: who has password and code is told so, and
// not that these are wrong.
func TestOwnLoginOfLocked(t *testing.T) {
	w := newWorld(t)
	here, _, secret := w.withPassword()
	for range 5 {
		must(t, w.store.Wrong(t.Context(), mustUser(w, "anna").ID))
	}
	form := here.form("secret", account.SecretText(account.NewSecret()), "old", "correct horse battery", "code", account.Code(secret, w.now.Unix()/30), "password", "staple battery horse", "again", "staple battery horse")
	want(t, here.ask("POST", "/desk/me/login", form), 400, "locked until 2027-01-15T08:01:00Z")
	form.Set("old", "guessed horse battery")
	want(t, here.ask("POST", "/desk/me/login", form), 403, "is wrong")
}

// Who is locked is told so when they prove who they are, and is not let in.
func TestLockedUser(t *testing.T) {
	w := newWorld(t)
	_, _, secret := w.withPassword()
	must(t, w.store.LockUser(t.Context(), mustUser(w, "anna").ID))
	nobody := &browser{world: w}
	form := url.Values{"name": {"anna"}, "password": {"correct horse battery"}, "code": {account.Code(secret, w.now.Unix()/30)}}
	want(t, nobody.ask("POST", "/desk/login", form), 400, "an administrator has locked this user")
	form.Set("password", "guessed horse battery")
	want(t, nobody.ask("POST", "/desk/login", form), 403, "is wrong")
}

// What a live answer tells ends with its session.
func TestLiveAnswerEnds(t *testing.T) {
	w := newWorld(t)
	token := account.NewToken()
	w.login(account.Viewer)
	id := mustUser(w, "viewer-user").ID
	must(t, w.store.LogIn(t.Context(), id, 0, sha256.Sum256(token[:]), "test"))
	r := &request{Request: httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), Desk: w.desk, token: token}
	ctx, end := r.whileAlive(t.Context())
	defer end()
	must(t, w.store.SetRole(t.Context(), id, "operator"))
	<-ctx.Done()
}
