// Package evm is the client of an Ethereum node, or of any EVM chain's.
package evm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
	"coldsign/shared/chain"
	codec "coldsign/shared/chain/evm"
	"coldsign/shared/fault"
)

// client asks by package rpc. Package ethclient would bring KZG's assembly, which
// carries the builder's folder into the binary: no two builds would be the same.
type client struct {
	transport.Config
	id  uint64 // the chain id
	rpc *rpc.Client
}

// New makes a client. It does not connect yet.
func New(c transport.Config) (node.Node, error) {
	id, ok := codec.ChainID(c.Network)
	if !ok {
		return nil, fault.New("node.network", "", "not an EVM network: %q", c.Network)
	}
	if c.Depth == 0 {
		return nil, fault.New("node.depth", "", "no confirmations set for %s", c.Network)
	}
	r, err := rpc.DialOptions(context.Background(), c.URL, rpc.WithHTTPClient(c.Client()))
	if err != nil {
		return nil, c.Unusable(err)
	}
	return &client{c, id, r}, nil
}

// Check compares eth_chainId with the network.
func (c *client) Check(ctx context.Context) error {
	var id hexutil.Big
	if err := c.rpc.CallContext(ctx, &id, "eth_chainId"); err != nil {
		return c.plain(err)
	}
	if n := id.ToInt(); !n.IsUint64() || n.Uint64() != c.id {
		return c.WrongNetwork("eip155:" + n.String())
	}
	return nil
}

// Send broadcasts the raw transaction.
func (c *client) Send(ctx context.Context, s chain.Sealed) (node.Outcome, error) {
	var hash common.Hash
	if err := c.rpc.CallContext(ctx, &hash, "eth_sendRawTransaction", hexutil.Encode(s.Raw)); err != nil {
		return c.refused(err)
	}
	if hash != common.HexToHash(s.TxID) {
		return c.Other(hash.Hex(), s.TxID)
	}
	return node.Accepted, nil
}

// Look finds the transaction by its hash. When the node does not know it, but
// the sender's nonce is past ours already Depth blocks ago, another transaction
// has taken its place for good.
func (c *client) Look(ctx context.Context, s chain.Sealed) (node.Sighting, error) {
	tx, err := parse(s.Raw)
	if err != nil || tx.hash != common.HexToHash(s.TxID) {
		return node.Sighting{}, fault.New("node.raw", "", "stored transaction %s cannot be read", s.TxID)
	}
	seen, err := c.look(ctx, tx.hash)
	if err != nil || seen.Seen {
		return seen, err
	}
	taken, err := c.taken(ctx, tx.from, tx.nonce)
	if err != nil || !taken {
		return node.Sighting{}, err
	}
	// It may have been mined between the first look and the nonce.
	seen, err = c.look(ctx, tx.hash)
	seen.Conflict = err == nil && !seen.Seen
	return seen, err
}

func (c *client) look(ctx context.Context, hash common.Hash) (node.Sighting, error) {
	var tx *struct {
		Hash        common.Hash
		BlockNumber *hexutil.Big
	}
	if err := c.rpc.CallContext(ctx, &tx, "eth_getTransactionByHash", hash); err != nil {
		return node.Sighting{}, c.plain(err)
	}
	switch {
	case tx != nil && tx.Hash != hash:
		return node.Sighting{}, c.Unusable(fmt.Errorf("another transaction than %s", hash))
	case tx != nil && tx.BlockNumber == nil:
		return node.Sighting{Seen: true}, nil
	}
	var receipt *struct {
		TransactionHash, BlockHash common.Hash
		BlockNumber                *hexutil.Big
		Status                     hexutil.Uint64
	}
	if err := c.rpc.CallContext(ctx, &receipt, "eth_getTransactionReceipt", hash); err != nil {
		return node.Sighting{}, c.plain(err)
	}
	if receipt == nil {
		return node.Sighting{Seen: tx != nil}, nil
	}
	if receipt.TransactionHash != hash || receipt.BlockNumber == nil || !receipt.BlockNumber.ToInt().IsUint64() {
		return node.Sighting{}, c.Unusable(fmt.Errorf("a receipt that is not of %s", hash))
	}
	n, err := c.depth(ctx, receipt.BlockNumber.ToInt().Uint64(), receipt.BlockHash)
	if err != nil {
		return node.Sighting{}, err
	}
	return node.Sighting{Seen: true, Confirmations: n, Failed: n > 0 && receipt.Status != 1}, nil
}

func (c *client) blockNumber(ctx context.Context) (uint64, error) {
	var n hexutil.Uint64
	err := c.rpc.CallContext(ctx, &n, "eth_blockNumber")
	return uint64(n), err
}

// Next gives the account's next nonce, by the blocks alone.
func (c *client) Next(ctx context.Context, address string) (uint64, error) {
	head, err := c.blockNumber(ctx)
	if err != nil {
		return 0, c.plain(err)
	}
	n, err := c.nonceAt(ctx, common.HexToAddress(address), head)
	if err != nil {
		return 0, c.plain(err)
	}
	return n, nil
}

// nonceAt is the sender's next nonce after a block.
func (c *client) nonceAt(ctx context.Context, from common.Address, block uint64) (uint64, error) {
	var n hexutil.Uint64
	err := c.rpc.CallContext(ctx, &n, "eth_getTransactionCount", from, hexutil.EncodeUint64(block))
	return uint64(n), err
}

// depth counts the blocks from the given one on; 0 when the chain holds another
// one at its height.
func (c *client) depth(ctx context.Context, number uint64, hash common.Hash) (uint64, error) {
	head, err := c.blockNumber(ctx)
	if err != nil {
		return 0, c.plain(err)
	}
	// The node's own word for the hash: chains differ in their headers' fields.
	var block *struct{ Hash common.Hash }
	if err := c.rpc.CallContext(ctx, &block, "eth_getBlockByNumber", hexutil.EncodeUint64(number), false); err != nil {
		return 0, c.plain(err)
	}
	if block == nil || block.Hash != hash || head < number {
		return 0, nil
	}
	return head - number + 1, nil
}

// taken reports whether the sender's nonce was past the given one Depth blocks
// ago already.
func (c *client) taken(ctx context.Context, from common.Address, nonce uint64) (bool, error) {
	head, err := c.blockNumber(ctx)
	if err != nil {
		return false, c.plain(err)
	}
	if head+1 < c.Depth {
		return false, nil
	}
	now, err := c.nonceAt(ctx, from, head)
	if err != nil {
		return false, c.plain(err)
	}
	if now <= nonce {
		return false, nil
	}
	then, err := c.nonceAt(ctx, from, head+1-c.Depth)
	if _, ok := errors.AsType[rpc.Error](err); ok {
		return false, nil // the node no longer holds that state: no proof
	}
	if err != nil {
		return false, c.plain(err)
	}
	return then > nonce, nil
}

func (c *client) plain(err error) error {
	if e, ok := errors.AsType[rpc.HTTPError](err); ok {
		return c.Unusable(errors.New("HTTP status " + http.StatusText(e.StatusCode)))
	}
	if e, ok := errors.AsType[rpc.Error](err); ok {
		return c.Says(e.ErrorCode(), e.Error())
	}
	return c.Unusable(err)
}

// Ask passes a question on.
func (c *client) Ask(ctx context.Context, method string, params []json.RawMessage) (answer json.RawMessage, err error) {
	args := make([]any, len(params))
	for i := range params {
		args[i] = params[i]
	}
	if err := c.rpc.CallContext(ctx, &answer, method, args...); err != nil {
		return nil, c.plain(err)
	}
	return answer, nil
}
