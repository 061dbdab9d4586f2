package desk

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"coldsign/online/internal/account"
	"coldsign/online/internal/store"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

func passkeyRoutes() []route {
	return []route{
		{pattern: "POST /desk/me/remove", need: account.Viewer, do: passkeyRemove},
		{pattern: "POST /desk/me/begin", need: account.Viewer, do: passkeyBegin},
		{pattern: "POST /desk/me/finish", need: account.Viewer, do: passkeyFinish},
		{pattern: "POST /desk/enrol/begin", public: true, do: enrolKeyBegin},
		{pattern: "POST /desk/enrol/finish", public: true, do: enrolKeyFinish},
		{pattern: "POST /desk/login/begin", public: true, do: loginKeyBegin},
		{pattern: "POST /desk/login/finish", public: true, do: loginKeyFinish},
	}
}

// owner is a user as go-webauthn asks for one.
type owner struct {
	user store.User
	keys []webauthn.Credential
}

func (o owner) WebAuthnID() []byte {
	id, _ := hex.DecodeString(o.user.ID) // we made it
	return id
}
func (o owner) WebAuthnName() string                       { return o.user.Name }
func (o owner) WebAuthnDisplayName() string                { return o.user.Name }
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.keys }

// owner reads the passkeys of a user that are for this address.
func (r *request) owner(u store.User) (owner, error) {
	o := owner{user: u}
	list, err := r.Store.Passkeys(r.Context(), u.ID)
	if err != nil {
		return o, err
	}
	for _, p := range list {
		var c webauthn.Credential
		if err := json.Unmarshal([]byte(p.Credential), &c); err != nil {
			return o, err
		}
		if p.Host == r.passkeys() {
			o.keys = append(o.keys, c)
		}
	}
	return o, nil
}

// party is this desk as authenticators know it. The Host was checked before.
func (r *request) party() (*webauthn.WebAuthn, error) {
	name := r.passkeys()
	if name == "" {
		return nil, fault.New("desk.passkey", "open the desk by its name", "passkeys need a name, not an address")
	}
	scheme := "http://"
	if r.secure() {
		scheme = "https://"
	}
	return webauthn.New(&webauthn.Config{RPID: name, RPDisplayName: "Coldsign", RPOrigins: []string{scheme + r.Host}})
}

// begun is what a script is given: what to ask the authenticator, and the ticket that
// its answer comes back with.
type begun struct {
	Ticket  string `json:"ticket"`
	Options any    `json:"options"`
}

func (r *request) ticket(kind string, s *webauthn.SessionData, options any) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	token := account.NewToken()
	if err := r.Store.PutTicket(r.Context(), sha256.Sum256(token[:]), kind, string(data), r.Now().Add(ticket)); err != nil {
		return err
	}
	return r.json(begun{base64.RawURLEncoding.EncodeToString(token[:]), options})
}

// answered is the authenticator's answer to what a ticket began.
type answered struct {
	Ticket, Code, Name string
	Answer             json.RawMessage
	session            webauthn.SessionData
}

func (r *request) answered(kind string) (a answered, err error) {
	if a, err = r.asked(); err != nil {
		return a, err
	}
	return r.ticketOf(a, kind)
}

// ticketOf takes the ticket of an answer: it is good once.
func (r *request) ticketOf(a answered, kind string) (answered, error) {
	token, err := base64.RawURLEncoding.DecodeString(a.Ticket)
	if err != nil || len(token) != 32 {
		return a, fault.New("desk.ticket", "begin again", "this is no ticket")
	}
	data, err := r.Store.TakeTicket(r.Context(), sha256.Sum256(token), kind)
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal([]byte(data), &a.session)
}

// asked reads the JSON of a script of ours.
func (r *request) asked() (a answered, err error) {
	raw, err := io.ReadAll(r.Body)
	if err == nil && json.Unmarshal(raw, &a) != nil {
		err = fault.New("desk.form", "load the page again", "the form is not whole")
	}
	return a, err
}

// wrongKey hides what exactly was wrong: the log has it.
func (r *request) wrongKey(err error) error {
	r.Log.Info("passkey refused", "error", quote.Line(err.Error()))
	return fault.New("desk.login", "try again, or log in with a password", "the passkey was not accepted")
}

func (r *request) beginKey(u store.User, kind string) error {
	party, err := r.party()
	if err != nil {
		return err
	}
	o, err := r.owner(u)
	if err != nil {
		return err
	}
	choice := protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired}
	options, session, err := party.BeginRegistration(o, webauthn.WithAuthenticatorSelection(choice),
		webauthn.WithExclusions(webauthn.Credentials(o.keys).CredentialDescriptors()), webauthn.WithConveyancePreference(protocol.PreferNoAttestation))
	if err != nil {
		return err
	}
	return r.ticket(kind, session, options.Response)
}

