package policy

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"coldsign/offline/internal/approve"
	"coldsign/offline/internal/book"
	"coldsign/offline/internal/document"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/quote"
)

// World is what the names in a policy stand for.
type World struct {
	Chains []chain.Chain
	Book   *book.Book
	Tokens *book.Tokens
}

// file is a policy as it is written: POLICY.md says what each key means.
type file struct {
	Kind      string
	Rehearsal bool
	Version   uint64
	Name      string
	Preset    string
	Quorum    struct{ Change int }
	Operator  []Operator
	Groups    map[string][]string
	Rule      []written
}

type written struct {
	Name        string
	Wallets     []string
	Asset       string
	To          []string
	Transaction string
	Bundle      string
	Period      string
	Hours       *int
	Approvals   []struct {
		Above string
		Count int
		Role  string
	}
	Requester   string
	MaxFee      string `toml:"max_fee"`
	FeePercent  *int   `toml:"fee_percent"`
	MaxFeeRate  string `toml:"max_fee_rate"`
	MaxPriority string `toml:"max_priority"`
	Calls       []string
	Unproven    bool
	Until       []string
}

// Kind is what a policy file calls itself.
const Kind = "policy"

// OfRehearsal reads of a policy file only whether it says that it is of a rehearsal: the
// names in it may be of another book than this home's.
func OfRehearsal(raw []byte) (bool, error) {
	var f file
	err := document.Decode(raw, MaxFile, &f)
	return f.Rehearsal, err
}

// Parse reads a policy file. Names in it are looked up now, so that a wrong one is
// an error here and not a payment refused tomorrow.
func Parse(raw []byte, w World) (Policy, error) {
	var f file
	if err := document.Decode(raw, MaxFile, &f); err != nil {
		return Policy{}, err
	}
	if err := document.IsKind(raw, f.Kind, Kind); err != nil {
		return Policy{}, err
	}
	p, err := Preset(f.Preset)
	if err != nil {
		return Policy{}, document.Within(document.Line(raw, "", 0, "preset"), err)
	}
	p.Name, p.Version, p.Preset, p.Operators, p.Change = f.Name, f.Version, f.Preset, f.Operator, f.Quorum.Change
	switch {
	case f.Version < 1 || f.Version > maxVersion:
		return Policy{}, document.At(0, "version = N is missing at the top: a number from 1, higher with every change")
	case !word(f.Name):
		return Policy{}, document.At(0, "name = \"...\" is missing at the top: 1 to %d printable ASCII characters", maxName)
	case len(f.Rule) == 0 || len(f.Rule) > maxRules:
		return Policy{}, document.At(0, "%d rules, and 1 to %d are allowed", len(f.Rule), maxRules)
	}
	if i, key, err := p.checkOperators(); err != nil {
		return Policy{}, document.Within(document.Line(raw, "operator", i, key), err)
	}
	if n := p.holders(RolePolicy); len(p.Operators) > 0 && p.Change < 1 || p.Change < 0 || p.Change > n {
		return Policy{}, document.At(document.Line(raw, "quorum", 0, "change"), "[quorum] change = N says how many operators of role policy agree on a new policy: 1 to %d", n)
	}
	c := compiler{World: w, p: &p, groups: f.Groups, names: map[string]bool{}}
	if err := c.checkGroups(); err != nil {
		return Policy{}, document.Within(document.Line(raw, "groups", 0, ""), err)
	}
	p.rules = newRules(len(f.Rule))
	for i := range f.Rule {
		if key, err := c.rule(i, &f.Rule[i]); err != nil {
			return Policy{}, document.Within(document.Line(raw, "rule", i, key), err)
		}
	}
	return p, nil
}

func word(s string) bool { return book.Word(s) && len(s) <= maxName }

