package main

import (
	"coldsign/online/internal/broadcast"
	"coldsign/online/internal/create"
	"coldsign/online/internal/create/bitcoin"
	"coldsign/online/internal/create/evm"
	"coldsign/online/internal/create/solana"
)

// creator makes the transactions that the KMS API's creation calls ask for. It asks the
// nodes that the loop broadcasts to; without a loop, of a damaged database, none.
func (h *home) creator(loop *broadcast.Loop) *create.Creator {
	ethereum := evm.New(h.now)
	for _, n := range h.config.Networks {
		if n.LegacyFees {
			ethereum.Legacy = append(ethereum.Legacy, n.ID)
		}
	}
	c := &create.Creator{Store: h.store, Intake: h.intake(), Builders: map[string]create.Builder{"eip155": ethereum, "bip122": bitcoin.Builder{}, "solana": solana.New(h.now)}}
	if loop != nil {
		c.Nodes = loop.Nodes
	}
	return c
}
