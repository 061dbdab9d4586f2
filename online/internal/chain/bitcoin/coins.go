package bitcoin

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/fault"
)

// finder is what is remembered of how the node lists outputs.
type finder struct {
	mu      sync.Mutex
	way     string          // transport.Coins..., once it is known
	watched map[string]bool // addresses that the node's wallet has
	scan    sync.Mutex      // a node does one scan at a time
}

// Unspent asks the node the way that is configured. Of itself it takes an index of
// addresses (btcd), else a scan of all outputs (Bitcoin Core), which takes minutes on a
// large chain.
func (c *client) Unspent(ctx context.Context, addresses []string) ([]node.Coin, error) {
	c.finder.mu.Lock()
	way := c.finder.way
	c.finder.mu.Unlock()
	switch way {
	case transport.CoinsWallet:
		return c.listed(ctx, addresses)
	case transport.CoinsIndex:
		return c.indexed(ctx, addresses)
	case transport.CoinsScan:
		return c.scanned(ctx, addresses)
	}
	coins, err := c.indexed(ctx, addresses)
	way = transport.CoinsIndex
	if missing(err) {
		coins, err = c.scanned(ctx, addresses)
		way = transport.CoinsScan
	}
	if missing(err) {
		err = c.plain(err)
	}
	if err == nil {
		c.finder.mu.Lock()
		c.finder.way = way
		c.finder.mu.Unlock()
	}
	return coins, err
}

// missing reports a method that the node does not have, or not without an index.
func missing(err error) bool {
	e, ok := errors.AsType[*btcjson.RPCError](err)
	return ok && (e.Code == -32601 || e.Code == btcjson.ErrRPCMisc && strings.Contains(e.Message, "ndex"))
}

// usable makes an answer for people of a node's error; one that tells a missing method
// stays as it is, for whoever asks another way.
func (c *client) usable(err error) error {
	if missing(err) {
		return err
	}
	return c.plain(err)
}

// listed asks the node's wallet, which must watch each address.
func (c *client) listed(ctx context.Context, addresses []string) ([]node.Coin, error) {
	for _, a := range addresses {
		if err := c.watches(ctx, a); err != nil {
			return nil, err
		}
	}
	var found []struct {
		TxID          string
		Vout          uint32
		ScriptPubKey  string
		Amount        json.Number
		Confirmations uint64
	}
	if err := c.call(ctx, &found, "listunspent", 1, 9_999_999, addresses); err != nil {
		return nil, c.plain(err)
	}
	coins := make([]node.Coin, 0, len(found))
	for _, f := range found {
		coin, err := c.coin(f.TxID, f.Vout, f.Amount, f.ScriptPubKey)
		if err != nil {
			return nil, err
		}
		coin.Confirmations = f.Confirmations
		coins = append(coins, coin)
	}
	return coins, nil
}

// watches refuses an address that the wallet would show nothing of.
func (c *client) watches(ctx context.Context, address string) error {
	c.finder.mu.Lock()
	known := c.finder.watched[address]
	c.finder.mu.Unlock()
	if known {
		return nil
	}
	var info struct{ IsMine, IsWatchOnly bool }
	err := c.call(ctx, &info, "getaddressinfo", address)
	if missing(err) {
		err = c.call(ctx, &info, "validateaddress", address) // Dogecoin Core 1.14
	}
	if err != nil {
		return c.plain(err)
	}
	if !info.IsMine && !info.IsWatchOnly {
		return fault.New("node.unwatched", "import the wallet's descriptor (importdescriptors) or the address (importaddress) there",
			"the node's wallet does not watch %s", address)
	}
	c.finder.mu.Lock()
	defer c.finder.mu.Unlock()
	if len(c.finder.watched) >= maxWatched || c.finder.watched == nil {
		c.finder.watched = map[string]bool{}
	}
	c.finder.watched[address] = true
	return nil
}

