package policy

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"coldsign/offline/internal/book"
	"coldsign/shared/chain"
)

// Case is one transaction to be judged.
type Case struct {
	Review  chain.Review
	Network chain.Network
	Wallets []string         // signature ids of the wallets that sign
	Late    bool             // the requester's deadline has passed
	Named   bool             // it says who asked
	Own     func(i int) bool // effect i goes back to the wallet that pays; nil: none does
	Back    func(i int) bool // to any of several: a fee is not compared with it; nil: as Own
}

func (c Case) back() func(i int) bool {
	if c.Back == nil {
		return c.Own
	}
	return c.Back
}

// Spend is what a signed transaction took of a rule's limits.
type Spend struct {
	Rule   string
	Asset  string
	Amount *big.Int // base units
}

// Past is a spend that the journal tells of.
type Past struct {
	Spend
	Time    int64 // by this machine's clock
	Created int64 // when the online half says it made the bundle; 0 if no half has ever said
}

// Clock is what two machines say of the present. A period is over when both say so:
// whoever can set one clock gains nothing.
type Clock struct {
	Now     int64 // this machine's
	Created int64 // the online half's: when it made the bundle that is judged
}

// Court judges the transactions of one bundle, in their order.
type Court struct {
	p      Policy
	bundle []*big.Int // by rule, what this bundle took; nil for nothing
	period []*big.Int // by rule, what its period and this bundle took
	book   *book.Book
}

// Court begins a bundle.
func (p Policy) Court(b *book.Book, past []Past, c Clock) *Court {
	t := &Court{p: p, book: b}
	if p.rules == nil {
		return t
	}
	n := len(p.rules.list)
	t.bundle, t.period = make([]*big.Int, n), make([]*big.Int, n)
	for _, s := range past {
		i, ok := p.rules.byName[s.Rule]
		if !ok || p.rules.list[i].asset.ID != s.Asset {
			continue
		}
		length := p.rules.list[i].hours * 3600
		over := c.Now-s.Time >= length && (s.Created == 0 || c.Created-s.Created >= length)
		if !over {
			add(&t.period[i], s.Amount)
		}
	}
	return t
}

func add(to **big.Int, n *big.Int) {
	if *to == nil {
		*to = new(big.Int)
	}
	(*to).Add(*to, n)
}

// taken is what one transaction takes of a rule.
type taken struct {
	rule   int
	amount *big.Int            // that leaves
	of     map[string]*big.Int // by asset, with the fee: what the journal keeps
	fee    *big.Int            // counted with it in bundle and period
	call   bool                // a call that no codec explains, whose worth nobody knows
	coin   bool                // it lets the coin leave that fees are paid in
}

func (x *taken) spend(asset string, n *big.Int) {
	if n.Sign() > 0 {
		sum := x.of[asset]
		add(&sum, n)
		x.of[asset] = sum
	}
}

// Judge judges the next transaction. What it allows counts from now on.
func (t *Court) Judge(c Case) Verdict {
	if t.p.rules == nil {
		v := t.p.Judge(c.Review, c.Network, c.back())
		if v.Allow && c.Late {
			v = late()
		}
		v.By = t.p.Name
		return v
	}
	if v := listed(c.Review, c.Network); !v.Allow {
		v.By = t.p.Label()
		return v
	}
	takes, opaque, v := t.claims(c)
	if v.Allow {
		v = t.p.judge(c.Review, c.Network, c.back(), t.bounds(takes, opaque, c))
	}
	if v.Allow {
		v = t.limits(takes, c)
	}
	if v.Allow && c.Late {
		v = late()
	}
	v.By = t.by(takes)
	if !v.Allow {
		return v
	}
	v.Rule = "policy " + v.By
	for _, x := range takes {
		sum := new(big.Int).Add(x.amount, x.fee)
		add(&t.bundle[x.rule], sum)
		add(&t.period[x.rule], sum)
		// A rule may have a period tomorrow: what it lets leave counts from now on.
		for _, asset := range slices.Sorted(maps.Keys(x.of)) {
			v.Spends = append(v.Spends, Spend{t.p.rules.list[x.rule].Name, asset, x.of[asset]})
		}
	}
	return v
}

func late() Verdict {
	return Verdict{Later: true, Code: "request.expired", Rule: "no request after its deadline", Reason: "the requester's deadline has passed by this machine's clock"}
}

