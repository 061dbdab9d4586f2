package desk

import (
	"crypto/sha256"
	"html/template"
	"net/http"
	"time"

	"coldsign/online/internal/account"
	"coldsign/online/internal/store"
	"coldsign/shared/fault"
)

func meRoutes() []route {
	return []route{
		{pattern: "GET /desk/me", need: account.Viewer, do: mePage},
		{pattern: "GET /desk/me/login", need: account.Viewer, do: meLoginPage},
		{pattern: "POST /desk/me/login", need: account.Viewer, do: meLogin},
	}
}

// meView is somebody's own page.
type meView struct {
	User    store.User
	Keys    []store.Passkey
	Passkey bool
	Host    string
	Since   string
	Changed bool // just now
}

func mePage(r *request) error {
	list, err := r.Store.Passkeys(r.Context(), r.who.User.ID)
	if err != nil {
		return err
	}
	return r.page("me", meView{r.who.User, list, r.passkeys() != "", r.namedHost(), stamp(r.who.Created), r.URL.Query().Has("changed")})
}

// reloginView is where somebody changes password, authenticator, or both.
type reloginView struct {
	Problem *problem
	Name    string
	Secret  string // of the new authenticator, if one is wanted
	QR      template.URL
}

func meLoginPage(r *request) error { return r.showRelogin(account.NewSecret(), nil) }

func (r *request) showRelogin(secret []byte, wrong error) error {
	if r.who.User.Password == "" {
		return fault.New("desk.password", "ask an administrator for a new enrolment to change that", "you log in with a passkey alone")
	}
	v := reloginView{Name: r.who.User.Name, Secret: account.SecretText(secret)}
	var err error
	if v.QR, err = qrImage(account.SecretURI(v.Name, secret)); err != nil {
		return err
	}
	at := http.StatusOK
	if wrong != nil {
		p := r.explain(wrong)
		v.Problem, at = &p, p.Status
	}
	return r.pageStatus(at, "relogin", v)
}

// meLogin wants what the user logs in with now: an open session alone, which somebody
// else may sit before, changes nothing of it.
func meLogin(r *request) error {
	secret, err := account.ParseSecret(r.PostFormValue("secret"))
	if err != nil {
		return err
	}
	release, err := r.slow()
	if err != nil {
		return r.showRelogin(secret, err)
	}
	defer release()
	if err := r.relogin(secret); err != nil {
		return r.showRelogin(secret, err)
	}
	return r.redirect("/desk/me?changed=1")
}

func (r *request) relogin(secret []byte) error {
	u, now := r.who.User, r.Now()
	l := store.Login{Keep: sha256.Sum256(r.token[:])}
	right := account.Verify(u.Password, r.PostFormValue("old"))
	step, fresh := account.CheckCode(u.TOTP, r.PostFormValue("code"), now, u.Step)
	locked := now.Before(u.Locked)
	if locked && right && fresh {
		return fault.New("desk.locked", "wait until then, or ask an administrator", "after wrong attempts this user is locked until %s", u.Locked.UTC().Format(time.RFC3339))
	}
	if locked || !right || !fresh {
		if !locked {
			if err := r.Store.Wrong(r.ctx(), u.ID); err != nil {
				return err
			}
		}
		return fault.New("desk.login", "wait for the next code", "the password or the code of now is wrong, or the code was used already")
	}
	l.Proof = step
	password, digits := r.PostFormValue("password"), r.PostFormValue("totp")
	if password == "" && digits == "" {
		return fault.New("desk.form", "give a new password, or the code of the new authenticator", "nothing is to be changed")
	}
	if password != r.PostFormValue("again") {
		return fault.New("desk.password", "type it again", "the two passwords differ")
	}
	if password != "" {
		if err := account.CheckPassword(u.Name, password); err != nil {
			return err
		}
		l.Password = account.Hash(password)
	}
	if digits != "" {
		var ok bool
		if l.Step, ok = account.CheckCode(secret, digits, now, 0); !ok {
			return fault.New("desk.totp", "scan the QR code and type what the new authenticator shows now; check the clocks", "this is not the code of now of the new authenticator")
		}
		l.TOTP = secret
	}
	return r.Store.ChangeLogin(r.ctx(), u.ID, l)
}
