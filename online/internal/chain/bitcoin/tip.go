package bitcoin

import (
	"context"
	"time"

	"coldsign/online/internal/node"
)

// Tip asks for the newest block.
func (c *client) Tip(ctx context.Context) (node.Tip, error) {
	var hash string
	if err := c.call(ctx, &hash, "getbestblockhash"); err != nil {
		return node.Tip{}, c.plain(err)
	}
	var head struct {
		Height uint64
		Time   int64
	}
	if err := c.call(ctx, &head, "getblockheader", hash, true); err != nil {
		return node.Tip{}, c.plain(err)
	}
	return node.Tip{Height: head.Height, Time: time.Unix(head.Time, 0)}, nil
}
