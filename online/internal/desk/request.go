package desk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"coldsign/online/internal/account"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/store"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// request is one request on its way to a page.
type request struct {
	*http.Request
	*Desk
	w     http.ResponseWriter
	route route
	token [32]byte      // the cookie; zero: nobody is logged in
	who   store.Session // whose it is
	role  account.Role
}

// serve runs one route: where is it from, who is it, may they, do it, answer.
func (d *Desk) serve(x route, w http.ResponseWriter, plain *http.Request) {
	most := work
	if x.long {
		most = hard
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(hard + work)) // that of the server is for what is quick
	}
	ctx, cancel := context.WithCancel(plain.Context())
	if !x.live {
		ctx, cancel = context.WithTimeout(plain.Context(), most)
	}
	defer cancel()
	r := &request{Request: plain.WithContext(ctx), Desk: d, w: w, route: x}
	began := d.Now()
	var err error
	defer func() {
		what := recover()
		if what != nil { // no detail: it may hold what was sent
			r.fail(errors.New("panic"))
		} else if x.often && err == nil {
			return
		}
		d.Log.LogAttrs(ctx, slog.LevelInfo, "desk", slog.String("route", x.pattern), slog.String("user", r.who.User.Name),
			slog.Int64("microseconds", d.Now().Sub(began).Microseconds()), slog.Bool("panic", what != nil))
	}()
	d.headers(w, x.allow)
	size := x.most
	if size == 0 {
		size = maxForm
	}
	r.Body = http.MaxBytesReader(w, plain.Body, size)
	err = r.admit()
	if err == nil {
		err = x.do(r)
	}
	if err != nil {
		r.fail(err)
	}
}

// admit finds out who it is, and refuses what they may not do.
func (r *request) admit() error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !r.sameOrigin(r.Request) {
		return fault.New("desk.origin", "open the desk in this browser, and do it there", "another page sent this")
	}
	err := r.identify()
	switch {
	case err != nil && !(fault.Is(err, "desk.session") && r.route.public):
		return err
	case r.route.public:
		return nil
	case !r.role.May(r.route.need):
		return fault.New("desk.role", "ask an administrator for the role "+r.route.need.String(), "the role %s may not do this", r.role)
	case r.Method != http.MethodGet && r.Method != http.MethodHead && !r.csrfHolds():
		return fault.New("desk.csrf", "load the page again", "this page is of an earlier login")
	}
	return nil
}

// identify reads the cookie.
func (r *request) identify() error {
	none := fault.New("desk.session", "log in", "nobody is logged in here")
	cookies := r.CookiesNamed(r.cookieName())
	if len(cookies) != 1 || len(cookies[0].Value) > maxCookie { // of two, one was set by another port of this machine
		return none
	}
	raw, err := base64.RawURLEncoding.DecodeString(cookies[0].Value)
	if err != nil || len(raw) != len(r.token) {
		return none
	}
	copy(r.token[:], raw)
	session := r.Store.Session
	if r.route.live || r.Header.Get("X-Live") != "" { // nobody asked for this: pages load it by themselves
		session = r.Store.SessionUnseen
	}
	if r.who, err = session(r.Context(), sha256.Sum256(raw), idle, whole); err != nil {
		r.token = [32]byte{}
		return err
	}
	if r.role, err = account.ParseRole(r.who.User.Role); err != nil {
		return err
	}
	return nil
}

// alive reports whether the session is still there: it does not count as a request.
func (r *request) alive() bool {
	ok, err := r.Store.SessionThere(r.Context(), sha256.Sum256(r.token[:]), idle, whole)
	return err == nil && ok
}

// whileAlive ends a live answer of another package with its session.
func (r *request) whileAlive(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(look)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if !r.alive() {
					end()
					return
				}
			}
		}
	}()
	return ctx, end
}

