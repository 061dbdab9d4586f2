// Package clients is the one list of node clients, by CAIP-2 namespace.
package clients

import (
	"strings"

	"coldsign/online/internal/chain/bitcoin"
	"coldsign/online/internal/chain/evm"
	"coldsign/online/internal/chain/solana"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
	"coldsign/shared/fault"
)

// New makes the client for c.Network. It does not connect yet: Check does.
func New(c transport.Config) (node.Node, error) {
	namespace, _, _ := strings.Cut(string(c.Network), ":")
	switch namespace {
	case "bip122":
		return bitcoin.New(c)
	case "eip155":
		return evm.New(c)
	case "solana":
		return solana.New(c)
	}
	return nil, fault.New("node.network", "", "no node client for network %q", c.Network)
}
