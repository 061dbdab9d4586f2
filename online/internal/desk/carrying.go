package desk

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"coldsign/online/internal/account"
	"coldsign/online/internal/courier"
	"coldsign/online/internal/crossing"
	"coldsign/online/internal/desk/carry"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

const (
	maxChosen  = 1 << 20 // bytes of a form that names transactions: more than one bundle of them is chosen as "all"
	maxListed  = 200     // pending transactions that can be chosen one by one
	maxEarlier = 5       // bundles that are offered again
)

// carrying are the pages that bring messages across the air gap, and the calls of
// their scripts (package carry).
func (d *Desk) carrying() []route {
	list := []route{
		{pattern: "GET /desk/send", need: account.Operator, do: sendPage},
		{pattern: "POST /desk/send", need: account.Operator, most: maxChosen, long: true, do: sendOut},
		{pattern: "GET /desk/send/{name}", need: account.Operator, do: sendingPage},
		{pattern: "GET /desk/take", need: account.Operator, allow: "camera", do: takePage("answers")},
		{pattern: "GET /desk/take/keys", need: account.Operator, allow: "camera", do: takePage("keys")},
		{pattern: "GET /desk/take/pairing", need: account.Admin, allow: "camera", do: takePage("pairing")},
	}
	d.gap = carry.New(carry.Config{Half: crossing.Half{Store: d.Store, Device: d.Device, Chains: d.Chains}, Done: d.Done, Depth: d.Depth, Failed: d.failed})
	for _, c := range d.gap.Routes("/desk/carry") {
		need := account.Operator
		if c.Pairs {
			need = account.Admin
		}
		list = append(list, route{pattern: c.Pattern, need: need, most: c.Most, often: c.Often, live: c.Live, long: c.Long, do: func(r *request) error {
			ctx := r.ctx()
			if c.Live {
				var end context.CancelFunc
				ctx, end = r.whileAlive(ctx)
				defer end()
			}
			c.Do(r.w, r.Request.WithContext(ctx))
			return nil
		}})
	}
	return list
}

// sendView is what waits to be sent across.
type sendView struct {
	Problem *problem
	Rows    []store.Line
	More    int64 // beyond those
	Foreign bool  // another wallet signs some of them
	Earlier []uint64

	Count, Until int64 // those that the offline half signs, of rows up to a number
}

func sendPage(r *request) error { return r.showSend(nil) }

func (r *request) showSend(wrong error) error {
	var v sendView
	var err error
	if _, err = r.index.catchUp(r.Context(), batch); err != nil {
		return err
	}
	if v.Count, v.Until, err = r.Store.Exportable(r.Context(), 0); err != nil {
		return err
	}
	if v.Rows, err = r.Store.Page(r.Context(), store.Query{State: string(pending.Pending), Order: store.Oldest, Limit: maxListed}); err != nil {
		return err
	}
	groups, err := r.Store.Stats(r.Context())
	if err != nil {
		return err
	}
	for _, g := range groups {
		if g.State == pending.Pending {
			v.More += g.Count
		}
	}
	v.More = max(0, v.More-int64(len(v.Rows)))
	v.Rows = slices.DeleteFunc(v.Rows, func(row store.Line) bool { return row.Signer == "" && row.N > v.Until && !row.CancelRequested }) // it came meanwhile
	for _, row := range v.Rows {
		v.Foreign = v.Foreign || row.Signer != ""
	}
	out, err := r.Store.OutChannel(r.Context())
	if err != nil && !fault.Is(err, "pair.missing") {
		return err
	}
	for n := out.Sequence; n > 0 && len(v.Earlier) < maxEarlier; n-- {
		v.Earlier = append(v.Earlier, n)
	}
	at := http.StatusOK
	if wrong != nil {
		p := r.explain(wrong)
		v.Problem, at = &p, p.Status
	}
	return r.pageStatus(at, "send", v)
}

// sendOut makes the bundle, and goes to the page that shows it. Sent twice it gives
// the same bundle. What cannot be sent is told over the list as it is now.
func sendOut(r *request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	sel, err := r.selection()
	if err != nil {
		return r.showSend(err)
	}
	o, err := r.gap.Send(r.ctx(), sel)
	if err != nil {
		return r.showSend(err)
	}
	path := "/desk/send/" + o.Name
	if sel.Until > 0 {
		if fresh, _, err := r.Store.Exportable(r.Context(), sel.Until); err == nil && fresh > 0 {
			path += "?new=" + strconv.FormatInt(fresh, 10)
		}
	}
	return r.redirect(path)
}

// selection is what the form chooses: rows one by one, or all that its page has shown.
func (r *request) selection() (sel store.Selection, err error) {
	if r.PostFormValue("what") == "all" {
		var err1, err2 error
		sel.Until, err1 = strconv.ParseInt(r.PostFormValue("until"), 10, 64)
		sel.Count, err2 = strconv.ParseInt(r.PostFormValue("count"), 10, 64)
		if err1 != nil || err2 != nil || sel.Until < 1 || sel.Count < 1 {
			return sel, fault.New("desk.form", "look at the list, and send it", "the form does not say what was shown")
		}
		return sel, nil
	}
	for _, text := range r.PostForm["id"] {
		id, err := bundle.ParseID(text)
		if err != nil {
			return sel, err
		}
		sel.IDs = append(sel.IDs, id)
	}
	if len(sel.IDs) == 0 {
		return sel, fault.New("desk.choice", "choose transactions, or send all", "no transaction was chosen")
	}
	return sel, nil
}

// sendingView names the message that the page shows.
type sendingView struct {
	Name string
	New  int64 // transactions that came in after the list from which it was sent
}

func sendingPage(r *request) error {
	v := sendingView{Name: r.PathValue("name")}
	v.New, _ = strconv.ParseInt(r.URL.Query().Get("new"), 10, 32) // what anybody writes there is a number
	if v.Name == "pairing" {
		if _, err := courier.PairOut(r.Device); err != nil {
			return err
		}
	}
	return r.page("sending", v)
}

func takePage(kind string) func(*request) error {
	return func(r *request) error { return r.page("take", kind) }
}
