package evm

import (
	"context"
	"fmt"
	"math/big"

	"coldsign/online/internal/create"
	"coldsign/online/internal/node"
	"coldsign/shared/chain"
)

// token is an ERC-20 token.
type token struct {
	contract string // EIP-55
	digits   int
}

// tokenOf knows those names of the KMS API's "currency" that mean a contract. Every
// other token is sent by its contract's address.
func tokenOf(network chain.ID, name string) (token, bool) {
	t, ok := tokens()[string(network)+" "+name]
	return t, ok
}

// tokens are the contracts by network and name.
func tokens() map[string]token {
	return map[string]token{
		"eip155:1 USDT":         {"0xdAC17F958D2ee523a2206206994597C13D831ec7", 6},
		"eip155:1 USDC":         {"0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", 6},
		"eip155:1 WBTC":         {"0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599", 8},
		"eip155:1 LINK":         {"0x514910771AF9Ca656af840dff83E8264EcF986CA", 18},
		"eip155:1 UNI":          {"0x1f9840a85d5aF5bf1D1762F925BDADdC4201F984", 18},
		"eip155:1 MKR":          {"0x9f8F72aA9304c8B593d555F12eF6589cC3A579A2", 18},
		"eip155:1 BAT":          {"0x0D8775F648430679A709E98d2b0Cb6250d2887EF", 18},
		"eip155:1 PAXG":         {"0x45804880De22913dAFE09f4980848ECE6EcbAf78", 18},
		"eip155:42220 CUSD":     {"0x765DE816845861e75A25fCA122bb6898B8B1282a", 18},
		"eip155:42220 CEUR":     {"0xD8763CBa276a3738E6DE85b4b3bF5FDed6D6cA73", 18},
		"eip155:44787 CUSD":     {"0x874069Fa1Eb16D44d622F2e0Ca25eeA172369bC1", 18},
		"eip155:44787 CEUR":     {"0x10c892A6EC43a53E45D0B916B4b7D383B1b78C0F", 18},
		"eip155:137 USDC_MATIC": {"0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174", 6},
		"eip155:137 USDT_MATIC": {"0xc2132D05D31c914a87C6611C10748AEb04B58e8F", 6},
	}
}

// checkDigits compares what the call says of a token's decimals with what its contract
// says: ten times more or less is paid by one that is wrong. A contract need not say, but
// there must be one, or the payment does nothing. where is the field that names it.
func (b *Builder) checkDigits(ctx context.Context, r *create.Request, t token, where string) error {
	n, ok := r.Node.(node.Viewer)
	if !ok {
		return nil
	}
	key := string(r.On.ID) + t.contract
	says, known := b.recall(b.digits, key)
	if !known {
		answer, err := n.View(ctx, t.contract, []byte{0x31, 0x3c, 0xe5, 0x67}) // decimals()
		if err != nil && !told(err) {
			return create.NodeError(err)
		}
		if err == nil && len(answer) == 0 {
			return create.Bad(where, "token.missing", "must name a token: at "+t.contract+" there is no contract")
		}
		if err != nil || len(answer) != 32 {
			return nil
		}
		number := new(big.Int).SetBytes(answer)
		if !number.IsInt64() || number.Int64() > 255 {
			return nil
		}
		says = number.Uint64()
		b.note(b.digits, key, says, tokenAge)
	}
	if says != uint64(t.digits) {
		return create.Bad("digits", "token.digits", fmt.Sprintf("must be %d: so many decimals the token's contract says it has", says))
	}
	return nil
}