func (p *Policy) checkOperators() (i int, key string, err error) {
	if len(p.Operators) > maxWords {
		return 0, "", document.At(0, "%d operators, and %d are allowed", len(p.Operators), maxWords)
	}
	for i, o := range p.Operators {
		k, err := approve.ParseKey(o.Key)
		switch {
		case !word(o.Name) || slices.ContainsFunc(p.Operators[:i], func(other Operator) bool { return approve.SameName(other.Name, o.Name) }):
			return i, "name", document.At(0, "an operator has a name of their own")
		case err != nil:
			return i, "key", document.At(0, "key = \"RW...\" is the second line of a minisign public key file")
		case slices.ContainsFunc(p.Operators[:i], func(o Operator) bool { other, err := approve.ParseKey(o.Key); return err != nil || other.Same(k) }):
			return i, "key", document.At(0, "two operators cannot have one key")
		case len(o.Roles) == 0 || len(o.Roles) > maxWords:
			return i, "roles", document.At(0, "roles = [\"approver\"] or more are missing")
		}
		for j, r := range o.Roles {
			if strings.Trim(r, "abcdefghijklmnopqrstuvwxyz-") != "" || !word(r) || slices.Contains(o.Roles[:j], r) {
				return i, "roles", document.At(0, "%s is no role, or stands here twice", quote.String(r))
			}
		}
	}
	return 0, "", nil
}

// holders counts the operators of a role.
func (p *Policy) holders(role string) (n int) {
	for _, o := range p.Operators {
		if slices.Contains(o.Roles, role) {
			n++
		}
	}
	return n
}

// compiler turns written rules into rules.
type compiler struct {
	World
	p       *Policy
	groups  map[string][]string
	names   map[string]bool // of rules
	wallets int
}

func (c *compiler) checkGroups() error {
	for name, ids := range c.groups {
		if name == "any" || !word(name) || len(ids) == 0 {
			return document.At(0, "group %s has no wallet, or a name that it cannot have", quote.String(name))
		}
		if _, err := bundle.ParseSignatureID(name); err == nil {
			return document.At(0, "group %s has the name of a wallet", quote.String(name))
		}
		for _, id := range ids {
			if _, err := bundle.ParseSignatureID(id); err != nil {
				return document.At(0, "group %s: %s is no signature id", quote.String(name), quote.String(id))
			}
		}
	}
	return nil
}

// rule reads rule i and indexes it. It tells the key that is wrong.
func (c *compiler) rule(i int, w *written) (key string, err error) {
	if !word(w.Name) || c.names[w.Name] {
		return "name", document.At(0, "a rule has a name of its own, of 1 to %d printable ASCII characters", maxName)
	}
	c.names[w.Name] = true
	r := rule{written: *w, percent: FeePercent, unproven: w.Unproven}
	if r.ids, err = c.expand(w.Wallets); err != nil {
		return "wallets", err
	}
	if r.asset, r.network, err = c.asset(w.Asset); err != nil {
		return "asset", err
	}
	if r.where, err = c.destinations(w.To); err != nil {
		return "to", err
	}
	if key, err := c.amounts(&r); err != nil {
		return key, err
	}
	if key, err := c.fees(&r); err != nil {
		return key, err
	}
	if err := c.calls(&r); err != nil {
		return "calls", err
	}
	if r.until, err = until(w.Until); err != nil {
		return "until", err
	}
	c.p.rules.add(i, r)
	return "", nil
}

// expand gives the signature ids behind groups and ids, or "any".
func (c *compiler) expand(list []string) ([]string, error) {
	var ids []string
	for _, text := range list {
		if text == "any" && len(list) == 1 {
			return list, nil
		}
		if group, ok := c.groups[text]; ok {
			ids = append(ids, group...)
			continue
		}
		if _, err := bundle.ParseSignatureID(text); err != nil {
			return nil, document.At(0, "%s is neither a group nor a signature id, and \"any\" stands alone", quote.String(text))
		}
		ids = append(ids, text)
	}
	if c.wallets += len(ids); len(ids) == 0 || c.wallets > maxWallets {
		return nil, document.At(0, "wallets = [...] is missing or too long")
	}
	for i, id := range ids {
		s, _ := bundle.ParseSignatureID(id)
		ids[i] = s.String()
	}
	return ids, nil
}