// by names the policy and the rules that decided, for the receipt.
func (t *Court) by(takes []taken) string {
	names := make([]string, len(takes))
	for i, x := range takes {
		names[i] = t.p.rules.list[x.rule].Name
	}
	s := t.p.Label()
	if len(names) > 0 {
		s += ": " + strings.Join(names, ", ")
	}
	if len(s) > maxBy {
		s = s[:maxBy-3] + "..."
	}
	return s
}

// claims finds the rule for everything that leaves and for every call. unexplained
// tells whether a part is left that no rule lets pass.
func (t *Court) claims(c Case) (takes []taken, unexplained bool, v Verdict) {
	made := map[string]bool{}
	for _, e := range c.Review.Effects {
		made[e.To] = made[e.To] || e.Kind == chain.Create
	}
	take := func(rule int, asset string, n *big.Int, call bool) *taken {
		return takeOf(&takes, rule, asset, n, call)
	}
	for i, e := range c.Review.Effects {
		if c.Own != nil && c.Own(i) {
			continue
		}
		// An account that is made here may obey anyone: no name vouches for it.
		var names []string
		if !made[e.To] {
			names = t.names(c.Network.ID, e.To, e.Owner)
		}
		rule := t.p.rules.find(e.Asset.ID, c.Wallets, names, false)
		if rule < 0 {
			return takes, false, deny("policy.no-rule", "what no rule allows is refused",
				"no rule lets these wallets send "+chain.Units(e.Amount, e.Asset)+" to "+e.To)
		}
		if x := take(rule, e.Asset.ID, e.Amount, false); e.Asset.ID == c.Review.Fee.Asset.ID {
			x.coin = true
		}
	}
	for _, o := range c.Review.Opaque {
		if o.Code == "evm.delegatecall" { // it can do anything to the account that makes it
			return takes, false, deny("policy.opaque", "a delegatecall is never signed while a policy file is in force", o.Code+": "+o.What)
		}
		if o.To == "" {
			unexplained = true
			continue
		}
		rule := t.p.rules.find(string(c.Network.ID), c.Wallets, t.names(c.Network.ID, o.To), false)
		if rule < 0 {
			return takes, false, deny("policy.no-rule", "what no rule allows is refused", "no rule lets these wallets call "+o.To+": "+o.Code+": "+o.What)
		}
		take(rule, string(c.Network.ID), new(big.Int), true)
		calls := t.p.rules.list[rule].Calls
		if !slices.Contains(calls, "any") && (o.Method == "" || !slices.Contains(calls, o.Method)) {
			unexplained = true
		}
	}
	return takes, unexplained, t.claimFee(c, &takes)
}

// takeOf adds an amount to what a rule lets go, and gives that rule's part.
func takeOf(takes *[]taken, rule int, asset string, n *big.Int, call bool) *taken {
	i := slices.IndexFunc(*takes, func(x taken) bool { return x.rule == rule })
	if i < 0 {
		i = len(*takes)
		*takes = append(*takes, taken{rule: rule, amount: new(big.Int), fee: new(big.Int), of: map[string]*big.Int{}})
	}
	x := &(*takes)[i]
	x.amount.Add(x.amount, n)
	x.spend(asset, n)
	x.call = x.call || call
	return x
}

// claimFee finds the rule that the fee takes of.
func (t *Court) claimFee(c Case, takes *[]taken) Verdict {
	if fee := c.Review.Fee; fee.Asset.ID != c.Network.Asset.ID {
		// A token pays it (CIP-64), and leaves as any other: caps in coins say nothing of it.
		rule := t.p.rules.find(fee.Asset.ID, c.Wallets, nil, true)
		if rule < 0 {
			return deny("policy.no-rule", "what no rule allows is refused", "no rule lets these wallets pay a fee in "+fee.Asset.ID)
		}
		takeOf(takes, rule, fee.Asset.ID, fee.Amount, false)
		return Verdict{Allow: true}
	}
	ofFee := func(x taken) bool { return x.coin || t.p.rules.list[x.rule].asset.ID == c.Review.Fee.Asset.ID }
	if !slices.ContainsFunc(*takes, ofFee) {
		// Nothing leaves but the fee, or tokens do: the fee takes of a rule for coins.
		rule := t.p.rules.find(string(c.Network.ID), c.Wallets, nil, true)
		if rule < 0 {
			return deny("policy.no-rule", "what no rule allows is refused", "no rule lets these wallets pay a fee on "+string(c.Network.ID))
		}
		takeOf(takes, rule, string(c.Network.ID), new(big.Int), false)
	}
	if i := slices.IndexFunc(*takes, ofFee); i >= 0 {
		(*takes)[i].fee = c.Review.Fee.Amount
		(*takes)[i].spend(c.Review.Fee.Asset.ID, (*takes)[i].fee)
	}
	return Verdict{Allow: true}
}

