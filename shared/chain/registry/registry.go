// Package registry is the one list of the chains that both halves know. A chain
// is added here and nowhere else; no package registers itself.
package registry

import (
	"slices"

	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/solana"
)

// Registry finds chains by name and by network. It never changes.
type Registry struct {
	chains    []chain.Chain
	byName    map[string]chain.Chain
	byNetwork map[chain.ID]chain.Network
}

// New lists the chains, with the networks that evm.More adds.
func New(more ...chain.Network) *Registry {
	coins, kin := bitcoin.Chains(), evm.Chains(more...)
	r := &Registry{
		chains: slices.Concat([]chain.Chain{
			coins[0], kin[0],
			{Name: "SOL", Codec: solana.New(), Wallet: solana.Wallet{}, Networks: solana.NetworkTable()},
		}, coins[1:], kin[1:]),
		byName:    map[string]chain.Chain{},
		byNetwork: map[chain.ID]chain.Network{},
	}
	for _, c := range r.chains {
		r.byName[c.Name] = c
		for _, n := range c.Networks {
			r.byNetwork[n.ID] = n
		}
	}
	return r
}

// All gives the chains in the order of the list.
func (r *Registry) All() []chain.Chain { return r.chains }

// ByName finds a chain by its KMS name, "BTC".
func (r *Registry) ByName(kms string) (chain.Chain, bool) {
	c, ok := r.byName[kms]
	return c, ok
}

// ByNetwork finds a network and its chain by the CAIP-2 id.
func (r *Registry) ByNetwork(id chain.ID) (chain.Chain, chain.Network, bool) {
	n, ok := r.byNetwork[id]
	if !ok {
		return chain.Chain{}, chain.Network{}, false
	}
	return r.byName[n.Chain], n, true
}
