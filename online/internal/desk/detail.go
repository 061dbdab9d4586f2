package desk

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"coldsign/online/internal/account"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/replace"
	"coldsign/online/internal/report"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

func detailRoutes() []route {
	return []route{
		{pattern: "GET /desk/tx/{id}", need: account.Viewer, do: detailPage},
		{pattern: "GET /desk/tx/{id}/{part}", need: account.Viewer, do: rawBytes},
		{pattern: "POST /desk/tx/{id}/cancel", need: account.Submitter, do: func(r *request) error { return r.compete(replace.Options{Cancel: true}) }},
		{pattern: "POST /desk/tx/{id}/replace", need: account.Submitter, do: func(r *request) error { return r.compete(replace.Options{}) }},
	}
}

// detailView is one row with everything that is known of it.
type detailView struct {
	Row       pending.Transaction
	Network   chain.Network
	Review    chain.Review
	Leaving   []chain.Effect // the effects that are payments
	Unread    *problem       // why there is no review
	Text      string         // of the review, as both halves know it
	Note      string
	Requester string
	Wallets   []string
	Steps     []store.Entry
	Explorer  string // address of the transaction's public page
	Link      *store.Link
	Rivals    []pending.Transaction
	BundleSum string // SHA-256 of the bundle that carries it, hex
	Digest    string
	Sealed    []byte           // the signed bytes, if they may be seen
	Cancel    string           // what cancelling would do: "now", "wish", "chain", or "" nothing
	Replace   bool             // it may be replaced by one with a higher fee
	Anew      store.Succession // what quotes it anew, or it quotes
	Requote   bool             // its payment may be made anew
	FeeUnit   string
	Idem      string // so that a form sent twice is done once
}

// sealed are the signed bytes, for who may take them across. Whoever has them can
// broadcast them, also when this half holds them back: others see them once they
// are on the network.
func (r *request) sealed(t *pending.Transaction) []byte {
	if t.State == pending.Broadcast || t.State == pending.Complete || r.role.May(account.Operator) {
		return t.Raw
	}
	return nil
}

// row is the row of the address.
func (r *request) row() (pending.Transaction, error) {
	id, err := bundle.ParseID(r.PathValue("id"))
	if err != nil {
		return pending.Transaction{}, errMissing()
	}
	return r.Store.Get(r.Context(), store.Any, id)
}

func detailPage(r *request) error {
	row, err := r.row()
	if err != nil {
		return err
	}
	v := detailView{Row: row, Wallets: wallets(&row), Digest: hex.EncodeToString(row.Digest[:]), Sealed: r.sealed(&row), Idem: newIdem()}
	_, v.Network, _ = r.Chains.ByNetwork(row.Network)
	if row.TxID != "" && v.Network.Explorer != "" && plainID(row.TxID) {
		v.Explorer = v.Network.Explorer + row.TxID
	}
	if err := r.explainRow(&v); err != nil {
		p := r.explain(err)
		v.Unread = &p
	}
	entries, err := r.Store.Audit(r.Context(), row.ID, 0, 1000)
	if err != nil {
		return err
	}
	v.Steps = entries
	links, err := r.Store.Links(r.Context(), []bundle.ID{row.ID})
	if err != nil {
		return err
	}
	if l, ok := links[row.ID]; ok {
		v.Link = &l
		if v.Rivals, err = r.Store.Rivals(r.Context(), store.Any, row.ID); err != nil {
			return err
		}
	}
	if row.Bundle != 0 {
		sum, at, err := r.Store.BundleMark(r.Context(), row.Bundle)
		if err != nil && !fault.Is(err, "export.missing") {
			return err
		}
		if err == nil && carried(at, v.Steps) {
			v.BundleSum = hex.EncodeToString(sum[:])
		}
	}
	anew, err := r.Store.Successions(r.Context(), []bundle.ID{row.ID})
	if err != nil {
		return err
	}
	v.Anew = anew[row.ID]
	v.Requote = requotable(&row, v.Anew)
	v.actions()
	return r.page("detail", v)
}

// carried reports whether a bundle was made when the row was exported: each pairing
// counts its bundles from 1, and the number may be another's by now.
func carried(made time.Time, steps []store.Entry) bool {
	return slices.ContainsFunc(steps, func(e store.Entry) bool { return e.To == pending.Exported && e.At.Equal(made) })
}

// explainRow decodes the request again: the same review as on the offline half.
func (r *request) explainRow(v *detailView) error {
	request, err := intake.Request(&v.Row)
	if err != nil {
		return err
	}
	v.Note, v.Requester = request.Note, request.Requester
	if v.Review, err = r.Intake.Review(&v.Row); err != nil {
		return err
	}
	v.Text = v.Review.Text()
	v.Leaving = report.Leaving(r.Chains.All(), &v.Row, request, v.Review)
	return nil
}

// actions says what may be done about the row.
func (v *detailView) actions() {
	switch v.Row.State {
	case pending.Pending:
		if v.Cancel = "now"; v.Row.MaybeSigned {
			v.Cancel = "chain"
		}
		v.Replace = v.Row.MaybeSigned
	case pending.Exported, pending.Signed, pending.Broadcasting, pending.Broadcast:
		v.Cancel, v.Replace = "chain", true
	}
	if v.FeeUnit = "satoshi, in all"; v.Row.Network.Namespace() == "eip155" {
		v.FeeUnit = "wei, for each gas"
	}
}

// plainID keeps whatever could be more than a transaction id out of an address.
func plainID(s string) bool {
	return strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func newIdem() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// idem names what a form does, so that sending it twice does it once.
func (r *request) idem() (store.Idempotency, error) {
	key, err := r.form()
	if err != nil {
		return store.Idempotency{}, err
	}
	form := r.PostForm
	return store.Idempotency{Key: "desk-" + key, Body: sha256.Sum256([]byte(r.URL.Path + "\n" + form.Encode()))}, nil
}

func (r *request) compete(o replace.Options) error {
	row, err := r.row()
	if err != nil {
		return err
	}
	idem, err := r.idem()
	if err != nil {
		return err
	}
	o.Force, o.Requester, o.Idem = r.PostFormValue("force") == "yes", "desk "+r.who.User.Name, idem
	if text := r.PostFormValue("fee"); text != "" {
		fee, ok := new(big.Int).SetString(text, 10)
		if !ok || fee.Sign() <= 0 || fee.BitLen() > 256 || strings.Trim(text, "0123456789") != "" {
			return fault.New("desk.fee", "leave it empty for the least that nodes take", "%q is no fee: give a whole number", text)
		}
		o.Fee = fee
	}
	done, err := r.Replacer.Make(r.ctx(), row.Tenant, row.ID, o)
	if err != nil {
		return err
	}
	to := row.ID
	if done.Made {
		to = done.New.ID
	}
	return r.redirect("/desk/tx/" + to.String())
}

// rawBytes gives what was asked for, or what was sealed, as a file.
func rawBytes(r *request) error {
	row, err := r.row()
	if err != nil {
		return err
	}
	var raw []byte
	switch r.PathValue("part") {
	case "request.cbor":
		raw = row.Request
	case "sealed.bin":
		raw = r.sealed(&row)
	}
	if len(raw) == 0 {
		return errMissing()
	}
	r.w.Header().Set("Content-Type", "application/octet-stream")
	r.w.Header().Set("Content-Disposition", `attachment; filename="`+row.ID.String()+"-"+r.PathValue("part")+`"`)
	http.ServeContent(r.w, r.Request, "", time.Time{}, strings.NewReader(string(raw)))
	return nil
}
