package evm

import (
	"context"
	"errors"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"coldsign/online/internal/node"
)

// Tip asks for the newest block.
func (c *client) Tip(ctx context.Context) (node.Tip, error) {
	var block *struct{ Number, Timestamp *hexutil.Uint64 }
	if err := c.rpc.CallContext(ctx, &block, "eth_getBlockByNumber", "latest", false); err != nil {
		return node.Tip{}, c.plain(err)
	}
	if block == nil || block.Number == nil || block.Timestamp == nil {
		return node.Tip{}, c.Unusable(errors.New("a newest block without number or time"))
	}
	return node.Tip{Height: uint64(*block.Number), Time: time.Unix(int64(*block.Timestamp), 0)}, nil
}
