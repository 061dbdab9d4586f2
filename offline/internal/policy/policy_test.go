package policy

import (
	"math/big"
	"testing"

	"coldsign/shared/chain"
)

var (
	coin = chain.Asset{ID: "eip155:1", Symbol: "ETH", Decimals: 18}
	net  = chain.Network{ID: "eip155:1", Asset: coin, FeeCap: big.NewInt(1000)}
)

func review(change func(*chain.Review)) chain.Review {
	r := chain.Review{
		Network:  "eip155:1",
		Effects:  []chain.Effect{{Kind: chain.Transfer, Asset: coin, Amount: big.NewInt(1000), To: "x"}},
		Fee:      chain.Fee{Asset: coin, Amount: big.NewInt(100)},
		Deadline: chain.Deadline{Kind: chain.UntilSpent, Text: "until spent"},
	}
	if change != nil {
		change(&r)
	}
	return r
}

// warned gives the review the warnings.
func warned(codes ...string) func(*chain.Review) {
	return func(r *chain.Review) {
		for _, c := range codes {
			r.Warnings = append(r.Warnings, chain.Warning{Code: c, Text: "look"})
		}
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name   string
		preset string
		own    func(int) bool
		change func(*chain.Review)
		code   string // "" allowed
	}{
		{name: "fee of exactly 10 %"},
		{name: "fee just above 10 %", change: func(r *chain.Review) { r.Fee.Amount = big.NewInt(101) }, code: "policy.fee-percent"},
		{name: "fee at the cap", change: func(r *chain.Review) {
			r.Fee.Amount, r.Effects[0].Amount = big.NewInt(1000), big.NewInt(10000)
		}},
		{name: "fee one above the cap", change: func(r *chain.Review) {
			r.Fee.Amount, r.Effects[0].Amount = big.NewInt(1001), big.NewInt(1_000_000)
		}, code: "policy.fee-cap"},
		{name: "all goes back to us", own: func(int) bool { return true }},
		{name: "change does not count", own: func(i int) bool { return i == 1 }, change: func(r *chain.Review) {
			r.Effects = append(r.Effects, r.Effects[0])
			r.Effects[0].Amount = big.NewInt(999)
		}, code: "policy.fee-percent"},
		{name: "token transfer without native value", change: func(r *chain.Review) {
			r.Effects[0].Asset = chain.Asset{ID: "eip155:1/erc20:0xaa", Decimals: -1}
		}},
		{name: "nothing is moved, at a hundredth of the cap", change: func(r *chain.Review) {
			r.Effects[0].Amount, r.Fee.Amount = new(big.Int), big.NewInt(10)
		}},
		{name: "nothing is moved, one above it", change: func(r *chain.Review) {
			r.Effects[0].Amount, r.Fee.Amount = new(big.Int), big.NewInt(11)
		}, code: "policy.fee-percent"},
		{name: "no effect at all", change: func(r *chain.Review) { r.Effects = nil }, code: "policy.fee-percent"},
		{name: "the zero address", change: warned("evm.zero-address"), code: "policy.warning"},
		{name: "the zero address as token", change: warned("evm.zero-token"), code: "policy.warning"},
		{name: "tokens to their contract", change: warned("evm.to-token"), code: "policy.warning"},
		{name: "a key becomes another's account", change: warned("solana.key-account"), code: "policy.warning"},
		{name: "the zero address under compat", preset: "compat", change: warned("evm.zero-address"), code: "policy.warning"},
		{name: "the zero address as token under compat", preset: "compat", change: warned("evm.zero-token"), code: "policy.warning"},
		{name: "tokens to their contract under compat", preset: "compat", change: warned("evm.to-token"), code: "policy.warning"},
		{name: "a key becomes another's account under compat", preset: "compat", change: warned("solana.key-account"), code: "policy.warning"},
		{name: "a fatal warning behind another", change: warned("evm.to-self", "evm.to-token"), code: "policy.warning"},
		{name: "a fatal warning before another", change: warned("evm.to-token", "evm.to-self"), code: "policy.warning"},
		{name: "a warning that is only shown", change: warned("evm.to-self")},
		{name: "opaque", change: func(r *chain.Review) { r.Opaque = []chain.Opaque{{What: "call", Code: "evm.call"}} }, code: "policy.opaque"},
		{name: "opaque under compat", preset: "compat", change: func(r *chain.Review) { r.Opaque = []chain.Opaque{{}} }},
		{name: "unproven", change: func(r *chain.Review) { r.Unproven = true }, code: "policy.unproven"},
		{name: "unproven under compat", preset: "compat", change: func(r *chain.Review) { r.Unproven = true }},
		{name: "fee cap under compat", preset: "compat", change: func(r *chain.Review) { r.Fee.Amount = big.NewInt(1001) }, code: "policy.fee-cap"},
		{name: "other network", change: func(r *chain.Review) { r.Network = "eip155:2" }, code: "policy.network"},
		{name: "no fee stated", change: func(r *chain.Review) { r.Fee.Amount = nil }, code: "policy.fee"},
		{name: "negative fee", change: func(r *chain.Review) { r.Fee.Amount = big.NewInt(-1) }, code: "policy.fee"},
		{name: "no deadline", change: func(r *chain.Review) { r.Deadline.Kind = 0 }, code: "policy.deadline"},
	} {
		if c.preset == "" {
			c.preset = "strict"
		}
		p, err := Preset(c.preset)
		if err != nil {
			t.Fatal(err)
		}
		v := p.Judge(review(c.change), net, c.own)
		if v.Allow != (c.code == "") || v.Code != c.code {
			t.Errorf("%s: got allow=%v code %q (%s), want code %q", c.name, v.Allow, v.Code, v.Reason, c.code)
		}
	}
}

func TestZeroValuesDeny(t *testing.T) {
	if (Verdict{}).Allow {
		t.Error("the zero verdict allows")
	}
	if v := (Policy{}).Judge(review(nil), chain.Network{}, nil); v.Allow {
		t.Error("the zero network is allowed")
	}
	if _, err := Preset(""); err == nil {
		t.Error("a preset without a name")
	}
}
