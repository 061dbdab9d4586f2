package desk

import (
	"net/url"
	"slices"
	"strconv"

	"coldsign/online/internal/account"
	"coldsign/online/internal/store"
	"coldsign/online/internal/webhook"
	"coldsign/shared/fault"
)

func hookRoutes() []route {
	return []route{
		{pattern: "GET /desk/webhooks", need: account.Viewer, do: hooksPage},
		{pattern: "POST /desk/webhooks/add", need: account.Admin, do: hookAdd},
		{pattern: "POST /desk/webhooks/remove", need: account.Admin, do: hookRemove},
		{pattern: "POST /desk/webhooks/test", need: account.Admin, do: hookTest},
		{pattern: "POST /desk/webhooks/retry", need: account.Admin, do: hookRetry},
	}
}

// hooksView is who is told of payments, and what they were told. Of an address it has
// the host alone.
type hooksView struct {
	Hooks   []hookLine
	Dead    int // events of all
	Events  []eventLine
	States  []store.EventState // to choose from; "" all
	State   store.EventState
	Of      string // of this receiver alone
	Older   string // address of the page that follows
	Types   []string
	Form    map[string]string
	New     string // secret of the receiver that was just added
	Gone    bool
	Tested  string // what a test was answered
	Host    string
	Idem    string
	Problem *problem
}

type hookLine struct {
	store.Subscription
	Host string
}

type eventLine struct {
	store.Delivery
	Host string
}

func hooksPage(r *request) (err error) {
	var v hooksView
	if v.New, v.Gone, err = r.shown(); err != nil {
		return err
	}
	return r.showHooks(v)
}

func (r *request) showHooks(v hooksView) error {
	v.States = []store.EventState{"", store.Waiting, store.Delivered, store.Dead}
	values := r.URL.Query()
	v.State, v.Of = store.EventState(values.Get("state")), values.Get("of")
	if !slices.Contains(v.States, v.State) {
		return errMissing()
	}
	from, err := strconv.ParseUint(values.Get("from"), 10, 31)
	if err != nil && values.Get("from") != "" {
		return errMissing()
	}
	list, err := r.Store.Subscriptions(r.Context(), store.Any)
	if err != nil {
		return err
	}
	for _, s := range list {
		v.Hooks = append(v.Hooks, hookLine{s, webhook.Host(s.URL)})
		v.Dead += s.Dead
	}
	events, err := r.Store.Events(r.Context(), store.EventFilter{Tenant: store.Any, Subscription: v.Of, State: v.State, Limit: pageRows, Offset: int(from)})
	if err != nil {
		return err
	}
	for _, e := range events {
		v.Events = append(v.Events, eventLine{e, webhook.Host(e.URL)})
	}
	if len(events) == pageRows {
		v.Older = "/desk/webhooks?" + url.Values{"state": {string(v.State)}, "of": {v.Of}, "from": {strconv.FormatUint(from+pageRows, 10)}}.Encode()
	}
	v.Types, v.Idem = store.EventTypes(), newIdem()
	at := 200
	if v.Problem != nil {
		at = v.Problem.Status
	}
	return r.pageStatus(at, "webhooks", v)
}

func (r *request) hookProblem(v hooksView, err error) error {
	p := r.explain(err)
	v.Problem = &p
	return r.showHooks(v)
}

func hookAdd(r *request) error {
	token, first, err := r.first()
	if err != nil {
		return err
	}
	if !first {
		return r.redirect("/desk/webhooks?shown=" + token)
	}
	f := r.typed("tenant", "type", "url")
	tenant := f["tenant"]
	if tenant == "" {
		tenant = homeTenant
	}
	if !slices.Contains(store.EventTypes(), f["type"]) {
		err = fault.New("webhook.type", "choose one", "there are no such events")
	}
	if err == nil {
		err = r.Hooks.CheckURL(f["url"])
	}
	secret := ""
	if err == nil {
		_, secret, err = r.Store.Subscribe(r.ctx(), tenant, f["type"], f["url"])
	}
	if err != nil {
		return r.hookProblem(hooksView{Form: f}, err)
	}
	return r.show("/desk/webhooks", token, secret)
}

func hookRemove(r *request) error {
	if err := r.Store.Unsubscribe(r.ctx(), store.Any, r.PostFormValue("id")); err != nil {
		return err
	}
	return r.redirect("/desk/webhooks")
}

func hookTest(r *request) error {
	to, err := r.Store.Receiver(r.Context(), store.Any, r.PostFormValue("id"))
	if err != nil {
		return err
	}
	v := hooksView{Host: webhook.Host(to.URL)}
	if v.Tested, err = r.Hooks.Test(r.Context(), to); err != nil {
		return r.hookProblem(v, err)
	}
	return r.showHooks(v)
}

// hookRetry has an event told again, or all that are dead.
func hookRetry(r *request) error {
	if _, err := r.Store.Resend(r.ctx(), store.Any, r.PostFormValue("event")); err != nil {
		return err
	}
	return r.redirect("/desk/webhooks")
}