// asset reads "any", a network for its coin, a token's CAIP-19 id, or "SYMBOL on
// ETH mainnet" for a token of the registry.
func (c *compiler) asset(text string) (chain.Asset, chain.Network, error) {
	if text == "any" {
		return chain.Asset{ID: "any", Decimals: -1}, chain.Network{}, nil
	}
	if _, n, ok := book.Network(c.Chains, text); ok {
		return n.Asset, n, nil
	}
	id := text
	if symbol, where, ok := strings.Cut(text, " on "); ok {
		_, n, _ := book.Network(c.Chains, where)
		t, known := c.Tokens.Symbol(n.ID, symbol)
		if !known {
			return chain.Asset{}, n, document.At(0, "no token %s on network %s is in the registry", quote.String(symbol), quote.String(where))
		}
		id = t.Asset
	}
	id, err := book.TokenID(c.Chains, id)
	if err != nil {
		return chain.Asset{}, chain.Network{}, document.At(0, "asset = %s is neither a network (for its coin) nor a token nor \"any\"", quote.String(text))
	}
	where, _, _ := strings.Cut(id, "/")
	_, n, _ := book.Network(c.Chains, where)
	a := chain.Asset{ID: id, Decimals: -1}
	if t, ok := c.Tokens.At(id); ok {
		a.Symbol, a.Decimals = t.Symbol, t.Decimals
	}
	return a, n, nil
}

// destinations looks names and tags up, and gives them in words.
func (c *compiler) destinations(to []string) (words []string, err error) {
	if len(to) == 0 || len(to) > maxList {
		return nil, document.At(0, "to = [...] is missing or too long")
	}
	for _, name := range to {
		_, known := c.Book.Named(name)
		tag, isTag := strings.CutPrefix(name, "tag:")
		switch {
		case name == "any" && len(to) > 1:
			return nil, document.At(0, "\"any\" stands alone")
		case name == "any":
			words = append(words, "ANY ADDRESS")
		case known:
			words = append(words, name)
		case isTag && c.Book.Tagged(tag) > 0:
			words = append(words, fmt.Sprintf("whoever is tagged %s (%d in the book)", tag, c.Book.Tagged(tag)))
		default:
			return nil, document.At(0, "%s is no name and no tag of the address book", quote.String(name))
		}
	}
	return words, nil
}

// amounts reads the limits and the thresholds.
func (c *compiler) amounts(r *rule) (key string, err error) {
	w := &r.written
	if w.Transaction == "" && len(w.Calls) == 0 {
		return "transaction", document.At(0, "transaction = \"...\" is missing: the most in one transaction, or \"any\"")
	}
	if w.Transaction == "" {
		w.Transaction = "0 base units" // calls only
	}
	if w.Transaction != "any" {
		if r.transaction, err = amount(w.Transaction, r.asset); err != nil {
			return "transaction", err
		}
	}
	if w.Bundle != "" {
		if r.bundle, err = amount(w.Bundle, r.asset); err != nil {
			return "bundle", err
		}
	}
	if (w.Period != "") != (w.Hours != nil) || w.Hours != nil && (*w.Hours < 1 || *w.Hours > maxHours) {
		return "period", document.At(0, "period = \"...\" goes with hours = 1 to %d", maxHours)
	}
	if w.Period != "" {
		r.hours = int64(*w.Hours)
		if r.period, err = amount(w.Period, r.asset); err != nil {
			return "period", err
		}
	}
	if len(w.Approvals) > maxWords {
		return "approvals", document.At(0, "%d approvals, and %d are allowed", len(w.Approvals), maxWords)
	}
	if w.Requester != "" && w.Requester != "named" && w.Requester != "any" {
		return "requester", document.At(0, "requester is \"named\" or \"any\", not %s", quote.String(w.Requester))
	}
	for _, a := range w.Approvals {
		t := threshold{Need: Need{Count: a.Count, Role: a.Role}, above: big.NewInt(-1)}
		if n := c.p.holders(a.Role); a.Count < 1 || a.Count > n {
			return "approvals", document.At(0, "%d approvals of role %s, which %d operators have", a.Count, quote.String(a.Role), n)
		}
		if a.Above != "" {
			if t.above, err = amount(a.Above, r.asset); err != nil {
				return "approvals", err
			}
		}
		r.approvals = append(r.approvals, t)
	}
	return "", nil
}

