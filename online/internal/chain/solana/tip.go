package solana

import (
	"context"

	"github.com/gagliardetto/solana-go/rpc"

	"coldsign/online/internal/node"
)

// Tip asks for the newest slot that most of the cluster has voted for.
func (c *client) Tip(ctx context.Context) (node.Tip, error) {
	slot, err := c.rpc.GetSlot(ctx, rpc.CommitmentConfirmed)
	if err != nil {
		return node.Tip{}, c.plain(err)
	}
	return node.Tip{Height: slot}, nil
}
