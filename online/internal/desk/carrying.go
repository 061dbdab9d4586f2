package desk

import (
	"context"

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
	Rows    []store.Line
	More    int64 // beyond those
	Foreign bool  // another wallet signs some of them
	Earlier []uint64
}

func sendPage(r *request) error {
	var v sendView
	var err error
	if _, err = r.index.catchUp(r.Context(), batch); err != nil {
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
	return r.page("send", v)
}

// sendOut makes the bundle, and goes to the page that shows it. Sent twice it gives
// the same bundle.
func sendOut(r *request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	var ids []bundle.ID
	if r.PostFormValue("what") != "all" {
		for _, text := range r.PostForm["id"] {
			id, err := bundle.ParseID(text)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		if len(ids) == 0 {
			return fault.New("desk.choice", "choose transactions, or send all", "no transaction was chosen")
		}
	}
	o, err := r.gap.Send(r.ctx(), ids)
	if err != nil {
		return err
	}
	return r.redirect("/desk/send/" + o.Name)
}

func sendingPage(r *request) error {
	name := r.PathValue("name")
	if name == "pairing" {
		if _, err := courier.PairOut(r.Device); err != nil {
			return err
		}
	}
	return r.page("sending", name)
}

func takePage(kind string) func(*request) error {
	return func(r *request) error { return r.page("take", kind) }
}