// fees reads what a rule says of fees, which are paid in the network's coin.
func (c *compiler) fees(r *rule) (key string, err error) {
	w, coin := &r.written, r.network.Asset
	if r.network.ID == "" {
		coin.Decimals = -1
	}
	if w.MaxFee != "" {
		if r.maxFee, err = amount(w.MaxFee, coin); err != nil {
			return "max_fee", err
		}
	}
	if w.FeePercent != nil {
		if r.percent = int64(*w.FeePercent); r.percent < 0 || r.percent > 100 {
			return "fee_percent", document.At(0, "fee_percent is 0 to 100")
		}
	}
	unit := chain.Asset{ID: coin.ID, Symbol: r.network.RateUnit, Decimals: r.network.RateDecimals}
	if unit.Symbol == "" && w.MaxFeeRate+w.MaxPriority != "" {
		return "max_fee_rate", document.At(0, "the asset names no network that has a fee rate")
	}
	if w.MaxFeeRate != "" {
		if r.maxRate, err = amount(w.MaxFeeRate, unit); err != nil {
			return "max_fee_rate", err
		}
	}
	if w.MaxPriority != "" {
		if r.maxPriority, err = amount(w.MaxPriority, unit); err != nil {
			return "max_priority", err
		}
	}
	return "", nil
}

// calls checks what a rule lets contracts be asked. What nobody can explain goes to
// addresses that the operators know.
func (c *compiler) calls(r *rule) error {
	if len(r.written.Calls) > maxList {
		return document.At(0, "more than %d calls", maxList)
	}
	if len(r.written.Calls) > 0 && (r.written.To[0] == "any" || r.network.ID == "" || r.asset.ID != r.network.Asset.ID) {
		return document.At(0, "calls go with a network as asset and with named destinations")
	}
	for _, m := range r.written.Calls {
		hex, ok := strings.CutPrefix(m, "0x")
		if m != "any" && (!ok || hex == "" || len(hex)%2 != 0 || len(hex) > 16 || strings.Trim(hex, "0123456789abcdef") != "") {
			return document.At(0, "%s is no method: 0x and the hex digits that reviews show, or \"any\"", quote.String(m))
		}
	}
	return nil
}

func until(list []string) (map[chain.DeadlineKind]bool, error) {
	if list == nil {
		return nil, nil
	}
	names := map[string]chain.DeadlineKind{"spent": chain.UntilSpent, "never": chain.NeverExpires, "blockhash": chain.ByBlockhash}
	kinds := map[chain.DeadlineKind]bool{}
	for _, s := range list {
		k, ok := names[s]
		if !ok {
			return nil, document.At(0, "until is a list of spent, blockhash and never, not %s", quote.String(s))
		}
		kinds[k] = true
	}
	if len(kinds) == 0 {
		return nil, document.At(0, "until is a list of spent, blockhash and never")
	}
	return kinds, nil
}

// amount reads "1.5 ETH" or "1500 base units", exactly: no sign, no exponent, no
// separators, no digit below the smallest unit.
func amount(text string, a chain.Asset) (*big.Int, error) {
	number, unit, _ := strings.Cut(text, " ")
	decimals := a.Decimals
	switch {
	case unit == "base units" && a.ID != "any" && a.ID != "":
		decimals = 0
	case decimals < 0 || unit != a.Symbol || unit == "":
		want := "base units"
		if decimals >= 0 && a.Symbol != "" {
			want = a.Symbol
		}
		return nil, document.At(0, "%s is no amount of the rule's asset: write a number, a space and %q", quote.String(text), want)
	}
	whole, part, dot := strings.Cut(number, ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	if !digits(whole) || dot && !digits(part) || len(whole) > 1 && whole[0] == '0' || len(part) > decimals || len(number) > 100 {
		return nil, document.At(0, "%s is no exact amount with at most %d decimals", quote.String(text), decimals)
	}
	n, ok := new(big.Int).SetString(whole+part+strings.Repeat("0", decimals-len(part)), 10)
	if !ok || n.BitLen() > maxBits {
		return nil, document.At(0, "%s is too large", quote.String(text))
	}
	return n, nil
}

// Label names the policy: "treasury 4", or the preset.
func (p Policy) Label() string {
	if p.rules == nil {
		return p.Name
	}
	return fmt.Sprintf("%s %d", p.Name, p.Version)
}