// CSRF is the token that forms of this session hold. It needs no memory: only who
// has the cookie can make it.
func (r *request) csrf() string {
	if r.token == [32]byte{} {
		return ""
	}
	sum := sha256.Sum256(append([]byte("coldsign desk csrf\n"), r.token[:]...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (r *request) csrfHolds() bool {
	got := r.Header.Get("X-CSRF-Token")
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); got == "" && (kind == "application/x-www-form-urlencoded" || kind == "multipart/form-data") {
		got = r.PostFormValue("csrf")
	}
	want := r.csrf()
	return want != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// ctx names the user in the audit of what is changed with it.
func (r *request) ctx() context.Context {
	return store.WithActor(r.Context(), "desk "+r.who.User.Name)
}

// cookieName has the prefix that binds a cookie to this host, where TLS lets it.
func (d *Desk) cookieName() string {
	if d.secure() {
		return "__Host-coldsign"
	}
	return "coldsign"
}

func (r *request) setCookie(value string, age int) {
	http.SetCookie(r.w, &http.Cookie{Name: r.cookieName(), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: r.secure(), SameSite: http.SameSiteStrictMode})
}

// redirect answers a change with the page that shows it. The path is ours.
func (r *request) redirect(path string) error {
	http.Redirect(r.w, r.Request, path, http.StatusSeeOther)
	return nil
}

// json answers a script.
func (r *request) json(v any) error { return r.jsonStatus(http.StatusOK, v) }

func (r *request) jsonStatus(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	r.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	r.w.WriteHeader(status)
	r.w.Write(b)
	return nil
}

// view is what a template sees.
type view struct {
	Data any
	User string
	Role account.Role
	CSRF string
	Path string
	Page string
	r    *request
}

// page writes a page.
func (r *request) page(name string, data any) error { return r.pageStatus(http.StatusOK, name, data) }

func (r *request) pageStatus(status int, name string, data any) error {
	var b bytes.Buffer
	v := view{Data: data, User: r.who.User.Name, Role: r.role, CSRF: r.csrf(), Path: r.URL.Path, Page: name, r: r}
	if err := r.pages[name].ExecuteTemplate(&b, "layout.html", v); err != nil {
		return err
	}
	r.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	r.w.WriteHeader(status)
	r.w.Write(b.Bytes())
	return nil
}

func errMissing() error {
	return fault.New("desk.page", "go back to the queue", "there is no such page")
}

// status is the HTTP status of a fault: 400 for what a person can change.
func status(err error) int {
	if fields, ok := errors.AsType[intake.FieldErrors](err); ok && len(fields) > 0 {
		return http.StatusBadRequest
	}
	switch code := fault.Code(err); code {
	case "desk.session":
		return http.StatusUnauthorized
	case "desk.role", "desk.origin", "desk.csrf", "desk.login":
		return http.StatusForbidden
	case "desk.page", "kms.missing", "desk.missing":
		return http.StatusNotFound
	case "desk.rate":
		return http.StatusTooManyRequests
	case "store.busy", "store.lost", "store.corrupt", "store.write", "desk.busy":
		return http.StatusServiceUnavailable
	case "internal", "store.failed", "intake.row":
		return http.StatusInternalServerError
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// problem is an error as it is shown.
type problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	What   string `json:"what"`
	Cure   string `json:"cure,omitempty"`
}

func (r *request) explain(err error) problem {
	p := problem{Status: status(err), Code: fault.Code(err), What: text("error.internal")}
	if e, ok := errors.AsType[*fault.Error](err); ok && p.Status != http.StatusInternalServerError {
		p.What, p.Cure = quote.Line(e.What), quote.Line(e.Cure)
	}
	if fields, ok := errors.AsType[intake.FieldErrors](err); ok {
		p.Code, p.What = "validation", quote.Line(fields.Error())
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		p = problem{http.StatusRequestEntityTooLarge, "desk.size", text("error.size"), ""}
	}
	if p.Status == http.StatusInternalServerError {
		r.failed(r.Context(), err)
	}
	return p
}

// failed writes to the log what a page is not told.
func (d *Desk) failed(ctx context.Context, err error) {
	d.Log.LogAttrs(ctx, slog.LevelError, "failed", slog.String("code", fault.Code(err)), slog.String("error", quote.Line(err.Error())))
}

// fail answers an error: the login page where nobody is logged in, JSON for a
// script, a page otherwise.
func (r *request) fail(err error) {
	p := r.explain(err)
	script := strings.Contains(r.Header.Get("Accept"), "application/json") || r.Header.Get("X-CSRF-Token") != ""
	switch {
	case script:
		err = r.jsonStatus(p.Status, p)
	case p.Code == "desk.session" && r.Method == http.MethodGet:
		err = r.redirect("/desk/login")
	default:
		err = r.pageStatus(p.Status, "error", p)
	}
	if err != nil {
		refuse(r.w, http.StatusInternalServerError, text("error.internal"))
	}
}
