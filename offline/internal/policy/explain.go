package policy

import (
	"fmt"
	"slices"
	"strings"

	"coldsign/offline/internal/approve"
	"coldsign/shared/chain"
)

// Lines explains the policy in plain English, one rule a line and what belongs to it
// indented below.
func (p Policy) Lines() []string {
	if p.rules == nil {
		return append([]string{"policy " + p.Name}, p.builtIn()...)
	}
	lines := []string{fmt.Sprintf("policy %s, version %d: the first rule that fits decides, and what no rule fits is refused", p.Name, p.Version)}
	if p.Preset != "strict" {
		lines = slices.Insert(lines, 0, "WARNING: preset "+p.Preset+": claimed amounts and unexplained calls are signed where a rule fits")
	}
	for i := range p.rules.list {
		r := &p.rules.list[i]
		lines = append(lines, fmt.Sprintf("%d. %s: %s", i+1, r.Name, r.scope()))
		for _, s := range append(r.terms(), p.quorum(r)...) {
			lines = append(lines, "   "+s)
		}
		if j := p.rules.before(i); j >= 0 {
			lines = append(lines, fmt.Sprintf("   WARNING: never decides, rule %d fits all that it fits", j+1))
		}
	}
	if len(p.Operators) == 0 {
		lines = append(lines, "WARNING: no operators: whoever has the passphrase can put other rules in force")
	} else {
		lines = append(lines, fmt.Sprintf("new rules, address books, token registries and multisig wallets need %d of role %s", p.Change, RolePolicy))
	}
	for _, o := range p.Operators {
		lines = append(lines, fmt.Sprintf("operator %s: %s; key %s", o.Name, strings.Join(o.Roles, ", "), o.Key))
	}
	lines = append(lines, "beside the rules, as preset "+p.Preset+" has it, unless a rule says otherwise:")
	for _, s := range p.builtIn() {
		lines = append(lines, "   "+s)
	}
	return lines
}

func (r *rule) scope() string {
	who := "wallets " + strings.Join(r.Wallets, ", ")
	switch {
	case r.Wallets[0] == "any":
		who = "any wallet"
	case !slices.Equal(r.Wallets, r.ids):
		who += " (" + strings.Join(r.ids, ", ") + ")"
	}
	what := "anything"
	switch {
	case r.asset.ID == r.network.Asset.ID:
		what = fmt.Sprintf("%s on %s %s (%s)", r.asset.Symbol, r.network.Chain, r.network.Name, r.network.ID)
	case r.asset.Decimals >= 0:
		what = r.asset.Symbol + ", which is token " + r.asset.ID
	case r.network.ID != "":
		what = "token " + r.asset.ID
	}
	return fmt.Sprintf("%s may send %s to %s", who, what, strings.Join(r.where, ", "))
}

// terms tells on what terms.
func (r *rule) terms() (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if r.transaction == nil {
		say("WARNING: without a limit for one transaction")
	} else {
		say("at most %s in one transaction", chain.Units(r.transaction, r.asset))
	}
	if r.bundle != nil {
		say("at most %s in one bundle, with the fees that it pays", chain.Units(r.bundle, r.asset))
	}
	if r.period != nil {
		say("at most %s within %d h, with the fees that it pays, by what was signed and both clocks", chain.Units(r.period, r.asset), r.hours)
	}
	for _, t := range r.approvals {
		if t.above.Sign() < 0 {
			say("always %d of role %s approve", t.Count, t.Role)
		} else {
			say("above %s, and for a call that cannot be explained, %d of role %s approve", chain.Units(t.above, r.asset), t.Count, t.Role)
		}
	}
	switch r.Requester {
	case "named":
		say("only what names who asked for it")
	case "any":
		say("who asks need not be named")
	}
	if r.percent != FeePercent {
		say("fee at most %d %% of the coins moved", r.percent)
	}
	if r.maxFee != nil {
		say("fee at most %s, whatever the network's cap", chain.Units(r.maxFee, r.network.Asset))
	}
	if r.maxRate != nil {
		say("fee rate at most %s", r.MaxFeeRate)
	}
	if r.maxPriority != nil {
		say("priority fee at most %s", r.MaxPriority)
	}
	if slices.Contains(r.Calls, "any") {
		say("WARNING: any call that cannot be explained may be made there")
	} else if len(r.Calls) > 0 {
		say("WARNING: the calls %s may be made there, unexplained", strings.Join(r.Calls, ", "))
	}
	if r.unproven {
		say("WARNING: input amounts that are only claimed are believed")
	}
	if r.until != nil {
		say("only what is valid until %s", strings.Join(r.Until, " or "))
	}
	return lines
}

// quorum tells what is weak in the approvals of a rule.
func (p Policy) quorum(r *rule) (lines []string) {
	if len(r.approvals) == 0 {
		return nil
	}
	if r.Requester == "" {
		lines = append(lines, `WARNING: who asks need not be named, and then nobody is excluded from approving: requester = "named" refuses that`)
	}
	var people []approve.Operator
	for _, o := range p.Operators {
		people = append(people, approve.Operator{Name: o.Name, Roles: o.Roles})
	}
	var needs []Need
	places := 0
	for _, t := range r.approvals {
		needs = strictest(needs, t.Need)
	}
	for _, n := range needs {
		places += n.Count
	}
	if n := approve.Filled(people, needs); n < places {
		lines = append(lines, fmt.Sprintf("WARNING: can never be approved in full: each person counts for one role, and the operators can fill %d of %d places", n, places))
	}
	return lines
}

// Begins tells of the rules whose periods begin empty when p comes after the policy
// that was in force: a period is counted by the rule's name and asset.
func (p Policy) Begins(before Policy) (lines []string) {
	if p.rules == nil || before.rules == nil {
		return nil
	}
	for i := range p.rules.list {
		r := &p.rules.list[i]
		j, ok := before.rules.byName[r.Name]
		if r.period != nil && (!ok || before.rules.list[j].asset.ID != r.asset.ID && before.rules.list[j].asset.ID != "any") {
			lines = append(lines, fmt.Sprintf("WARNING: the period of rule %s begins empty: in %s %d no rule of this name is for this asset", r.Name, before.Name, before.Version))
		}
	}
	for i := range before.rules.list {
		r := &before.rules.list[i]
		if _, ok := p.rules.byName[r.Name]; r.period != nil && !ok {
			lines = append(lines, fmt.Sprintf("WARNING: rule %s, which has a period in %s %d, is gone: what was signed under it counts for no other rule", r.Name, before.Name, before.Version))
		}
	}
	return lines
}

// before finds a rule above i that fits all that i fits; -1 for none.
func (r *rules) before(i int) int {
	covers := func(j int, m map[string]set, all set, keys []string) bool {
		has := func(s set) bool { return s.word(j/64)>>(j%64)&1 != 0 }
		return has(all) || !slices.ContainsFunc(keys, func(key string) bool { return !has(m[key]) })
	}
	x := &r.list[i]
	for j := range i {
		if covers(j, r.assets, r.any.asset, []string{x.asset.ID}) && covers(j, r.to, r.any.to, x.To) && covers(j, r.wallets, r.any.wallet, x.ids) {
			return j
		}
	}
	return -1
}
