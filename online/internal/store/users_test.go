package store

import (
	"strings"
	"testing"
	"time"
)

// person is a user who may log in.
func person(t *testing.T, s *Store, name, role string) User {
	t.Helper()
	code := sum([]byte(name))
	_, err := s.CreateUser(t.Context(), name, role, code, s.Now().Add(time.Hour))
	ok(t, err)
	u, err := s.Enrol(t.Context(), code, "hash", []byte("secret"), 7)
	ok(t, err)
	return u
}

// moving is an empty store with a clock to set.
func moving(t *testing.T) (*Store, *time.Time) {
	t.Helper()
	now := epoch
	s, err := Open(t.Context(), where(t), func() time.Time { return now })
	ok(t, err)
	t.Cleanup(func() { s.Close() })
	return s, &now
}

func TestUsers(t *testing.T) {
	if onBoth(t, TestUsers) {
		return
	}
	s, clock := moving(t)
	ctx := t.Context()
	u := person(t, s, "anna", "admin")
	_, err := s.CreateUser(ctx, "anna", "viewer", [32]byte{9}, s.Now().Add(time.Hour))
	code(t, err, "desk.exists")
	_, err = s.Enrol(ctx, sum([]byte("anna")), "other", nil, 0) // a code is used once
	code(t, err, "desk.code")
	_, err = s.Enrollee(ctx, [32]byte{}) // nor is no code one
	code(t, err, "desk.code")
	late := [32]byte{5}
	_, err = s.CreateUser(ctx, "bert", "viewer", late, s.Now().Add(time.Hour))
	ok(t, err)
	*clock = clock.Add(time.Hour)
	_, err = s.Enrol(ctx, late, "hash", nil, 0)
	code(t, err, "desk.code")

	digest := [32]byte{1}
	ok(t, s.LogIn(ctx, u.ID, 8, digest, "password"))
	code(t, s.LogIn(ctx, u.ID, 8, [32]byte{2}, "password"), "desk.login") // nor is a code of the second factor
	x, err := s.Session(ctx, digest, time.Hour, 2*time.Hour)
	ok(t, err)
	if x.User.Name != "anna" || x.User.Role != "admin" {
		t.Errorf("%+v", x)
	}
	ok(t, s.SetRole(ctx, u.ID, "viewer"))
	_, err = s.Session(ctx, digest, time.Hour, 2*time.Hour)
	code(t, err, "desk.session")
	if u, err = s.UserOf(ctx, u.ID); err != nil || u.Role != "viewer" {
		t.Errorf("%+v %v", u, err)
	}
	ok(t, s.ResetUser(ctx, u.ID, [32]byte{3}, s.Now().Add(time.Hour)))
	_, err = s.Session(ctx, digest, time.Hour, 2*time.Hour)
	code(t, err, "desk.session")
	if u, err = s.UserNamed(ctx, "anna"); err != nil || u.Password != "" || len(u.TOTP) != 0 {
		t.Errorf("%+v %v", u, err)
	}
	ok(t, s.RemoveUser(ctx, u.ID))
	_, err = s.UserNamed(ctx, "anna")
	code(t, err, "desk.missing")
	_, err = s.Enrollee(ctx, [32]byte{3})
	code(t, err, "desk.code")
	person(t, s, "anna", "viewer") // another one of that name

	entries, err := s.Audit(ctx, [12]byte{}, 0, 100)
	ok(t, err)
	var said []string
	for _, e := range entries {
		said = append(said, e.Action+" "+e.Detail)
	}
	for _, want := range []string{"desk.user.create anna admin", "desk.user.enrol anna", "desk.login anna password", "desk.user.role anna viewer", "desk.user.reset anna", "desk.user.remove anna"} {
		if !strings.Contains(strings.Join(said, "\n"), want) {
			t.Errorf("the audit lacks %q:\n%s", want, strings.Join(said, "\n"))
		}
	}
}

// Who is reset while a password of theirs is being looked at does not get in with it.
func TestLoginDuringReset(t *testing.T) {
	if onBoth(t, TestLoginDuringReset) {
		return
	}
	s, _ := moving(t)
	ctx := t.Context()
	u := person(t, s, "anna", "admin")
	ok(t, s.ResetUser(ctx, u.ID, [32]byte{1}, s.Now().Add(time.Hour)))
	code(t, s.LogIn(ctx, u.ID, 8, [32]byte{9}, "password"), "desk.login")
	_, err := s.Enrol(ctx, [32]byte{1}, "hash", []byte("secret"), 8)
	ok(t, err)
	ok(t, s.LogIn(ctx, u.ID, 9, [32]byte{9}, "password"))
}

