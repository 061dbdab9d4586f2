// Package explain writes a review as JSON: what the API shows of a transaction, and
// what an approval service is asked about.
package explain

import (
	"fmt"
	"strings"

	"coldsign/shared/chain"
)

// Explained is what signing would do. Amounts are base units, in decimal.
type Explained struct {
	Review   []string `json:"review"` // the canonical text, line by line
	Fee      Amount   `json:"fee"`    // the most that can be charged
	Effects  []Effect `json:"effects"`
	Warnings []string `json:"warnings"`
	Opaque   []Opaque `json:"opaque"` // what nothing explains: the offline half refuses it by default
	Deadline Validity `json:"validity"`
	Unproven bool     `json:"unproven"`
}

// Amount is how much of what.
type Amount struct {
	Asset  string `json:"asset"`
	Symbol string `json:"symbol,omitempty"`
	Amount string `json:"amount"`
}

// Effect is one movement of value.
type Effect struct {
	Kind string `json:"kind"`
	Amount
	From  string `json:"from,omitempty"`
	To    string `json:"to"`
	Owner string `json:"owner,omitempty"`
	Note  string `json:"note,omitempty"`
}

// Opaque is what nothing explains.
type Opaque struct {
	Code string `json:"code"`
	What string `json:"what"`
}

// Validity is how long it may land.
type Validity struct {
	Expires bool   `json:"expires"` // by itself, without being replaced
	Text    string `json:"text"`
}

// Of explains a review.
func Of(r chain.Review) *Explained {
	x := &Explained{
		Review: strings.Split(strings.TrimSuffix(r.Text(), "\n"), "\n"), Fee: amountOf(r.Fee.Asset, r.Fee.Amount),
		Effects: []Effect{}, Warnings: []string{}, Opaque: []Opaque{}, Unproven: r.Unproven,
		Deadline: Validity{r.Deadline.Kind == chain.ByBlockhash, r.Deadline.Text},
	}
	for _, e := range r.Effects {
		x.Effects = append(x.Effects, Effect{e.Kind.String(), amountOf(e.Asset, e.Amount), e.From, e.To, e.Owner, e.Note})
	}
	for _, w := range r.Warnings {
		x.Warnings = append(x.Warnings, w.Code+": "+w.Text)
	}
	for _, o := range r.Opaque {
		x.Opaque = append(x.Opaque, Opaque{o.Code, o.What})
	}
	return x
}

func amountOf(a chain.Asset, n fmt.Stringer) Amount { return Amount{a.ID, a.Symbol, n.String()} }
