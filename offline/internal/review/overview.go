package review

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/quote"
)

// destination sums what one address gets of one asset.
type destination struct {
	asset    chain.Asset
	to, name string
	amount   *big.Int
	payments int
}

// Overview is what a person reads before the requests: the totals, who gets what,
// those first whom nobody has named, and the payments that stand out.
func (b *Batch) Overview() []string {
	lines := append(b.TotalLines(), "")
	all := b.destinations()
	for _, known := range []bool{false, true} {
		title := "TO ADDRESSES THAT ARE IN NO ADDRESS BOOK"
		if known {
			title = "TO KNOWN ADDRESSES"
		}
		for _, d := range all {
			if (d.name != "") != known {
				continue
			}
			if title != "" {
				lines, title = append(lines, title), ""
			}
			lines = append(lines, "  "+Groups(d.to))
			if known {
				lines = append(lines, "    known as "+quote.String(d.name))
			}
			lines = append(lines, fmt.Sprintf("    gets %s in %s", units(d.amount, d.asset)+" of "+name(d.asset), count(d.payments, "payment")))
		}
	}
	if odd := b.outliers(); len(odd) > 0 {
		lines = append(append(lines, "", "PAYMENTS THAT STAND OUT"), odd...)
	}
	return append(lines, "", fmt.Sprintf("REQUESTS (%d)", len(b.Items)))
}

// leaving calls f for every effect that would leave for others.
func (b *Batch) leaving(f func(i, j int, e chain.Effect)) {
	for i := range b.Items {
		if !b.Items[i].Verdict.Allow {
			continue
		}
		for j, e := range b.Items[i].Review.Effects {
			if b.Items[i].Own[j] == "" {
				f(i, j, e)
			}
		}
	}
}

// destinations sums by asset and address, the largest of each asset first.
func (b *Batch) destinations() []destination {
	index, order := map[[2]string]int{}, map[string]int{}
	var list []destination
	b.leaving(func(i, j int, e chain.Effect) {
		key := [2]string{e.Asset.ID, e.To}
		at, ok := index[key]
		if !ok {
			at = len(list)
			index[key] = at
			if _, ok := order[e.Asset.ID]; !ok {
				order[e.Asset.ID] = len(order)
			}
			list = append(list, destination{asset: e.Asset, to: e.To, amount: new(big.Int)})
			if known := b.Items[i].Known; j < len(known) {
				list[at].name = known[j]
			}
		}
		list[at].amount.Add(list[at].amount, e.Amount)
		list[at].payments++
	})
	slices.SortStableFunc(list, func(x, y destination) int {
		if x.asset.ID != y.asset.ID {
			return order[x.asset.ID] - order[y.asset.ID]
		}
		return y.amount.Cmp(x.amount)
	})
	return list
}

// A payment stands out when at least so many are made of its asset, and it is more
// than so many times the middle one.
const fewPayments, farAbove = 5, 10

func (b *Batch) outliers() (lines []string) {
	amounts := map[string][]*big.Int{}
	b.leaving(func(_, _ int, e chain.Effect) { amounts[e.Asset.ID] = append(amounts[e.Asset.ID], e.Amount) })
	most := map[string]*big.Int{}
	for id, list := range amounts {
		if len(list) >= fewPayments {
			slices.SortFunc(list, (*big.Int).Cmp)
			most[id] = new(big.Int).Mul(list[len(list)/2], big.NewInt(farAbove))
		}
	}
	b.leaving(func(i, _ int, e chain.Effect) {
		if m := most[e.Asset.ID]; m != nil && e.Amount.Cmp(m) > 0 {
			lines = append(lines, fmt.Sprintf("  request %d: %s, more than %d times the middle payment", i+1, chain.Units(e.Amount, e.Asset), farAbove))
		}
	})
	return lines
}

// Text is the whole of request i, as Print writes it.
func (b *Batch) Text(i int) []string {
	var s strings.Builder
	p := &printer{w: &s}
	p.item(i+1, len(b.Items), &b.Items[i])
	return strings.Split(strings.TrimRight(s.String(), "\n"), "\n")
}

// Final says that it was decided before.
func (it *Item) Final() bool { return it.Repeat || it.out }

// No says that a person has refused it.
func (it *Item) No() bool { return it.Verdict.Code == refusedByOperator }

// RefuseFor is Refuse with the operator's words.
func (it *Item) RefuseFor(why string) bool {
	if !it.Refuse() {
		return false
	}
	it.Verdict.Reason += ": " + why
	return true
}