func (r *request) finishKey(u store.User, a answered) (store.Passkey, error) {
	party, err := r.party()
	if err != nil {
		return store.Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBody(bytes.NewReader(a.Answer))
	if err != nil {
		return store.Passkey{}, r.wrongKey(err)
	}
	c, err := party.CreateCredential(owner{user: u}, a.session, parsed)
	if err != nil {
		return store.Passkey{}, r.wrongKey(err)
	}
	raw, err := json.Marshal(c)
	name := strings.TrimSpace(a.Name)
	if name == "" || len(name) > maxKeyName || !quote.Plain(name) {
		name = "passkey"
	}
	return store.Passkey{ID: c.ID, User: u.ID, Name: name, Host: r.passkeys(), Credential: string(raw)}, err
}

// passkeyRemove forgets one, unless nothing would be left to log in with. Other sessions
// of the user end with it.
func passkeyRemove(r *request) error {
	list, err := r.Store.Passkeys(r.Context(), r.who.User.ID)
	if err != nil {
		return err
	}
	if len(list) < 2 && r.who.User.Password == "" {
		return fault.New("desk.passkey", "add another one first", "this passkey is all you log in with")
	}
	id, err := hex.DecodeString(r.PostFormValue("id"))
	if err != nil {
		return errMissing()
	}
	if err := r.Store.RemovePasskey(r.ctx(), r.who.User.ID, id, sha256.Sum256(r.token[:])); err != nil {
		return err
	}
	return r.redirect("/desk/me")
}

// passkeyBegin wants a login that is not long ago: who finds a session open must not
// be able to stay.
func passkeyBegin(r *request) error {
	if r.Now().Sub(r.who.Created) > recent {
		return fault.New("desk.recent", "log out and in again", "a passkey can be added for %d minutes after a login", recent/time.Minute)
	}
	return r.beginKey(r.who.User, "add "+r.who.User.ID)
}

func passkeyFinish(r *request) error {
	a, err := r.answered("add " + r.who.User.ID)
	if err != nil {
		return err
	}
	p, err := r.finishKey(r.who.User, a)
	if err != nil {
		return err
	}
	if err := r.Store.AddPasskey(r.ctx(), p); err != nil {
		return err
	}
	return r.json(map[string]string{"to": "/desk/me"})
}

// enrolKeyBegin lets somebody with an enrolment code make a passkey in place of a
// password. The code is used up when there is one.
func enrolKeyBegin(r *request) error {
	if !r.limit.take(r.RemoteAddr) {
		return fault.New("desk.rate", "wait a minute", "too many attempts from this address")
	}
	a, err := r.asked()
	if err != nil {
		return err
	}
	u, err := r.Store.Enrollee(r.Context(), account.CodeDigest(a.Code))
	if err != nil {
		return err
	}
	return r.beginKey(u, "enrol "+u.ID)
}

func enrolKeyFinish(r *request) error {
	if !r.limit.take(r.RemoteAddr) {
		return fault.New("desk.rate", "wait a minute", "too many attempts from this address")
	}
	code, err := r.asked()
	if err != nil {
		return err
	}
	u, err := r.Store.Enrollee(r.Context(), account.CodeDigest(code.Code))
	if err != nil {
		return err
	}
	a, err := r.ticketOf(code, "enrol "+u.ID)
	if err != nil {
		return err
	}
	p, err := r.finishKey(u, a)
	if err != nil {
		return err
	}
	ctx := store.WithActor(r.Context(), "desk "+u.Name)
	if u, err = r.Store.Enrol(ctx, account.CodeDigest(a.Code), "", nil, 0); err != nil {
		return err
	}
	if err := r.Store.AddPasskey(ctx, p); err != nil {
		return err
	}
	if err := r.begin(u, 0, "passkey"); err != nil {
		return err
	}
	return r.json(map[string]string{"to": "/desk/"})
}

func loginKeyBegin(r *request) error {
	if !r.limit.take(r.RemoteAddr) {
		return fault.New("desk.rate", "wait a minute", "too many attempts from this address")
	}
	party, err := r.party()
	if err != nil {
		return err
	}
	options, session, err := party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return err
	}
	return r.ticket("login", session, options.Response)
}

func loginKeyFinish(r *request) error {
	a, err := r.answered("login")
	if err != nil {
		return err
	}
	party, err := r.party()
	if err != nil {
		return err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBody(bytes.NewReader(a.Answer))
	if err != nil {
		return r.wrongKey(err)
	}
	var who store.User
	_, c, err := party.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		if who, err = r.Store.UserOf(r.Context(), hex.EncodeToString(handle)); err != nil {
			return nil, err
		}
		return r.owner(who)
	}, a.session, parsed)
	if err == nil && c.Authenticator.CloneWarning {
		err = fault.New("desk.passkey", "", "its counter went back: there may be a copy of it")
	}
	if err != nil {
		return r.wrongKey(err)
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := r.Store.UsedPasskey(r.Context(), c.ID, string(raw)); err != nil {
		return err
	}
	if err := r.begin(who, 0, "passkey"); err != nil {
		return err
	}
	return r.json(map[string]string{"to": "/desk/"})
}

// passkeys gives the name that passkeys of this request's address are for, or "":
// WebAuthn takes no bare IP address.
func (r *request) passkeys() string {
	name := r.Host
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		name = host
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return ""
	}
	return strings.ToLower(name)
}

// namedHost is where the same desk is found by name, for who came by address.
func (r *request) namedHost() string {
	if r.passkeys() != "" {
		return ""
	}
	if own := r.Desk.URL; own != nil {
		return own.Scheme + "://" + own.Host + "/desk/"
	}
	if _, port, err := net.SplitHostPort(r.Listen); err == nil && !r.Desk.TLS {
		return "http://localhost:" + port + "/desk/"
	}
	return ""
}

func probe(path string) *http.Request {
	return &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}}
}
