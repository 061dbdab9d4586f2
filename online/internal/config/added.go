package config

import (
	"net/url"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// added describes an EIP-155 network that is in no table.
type added struct {
	ChainID  *int64 `toml:"chain_id"`
	Symbol   string `toml:"symbol"`
	Testnet  bool   `toml:"testnet"`
	Explorer string `toml:"explorer"` // a transaction's page is at this and its id
}

func (a added) network(name, network string) (chain.Network, error) {
	if name != "ETH" {
		return chain.Network{}, fault.New("config.network", `write chain = "ETH"`, "chain_id goes with chain ETH, whose keys are used there, not with %s", quote.String(name))
	}
	cap := evm.NetworkTable()[0].FeeCap // what the offline half allows is its own affair
	n, err := evm.More(uint64(max(*a.ChainID, 0)), network, a.Symbol, a.Testnet, cap)
	if err != nil {
		return n, err
	}
	if a.Explorer != "" {
		u, err := url.Parse(a.Explorer)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || !quote.Plain(a.Explorer) || strings.ContainsAny(a.Explorer, " \"'<>") {
			return n, fault.New("config.network", "give one that begins with https://", "the explorer of ETH %s is not an address", network)
		}
		n.Explorer = a.Explorer
	}
	return n, nil
}
