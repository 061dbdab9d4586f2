// Package policy holds the rules that a review must pass before anything is
// signed. It judges effects, never rendered text, and the zero Verdict denies.
//
// Two presets exist. "strict", the default, signs only what the codec explained
// completely, with proven amounts. "compat" signs what tatum-kms would have
// signed: claimed amounts and unexplained calls, shown loudly.
package policy

import (
	"fmt"
	"math/big"
	"slices"

	"coldsign/offline/internal/approve"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Verdict is what the rules say of one review.
type Verdict struct {
	Allow  bool
	Later  bool   // not decided: it may be asked again
	Code   string // of the rule that denied: "policy.fee-percent"
	Rule   string // the rule in words
	Reason string // what in the transaction broke it
	Needs  []Need // approvals without which it is not signed
	By     string // policy, version and rules, for the receipt: "treasury 4: customers"
	Spends []Spend
}

// Need is how many operators of a role must approve.
type Need = approve.Need

// Operator is a person who can approve.
type Operator struct {
	Name  string   // printable ASCII, unique
	Key   string   // minisign public key: the base64 line of its file
	Roles []string // "approver", "policy", ...
}

// RolePolicy is the role of those who approve a new policy, address book or token
// registry.
const RolePolicy = "policy"

// Policy is a named set of rules.
type Policy struct {
	Name      string
	Version   uint64 // 0 for a preset
	Preset    string // what holds beside the rules
	Operators []Operator
	Change    int // operators of RolePolicy who must approve the next document

	opaque   bool   // unexplained parts may be signed
	unproven bool   // claimed amounts may be signed
	rules    *rules // nil for a preset
}

// Preset gives a policy by name: "strict" or "compat".
func Preset(name string) (Policy, error) {
	switch name {
	case "strict":
		return Policy{Name: name, Preset: name}, nil
	case "compat":
		return Policy{Name: name, Preset: name, opaque: true, unproven: true}, nil
	}
	return Policy{}, fault.New("policy.preset", "use strict or compat", "no preset is called %q", name)
}

// FeePercent is the most that a fee may be of the native value moved.
const FeePercent = 10

// builtIn explains what holds under every policy, one rule a line.
func (p Policy) builtIn() (lines []string) {
	if p.opaque {
		lines = append(lines, "WARNING: parts that cannot be explained are signed all the same")
	} else {
		lines = append(lines, "a transaction with a part that cannot be explained is refused")
	}
	if p.unproven {
		lines = append(lines, "WARNING: input amounts that are only claimed are believed: a lie burns money as fee")
	} else {
		lines = append(lines, "a transaction with an input amount that is claimed and not proven is refused")
	}
	return append(lines,
		"a transaction for a network that is not in the list is refused",
		"a wallet of a test network never signs for a main network, nor the other way round",
		"a fee above 10 % of the native value moved is refused; for what moves nothing, above a hundredth of the cap",
		"value that goes to the zero address, or tokens to their own contract, is refused",
		"a key of ours never becomes an account that somebody else controls",
		"a fee above the network's cap is refused")
}

// bounds are the limits that a rule can move.
type bounds struct {
	opaque, unproven bool
	feeCap           *big.Int
	percent          int64 // of the native value moved
}

// Judge applies a preset to one review. own tells effects that go back to the
// wallet that pays: they do not count as value moved.
func (p Policy) Judge(r chain.Review, n chain.Network, own func(i int) bool) Verdict {
	if v := listed(r, n); !v.Allow {
		return v
	}
	v := p.judge(r, n, own, bounds{p.opaque, p.unproven, n.FeeCap, FeePercent})
	if v.Allow && r.Fee.Asset.ID != n.Asset.ID {
		// A token pays it (CIP-64): no cap of a preset says anything of tokens.
		return deny("policy.fee-asset", "fees are paid in the network's coin, unless a rule lets the token leave", "the fee is paid in "+r.Fee.Asset.ID)
	}
	return v
}

func listed(r chain.Review, n chain.Network) Verdict {
	if n.ID == "" || r.Network != n.ID || n.FeeCap == nil {
		return deny("policy.network", "only listed networks", "network "+string(r.Network)+" is not in the list")
	}
	if r.Fee.Amount == nil || r.Fee.Amount.Sign() < 0 {
		return deny("policy.fee", "every transaction states its fee", "the codec gave no fee")
	}
	return Verdict{Allow: true}
}

// judge is what holds under every policy, within bounds.
func (p Policy) judge(r chain.Review, n chain.Network, own func(i int) bool, b bounds) Verdict {
	if len(r.Opaque) > 0 && !b.opaque {
		o := r.Opaque[0]
		return deny("policy.opaque", "what cannot be explained is not signed", o.Code+": "+o.What)
	}
	if r.Unproven && !b.unproven {
		return deny("policy.unproven", "amounts are proven by the full previous transactions", "an input amount is claimed, not proven")
	}
	if r.Deadline.Kind == 0 {
		return deny("policy.deadline", "every transaction says how it ends", "the codec gave no deadline")
	}
	if r.Fee.Amount.Cmp(b.feeCap) > 0 {
		return deny("policy.fee-cap", "fee at most "+chain.Units(b.feeCap, n.Asset), "the fee can reach "+chain.Units(r.Fee.Amount, n.Asset))
	}
	if v := judgeShare(r, n, own, b); !v.Allow {
		return v
	}
	for _, w := range r.Warnings {
		if fatal(w.Code) {
			return deny("policy.warning", "nothing goes where it is lost, and no key becomes another's account", w.Code+": "+w.Text)
		}
	}
	return Verdict{Allow: true, Rule: "policy " + p.Name}
}

// judgeShare compares the fee with the native value moved. A token transfer
// moves none: its fee is held by the cap alone. What moves nothing at all (a
// nonce filled, a memo) may cost a hundredth of the cap.
func judgeShare(r chain.Review, n chain.Network, own func(i int) bool, b bounds) Verdict {
	base := Moved(r, own)
	if base.Sign() > 0 {
		if new(big.Int).Mul(r.Fee.Amount, big.NewInt(100)).Cmp(new(big.Int).Mul(base, big.NewInt(b.percent))) > 0 {
			return deny("policy.fee-percent", fmt.Sprintf("fee at most %d %% of the native value moved", b.percent),
				"the fee can reach "+chain.Units(r.Fee.Amount, n.Asset)+" for "+chain.Units(base, n.Asset))
		}
		return Verdict{Allow: true}
	}
	tokens := slices.ContainsFunc(r.Effects, func(e chain.Effect) bool { return e.Asset.ID != string(r.Network) })
	if most := new(big.Int).Div(b.feeCap, big.NewInt(100)); !tokens && len(r.Opaque) == 0 && r.Fee.Amount.Cmp(most) > 0 {
		return deny("policy.fee-percent", "a transaction that moves nothing costs at most "+chain.Units(most, n.Asset),
			"the fee can reach "+chain.Units(r.Fee.Amount, n.Asset)+" and nothing is moved")
	}
	return Verdict{Allow: true}
}

// fatal lists the warnings that refuse: value that goes where nobody can use it,
// and a signing key that becomes an account which somebody else controls.
func fatal(code string) bool {
	return slices.Contains([]string{"evm.zero-address", "evm.zero-token", "evm.to-token", "solana.key-account", LookAlike}, code)
}

// LookAlike is the code of the warning that an address only looks like one of the
// address book.
const LookAlike = "book.look-alike"

// Moved is the native value that goes to others, or, when all of it comes back,
// all of it: what a fee is compared with.
func Moved(r chain.Review, own func(i int) bool) *big.Int {
	out, all := new(big.Int), new(big.Int)
	for i, e := range r.Effects {
		if e.Asset.ID != string(r.Network) {
			continue
		}
		all.Add(all, e.Amount)
		if own == nil || !own(i) {
			out.Add(out, e.Amount)
		}
	}
	if out.Sign() == 0 {
		return all
	}
	return out
}

func deny(code, rule, reason string) Verdict {
	return Verdict{Code: code, Rule: rule, Reason: reason}
}
