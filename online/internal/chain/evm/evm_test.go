package evm

import (
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
	"coldsign/scripts/rig"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

const local chain.ID = "eip155:31337"

// sender is the address of the public test key 1.
var sender = common.HexToAddress("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf")

// pay signs a transfer of wei by the test key; init is the code of a contract to
// create instead, if there is any.
func pay(t *testing.T, nonce uint64, wei *big.Int, init ...byte) chain.Sealed {
	t.Helper()
	key, err := crypto.ToECDSA(common.LeftPadBytes([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	in := &types.DynamicFeeTx{
		ChainID: big.NewInt(31337), Nonce: nonce, GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(1e10),
		Gas: 100_000, To: &common.Address{7}, Value: wei, Data: init,
	}
	if init != nil {
		in.To = nil
	}
	tx, err := types.SignNewTx(key, types.LatestSignerForChainID(in.ChainID), in)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return chain.Sealed{TxID: tx.Hash().Hex(), Raw: raw}
}

func connect(t *testing.T, url string, depth uint64) *client {
	t.Helper()
	n, err := New(transport.Config{Network: local, URL: url, Depth: depth})
	if err != nil {
		t.Fatal(err)
	}
	return n.(*client)
}

func call(t *testing.T, c *client, method string, params ...any) (result any) {
	t.Helper()
	if err := c.rpc.CallContext(t.Context(), &result, method, params...); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return result
}

func TestRealNode(t *testing.T) {
	url := rig.Anvil(t).URL
	c := connect(t, url, 3)
	if err := c.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := *c
	other.id, other.Network = 1, "eip155:1"
	if err := other.Check(t.Context()); !fault.Is(err, "node.network") {
		t.Errorf("Check of another network: %v", err)
	}
	ether := big.NewInt(1e18)
	call(t, c, "anvil_setBalance", sender, hexutil.EncodeBig(new(big.Int).Mul(ether, big.NewInt(100))))

	// A payment waits in the pool, is mined, and gets deeper.
	first := pay(t, 0, ether)
	call(t, c, "evm_setAutomine", false)
	nodetest.Looks(t, c, first, node.Sighting{})
	nodetest.Sends(t, c, first, node.Accepted, "")
	nodetest.Looks(t, c, first, node.Sighting{Seen: true})
	nodetest.Sends(t, c, first, node.Ambiguous, "already imported")
	before := call(t, c, "evm_snapshot")
	call(t, c, "evm_mine")
	nodetest.Looks(t, c, first, node.Sighting{Seen: true, Confirmations: 1})
	nodetest.Sends(t, c, first, node.Ambiguous, "nonce too low")
	call(t, c, "anvil_mine", "0x4")
	nodetest.Looks(t, c, first, node.Sighting{Seen: true, Confirmations: 5})

	// A reorganization takes it out again.
	call(t, c, "evm_revert", before)
	saw, err := c.Look(t.Context(), first)
	if err != nil || saw.Confirmations != 0 || saw.Conflict || saw.Failed {
		t.Errorf("after a reorganization: %+v, %v", saw, err)
	}
	if !saw.Seen {
		nodetest.Sends(t, c, first, node.Accepted, "")
	}
	call(t, c, "evm_mine")
	nodetest.Looks(t, c, first, node.Sighting{Seen: true, Confirmations: 1})

	// Another payment with the same nonce wins: a conflict once it is deep.
	loser, winner := pay(t, 1, ether), pay(t, 1, big.NewInt(5))
	nodetest.Sends(t, c, winner, node.Accepted, "")
	nodetest.Sends(t, c, loser, node.Ambiguous, "replacement transaction underpriced")
	nodetest.Looks(t, c, loser, node.Sighting{})
	for depth := range uint64(3) {
		nodetest.Looks(t, c, loser, node.Sighting{})
		call(t, c, "evm_mine")
		nodetest.Looks(t, c, winner, node.Sighting{Seen: true, Confirmations: depth + 1})
	}
	nodetest.Looks(t, c, loser, node.Sighting{Conflict: true})
	nodetest.Sends(t, c, loser, node.Ambiguous, "nonce too low")

	// It finds what was mined before now, and nothing came before the chain.
	if remembers, err := c.Remembers(t.Context(), loser, time.Now()); err != nil || !remembers {
		t.Errorf("Remembers: %v, %v", remembers, err)
	}
	if remembers, err := c.Remembers(t.Context(), loser, time.Unix(0, 0)); err != nil || remembers {
		t.Errorf("before the chain, Remembers: %v, %v", remembers, err)
	}
	if next, err := c.Next(t.Context(), sender.Hex()); err != nil || next != 2 {
		t.Errorf("next nonce %d, %v", next, err)
	}

	// The pool counts for the next nonce, and a payment has a price.
	nodetest.Sends(t, c, pay(t, 2, ether), node.Accepted, "")
	if next, err := c.Pending(t.Context(), sender.Hex()); err != nil || next != 3 {
		t.Errorf("next nonce with the pool %d, %v", next, err)
	}
	call(t, c, "anvil_dropAllTransactions")
	if p, err := c.Price(t.Context(), ""); err != nil || p.Base.Sign() <= 0 || p.Tip == nil || p.Gas != nil {
		t.Errorf("price %+v, %v", p, err)
	}
	if gas, err := c.Gas(t.Context(), node.GasCall{From: sender.Hex(), To: common.Address{7}.Hex(), Value: ether}); err != nil || gas != 21_000 {
		t.Errorf("a payment needs %d gas, %v", gas, err)
	}

	// A creation whose code is an invalid instruction lands, and fails.
	failing := pay(t, 2, new(big.Int), 0xfe)
	nodetest.Sends(t, c, failing, node.Accepted, "")
	call(t, c, "evm_mine")
	nodetest.Looks(t, c, failing, node.Sighting{Seen: true, Confirmations: 1, Failed: true})

	nodetest.Sends(t, c, pay(t, 3, new(big.Int).Mul(ether, ether)), node.Rejected, "nsufficient funds")
	nodetest.Sends(t, c, chain.Sealed{TxID: first.TxID, Raw: []byte{2, 1}}, node.Ambiguous, "decode")
}

func TestATT96FalseNode(t *testing.T) {
	ours, theirs := pay(t, 4, big.NewInt(1)), pay(t, 4, big.NewInt(2))
	nodetest.Hostile(t, New, local, ours)

	const block = "0x00000000000000000000000000000000000000000000000000000000000000aa"
	receipt := func(s chain.Sealed) any {
		return &types.Receipt{TxHash: common.HexToHash(s.TxID), Status: 1, BlockHash: common.HexToHash(block), BlockNumber: big.NewInt(5), Logs: []*types.Log{}}
	}
	mined := func(s chain.Sealed) any {
		var tx types.Transaction
		if err := tx.UnmarshalBinary(s.Raw); err != nil {
			t.Fatal(err)
		}
		text, err := tx.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]any
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatal(err)
		}
		out["blockNumber"], out["blockHash"], out["from"] = "0x5", block, sender
		return out
	}
	for _, c := range []struct {
		name    string
		answers map[string]any
		want    node.Sighting
		code    string
	}{
		{"another transaction", map[string]any{"eth_getTransactionByHash": mined(theirs), "eth_getTransactionReceipt": receipt(ours)}, node.Sighting{}, "node.unusable"},
		{"another's receipt", map[string]any{"eth_getTransactionByHash": mined(ours), "eth_getTransactionReceipt": receipt(theirs)}, node.Sighting{}, "node.unusable"},
		{"no receipt", map[string]any{"eth_getTransactionByHash": mined(ours)}, node.Sighting{Seen: true}, ""},
		{"a receipt in a stale block", map[string]any{
			"eth_getTransactionByHash": mined(ours), "eth_getTransactionReceipt": receipt(ours), "eth_blockNumber": "0x99",
			"eth_getBlockByNumber": map[string]any{"hash": common.Hash{1}}}, node.Sighting{Seen: true}, ""},
		{"a receipt in the main chain", map[string]any{
			"eth_getTransactionByHash": mined(ours), "eth_getTransactionReceipt": receipt(ours), "eth_blockNumber": "0x9",
			"eth_getBlockByNumber": map[string]any{"hash": block}}, node.Sighting{Seen: true, Confirmations: 5}, ""},
		{"only a receipt", map[string]any{
			"eth_getTransactionReceipt": receipt(ours), "eth_blockNumber": "0x9",
			"eth_getBlockByNumber": map[string]any{"hash": block}}, node.Sighting{Seen: true, Confirmations: 5}, ""},
		{"nonce used, too young", map[string]any{"eth_blockNumber": "0x1", "eth_getTransactionCount": "0x5"}, node.Sighting{}, ""},
		{"nonce not used", map[string]any{"eth_blockNumber": "0x99", "eth_getTransactionCount": "0x4"}, node.Sighting{}, ""},
		{"nonce used", map[string]any{"eth_blockNumber": "0x99", "eth_getTransactionCount": "0x5"}, node.Sighting{Conflict: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := connect(t, nodetest.Serve(t, func(method string, _ []json.RawMessage) (any, *nodetest.Error) { return c.answers[method], nil }), 3)
			saw, err := n.Look(t.Context(), ours)
			if saw != c.want || (err == nil) != (c.code == "") || err != nil && !fault.Is(err, c.code) {
				t.Errorf("got %+v, %v, want %+v %s", saw, err, c.want, c.code)
			}
		})
	}
	t.Run("old state is gone", func(t *testing.T) {
		n := connect(t, nodetest.Serve(t, func(method string, params []json.RawMessage) (any, *nodetest.Error) {
			switch {
			case method == "eth_blockNumber":
				return "0x99", nil
			case method == "eth_getTransactionCount" && string(params[1]) != `"0x99"`:
				return nil, &nodetest.Error{Code: -32000, Message: "missing trie node"}
			case method == "eth_getTransactionCount":
				return "0x5", nil
			}
			return nil, nil
		}), 3)
		nodetest.Looks(t, n, ours, node.Sighting{})
	})
	t.Run("mined between look and nonce", func(t *testing.T) {
		looked := false
		n := connect(t, nodetest.Serve(t, func(method string, _ []json.RawMessage) (any, *nodetest.Error) {
			switch method {
			case "eth_getTransactionCount":
				looked = true
				return "0x5", nil
			case "eth_blockNumber":
				return "0x5", nil
			case "eth_getTransactionByHash":
				if looked {
					return mined(ours), nil
				}
			}
			return nil, nil
		}), 3)
		nodetest.Looks(t, n, ours, node.Sighting{Seen: true})
	})
	t.Run("names another hash", func(t *testing.T) {
		n := connect(t, nodetest.Serve(t, func(string, []json.RawMessage) (any, *nodetest.Error) { return theirs.TxID, nil }), 3)
		nodetest.Sends(t, n, ours, node.Ambiguous, "ALARM")
	})
	if _, err := New(transport.Config{Network: "eip155:01", Depth: 1}); !fault.Is(err, "node.network") {
		t.Errorf("a network that is none: %v", err)
	}
	if _, err := New(transport.Config{Network: local}); !fault.Is(err, "node.depth") {
		t.Errorf("no depth: %v", err)
	}
}
