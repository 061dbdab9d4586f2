package coins

import (
	"math/rand/v2"
	"slices"
	"testing"

	"coldsign/shared/fault"
)

// sound checks what holds for every choice.
func sound(t *testing.T, all []Coin, target Target, c Choice) {
	t.Helper()
	var sum, weight uint64
	seen := map[int]bool{}
	for _, i := range c.Coins {
		if seen[i] {
			t.Fatalf("coin %d twice", i)
		}
		seen[i] = true
		sum, weight = sum+all[i].Amount, weight+all[i].Weight
	}
	weight += target.Base
	if c.Change > 0 {
		weight += target.Change
	}
	if sum != target.Pay+c.Fee+c.Change || weight != c.Weight || len(c.Coins) == 0 {
		t.Fatalf("%d is not %d + fee %d + change %d; weight %d, said %d", sum, target.Pay, c.Fee, c.Change, weight, c.Weight)
	}
	if c.Change > 0 && c.Change < target.Dust {
		t.Fatalf("change of %d is dust", c.Change)
	}
	least := FeeOf(weight, target.Rate)
	if target.Fee != nil {
		least = *target.Fee
	}
	// At most what a change output would cost and hold is fee beyond that.
	if most := least + FeeOf(target.Change, target.Rate) + target.Dust + 1; c.Fee < least || c.Fee > most {
		t.Fatalf("fee %d, from %d to %d", c.Fee, least, most)
	}
	if c.Change > 0 && c.Fee != least {
		t.Fatalf("fee %d with change, want %d", c.Fee, least)
	}
}

// TestSelect: of random coins and payments, sums agree, no change is dust, the fee is
// that of the rate; what is refused as too little is too little.
func TestSelect(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	short, without := 0, 0
	for range 30_000 {
		all := make([]Coin, r.IntN(12))
		for i := range all {
			all[i] = Coin{r.Uint64N(1 << (1 + r.IntN(24))), []uint64{272, 592, 364, 230}[r.IntN(4)]}
		}
		target := Target{Pay: r.Uint64N(1 << (1 + r.IntN(25))), Base: 40 + r.Uint64N(600), Change: 124, Rate: 1_000 + r.Uint64N(100_000), Dust: 546}
		if r.IntN(3) == 0 {
			fee := r.Uint64N(20_000)
			target.Fee, target.Rate = &fee, 0
		}
		c, err := Select(all, target)
		if err == nil {
			sound(t, all, target, c)
			if c.Change == 0 {
				without++
			}
			continue
		}
		if short++; !fault.Is(err, "coins.short") {
			t.Fatal(err)
		}
		// Every coin that brings something does not pay for it either.
		var useful []Coin
		for _, coin := range all {
			if target.Fee != nil || coin.Amount > FeeOf(coin.Weight, target.Rate) {
				useful = append(useful, coin)
			}
		}
		if c, err := All(useful, target); err == nil {
			t.Fatalf("refused, and %v would do", c)
		}
	}
	if short < 1000 || without < 100 {
		t.Errorf("%d refused, %d without change: the test shows little", short, without)
	}
}

func coins(amounts ...uint64) (all []Coin) {
	for _, n := range amounts {
		all = append(all, Coin{n, 272})
	}
	return all
}

func TestChoices(t *testing.T) {
	fee := uint64(1_000)
	given := func(pay uint64) Target { return Target{Pay: pay, Base: 200, Change: 124, Fee: &fee, Dust: 546} }
	for _, c := range []struct {
		name   string
		all    []Coin
		target Target
		want   []int
		change uint64
	}{
		{"exactly, rather than the largest", coins(50_000, 7_000, 4_000, 100_000), given(10_000), []int{1, 2}, 0},
		{"the largest first", coins(5_000, 90_000, 70_000), given(100_000), []int{1, 2}, 59_000},
		{"dust is fee", coins(11_500), given(10_000), []int{0}, 0},
		{"just no dust", coins(11_546), given(10_000), []int{0}, 546},
		{"one more, so that change is no dust", coins(20_000, 9_000), Target{Pay: 19_582, Base: 200, Change: 124, Rate: 1_000, Dust: 546}, []int{0, 1}, 9_418 - FeeOf(200+544+124, 1_000)},
		{"a coin that costs more than it brings", coins(100, 50_000), Target{Pay: 10_000, Base: 200, Change: 124, Rate: 10_000, Dust: 546}, []int{1}, 50_000 - 10_000 - FeeOf(200+272+124, 10_000)},
	} {
		got, err := Select(c.all, c.target)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		sound(t, c.all, c.target, got)
		if slices.Sort(got.Coins); !slices.Equal(got.Coins, c.want) || got.Change != c.change {
			t.Errorf("%s: %v, change %d; want %v, %d", c.name, got.Coins, got.Change, c.want, c.change)
		}
	}
}

// TestBounds: what there cannot be is refused before it is added up.
func TestBounds(t *testing.T) {
	huge := ^uint64(0)
	for name, c := range map[string]struct {
		all    []Coin
		target Target
	}{
		"amount": {[]Coin{{huge, 1}}, Target{Pay: 1}},
		"weight": {[]Coin{{1, huge}}, Target{Pay: 1}},
		"sum":    {slices.Repeat([]Coin{{maxAmount, 1}}, 8), Target{Pay: 1}},
		"pay":    {coins(1), Target{Pay: huge}},
		"rate":   {coins(1), Target{Rate: huge}},
		"fee":    {coins(1), Target{Fee: &huge}},
	} {
		if _, err := Select(c.all, c.target); !fault.Is(err, "coins.range") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := All(c.all, c.target); !fault.Is(err, "coins.range") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Select(nil, Target{}); !fault.Is(err, "coins.short") {
		t.Error(err)
	}
}

func BenchmarkSelect(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	all := make([]Coin, 2_000)
	for i := range all {
		all[i] = Coin{1_000 + r.Uint64N(1<<30), 272}
	}
	for b.Loop() {
		if _, err := Select(all, Target{Pay: 1 << 36, Base: 200, Change: 124, Rate: 5_000, Dust: 546}); err != nil {
			b.Fatal(err)
		}
	}
}
