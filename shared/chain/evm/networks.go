package evm

import (
	"math/big"
	"strconv"
	"strings"

	"coldsign/shared/chain"
)

// NetworkTable lists the networks of the KMS chain ETH. Each call makes a new
// table.
func NetworkTable() []chain.Network {
	row := func(id chain.ID, name, symbol string) chain.Network {
		return chain.Network{
			ID: id, Chain: "ETH", Name: name, Testnet: symbol != "ETH",
			Asset:    chain.Asset{ID: string(id), Symbol: symbol, Decimals: 18},
			FeeCap:   big.NewInt(250_000_000_000_000_000), // 0.25 ETH, wei
			RateUnit: "gwei", RateDecimals: 9,
		}
	}
	return []chain.Network{
		row("eip155:1", "mainnet", "ETH"),
		row("eip155:11155111", "sepolia", "sepETH"),
		row("eip155:17000", "holesky", "holETH"),
		row("eip155:560048", "hoodi", "hooETH"),
		row("eip155:31337", "local", "devETH"),
		row("eip155:1337", "local-geth", "devETH"),
	}
}

// ChainID is the number in an eip155 network id; ok is false for any other id
// and for zero.
func ChainID(id chain.ID) (n uint64, ok bool) {
	digits, ok := strings.CutPrefix(string(id), "eip155:")
	n, err := strconv.ParseUint(digits, 10, 64)
	ok = ok && err == nil && n > 0 && n <= maxChainID && strconv.FormatUint(n, 10) == digits
	return n, ok
}
