package evm

import (
	"math/big"

	"coldsign/online/internal/node"
)

// Offer makes the fees of a price that a node names, in base units for each unit of gas,
// as creating does: the most and the tip, or a gas price on a chain without a base fee.
func Offer(p node.Price) (most, tip, gasPrice *big.Int) {
	var f fees
	f.choose(p)
	return f.max, f.tip, f.gasPrice
}
