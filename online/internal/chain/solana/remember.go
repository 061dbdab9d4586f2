package solana

import (
	"context"
	"time"

	"coldsign/shared/chain"
)

// Remembers reports whether the node has every block since the given time, and so
// the status of every transaction in them.
func (c *client) Remembers(ctx context.Context, _ chain.Sealed, since time.Time) (bool, error) {
	first, err := c.rpc.GetFirstAvailableBlock(ctx)
	if err != nil {
		return false, c.plain(err)
	}
	at, err := c.rpc.GetBlockTime(ctx, first)
	if err != nil {
		return false, c.plain(err)
	}
	return at != nil && *at > 0 && !at.Time().After(since), nil
}