// scanned asks for a scan of all unspent outputs.
func (c *client) scanned(ctx context.Context, addresses []string) ([]node.Coin, error) {
	var objects []string
	for _, a := range addresses {
		script, err := bitcoin.ScriptFor(c.Network, a)
		if err != nil {
			return nil, err
		}
		objects = append(objects, "raw("+hex.EncodeToString(script)+")")
	}
	c.finder.scan.Lock()
	defer c.finder.scan.Unlock()
	var found struct {
		Success  bool
		Height   uint64
		Unspents []struct {
			TxID         string
			Vout         uint32
			ScriptPubKey string
			Amount       json.Number
			Height       uint64
		}
	}
	if err := c.call(ctx, &found, "scantxoutset", "start", objects); err != nil {
		return nil, c.usable(err)
	}
	if !found.Success {
		return nil, fault.New("node.unusable", "", "the node did not finish its scan")
	}
	coins := make([]node.Coin, 0, len(found.Unspents))
	for _, f := range found.Unspents {
		coin, err := c.coin(f.TxID, f.Vout, f.Amount, f.ScriptPubKey)
		if err != nil {
			return nil, err
		}
		if f.Height <= found.Height {
			coin.Confirmations = found.Height - f.Height + 1
		}
		coins = append(coins, coin)
	}
	return coins, nil
}

// indexed reads all transactions of each address from the node's index, and leaves out
// the outputs that others of them spend.
func (c *client) indexed(ctx context.Context, addresses []string) (coins []node.Coin, err error) {
	spent := map[wire.OutPoint]bool{}
	var all []wire.OutPoint
	held := map[wire.OutPoint]node.Coin{}
	for _, a := range addresses {
		script, err := bitcoin.ScriptFor(c.Network, a)
		if err != nil {
			return nil, err
		}
		for skip := 0; ; skip += historyPage {
			if skip >= maxHistory {
				return nil, fault.New("node.history", `use a node with a wallet that watches it, and coins = "wallet"`, "%s has more than %d transactions", a, maxHistory)
			}
			var page []struct {
				Hex           string
				Confirmations uint64
			}
			err := c.call(ctx, &page, "searchrawtransactions", a, 1, skip, historyPage, 0, false)
			if e, ok := errors.AsType[*btcjson.RPCError](err); ok && e.Code == btcjson.ErrRPCNoTxInfo {
				break // nothing of the address
			}
			if err != nil {
				return nil, c.usable(err)
			}
			for _, p := range page {
				raw, err := hex.DecodeString(p.Hex)
				if err != nil {
					return nil, c.Unusable(err)
				}
				tx, err := decode(raw)
				if err != nil {
					return nil, c.Unusable(err)
				}
				for _, in := range tx.TxIn {
					spent[in.PreviousOutPoint] = true
				}
				at := wire.OutPoint{Hash: tx.TxHash()}
				for n, out := range tx.TxOut {
					at.Index = uint32(n)
					if _, had := held[at]; had || p.Confirmations == 0 || !bytes.Equal(out.PkScript, script) || out.Value < 0 {
						continue
					}
					held[at] = node.Coin{TxID: at.Hash.String(), Index: at.Index, Amount: uint64(out.Value), Script: script, Confirmations: p.Confirmations,
						Coinbase: len(tx.TxIn) == 1 && tx.TxIn[0].PreviousOutPoint.Index == math.MaxUint32}
					all = append(all, at)
				}
			}
			if len(page) < historyPage {
				break
			}
		}
	}
	for _, at := range all {
		if !spent[at] {
			coins = append(coins, held[at])
		}
	}
	return coins, nil
}

func (c *client) coin(txid string, vout uint32, amount json.Number, script string) (node.Coin, error) {
	b, err := hex.DecodeString(script)
	n, ok := units(amount)
	if _, bad := bitcoin.ParseHash(txid); err != nil || bad != nil || !ok {
		return node.Coin{}, c.Unusable(errors.New("an output that is none"))
	}
	return node.Coin{TxID: txid, Index: vout, Amount: n, Script: b}, nil
}

