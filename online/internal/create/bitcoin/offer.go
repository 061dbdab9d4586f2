package bitcoin

import (
	"context"

	"coldsign/online/internal/node"
)

// Rate gives what gets a transaction of the coin into a block soon, in base units for
// 1000 virtual bytes: what the node says, within the same bounds as creating.
func Rate(ctx context.Context, chainName string, n node.Treasurer) (uint64, error) {
	p := payment{terms: termsOf(chainName)}
	r, err := p.rate(ctx, n)
	return r.soon, err
}
