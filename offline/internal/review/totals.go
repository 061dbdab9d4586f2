package review

import (
	"math/big"

	"coldsign/offline/internal/journal"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/quote"
)

// Total sums one asset over the requests that would be signed.
type Total struct {
	Asset      chain.Asset
	Leaves     *big.Int // base units that go to others
	Back       *big.Int // base units that come back to the paying wallets
	Fee        *big.Int // the most that fees can take
	Payments   int      // effects that go to others
	Recipients int      // different addresses among them
}

// Totals sums the batch, in the order in which assets first appear.
func (b *Batch) Totals() []Total {
	index := map[string]int{}
	recipients := []map[string]bool{}
	var totals []Total
	at := func(a chain.Asset) int {
		i, ok := index[a.ID]
		if !ok {
			i = len(totals)
			index[a.ID] = i
			totals = append(totals, Total{Asset: a, Leaves: new(big.Int), Back: new(big.Int), Fee: new(big.Int)})
			recipients = append(recipients, map[string]bool{})
		}
		// Two requests that disagree on decimals: one of them lies, so neither is
		// believed and the sum is shown in base units.
		if totals[i].Asset.Decimals != a.Decimals {
			totals[i].Asset = chain.Asset{ID: a.ID, Decimals: -1}
		}
		return i
	}
	for k := range b.Items {
		it := &b.Items[k]
		if !it.Verdict.Allow {
			continue
		}
		for j, e := range it.Review.Effects {
			i := at(e.Asset)
			if it.Own[j] != "" {
				totals[i].Back.Add(totals[i].Back, e.Amount)
				continue
			}
			totals[i].Leaves.Add(totals[i].Leaves, e.Amount)
			totals[i].Payments++
			recipients[i][e.To] = true
		}
		i := at(it.Review.Fee.Asset)
		totals[i].Fee.Add(totals[i].Fee, it.Review.Fee.Amount)
	}
	for i := range totals {
		totals[i].Recipients = len(recipients[i])
	}
	return totals
}

// Counts says how many requests would be signed and how many refused.
func (b *Batch) Counts() (sign, refuse int) {
	for i := range b.Items {
		if b.Items[i].Verdict.Allow {
			sign++
		} else {
			refuse++
		}
	}
	return sign, refuse
}

// Refuse marks a request that the operator says no to. It is false for one that
// was decided before: a signature may be out, and a refusal would invite a
// second payment.
func (it *Item) Refuse() bool {
	if it.Final() {
		return false
	}
	it.Verdict.Later = false
	it.Verdict.Allow, it.Verdict.Code, it.Verdict.Rule = false, refusedByOperator, "the operator decides"
	it.Verdict.Reason = "the operator said no"
	return true
}

// refusedByOperator is the code of what a person said no to.
const refusedByOperator = "operator.refused"

// maxReason bounds a reason, in bytes.
const maxReason = 1000

// printable bounds a reason for the receipt: ASCII on one line. Its own result
// it leaves as it is, so that a receipt can be made again from the journal.
func printable(s string) string {
	if quote.Plain(s) && len(s) <= maxReason {
		return s
	}
	s = quote.String(s)
	return s[:min(len(s), maxReason)]
}

// Decided puts an earlier decision in the place of today's verdict.
func (it *Item) Decided(d journal.Decision) {
	it.Repeat = true
	it.Verdict.Later, it.Verdict.By = d.Status == bundle.Deferred, d.By
	it.Verdict.Allow, it.Verdict.Code, it.Verdict.Reason = d.Status == bundle.Signed && it.tx != nil, d.Code, d.Reason
}
