package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"coldsign/online/internal/node"
	"coldsign/shared/fault"
)

const (
	maxAhead = 10_000  // transactions of one account that wait in a node's pool
	maxNonce = 1 << 48 // no account has made as many
)

// Pending gives the account's next nonce, with the transactions of the node's pool. Not
// every node has one to ask; a number that no account can have is none.
func (c *client) Pending(ctx context.Context, address string) (uint64, error) {
	mined, err := c.count(ctx, address, "latest")
	if err != nil {
		return 0, err
	}
	all, err := c.count(ctx, address, "pending")
	if err != nil {
		return 0, err
	}
	if mined > maxNonce || all > mined+maxAhead {
		return 0, c.Unusable(fmt.Errorf("%d transactions of the account are mined, and its next nonce would be %d", mined, all))
	}
	return max(mined, all), nil
}

func (c *client) count(ctx context.Context, address, at string) (uint64, error) {
	var n *hexutil.Uint64
	if err := c.rpc.CallContext(ctx, &n, "eth_getTransactionCount", common.HexToAddress(address), at); err != nil {
		return 0, c.plain(err)
	}
	if n == nil {
		return 0, c.Unusable(errors.New("no count"))
	}
	return uint64(*n), nil
}

// Price asks for the base fee and the tip, or, where blocks have no base fee, for the
// gas price. Fees in a token have a gas price and a tip of their own on Celo, and no
// base fee that a block would name.
func (c *client) Price(ctx context.Context, currency string) (p node.Price, err error) {
	if currency != "" {
		token := common.HexToAddress(currency)
		p.Base, err = c.amount(ctx, "eth_gasPrice", token)
		if err == nil {
			p.Tip, err = c.amount(ctx, "eth_maxPriorityFeePerGas", token)
		}
		return p, err
	}
	var block *struct{ BaseFeePerGas *hexutil.Big }
	if err := c.rpc.CallContext(ctx, &block, "eth_getBlockByNumber", "latest", false); err != nil {
		return p, c.plain(err)
	}
	if block == nil {
		return p, c.Unusable(errors.New("no newest block"))
	}
	if block.BaseFeePerGas == nil {
		p.Gas, err = c.amount(ctx, "eth_gasPrice")
		return p, err
	}
	p.Base = block.BaseFeePerGas.ToInt()
	p.Tip, err = c.amount(ctx, "eth_maxPriorityFeePerGas")
	if err == nil && p.Base.Sign()+p.Tip.Sign() > 0 || err != nil && !fault.Is(err, string(node.Says)) {
		return p, err
	}
	// Not every node can be asked for a tip, and some have none to tell: then it is what
	// the gas price holds beyond the base fee.
	all, err := c.amount(ctx, "eth_gasPrice")
	if err == nil {
		p.Tip = new(big.Int).Sub(all, p.Base)
		if p.Tip.Sign() < 0 {
			p.Tip.SetInt64(0)
		}
	}
	return p, err
}

func (c *client) amount(ctx context.Context, method string, args ...any) (*big.Int, error) {
	var n *hexutil.Big
	if err := c.rpc.CallContext(ctx, &n, method, args...); err != nil {
		return nil, c.plain(err)
	}
	if n == nil {
		return nil, c.Unusable(errors.New("no amount"))
	}
	return n.ToInt(), nil
}

// Gas asks for an estimate.
func (c *client) Gas(ctx context.Context, m node.GasCall) (uint64, error) {
	call := map[string]any{"from": common.HexToAddress(m.From), "to": common.HexToAddress(m.To)}
	if m.Value != nil && m.Value.Sign() > 0 {
		call["value"] = (*hexutil.Big)(m.Value)
	}
	if len(m.Data) > 0 {
		call["data"] = hexutil.Bytes(m.Data)
	}
	if m.Currency != "" {
		call["feeCurrency"] = common.HexToAddress(m.Currency)
	}
	var n hexutil.Uint64
	if err := c.rpc.CallContext(ctx, &n, "eth_estimateGas", call); err != nil {
		return 0, c.plain(err)
	}
	return uint64(n), nil
}

// View calls a contract.
func (c *client) View(ctx context.Context, contract string, data []byte) ([]byte, error) {
	var b hexutil.Bytes
	call := map[string]any{"to": common.HexToAddress(contract), "data": hexutil.Bytes(data)}
	if err := c.rpc.CallContext(ctx, &b, "eth_call", call, "latest"); err != nil {
		return nil, c.plain(err)
	}
	return b, nil
}
