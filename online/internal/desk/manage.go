package desk

import (
	"context"
	"strconv"

	"coldsign/online/internal/account"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

func manageRoutes() []route {
	return []route{
		{pattern: "GET /desk/wallets", need: account.Viewer, do: walletsPage},
		{pattern: "GET /desk/audit", need: account.Viewer, do: auditPage},
		{pattern: "GET /desk/start", need: account.Viewer, do: startPage},
		{pattern: "GET /desk/keys", need: account.Admin, do: keysPage},
		{pattern: "POST /desk/keys/create", need: account.Admin, do: keyCreate},
		{pattern: "POST /desk/keys/revoke", need: account.Admin, do: keyRevoke},
		{pattern: "GET /desk/users", need: account.Admin, do: usersPage},
		{pattern: "POST /desk/users/create", need: account.Admin, do: userCreate},
		{pattern: "POST /desk/users/role", need: account.Admin, do: userRole},
		{pattern: "POST /desk/users/lock", need: account.Admin, do: userChange((*store.Store).LockUser)},
		{pattern: "POST /desk/users/unlock", need: account.Admin, do: userChange((*store.Store).UnlockUser)},
		{pattern: "POST /desk/users/reset", need: account.Admin, do: userReset},
		{pattern: "POST /desk/users/remove", need: account.Admin, do: userChange((*store.Store).RemoveUser)},
	}
}

// walletsView is the other half and its public keys.
type walletsView struct {
	Own, Peer string // names of the device keys
	Stopped   *problem
	Sent, Got uint64 // sequences of the last bundles
	Journal   bundle.Head
	Wallets   []walletLine
}

type walletLine struct {
	pending.Wallet
	Addresses []string // of its first key, on the chain's first network of the kind
	Network   string
}

func walletsPage(r *request) error {
	v := walletsView{Own: bundle.IDOf(r.Device.Public()).String()}
	peer, ok, err := r.Store.Peer(r.Context())
	if err != nil {
		return err
	}
	if ok {
		v.Peer = bundle.IDOf(peer).String()
		if err := r.Store.Paired(r.Context()); err != nil {
			p := r.explain(err)
			v.Stopped = &p
		}
		out, err := r.Store.OutChannel(r.Context())
		if err != nil {
			return err
		}
		in, err := r.Store.InChannel(r.Context())
		if err != nil {
			return err
		}
		v.Sent, v.Got = out.Sequence, in.Sequence
		if v.Journal, err = r.Store.JournalHead(r.Context()); err != nil {
			return err
		}
	}
	list, err := r.Store.Wallets(r.Context())
	if err != nil {
		return err
	}
	for _, w := range list[:min(len(list), maxWallets)] {
		l := walletLine{Wallet: w}
		if n, ok := r.networkOf(w.Chain, w.Testnet); ok {
			l.Network = n.Name
			l.Addresses = r.addresses(w, n, 0)
		}
		v.Wallets = append(v.Wallets, l)
	}
	return r.page("wallets", v)
}

// networkOf is the network that a wallet's payments are for where nothing else is said:
// the first configured one of its kind.
func (d *Desk) networkOf(name string, testnet bool) (chain.Network, bool) {
	for _, id := range d.Intake.Networks {
		if c, n, ok := d.Chains.ByNetwork(id); ok && c.Name == name && n.Testnet == testnet {
			return n, true
		}
	}
	return chain.Network{}, false
}

// auditView is a page of the audit, the latest first.
type auditView struct {
	Entries []store.Entry
	Older   int64 // before which the page that follows begins; 0 none
}

func auditPage(r *request) error {
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if r.URL.Query().Get("before") == "" {
		before, err = 1<<62, nil
	}
	if err != nil || before < 1 {
		return errMissing()
	}
	var v auditView
	if v.Entries, err = r.Store.AuditBefore(r.Context(), before, pageRows*2); err != nil {
		return err
	}
	if n := len(v.Entries); n == pageRows*2 {
		v.Older = v.Entries[n-1].N
	}
	return r.page("audit", v)
}

// startView says how far an installation is.
type startView struct {
	Paired, Keys, Networks, Made, Sent, Signed, Complete bool
	Next                                                 int    // the step that is to be done, from 1
	Address                                              string // of the first wallet of a test network
}

func startPage(r *request) error {
	var v startView
	_, ok, err := r.Store.Peer(r.Context())
	if err != nil {
		return err
	}
	v.Paired = ok
	wallets, err := r.Store.Wallets(r.Context())
	if err != nil {
		return err
	}
	v.Keys = len(wallets) > 0
	for _, w := range wallets[:min(len(wallets), maxWallets)] {
		if n, ok := r.networkOf(w.Chain, w.Testnet); ok && w.Testnet && v.Address == "" {
			if list := r.addresses(w, n, 0); len(list) > 0 {
				v.Address = w.Chain + " " + n.Name + ": " + list[0]
			}
		}
	}
	by, err := r.Store.Counts(r.Context())
	if err != nil {
		return err
	}
	for s, n := range by {
		if n == 0 {
			continue
		}
		v.Made = true
		v.Sent = v.Sent || s != pending.Pending && s != pending.Cancelled
		v.Signed = v.Signed || s == pending.Signed || s == pending.Broadcasting || s == pending.Broadcast || s == pending.Complete
		v.Complete = v.Complete || s == pending.Complete
	}
	v.Networks = len(r.Depth) > 0
	for v.Next = 1; v.Next <= 7 && []bool{v.Paired, v.Keys, v.Networks, v.Made, v.Sent, v.Signed, v.Complete}[v.Next-1]; v.Next++ {
	}
	return r.page("start", v)
}

// keysView are the API keys, and one that was just made.
type keysView struct {
	Keys    []store.APIKey
	Scopes  []string
	New     string
	Gone    bool // it was shown already
	Idem    string
	Problem *problem
}

func keysPage(r *request) (err error) {
	var v keysView
	if v.New, v.Gone, err = r.shown(); err != nil {
		return err
	}
	return r.showKeys(v)
}

func (r *request) showKeys(v keysView) error {
	var err error
	if v.Keys, err = r.Store.APIKeys(r.Context()); err != nil {
		return err
	}
	v.Scopes, v.Idem = store.Scopes(), newIdem()
	at := 200
	if v.Problem != nil {
		at = v.Problem.Status
	}
	return r.pageStatus(at, "keys", v)
}

func keyCreate(r *request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	tenant := r.PostFormValue("tenant")
	if tenant == "" {
		tenant = homeTenant
	}
	token, first, err := r.first()
	if err != nil {
		return err
	}
	if !first {
		return r.redirect("/desk/keys?shown=" + token)
	}
	_, key, err := r.Store.CreateAPIKey(r.ctx(), r.PostFormValue("name"), tenant, r.PostForm["scope"])
	if err != nil {
		p := r.explain(err)
		return r.showKeys(keysView{Problem: &p})
	}
	return r.show("/desk/keys", token, key)
}

func keyRevoke(r *request) error {
	if err := r.Store.RevokeAPIKey(r.ctx(), r.PostFormValue("id")); err != nil {
		return err
	}
	return r.redirect("/desk/keys")
}

// usersView are the people at the desk, and an enrolment that was just made.
type usersView struct {
	Users   []store.User
	Roles   []string
	Self    string
	For     string // whom the link is for
	Link    string
	Code    string
	Problem *problem
}

func usersPage(r *request) error { return r.showUsers(usersView{}) }

func (r *request) showUsers(v usersView) error {
	var err error
	if v.Users, err = r.Store.Users(r.Context()); err != nil {
		return err
	}
	v.Roles, v.Self = account.Roles(), r.who.User.ID
	at := 200
	if v.Problem != nil {
		at = v.Problem.Status
	}
	return r.pageStatus(at, "users", v)
}

// enrolment is what the new person is given: by another way than this desk.
func (r *request) enrolment(name, code string) error {
	scheme := "http://"
	if r.secure() {
		scheme = "https://"
	}
	return r.showUsers(usersView{For: name, Code: code, Link: scheme + r.Host + "/desk/enrol#" + code})
}

func userCreate(r *request) error {
	name := r.PostFormValue("name")
	role, err := account.ParseRole(r.PostFormValue("role"))
	if err == nil {
		err = account.CheckName(name)
	}
	code := account.NewCode()
	if err == nil {
		_, err = r.Store.CreateUser(r.ctx(), name, role.String(), account.CodeDigest(code), r.Now().Add(enrol))
	}
	if err != nil {
		p := r.explain(err)
		return r.showUsers(usersView{Problem: &p})
	}
	return r.enrolment(name, code)
}

// another is the user that an administrator changes: never themselves, so that the
// last one does not lock the door from outside.
func (r *request) another() (store.User, error) {
	u, err := r.Store.UserOf(r.Context(), r.PostFormValue("id"))
	if err == nil && u.ID == r.who.User.ID {
		err = fault.New("desk.self", "another administrator can", "you cannot change your own role, or lock, reset or remove yourself")
	}
	return u, err
}

func userRole(r *request) error {
	u, err := r.another()
	if err != nil {
		return err
	}
	role, err := account.ParseRole(r.PostFormValue("role"))
	if err != nil {
		return err
	}
	if err := r.Store.SetRole(r.ctx(), u.ID, role.String()); err != nil {
		return err
	}
	return r.redirect("/desk/users")
}

func userReset(r *request) error {
	u, err := r.another()
	if err != nil {
		return err
	}
	code := account.NewCode()
	if err := r.Store.ResetUser(r.ctx(), u.ID, account.CodeDigest(code), r.Now().Add(enrol)); err != nil {
		return err
	}
	return r.enrolment(u.Name, code)
}

// userChange does to another user what needs no more than their id.
func userChange(change func(*store.Store, context.Context, string) error) func(*request) error {
	return func(r *request) error {
		u, err := r.another()
		if err == nil {
			err = change(r.Store, r.ctx(), u.ID)
		}
		if err != nil {
			return err
		}
		return r.redirect("/desk/users")
	}
}
