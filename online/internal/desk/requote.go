package desk

import (
	"coldsign/online/internal/account"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/replace"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
)

func requoteRoutes() []route {
	return []route{
		{pattern: "GET /desk/tx/{id}/requote", need: account.Operator, do: requotePage},
		{pattern: "POST /desk/tx/{id}/requote", need: account.Operator, do: requote},
	}
}

// requoteView asks whether a payment is to be made anew.
type requoteView struct {
	Row     pending.Transaction
	Leaving []chain.Effect
	How     string // what becomes of the row: "unsent", "signed", "sent" or "dead"
	FeeUnit string
	Told    bool // the application may know that it failed
	Idem    string

	Elsewhere bool // who serves himself from the list may have signed it
}

// requotable reports whether the payment of a row may be made anew, as far as the row
// and what quotes it anew say.
func requotable(p *pending.Transaction, x store.Succession) bool {
	return x.By == (bundle.ID{}) && store.Requotable(p) == nil
}

func requotePage(r *request) error {
	row, err := r.row()
	if err != nil {
		return err
	}
	links, err := r.Store.Successions(r.Context(), []bundle.ID{row.ID})
	if err != nil {
		return err
	}
	if err := store.Requotable(&row); err != nil {
		return err
	}
	d := detailView{Row: row}
	if err := r.explainRow(&d); err != nil {
		return err
	}
	d.actions()
	v := requoteView{Row: row, Leaving: d.Leaving, How: "dead", FeeUnit: d.FeeUnit, Idem: newIdem()}
	switch {
	case row.State == pending.Pending && !row.MaybeSigned:
		v.How = "unsent"
	case row.State == pending.Broadcasting, row.State == pending.Broadcast:
		v.How = "sent"
	case row.State == pending.Pending, row.State == pending.Exported, row.State == pending.Signed:
		v.How = "signed"
	}
	v.Told = !links[row.ID].Held && (row.CancelRequested || v.How == "dead")
	if len(row.Raw) == 0 && (v.How == "unsent" || v.How == "dead") {
		held, err := r.Replacer.Store.Holds(r.Context(), row.Tenant, store.ScopeSign, store.ScopeComplete)
		if err != nil {
			return err
		}
		v.Elsewhere = held || row.Left()
	}
	return r.page("requote", v)
}

func requote(r *request) error { return r.compete(replace.Options{Requote: true}) }
