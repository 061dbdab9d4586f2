package book

import (
	"math/big"

	"coldsign/offline/internal/document"
	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"
)

// KindNetworks is what a list of networks calls itself.
const KindNetworks = "network-list"

// Networks are those that the operators add to the KMS chain ETH.
type Networks struct {
	Head
	List []chain.Network
}

// ParseNetworks reads a list of networks.
func ParseNetworks(raw []byte) (*Networks, error) {
	list, h, err := records[struct {
		ID           uint64 `toml:"chain_id"`
		Name, Symbol string
		Testnet      bool
		FeeCap       string `toml:"fee_cap"` // base units, decimal
	}](raw, "network", KindNetworks, maxNetworks)
	if err != nil {
		return nil, err
	}
	r := &Networks{Head: h}
	seen := map[string]bool{}
	for i, x := range list {
		line := document.Line(raw, "network", i, "")
		fee, ok := new(big.Int).SetString(x.FeeCap, 10)
		if !ok || fee.BitLen() > 256 {
			return nil, document.At(line, "fee_cap = \"...\" is missing: the most that a transaction may cost, in base units of the coin")
		}
		n, err := evm.More(x.ID, x.Name, x.Symbol, x.Testnet, fee)
		if err != nil {
			return nil, document.Within(line, err)
		}
		if seen[n.Name] || seen[string(n.ID)] {
			return nil, document.At(line, "another network of the list has this id or name")
		}
		seen[n.Name], seen[string(n.ID)] = true, true
		r.List = append(r.List, n)
	}
	return r, nil
}
