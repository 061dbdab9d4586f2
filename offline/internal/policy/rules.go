package policy

import (
	"math/big"
	"math/bits"

	"coldsign/shared/chain"
)

// rule is a written rule with its amounts read.
type rule struct {
	written
	ids     []string      // of wallets; "any" for any
	where   []string      // destinations in words
	asset   chain.Asset   // ID "any" for any
	network chain.Network // zero for any

	transaction, bundle, period *big.Int // base units; nil: no limit
	hours                       int64
	approvals                   []threshold
	maxFee                      *big.Int // of the coin; nil: the network's cap
	percent                     int64
	maxRate, maxPriority        *big.Int // base units for a unit of fee; nil: no limit
	unproven                    bool
	until                       map[chain.DeadlineKind]bool // nil: all
}

type threshold struct {
	Need
	above *big.Int // -1 for always
}

// rules finds the rule that decides: the first whose wallets, asset and destinations
// all fit. For each wallet, asset and destination that a rule names there is the set
// of the rules that name it; a look-up is a few words of bits.
type rules struct {
	list    []rule
	byName  map[string]int
	assets  map[string]set
	wallets map[string]set
	to      map[string]set // names, and "tag:" tags
	any     struct{ asset, wallet, to set }
}

type set []uint64

func (s set) word(i int) uint64 {
	if s == nil {
		return 0
	}
	return s[i]
}

func newSet(n int) set { return make(set, (n+63)/64) }

func newRules(n int) *rules {
	r := &rules{list: make([]rule, n), byName: map[string]int{}, assets: map[string]set{}, wallets: map[string]set{}, to: map[string]set{}}
	r.any.asset, r.any.wallet, r.any.to = newSet(n), newSet(n), newSet(n)
	return r
}

// add puts rule i in its place.
func (r *rules) add(i int, x rule) {
	r.list[i], r.byName[x.Name] = x, i
	mark := func(m map[string]set, key string, all set) {
		s := all
		if key != "any" {
			if s = m[key]; s == nil {
				s = newSet(len(r.list))
				m[key] = s
			}
		}
		s[i/64] |= 1 << (i % 64)
	}
	mark(r.assets, x.asset.ID, r.any.asset)
	for _, id := range x.ids {
		mark(r.wallets, id, r.any.wallet)
	}
	for _, to := range x.To {
		mark(r.to, to, r.any.to)
	}
}

// find gives the first rule for the asset, all of the wallets and any one of the
// destinations' names; -1 for none. anywhere passes over destinations.
func (r *rules) find(asset string, wallets, names []string, anywhere bool) int {
	if len(wallets) == 0 {
		return -1
	}
	named := r.assets[asset]
	for w := range r.any.asset {
		fit := named.word(w) | r.any.asset[w]
		for _, id := range wallets {
			fit &= r.wallets[id].word(w) | r.any.wallet[w]
		}
		if fit == 0 {
			continue
		}
		if !anywhere {
			to := r.any.to[w]
			for _, name := range names {
				to |= r.to[name].word(w)
			}
			fit &= to
		}
		if fit != 0 {
			return w*64 + bits.TrailingZeros64(fit)
		}
	}
	return -1
}