// names is what the address book says of addresses, as rules name it.
func (t *Court) names(n chain.ID, addresses ...string) (names []string) {
	for _, a := range addresses {
		if e, ok := t.book.At(n, a); ok {
			names = append(names, e.Name)
			for _, tag := range e.Tags {
				names = append(names, "tag:"+tag)
			}
		}
	}
	return names
}

// bounds joins what the rules of a transaction say: the strictest of all.
func (t *Court) bounds(takes []taken, unexplained bool, c Case) bounds {
	b := bounds{opaque: t.p.opaque || !unexplained, unproven: true, percent: 100}
	for _, x := range takes {
		r := &t.p.rules.list[x.rule]
		b.unproven = b.unproven && (t.p.unproven || r.unproven)
		b.percent = min(b.percent, r.percent)
		most := c.Network.FeeCap
		if r.maxFee != nil {
			most = r.maxFee
		}
		if b.feeCap == nil || most.Cmp(b.feeCap) < 0 {
			b.feeCap = most
		}
	}
	return b
}

// limits asks every rule of a transaction for its amounts, rates and deadline, and
// gathers the approvals.
func (t *Court) limits(takes []taken, c Case) Verdict {
	v := Verdict{Allow: true}
	for _, x := range takes {
		r := &t.p.rules.list[x.rule]
		if r.transaction != nil && x.amount.Cmp(r.transaction) > 0 {
			return deny("policy.transaction", r.Name+": at most "+r.Transaction+" in one transaction", "it sends "+chain.Units(x.amount, r.asset))
		}
		if r.Requester == "named" && !c.Named {
			return deny("policy.requester", r.Name+": who asks is named", "the request names nobody who asked for it")
		}
		if d := t.rates(r, c.Review); !d.Allow {
			return d
		}
		sum := new(big.Int).Add(x.amount, x.fee)
		for _, l := range []struct {
			most, used *big.Int
			code, text string
		}{
			{r.bundle, t.bundle[x.rule], "policy.bundle", r.Bundle + " in one bundle"},
			{r.period, t.period[x.rule], "policy.period", fmt.Sprintf("%s in %d hours", r.Period, r.hours)},
		} {
			used := l.used
			if used == nil {
				used = new(big.Int)
			}
			if l.most != nil && new(big.Int).Add(used, sum).Cmp(l.most) > 0 {
				d := deny(l.code, r.Name+": at most "+l.text, "with its fee it takes "+chain.Units(sum, r.asset)+", and "+chain.Units(used, r.asset)+" is taken")
				d.Later = true // another day it may fit
				return d
			}
		}
		for _, a := range r.approvals {
			if x.call || x.amount.Cmp(a.above) > 0 {
				v.Needs = strictest(v.Needs, a.Need)
			}
		}
	}
	return v
}

func (t *Court) rates(r *rule, review chain.Review) Verdict {
	f := review.Fee
	if r.maxRate != nil && (f.Units == 0 || f.Amount.Cmp(new(big.Int).Mul(r.maxRate, new(big.Int).SetUint64(f.Units))) > 0) {
		return deny("policy.fee-rate", r.Name+": fee rate at most "+r.MaxFeeRate, "the fee rate is "+f.Rate)
	}
	if r.maxPriority != nil && (f.Priority == nil || f.Priority.Cmp(r.maxPriority) > 0) {
		return deny("policy.priority", r.Name+": priority fee at most "+r.MaxPriority, "the fee rate is "+f.Rate)
	}
	if r.until != nil && !r.until[review.Deadline.Kind] {
		return deny("policy.until", r.Name+": valid until "+strings.Join(r.Until, " or "), "it is "+review.Deadline.Text)
	}
	return Verdict{Allow: true}
}

// strictest keeps the largest count of each role.
func strictest(needs []Need, n Need) []Need {
	for i := range needs {
		if needs[i].Role == n.Role {
			needs[i].Count = max(needs[i].Count, n.Count)
			return needs
		}
	}
	return append(needs, n)
}
