package review

import (
	"encoding/hex"

	"coldsign/offline/internal/policy"
	"coldsign/shared/chain"
)

// Document is the review in JSON: one document, amounts as decimal strings of
// base units.
type Document struct {
	Digest   string      `json:"digest"` // what --approve takes
	Words    string      `json:"words"`
	From     string      `json:"from,omitempty"` // the form of another wallet's request; absent for the paired half
	Sequence uint64      `json:"sequence"`
	Created  int64       `json:"created"`
	Expires  int64       `json:"expires,omitempty"`
	Repeat   bool        `json:"repeat"` // the whole bundle was answered before
	Policy   string      `json:"policy"` // the preset in force: "compat" believes claimed amounts
	Items    []ItemJSON  `json:"items"`
	Totals   []TotalJSON `json:"totals"`
	Signable int         `json:"signable"`
	Refused  int         `json:"refused"`
}

// ItemJSON is one request.
type ItemJSON struct {
	ID       string          `json:"id"`
	Digest   string          `json:"digest"`
	Chain    string          `json:"chain"`
	Network  string          `json:"network"`
	Repeat   bool            `json:"repeat"`
	Verdict  VerdictJSON     `json:"verdict"`
	Kind     string          `json:"kind,omitempty"`
	Effects  []EffectJSON    `json:"effects"`
	Fee      *AmountJSON     `json:"fee,omitempty"`
	Deadline string          `json:"deadline,omitempty"`
	Signers  []string        `json:"signers"`
	Warnings []chain.Warning `json:"warnings"`
	Opaque   []chain.Opaque  `json:"opaque"`
	Details  []chain.Detail  `json:"details"`
	Unproven bool            `json:"unproven"`
	Note     string          `json:"note,omitempty"`

	Requester string `json:"requester,omitempty"` // who asked, says the online half
}

// VerdictJSON is what the policy says.
type VerdictJSON struct {
	Allow  bool   `json:"allow"`
	Later  bool   `json:"later,omitempty"` // put off: the online half may ask again
	Code   string `json:"code,omitempty"`
	Rule   string `json:"rule"`
	Reason string `json:"reason,omitempty"`

	Policy string     `json:"policy,omitempty"` // and its version and rules: what the receipt says
	Needs  []NeedJSON `json:"needs,omitempty"`
}

// NeedJSON is how many operators of a role must approve.
type NeedJSON struct {
	Count int    `json:"count"`
	Role  string `json:"role"`
}

// AmountJSON is an amount of an asset.
type AmountJSON struct {
	Asset  string `json:"asset"`
	Amount string `json:"amount"` // base units
	Text   string `json:"text"`
}

// EffectJSON is one movement of value.
type EffectJSON struct {
	AmountJSON
	Kind   string `json:"kind"`
	From   string `json:"from,omitempty"`
	To     string `json:"to"`
	Owner  string `json:"owner,omitempty"`
	Note   string `json:"note,omitempty"`
	Change string `json:"change,omitempty"` // our wallet that gets it back, proven
	Known  string `json:"known,omitempty"`  // the address book's name for who gets it
}

// TotalJSON sums one asset.
type TotalJSON struct {
	Asset      string `json:"asset"`
	Leaves     string `json:"leaves"`
	Change     string `json:"change"`
	Fee        string `json:"fee"`
	Payments   int    `json:"payments"`
	Recipients int    `json:"recipients"`
}

// JSON gives the review as a document.
func (b *Batch) JSON(repeat bool, preset string) Document {
	d := Document{
		Digest: hex.EncodeToString(b.Digest[:]), Words: Words(b.Digest), From: b.From, Sequence: b.Header.Sequence,
		Created: b.Header.Created, Expires: b.Header.Expires, Repeat: repeat, Policy: preset, Items: make([]ItemJSON, len(b.Items)),
		Totals: []TotalJSON{},
	}
	d.Signable, d.Refused = b.Counts()
	for i := range b.Items {
		d.Items[i] = b.Items[i].json()
	}
	for _, t := range b.Totals() {
		d.Totals = append(d.Totals, TotalJSON{
			Asset: t.Asset.ID, Leaves: t.Leaves.String(), Change: t.Back.String(), Fee: t.Fee.String(),
			Payments: t.Payments, Recipients: t.Recipients,
		})
	}
	return d
}

func (it *Item) json() ItemJSON {
	v := it.Verdict
	j := ItemJSON{
		ID: it.Request.ID.String(), Digest: hex.EncodeToString(it.Digest[:]), Chain: it.Chain,
		Network: string(it.Request.Network), Repeat: it.Repeat,
		Verdict: verdict(v), Effects: []EffectJSON{},
		Signers: nonNil(it.Signers), Note: it.Request.Note, Requester: it.Request.Requester,
		Warnings: nonNil(it.Review.Warnings), Opaque: nonNil(it.Review.Opaque), Details: nonNil(it.Review.Details),
	}
	if it.tx == nil {
		return j
	}
	r := it.Review
	j.Kind, j.Deadline, j.Unproven = r.Kind, r.Deadline.Text, r.Unproven
	j.Fee = &AmountJSON{r.Fee.Asset.ID, r.Fee.Amount.String(), chain.Units(r.Fee.Amount, r.Fee.Asset)}
	for i, e := range r.Effects {
		j.Effects = append(j.Effects, EffectJSON{
			AmountJSON: AmountJSON{e.Asset.ID, e.Amount.String(), chain.Units(e.Amount, e.Asset)},
			Kind:       e.Kind.String(), From: e.From, To: e.To, Owner: e.Owner, Note: e.Note, Change: it.Own[i], Known: it.Known[i],
		})
	}
	return j
}

func verdict(v policy.Verdict) VerdictJSON {
	j := VerdictJSON{v.Allow, v.Later, v.Code, v.Rule, v.Reason, v.By, nil}
	for _, n := range v.Needs {
		j.Needs = append(j.Needs, NeedJSON(n))
	}
	return j
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