func TestSessionsEnd(t *testing.T) {
	if onBoth(t, TestSessionsEnd) {
		return
	}
	s, clock := moving(t)
	ctx := t.Context()
	u := person(t, s, "anna", "admin")
	a, b := [32]byte{1}, [32]byte{2}
	ok(t, s.LogIn(ctx, u.ID, 0, a, "password"))
	ok(t, s.LogIn(ctx, u.ID, 0, b, "password"))
	for range 5 { // requests keep it alive, up to a point
		*clock = clock.Add(50 * time.Minute)
		_, err := s.Session(ctx, a, time.Hour, 5*time.Hour)
		ok(t, err)
	}
	_, err := s.SessionUnseen(ctx, a, time.Hour, 5*time.Hour)
	ok(t, err)
	_, err = s.Session(ctx, b, time.Hour, 5*time.Hour) // idle
	code(t, err, "desk.session")
	*clock = clock.Add(50 * time.Minute)
	_, err = s.Session(ctx, a, time.Hour, 5*time.Hour) // old
	code(t, err, "desk.session")
	ok(t, s.LogIn(ctx, u.ID, 0, a, "password"))
	ok(t, s.LogOut(ctx, a))
	_, err = s.Session(ctx, a, time.Hour, 5*time.Hour)
	code(t, err, "desk.session")
}

// Whatever changes what somebody logs in with, or may do, ends their sessions: all but
// the one that asked for it, and nobody else's.
func TestChangesEndSessions(t *testing.T) {
	if onBoth(t, TestChangesEndSessions) {
		return
	}
	s, _ := moving(t)
	ctx := t.Context()
	u, other := person(t, s, "anna", "admin"), person(t, s, "bert", "admin")
	key := Passkey{ID: []byte{1}, User: u.ID, Name: "k", Host: "localhost", Credential: "{}"}
	here, there, his := [32]byte{1}, [32]byte{2}, [32]byte{3}
	for _, c := range []struct {
		name    string
		change  func() error
		stays   bool // the session that asked
		returns bool // a login afterwards is let in
	}{
		{"a passkey is removed", func() error { return s.RemovePasskey(ctx, u.ID, []byte{1}, here) }, true, true},
		{"no passkey is removed", func() error { return s.RemovePasskey(ctx, u.ID, []byte{9}, here) }, true, true},
		{"another password", func() error { return s.ChangeLogin(ctx, u.ID, Login{Proof: 20, Password: "other", Keep: here}) }, true, true},
		{"another authenticator", func() error {
			return s.ChangeLogin(ctx, u.ID, Login{Proof: 21, TOTP: []byte("new"), Step: 22, Keep: here})
		}, true, true},
		{"another role", func() error { return s.SetRole(ctx, u.ID, "viewer") }, false, true},
		{"locked", func() error { return s.LockUser(ctx, u.ID) }, false, false},
		{"reset", func() error { return s.ResetUser(ctx, u.ID, [32]byte{7}, s.Now().Add(time.Hour)) }, false, true},
	} {
		ok(t, s.UnlockUser(ctx, u.ID))
		if err := s.AddPasskey(ctx, key); err != nil {
			code(t, err, "desk.passkey")
		}
		for digest, id := range map[[32]byte]string{here: u.ID, there: u.ID, his: other.ID} {
			if yes, err := s.SessionThere(ctx, digest, time.Hour, time.Hour); err != nil || !yes {
				ok(t, s.LogIn(ctx, id, 0, digest, "test"))
			}
		}
		ok(t, c.change())
		for digest, want := range map[[32]byte]bool{here: c.stays, there: c.name == "no passkey is removed", his: true} {
			if yes, err := s.SessionThere(ctx, digest, time.Hour, time.Hour); err != nil || yes != want {
				t.Errorf("%s: session %d is there: %v %v", c.name, digest[0], yes, err)
			}
		}
		if err := s.LogIn(ctx, u.ID, 0, [32]byte{8}, "test"); c.returns != (err == nil) {
			t.Errorf("%s: a login: %v", c.name, err)
		}
		ok(t, s.LogOut(ctx, [32]byte{8}))
	}
	u, err := s.UserOf(ctx, u.ID)
	if err != nil || u.Password != "" || len(u.TOTP) != 0 {
		t.Errorf("%+v %v", u, err)
	}
}

