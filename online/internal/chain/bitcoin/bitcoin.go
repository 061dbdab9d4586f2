// Package bitcoin is the client of a Bitcoin node: Bitcoin Core, btcd, or what
// speaks like them.
//
// It posts JSON-RPC itself, with btcd's types: btcd's own client takes no HTTP
// client, so its answers cannot be bounded, and it repeats a broadcast by itself.
//
// The answers for an unknown transaction and for ours with all outputs spent are
// the same, as are those for an input that ours spent and one that another did. So
// where an input is gone, the blocks are searched for what spent it: a Conflict is
// a block with another transaction in it, and needs no index.
package bitcoin

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

type client struct {
	transport.Config
	http   *http.Client
	trails *trails
	finder *finder
}

// New makes a client. It does not connect yet.
func New(c transport.Config) (node.Node, error) {
	if !strings.HasPrefix(string(c.Network), "bip122:") {
		return nil, fault.New("node.network", "", "not a bitcoin network: %q", c.Network)
	}
	if c.MaxBody == 0 {
		c.MaxBody = maxBlock
	}
	return &client{c, c.Client(), &trails{of: make(map[wire.OutPoint]trail)}, &finder{way: c.Coins}}, nil
}

// Check compares hashes of blocks with those that tell the network from others. A node
// that has not come to where two chains part is refused: nobody can say whose it is.
func (c *client) Check(ctx context.Context) error {
	for _, m := range marks(c.Network) {
		var hash string
		if err := c.call(ctx, &hash, "getblockhash", m.height); err != nil {
			return c.plain(err)
		}
		if len(hash) != 64 || strings.HasPrefix(hash, m.hash) != m.ours {
			return c.WrongNetwork(hash)
		}
	}
	return nil
}

// Send broadcasts the raw transaction.
func (c *client) Send(ctx context.Context, s chain.Sealed) (node.Outcome, error) {
	var txid string
	if err := c.call(ctx, &txid, "sendrawtransaction", hex.EncodeToString(s.Raw)); err != nil {
		return c.refused(err)
	}
	if txid != s.TxID {
		return c.Other(txid, s.TxID)
	}
	return node.Accepted, nil
}

// Look finds the transaction by its id. A node without a transaction index
// knows the mempool only; there the unspent outputs are asked for.
func (c *client) Look(ctx context.Context, s chain.Sealed) (node.Sighting, error) {
	var tx btcjson.TxRawResult
	err := c.call(ctx, &tx, "getrawtransaction", s.TxID, 1)
	if e, ok := errors.AsType[*btcjson.RPCError](err); ok && e.Code == btcjson.ErrRPCNoTxInfo {
		return c.lookOutputs(ctx, s)
	}
	if err != nil {
		return node.Sighting{}, c.plain(err)
	}
	raw, err := hex.DecodeString(tx.Hex)
	if err != nil {
		return node.Sighting{}, c.Unusable(err)
	}
	got, err := decode(raw)
	if err != nil || got.TxHash().String() != s.TxID {
		return node.Sighting{}, c.Unusable(fmt.Errorf("another transaction than %s", s.TxID))
	}
	if tx.BlockHash == "" {
		return node.Sighting{Seen: true}, nil
	}
	n, err := c.depth(ctx, tx.BlockHash)
	return node.Sighting{Seen: err == nil, Confirmations: n}, err
}

// depth counts the main chain's blocks from the given one on; 0 when the main
// chain does not hold it.
func (c *client) depth(ctx context.Context, block string) (uint64, error) {
	var header struct{ Height int64 }
	var canonical string
	var head int64
	if err := c.call(ctx, &header, "getblockheader", block, true); err != nil {
		return 0, c.plain(err)
	}
	if err := c.call(ctx, &head, "getblockcount"); err != nil {
		return 0, c.plain(err)
	}
	if head < header.Height {
		return 0, nil
	}
	if err := c.call(ctx, &canonical, "getblockhash", header.Height); err != nil {
		return 0, c.plain(err)
	}
	if canonical != block {
		return 0, nil
	}
	return uint64(head-header.Height) + 1, nil
}

func (c *client) lookOutputs(ctx context.Context, s chain.Sealed) (node.Sighting, error) {
	tx, err := decode(s.Raw)
	if err != nil {
		return node.Sighting{}, fault.New("node.raw", "", "stored transaction %s cannot be read", s.TxID)
	}
	asked := 0
	for i, out := range tx.TxOut {
		if txscript.IsUnspendable(out.PkScript) {
			continue
		}
		if asked++; asked > maxOutputs {
			break
		}
		var found *struct{ Confirmations int64 }
		if err := c.call(ctx, &found, "gettxout", s.TxID, i, true); err != nil {
			return node.Sighting{}, c.plain(err)
		}
		if found != nil {
			return node.Sighting{Seen: true, Confirmations: uint64(max(0, found.Confirmations))}, nil
		}
	}
	return c.lookInputs(ctx, tx)
}

func decode(raw []byte) (*wire.MsgTx, error) {
	var tx wire.MsgTx
	return &tx, tx.Deserialize(bytes.NewReader(raw))
}

// call posts one request. The node's own error comes back as *btcjson.RPCError.
func (c *client) call(ctx context.Context, result any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	ask, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(ask))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Result json.RawMessage
		Error  *btcjson.RPCError
		ID     *int
	}
	// Bitcoin Core gives its errors with status 500, so the body counts.
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("HTTP status %d: %w", resp.StatusCode, err)
	}
	if answer.Error != nil {
		return answer.Error
	}
	if resp.StatusCode != http.StatusOK || answer.ID == nil || *answer.ID != 1 || answer.Result == nil {
		return fmt.Errorf("HTTP status %d without a JSON-RPC answer", resp.StatusCode)
	}
	return json.Unmarshal(answer.Result, result)
}

func (c *client) plain(err error) error {
	if e, ok := errors.AsType[*btcjson.RPCError](err); ok {
		return c.Says(int(e.Code), e.Message)
	}
	return c.Unusable(err)
}
