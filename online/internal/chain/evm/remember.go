package evm

import (
	"context"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"coldsign/shared/chain"
)

// maxEmpty is how many blocks without a transaction are passed over.
const maxEmpty = 64

// Remembers reports whether the node still finds a transaction of a block from
// before the given time. Nodes forget the oldest first, so it would find ours.
func (c *client) Remembers(ctx context.Context, _ chain.Sealed, since time.Time) (bool, error) {
	head, err := c.blockNumber(ctx)
	if err != nil {
		return false, c.plain(err)
	}
	low, high := uint64(0), head // the last block before since is in it
	for low < high {
		middle := low + (high-low+1)/2
		at, _, err := c.block(ctx, middle)
		if err != nil {
			return false, err
		}
		if at.After(since) {
			high = middle - 1
		} else {
			low = middle
		}
	}
	for range maxEmpty {
		at, txs, err := c.block(ctx, low)
		if err != nil || at.After(since) {
			return false, err
		}
		if len(txs) > 0 {
			return c.finds(ctx, txs[0])
		}
		if low == 0 {
			return true, nil // nothing has ever happened before
		}
		low--
	}
	return false, nil
}

// block gives a block's time and its transactions.
func (c *client) block(ctx context.Context, number uint64) (time.Time, []common.Hash, error) {
	var b *struct {
		Number       hexutil.Uint64
		Timestamp    hexutil.Uint64
		Transactions []common.Hash
	}
	if err := c.rpc.CallContext(ctx, &b, "eth_getBlockByNumber", hexutil.EncodeUint64(number), false); err != nil {
		return time.Time{}, nil, c.plain(err)
	}
	if b == nil || uint64(b.Number) != number {
		return time.Time{}, nil, c.Unusable(fmt.Errorf("no block %d", number))
	}
	return time.Unix(int64(min(uint64(b.Timestamp), 1<<40)), 0), b.Transactions, nil
}

func (c *client) finds(ctx context.Context, hash common.Hash) (bool, error) {
	var tx *struct{ Hash common.Hash }
	if err := c.rpc.CallContext(ctx, &tx, "eth_getTransactionByHash", hash); err != nil {
		return false, c.plain(err)
	}
	return tx != nil && tx.Hash == hash, nil
}