// A user's own change leaves what it does not name, takes no code twice, and none of a
// user who was reset or locked meanwhile.
func TestChangeLogin(t *testing.T) {
	if onBoth(t, TestChangeLogin) {
		return
	}
	s, _ := moving(t)
	ctx := t.Context()
	u := person(t, s, "anna", "admin")
	is := func(password, totp string, step int64) {
		t.Helper()
		u, err := s.UserOf(ctx, u.ID)
		if err != nil || u.Password != password || string(u.TOTP) != totp || u.Step != step {
			t.Errorf("%+v %v", u, err)
		}
	}
	code(t, s.ChangeLogin(ctx, u.ID, Login{Proof: 7, Password: "other"}), "desk.login")
	is("hash", "secret", 7)
	ok(t, s.ChangeLogin(ctx, u.ID, Login{Proof: 8, Password: "other"}))
	is("other", "secret", 8)
	ok(t, s.ChangeLogin(ctx, u.ID, Login{Proof: 9, TOTP: []byte("new"), Step: 5}))
	is("other", "new", 5)
	ok(t, s.LockUser(ctx, u.ID))
	for range 7 {
		ok(t, s.Wrong(ctx, u.ID)) // wrong passwords do not shorten it
	}
	if u, err := s.UserOf(ctx, u.ID); err != nil || !u.Barred() {
		t.Errorf("%+v %v", u, err)
	}
	code(t, s.ChangeLogin(ctx, u.ID, Login{Proof: 10, Password: "third"}), "desk.login")
	ok(t, s.UnlockUser(ctx, u.ID))
	if u, err := s.UserOf(ctx, u.ID); err != nil || u.Barred() || u.Failures != 0 {
		t.Errorf("%+v %v", u, err)
	}
	ok(t, s.ResetUser(ctx, u.ID, [32]byte{1}, s.Now().Add(time.Hour)))
	code(t, s.ChangeLogin(ctx, u.ID, Login{Proof: 11, Password: "third"}), "desk.login")
	ok(t, s.LockUser(ctx, u.ID)) // and a code that was given out is none any more
	_, err := s.Enrollee(ctx, [32]byte{1})
	code(t, err, "desk.code")
}

func TestLockout(t *testing.T) {
	if onBoth(t, TestLockout) {
		return
	}
	s, clock := moving(t)
	ctx := t.Context()
	u := person(t, s, "anna", "admin")
	for i, want := range []time.Duration{0, 0, 0, 0, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour} {
		ok(t, s.Wrong(ctx, u.ID))
		u, err := s.UserNamed(ctx, "anna")
		ok(t, err)
		if got := u.Locked.Sub(s.Now()); i < 4 && !u.Locked.IsZero() || i >= 4 && got != want {
			t.Errorf("after %d: locked for %v, want %v", i+1, got, want)
		}
	}
	*clock = clock.Add(time.Hour)
	ok(t, s.LogIn(ctx, u.ID, 0, [32]byte{1}, "password"))
	if u, err := s.UserNamed(ctx, "anna"); err != nil || u.Failures != 0 || !u.Locked.IsZero() {
		t.Errorf("%+v %v", u, err)
	}
}

func TestTicketsAndPasskeys(t *testing.T) {
	if onBoth(t, TestTicketsAndPasskeys) {
		return
	}
	s, clock := moving(t)
	ctx := t.Context()
	ok(t, s.PutTicket(ctx, [32]byte{1}, "login", "data", s.Now().Add(time.Minute)))
	code(t, s.PutTicket(ctx, [32]byte{1}, "login", "other", s.Now().Add(time.Minute)), "desk.once")
	_, err := s.TakeTicket(ctx, [32]byte{1}, "register")
	code(t, err, "desk.ticket")
	data, err := s.TakeTicket(ctx, [32]byte{1}, "login")
	if err != nil || data != "data" {
		t.Errorf("%q %v", data, err)
	}
	_, err = s.TakeTicket(ctx, [32]byte{1}, "login")
	code(t, err, "desk.ticket")
	ok(t, s.PutTicket(ctx, [32]byte{2}, "login", "data", s.Now().Add(time.Minute)))
	*clock = clock.Add(time.Minute)
	_, err = s.TakeTicket(ctx, [32]byte{2}, "login")
	code(t, err, "desk.ticket")

	a, b := person(t, s, "anna", "admin"), person(t, s, "bert", "admin")
	ok(t, s.AddPasskey(ctx, Passkey{ID: []byte{1}, User: a.ID, Name: "k", Host: "localhost", Credential: "{}"}))
	code(t, s.AddPasskey(ctx, Passkey{ID: []byte{1}, User: b.ID, Name: "k", Host: "localhost", Credential: "{}"}), "desk.passkey")
	ok(t, s.RemovePasskey(ctx, b.ID, []byte{1}, [32]byte{})) // it is not his
	ok(t, s.UsedPasskey(ctx, []byte{1}, `{"n":1}`))
	list, err := s.Passkeys(ctx, a.ID)
	if err != nil || len(list) != 1 || list[0].Credential != `{"n":1}` || list[0].Used.IsZero() {
		t.Errorf("%+v %v", list, err)
	}
	ok(t, s.RemovePasskey(ctx, a.ID, []byte{1}, [32]byte{}))
	code(t, s.UsedPasskey(ctx, []byte{1}, `{"n":2}`), "desk.login") // it went while its owner was logging in
	if list, err = s.Passkeys(ctx, a.ID); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
}
