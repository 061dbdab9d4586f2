package bitcoin

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/online/internal/node"
	"coldsign/shared/chain"
)

// trail is how far the search for the spender of an output has come. Losing it
// delays, no more.
type trail struct {
	block string         // that holds the spender, once it is found
	by    chainhash.Hash // the spender

	top    int64  // searched are the blocks from low to top
	hash   string // of the block at top, which tells whether that is still the chain
	low    int64
	bottom int64 // where the search ends
}

type trails struct {
	mu sync.Mutex
	of map[wire.OutPoint]trail
}

func (t *trails) get(o wire.OutPoint) (trail, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found, ok := t.of[o]
	return found, ok
}

func (t *trails) put(o wire.OutPoint, found trail) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.of) >= maxTrails {
		clear(t.of)
	}
	t.of[o] = found
}

// lookInputs looks for what spent the inputs of a transaction that is nowhere to
// be seen. When it was another transaction, Depth blocks deep, ours cannot land any
// more; when it was our own, all of whose outputs are spent by now, it has landed.
func (c *client) lookInputs(ctx context.Context, tx *wire.MsgTx) (node.Sighting, error) {
	for i, in := range tx.TxIn {
		if i == maxInputs {
			break
		}
		at := in.PreviousOutPoint
		if at == *wire.NewOutPoint(&chainhash.Hash{}, wire.MaxPrevOutIndex) {
			break // of a block's first transaction: all of them name it, and nobody has spent it
		}
		var unspent *struct{ Confirmations int64 }
		if err := c.call(ctx, &unspent, "gettxout", at.Hash.String(), at.Index, false); err != nil {
			return node.Sighting{}, c.plain(err)
		}
		if unspent != nil {
			continue
		}
		found, err := c.spender(ctx, at)
		if err != nil {
			return node.Sighting{}, err
		}
		if found.block == "" {
			continue
		}
		deep, err := c.depth(ctx, found.block)
		if err != nil {
			return node.Sighting{}, err
		}
		switch {
		case deep > 0 && found.by == tx.TxHash():
			return node.Sighting{Seen: true, Confirmations: deep}, nil
		case deep == 0: // a reorganization took it: search again
			c.trails.put(at, trail{})
		case deep >= max(c.Depth, 1):
			return node.Sighting{Conflict: true}, nil
		}
	}
	return node.Sighting{}, nil
}

// spender searches some blocks more for what spent an output.
func (c *client) spender(ctx context.Context, at wire.OutPoint) (trail, error) {
	t, known := c.trails.get(at)
	if t.block != "" {
		return t, nil
	}
	var head int64
	if err := c.call(ctx, &head, "getblockcount"); err != nil {
		return t, c.plain(err)
	}
	if head <= 0 {
		return t, nil
	}
	if known && t.hash != "" {
		hash, err := c.hashAt(ctx, min(t.top, head))
		if err != nil {
			return t, err
		}
		known = t.top <= head && hash == t.hash
	}
	if !known || t.hash == "" {
		hash, err := c.hashAt(ctx, head)
		if err != nil {
			return t, err
		}
		t = trail{top: head, hash: hash, low: head + 1, bottom: max(1, head-maxBack)}
	}
	for range perLook {
		height := t.top + 1 // what is new comes first
		if height > head {
			if height = t.low - 1; height < t.bottom {
				break
			}
		}
		hash, err := c.hashAt(ctx, height)
		if err != nil {
			return t, err
		}
		by, spent, err := c.spends(ctx, hash, at)
		if err != nil {
			return t, err
		}
		if spent {
			t.block, t.by = hash, by
			break
		}
		if height > t.top {
			t.top, t.hash = height, hash
		} else {
			t.low = height
		}
	}
	c.trails.put(at, t)
	return t, nil
}

func (c *client) hashAt(ctx context.Context, height int64) (hash string, err error) {
	if err := c.call(ctx, &hash, "getblockhash", height); err != nil {
		return "", c.plain(err)
	}
	return hash, nil
}

// spends gives the transaction in a block that spends the output, if one does. That the block is in the chain, and how deep, depth asks.
func (c *client) spends(ctx context.Context, hash string, at wire.OutPoint) (by chainhash.Hash, spent bool, err error) {
	var text string
	if err := c.call(ctx, &text, "getblock", hash, 0); err != nil {
		return by, false, c.plain(err)
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		return by, false, c.Unusable(err)
	}
	var block wire.MsgBlock
	if err := block.Deserialize(bytes.NewReader(raw)); err != nil {
		return by, false, c.Unusable(err)
	}
	if block.BlockHash().String() != hash {
		return by, false, c.Unusable(fmt.Errorf("another block than %s", hash))
	}
	for _, b := range block.Transactions {
		for _, in := range b.TxIn {
			if in.PreviousOutPoint == at {
				return b.TxHash(), true, nil
			}
		}
	}
	return by, false, nil
}

// Remembers is always so: a conflict is shown by the block that holds it.
func (c *client) Remembers(context.Context, chain.Sealed, time.Time) (bool, error) { return true, nil }
