// Package coins chooses which outputs pay for a transaction, and what is left.
//
//	chosen, err := coins.Select(candidates, coins.Target{Pay: 150_000, Bytes: 44, Rate: 5_000, Change: 31, Dust: 546})
//
// It is arithmetic alone: amounts are base units (satoshi), sizes are weight units
// (BIP-141; four for each byte without a witness), rates are base units for 1000
// virtual bytes. It knows no chain and no randomness.
package coins

import (
	"math"
	"slices"

	"coldsign/shared/fault"
)

// Coin is an output that may be spent.
type Coin struct {
	Amount uint64
	Weight uint64 // of the input that spends it, signed
}

// Target is what the coins have to pay.
type Target struct {
	Pay    uint64  // to others
	Base   uint64  // weight of everything but inputs and change
	Change uint64  // weight of a change output
	Rate   uint64  // base units for 1000 virtual bytes; not read with Fee
	Fee    *uint64 // the whole fee where it is given
	Dust   uint64  // the least that an output may hold
}

// Choice is what was chosen. Sum = Pay + Fee + Change.
type Choice struct {
	Coins  []int // indexes of the candidates
	Fee    uint64
	Change uint64 // 0 without a change output, else at least Dust
	Weight uint64 // of the signed transaction
}

const (
	maxTries  = 100_000 // of branch and bound
	maxAmount = math.MaxInt64 / 4
)

// Size is a weight in virtual bytes.
func Size(weight uint64) uint64 { return (weight + 3) / 4 }

// FeeOf is what a weight costs at a rate, rounded up.
func FeeOf(weight, rate uint64) uint64 { return (Size(weight)*rate + 999) / 1000 }

// Select chooses coins that pay exactly, without change (branch and bound), else the
// largest first until change is more than dust. What would be dust is fee. A coin that
// costs more than it brings is never taken.
func Select(all []Coin, t Target) (Choice, error) {
	worth, err := t.worth(all)
	if err != nil {
		return Choice{}, err
	}
	order := make([]int, 0, len(all))
	for i, w := range worth {
		if w > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case worth[a] != worth[b] && worth[a] > worth[b]:
			return -1
		case worth[a] != worth[b]:
			return 1
		}
		return a - b
	})
	if exact := t.exact(order, worth); exact != nil {
		if c, ok := t.settle(all, exact); ok {
			return c, nil
		}
	}
	for n := range order {
		c, ok := t.settle(all, order[:n+1])
		if ok && (c.Change > 0 || n+1 == len(order)) {
			return c, nil
		}
	}
	if c, ok := t.settle(all, order); ok {
		return c, nil
	}
	return Choice{}, short()
}

// All takes every coin.
func All(all []Coin, t Target) (Choice, error) {
	if _, err := t.worth(all); err != nil {
		return Choice{}, err
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	if c, ok := t.settle(all, order); ok {
		return c, nil
	}
	return Choice{}, short()
}

func short() error {
	return fault.New("coins.short", "", "the outputs do not bring what is to be paid and the fee")
}

// worth is what each coin brings beyond what spending it costs. It bounds everything,
// so that no sum overflows.
func (t Target) worth(all []Coin) ([]int64, error) {
	var sum, weight uint64
	list := make([]int64, len(all))
	for i, c := range all {
		if c.Amount > maxAmount || c.Weight > math.MaxUint32 || sum > maxAmount || weight > math.MaxUint32 {
			return nil, fault.New("coins.range", "", "the outputs hold more than there can be")
		}
		sum, weight = sum+c.Amount, weight+c.Weight
		list[i] = int64(c.Amount)
		if t.Fee == nil {
			list[i] -= int64(FeeOf(c.Weight, t.Rate))
		}
	}
	if t.Pay > maxAmount || t.Rate > math.MaxUint32 || t.Base > math.MaxUint32 || t.Change > math.MaxUint32 || t.Dust > math.MaxUint32 || t.Fee != nil && *t.Fee > maxAmount {
		return nil, fault.New("coins.range", "", "the payment is more than there can be")
	}
	return list, nil
}

// settle makes the transaction of the chosen coins: with change if that is more than
// dust, else without.
func (t Target) settle(all []Coin, chosen []int) (Choice, bool) {
	c := Choice{Coins: slices.Clone(chosen), Weight: t.Base}
	var sum uint64
	for _, i := range chosen {
		sum, c.Weight = sum+all[i].Amount, c.Weight+all[i].Weight
	}
	fee, more := FeeOf(c.Weight, t.Rate), FeeOf(c.Weight+t.Change, t.Rate)
	if t.Fee != nil {
		fee, more = *t.Fee, *t.Fee
	}
	if len(chosen) == 0 || sum < t.Pay+fee {
		return c, false
	}
	if left := sum - t.Pay; left >= more && left-more >= max(t.Dust, 1) {
		c.Fee, c.Change, c.Weight = more, left-more, c.Weight+t.Change
		return c, true
	}
	c.Fee = sum - t.Pay
	return c, true
}

// exact searches for coins whose worth is what is wanted, or so little more that a
// change output would cost more: branch and bound, the largest first, each coin first
// taken and then left out. It gives the one with the least too much.
func (t Target) exact(order []int, worth []int64) (best []int) {
	want := int64(t.Pay)
	if t.Fee != nil {
		want += int64(*t.Fee)
	} else {
		want += int64(FeeOf(t.Base, t.Rate))
	}
	slack := int64(t.Dust) - 1
	if t.Fee == nil {
		slack = int64(FeeOf(t.Change, t.Rate))
	}
	rest := make([]int64, len(order)+1) // worth of those from here on
	for i := len(order) - 1; i >= 0; i-- {
		rest[i] = rest[i+1] + worth[order[i]]
	}
	var taken []int // positions in order
	sum, least := int64(0), slack+1
	for at, tries := 0, 0; tries < maxTries; tries++ {
		over := sum - want
		if over >= 0 && over < least {
			least, best = over, slices.Clone(taken)
			if over == 0 {
				break
			}
		}
		if over < 0 && sum+rest[at] >= want && at < len(order) {
			taken, sum = append(taken, at), sum+worth[order[at]]
			at++
			continue
		}
		// Back to the last one taken, and go on without it, nor one of the same worth.
		if len(taken) == 0 {
			break
		}
		at = taken[len(taken)-1]
		taken, sum = taken[:len(taken)-1], sum-worth[order[at]]
		for w := worth[order[at]]; at < len(order) && worth[order[at]] == w; at++ {
		}
	}
	for i, position := range best {
		best[i] = order[position]
	}
	return best
}