// units reads an amount in coins, which btcd writes with an exponent too.
func units(n json.Number) (uint64, bool) {
	text := string(n)
	if _, power, has := strings.Cut(strings.ToLower(text), "e"); len(text) > 40 || has && len(strings.TrimLeft(power, "+-0")) > 1 {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, false
	}
	r.Mul(r, big.NewRat(100_000_000, 1))
	if !r.IsInt() || r.Sign() < 0 || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Uint64(), true
}

// Output looks an unspent output up, and proves it by the transaction that has it.
func (c *client) Output(ctx context.Context, txID string, index uint32) (node.Coin, error) {
	var found *struct {
		Confirmations uint64
		BestBlock     string
		Coinbase      bool
	}
	if err := c.call(ctx, &found, "gettxout", txID, index, true); err != nil {
		return node.Coin{}, c.plain(err)
	}
	if found == nil {
		return node.Coin{}, fault.New("node.spent", "", "output %s:%d is spent or unknown", txID, index)
	}
	raw, err := c.previous(ctx, txID, found.Confirmations)
	if err != nil {
		return node.Coin{}, err
	}
	tx, err := decode(raw)
	if err != nil { // as of Litecoin's extension blocks, whose form the codec does not know
		return node.Coin{}, fault.New("node.unread", "", "transaction %s is of a form that is not known here", txID)
	}
	if tx.TxHash().String() != txID || uint64(index) >= uint64(len(tx.TxOut)) {
		return node.Coin{}, c.Unusable(fmt.Errorf("another transaction than %s", txID))
	}
	out := tx.TxOut[index]
	if out.Value < 0 {
		return node.Coin{}, c.Unusable(errors.New("an output of less than nothing"))
	}
	return node.Coin{TxID: txID, Index: index, Amount: uint64(out.Value), Script: slices.Clone(out.PkScript), Confirmations: found.Confirmations,
		Coinbase: found.Coinbase, Previous: raw}, nil
}

// previous gets a transaction by its id, else from its block: a node without an index
// of transactions finds it there.
func (c *client) previous(ctx context.Context, txID string, confirmations uint64) ([]byte, error) {
	var text string
	err := c.call(ctx, &text, "getrawtransaction", txID, 0)
	if e, ok := errors.AsType[*btcjson.RPCError](err); ok && e.Code == btcjson.ErrRPCNoTxInfo && confirmations > 0 {
		var head uint64
		var block string
		if err := c.call(ctx, &head, "getblockcount"); err != nil {
			return nil, c.plain(err)
		}
		// A block may have come since: one lower then.
		for back := range uint64(2) {
			if confirmations-1+back > head {
				break
			}
			if block, err = c.hashAt(ctx, int64(head-(confirmations-1)-back)); err != nil {
				return nil, err
			}
			if err = c.call(ctx, &text, "getrawtransaction", txID, false, block); err == nil {
				break
			}
		}
	}
	if err != nil {
		return nil, c.plain(err)
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil, c.Unusable(err)
	}
	return raw, nil
}

// Rate asks for a fee that confirms within six blocks, and for what the mempool takes.
func (c *client) Rate(ctx context.Context) (soon, least uint64, err error) {
	var smart struct{ FeeRate json.Number }
	if err = c.call(ctx, &smart, "estimatesmartfee", blocksSoon); missing(err) {
		// btcd, and Bitcoin Cash, which takes no number of blocks
		if err = c.call(ctx, &smart.FeeRate, "estimatefee", blocksSoon); err != nil {
			err = c.call(ctx, &smart.FeeRate, "estimatefee")
		}
	}
	if _, says := errors.AsType[*btcjson.RPCError](err); err != nil && !says {
		return 0, 0, c.Unusable(err)
	}
	if soon, _ = units(smart.FeeRate); soon > math.MaxInt64/2 {
		soon = 0
	}
	var pool struct{ MempoolMinFee, MinRelayTxFee json.Number }
	if err := c.call(ctx, &pool, "getmempoolinfo"); err == nil {
		a, _ := units(pool.MempoolMinFee)
		b, _ := units(pool.MinRelayTxFee)
		least = max(a, b)
	}
	return soon, least, nil
}
