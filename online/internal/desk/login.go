package desk

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"time"

	"coldsign/online/internal/account"
	"coldsign/online/internal/store"
	"coldsign/shared/fault"
)

func loginRoutes() []route {
	return []route{
		{pattern: "GET /desk/login", public: true, do: loginPage},
		{pattern: "POST /desk/login", public: true, do: logIn},
		{pattern: "POST /desk/logout", need: account.Viewer, do: logOut},
		{pattern: "GET /desk/enrol", public: true, do: enrolPage},
		{pattern: "POST /desk/enrol", public: true, do: enrolBegin},
		{pattern: "POST /desk/enrol/set", public: true, do: enrolSet},
	}
}

// loginView is what the login page shows.
type loginView struct {
	Problem *problem
	Name    string
	Fresh   bool // nobody can log in at all yet
	Passkey bool // browsers take passkeys at this address
	Host    string
}

func (r *request) loginView() loginView {
	v := loginView{Passkey: r.passkeys() != "", Host: r.namedHost()}
	users, err := r.Store.Users(r.Context())
	v.Fresh = err == nil && len(users) == 0
	return v
}

func loginPage(r *request) error {
	if r.role != account.Nobody {
		return r.redirect("/desk/")
	}
	return r.page("login", r.loginView())
}

// logIn takes a name, a password and a code. Whatever of them is wrong, the answer
// is one and the same, and takes as long.
func logIn(r *request) error {
	name, password, code := r.PostFormValue("name"), r.PostFormValue("password"), r.PostFormValue("code")
	err := r.prove(name, password, code)
	if err == nil {
		return r.redirect("/desk/")
	}
	v := r.loginView()
	p := r.explain(err)
	v.Problem, v.Name = &p, name
	return r.pageStatus(p.Status, "login", v)
}

func errLogin() error {
	return fault.New("desk.login", "", "name, password or code is wrong, or the code was used already")
}

// slow asks whether the address may try once more, and waits for a place.
func (r *request) slow() (release func(), err error) {
	if !r.limit.take(r.RemoteAddr) {
		return nil, fault.New("desk.rate", "wait a minute", "too many attempts from this address")
	}
	full := time.NewTimer(wait)
	defer full.Stop()
	select {
	case r.hashes <- struct{}{}:
		return func() { <-r.hashes }, nil
	case <-full.C:
	case <-r.Context().Done():
	}
	return nil, fault.New("desk.busy", "try again", "too many people are logging in")
}

func (r *request) prove(name, password, code string) error {
	release, err := r.slow()
	if err != nil {
		return err
	}
	defer release()
	u, err := r.Store.UserNamed(r.Context(), name)
	if err != nil && !fault.Is(err, "desk.missing") {
		return err
	}
	now := r.Now()
	right := account.Verify(u.Password, password) // also without a user: it takes as long
	step, fresh := account.CheckCode(u.TOTP, code, now, u.Step)
	if u.ID == "" || u.Password == "" {
		return errLogin()
	}
	ctx := store.WithActor(r.Context(), "desk "+u.Name)
	if now.Before(u.Locked) { // said only to who has both: a guess learns nothing
		if right && fresh && u.Barred() {
			return fault.New("desk.locked", "ask an administrator", "an administrator has locked this user")
		}
		if right && fresh {
			return fault.New("desk.locked", "wait until then, use a passkey, or ask an administrator", "after wrong attempts this user is locked until %s", u.Locked.UTC().Format(time.RFC3339))
		}
		return errLogin()
	}
	if !right || !fresh {
		if err := r.Store.Wrong(ctx, u.ID); err != nil {
			return err
		}
		return errLogin()
	}
	if err := r.begin(u, step, "password"); fault.Is(err, "desk.login") {
		return errLogin()
	} else if err != nil {
		return err
	}
	return nil
}

// begin logs a user in: a new cookie, whatever the browser had before.
func (r *request) begin(u store.User, step int64, how string) error {
	token := account.NewToken()
	if err := r.Store.LogIn(store.WithActor(r.Context(), "desk "+u.Name), u.ID, step, sha256.Sum256(token[:]), how); err != nil {
		return err
	}
	r.setCookie(base64.RawURLEncoding.EncodeToString(token[:]), int(whole.Seconds()))
	return nil
}

func logOut(r *request) error {
	if err := r.Store.LogOut(r.ctx(), sha256.Sum256(r.token[:])); err != nil {
		return err
	}
	r.setCookie("", -1)
	r.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return r.redirect("/desk/login")
}

// enrolView is what somebody new sees.
type enrolView struct {
	Problem *problem
	Code    string // as it was typed; "" it is to be
	Name    string
	Secret  string
	QR      template.URL // of the secret, for an authenticator
	Passkey bool
	Host    string
}

func enrolPage(r *request) error {
	return r.page("enrol", enrolView{})
}

// enrolBegin takes the code and shows the secret of the second factor. The code is
// used up when that is set.
func enrolBegin(r *request) error {
	release, err := r.slow()
	if err != nil {
		return err
	}
	release()
	u, err := r.Store.Enrollee(r.Context(), account.CodeDigest(r.PostFormValue("code")))
	if err != nil {
		p := r.explain(err)
		return r.pageStatus(p.Status, "enrol", enrolView{Problem: &p})
	}
	return r.showEnrol(u, account.NewSecret(), nil)
}

func (r *request) showEnrol(u store.User, secret []byte, wrong error) error {
	v := enrolView{Code: r.PostFormValue("code"), Name: u.Name, Secret: account.SecretText(secret), Passkey: r.passkeys() != "", Host: r.namedHost()}
	var err error
	if v.QR, err = qrImage(account.SecretURI(u.Name, secret)); err != nil {
		return err
	}
	at := http.StatusOK
	if wrong != nil {
		p := r.explain(wrong)
		v.Problem, at = &p, p.Status
	}
	return r.pageStatus(at, "enrol", v)
}

func enrolSet(r *request) error {
	release, err := r.slow()
	if err != nil {
		return err
	}
	defer release()
	code := account.CodeDigest(r.PostFormValue("code"))
	u, err := r.Store.Enrollee(r.Context(), code)
	if err != nil {
		p := r.explain(err)
		return r.pageStatus(p.Status, "enrol", enrolView{Problem: &p})
	}
	secret, err := account.ParseSecret(r.PostFormValue("secret"))
	if err != nil {
		return err
	}
	password := r.PostFormValue("password")
	if err := account.CheckPassword(u.Name, password); err != nil {
		return r.showEnrol(u, secret, err)
	}
	if password != r.PostFormValue("again") {
		return r.showEnrol(u, secret, fault.New("desk.password", "type it again", "the two passwords differ"))
	}
	step, ok := account.CheckCode(secret, r.PostFormValue("totp"), r.Now(), 0)
	if !ok {
		return r.showEnrol(u, secret, fault.New("desk.totp", "scan the QR code and type what the authenticator shows now; check the clocks", "this is not the code of now"))
	}
	ctx := store.WithActor(r.Context(), "desk "+u.Name)
	if u, err = r.Store.Enrol(ctx, code, account.Hash(password), secret, step); err != nil {
		return err
	}
	if err := r.begin(u, 0, "enrolment"); err != nil {
		return err
	}
	return r.redirect("/desk/")
}
