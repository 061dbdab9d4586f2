package bitcoin

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
	"coldsign/scripts/rig"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

const regtest chain.ID = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"

// testKey is the public test key 1; btcd.sh mines to its P2WPKH.
func testKey() (*btcec.PrivateKey, []byte) {
	key, pub := btcec.PrivKeyFromBytes([]byte{1})
	return key, append([]byte{0, 20}, address.Hash160(pub.SerializeCompressed())...)
}

// spend makes a signed transaction that spends one P2WPKH output of the test key.
func spend(t *testing.T, from wire.OutPoint, amount int64, outs ...*wire.TxOut) chain.Sealed {
	t.Helper()
	key, script := testKey()
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&from, nil, nil))
	tx.TxOut = outs
	hashes := txscript.NewTxSigHashes(tx, txscript.NewCannedPrevOutputFetcher(script, amount))
	witness, err := txscript.WitnessSignature(tx, hashes, 0, amount, script, txscript.SigHashAll, key, true)
	if err != nil {
		t.Fatal(err)
	}
	tx.TxIn[0].Witness = witness
	var raw bytes.Buffer
	if err := tx.Serialize(&raw); err != nil {
		t.Fatal(err)
	}
	return chain.Sealed{TxID: tx.TxHash().String(), Raw: raw.Bytes()}
}

func parsed(t *testing.T, s chain.Sealed) *wire.MsgTx {
	t.Helper()
	tx, err := decode(s.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func connect(t *testing.T, url string) *client {
	t.Helper()
	n, err := New(transport.Config{Network: regtest, URL: url, User: "e2e", Password: "e2e", Depth: 1})
	if err != nil {
		t.Fatal(err)
	}
	return n.(*client)
}

func TestRealNode(t *testing.T) {
	c := connect(t, rig.Btcd(t).URL)
	must := func(result any, method string, params ...any) {
		t.Helper()
		if err := c.call(t.Context(), result, method, params...); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
	}
	mine := func() (block string) {
		t.Helper()
		var blocks []string
		must(&blocks, "generate", 1)
		return blocks[0]
	}
	if err := c.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := *c
	other.Network = "bip122:000000000019d6689c085ae165831e93"
	if err := other.Check(t.Context()); !fault.Is(err, "node.network") {
		t.Errorf("Check of another network: %v", err)
	}
	coin := func(height int) wire.OutPoint {
		var hash string
		must(&hash, "getblockhash", height)
		var block btcjson.GetBlockVerboseResult
		must(&block, "getblock", hash, 1)
		txid, err := chainhash.NewHashFromStr(block.Tx[0])
		if err != nil {
			t.Fatal(err)
		}
		return wire.OutPoint{Hash: *txid}
	}
	_, script := testKey()
	const btc = 100_000_000
	first := spend(t, coin(1), 50*btc, wire.NewTxOut(49*btc, script), wire.NewTxOut(0, []byte{txscript.OP_RETURN, 1, 7}))
	rival := spend(t, coin(1), 50*btc, wire.NewTxOut(48*btc, script))

	nodetest.Looks(t, c, first, node.Sighting{})
	nodetest.Sends(t, c, first, node.Accepted, "")
	nodetest.Looks(t, c, first, node.Sighting{Seen: true})
	nodetest.Sends(t, c, first, node.Ambiguous, "already have transaction")
	nodetest.Sends(t, c, rival, node.Ambiguous, "already spent")
	nodetest.Looks(t, c, rival, node.Sighting{})

	deep := connect(t, c.URL)
	deep.Depth = 3
	mine()
	nodetest.Looks(t, c, rival, node.Sighting{Conflict: true})
	nodetest.Looks(t, deep, rival, node.Sighting{}) // the other is not deep yet
	if saw, err := c.lookInputs(t.Context(), parsed(t, first)); err != nil || saw != (node.Sighting{Seen: true, Confirmations: 1}) {
		t.Errorf("our own, after another's search of the same input: %+v, %v", saw, err)
	}
	nodetest.Looks(t, c, first, node.Sighting{Seen: true, Confirmations: 1})
	nodetest.Sends(t, c, first, node.Ambiguous, "already exists")
	nodetest.Sends(t, c, rival, node.Ambiguous, "orphan")
	mine()
	nodetest.Looks(t, c, first, node.Sighting{Seen: true, Confirmations: 2})

	parent, err := decode(first.Raw)
	if err != nil {
		t.Fatal(err)
	}
	unspent := wire.OutPoint{Hash: parent.TxHash()}
	nodetest.Sends(t, c, spend(t, unspent, 49*btc, wire.NewTxOut(1, script)), node.Rejected, "dust")
	nodetest.Sends(t, c, spend(t, unspent, 48*btc, wire.NewTxOut(47*btc, script)), node.Ambiguous, "signature")
	nodetest.Sends(t, c, chain.Sealed{TxID: first.TxID, Raw: []byte{1, 2, 3}}, node.Rejected, "decode")

	// Without the transaction index, its unspent output still shows it.
	saw, err := c.lookOutputs(t.Context(), first)
	if want := (node.Sighting{Seen: true, Confirmations: 2}); err != nil || saw != want {
		t.Errorf("by outputs: %+v, %v", saw, err)
	}
	child := spend(t, unspent, 49*btc, wire.NewTxOut(48*btc, script))
	nodetest.Sends(t, c, child, node.Accepted, "")
	block := mine()
	// All of them spent: the block that spent our input holds it.
	if saw, err := c.lookOutputs(t.Context(), first); err != nil || saw != (node.Sighting{Seen: true, Confirmations: 3}) {
		t.Errorf("by inputs: %+v, %v", saw, err)
	}
	nodetest.Looks(t, c, first, node.Sighting{Seen: true, Confirmations: 3})
	nodetest.Looks(t, deep, rival, node.Sighting{Conflict: true})
	nodetest.Looks(t, c, child, node.Sighting{Seen: true, Confirmations: 1})

	// A block that leaves the main chain takes its confirmations with it.
	var nothing any
	must(&nothing, "invalidateblock", block)
	if saw, err := c.Look(t.Context(), child); err != nil || saw.Confirmations != 0 || saw.Failed || saw.Conflict || saw.Expired {
		t.Errorf("after a reorganization: %+v, %v", saw, err)
	}
	nodetest.Looks(t, c, first, node.Sighting{Seen: true, Confirmations: 2})
	nodetest.Looks(t, deep, rival, node.Sighting{})
}

// The spender is found wherever it is, a few blocks at a time, and again after a
// reorganization put it elsewhere.
func TestATT110SpenderIsFound(t *testing.T) {
	_, script := testKey()
	coin := wire.OutPoint{Hash: chainhash.Hash{7}}
	ours := spend(t, coin, 1000, wire.NewTxOut(900, script))
	theirs := spend(t, coin, 1000, wire.NewTxOut(800, script))
	block := func(n int, in *chain.Sealed) (string, string) {
		b := wire.MsgBlock{Header: wire.BlockHeader{Nonce: uint32(n)}}
		coinbase := wire.NewMsgTx(1)
		coinbase.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: 0xffffffff}, []byte{byte(n), byte(n >> 8)}, nil))
		b.AddTransaction(coinbase) //nolint:errcheck // to memory
		if in != nil {
			tx, err := decode(in.Raw)
			if err != nil {
				t.Fatal(err)
			}
			b.AddTransaction(tx) //nolint:errcheck // to memory
			b.Header.MerkleRoot = tx.TxHash()
		}
		var raw bytes.Buffer
		if err := b.Serialize(&raw); err != nil {
			t.Fatal(err)
		}
		return b.BlockHash().String(), hex.EncodeToString(raw.Bytes())
	}
	for name, c := range map[string]struct {
		height, head int
		in           *chain.Sealed
		looks        int
		want         node.Sighting
	}{
		"at the tip":       {200, 200, &theirs, 1, node.Sighting{}},
		"just deep enough": {198, 200, &theirs, 1, node.Sighting{Conflict: true}},
		"far below":        {10, 200, &theirs, 4, node.Sighting{Conflict: true}},
		"ours":             {10, 200, &ours, 4, node.Sighting{Seen: true, Confirmations: 191}},
		"nowhere":          {0, 200, nil, 6, node.Sighting{}},
	} {
		t.Run(name, func(t *testing.T) {
			hashes, raw, at := map[int]string{}, map[string]string{}, map[string]int{}
			put := func(n int, in *chain.Sealed) {
				hash, text := block(n, in)
				hashes[n], raw[hash], at[hash] = hash, text, n
			}
			for n := 1; n <= c.head; n++ {
				put(n, nil)
			}
			if c.in != nil {
				put(c.height, c.in)
			}
			head, fetched := c.head, 0
			cl := connect(t, nodetest.Serve(t, func(method string, params []json.RawMessage) (any, *nodetest.Error) {
				var n int
				var hash string
				switch method {
				case "getrawtransaction":
					return nil, &nodetest.Error{Code: -5, Message: "unknown"}
				case "getblockcount":
					return head, nil
				case "getblockhash":
					json.Unmarshal(params[0], &n) //nolint:errcheck // our own
					return hashes[n], nil
				case "getblock":
					fetched++
					json.Unmarshal(params[0], &hash) //nolint:errcheck // our own
					return raw[hash], nil
				case "getblockheader":
					json.Unmarshal(params[0], &hash) //nolint:errcheck // our own
					return map[string]any{"height": at[hash]}, nil
				}
				return nil, nil
			}))
			cl.Depth = 3
			for i := range c.looks {
				saw, err := cl.Look(t.Context(), ours)
				if err != nil || i < c.looks-1 && saw != (node.Sighting{}) || i == c.looks-1 && saw != c.want {
					t.Fatalf("look %d: %+v, %v, want %+v", i+1, saw, err, c.want)
				}
			}
			if fetched > 201 {
				t.Errorf("%d blocks were fetched: some twice", fetched)
			}
			if c.in == nil { // it comes at last
				head++
				put(head, &theirs)
				nodetest.Looks(t, cl, ours, node.Sighting{})
				for range 2 {
					head++
					put(head, nil)
				}
				nodetest.Looks(t, cl, ours, node.Sighting{Conflict: true})
				// A reorganization: the block is gone, and another has it higher up.
				put(head-2, nil)
				head++
				put(head, &theirs)
				nodetest.Looks(t, cl, ours, node.Sighting{})
				nodetest.Looks(t, cl, ours, node.Sighting{})
				head += 2
				put(head-1, nil)
				put(head, nil)
				nodetest.Looks(t, cl, ours, node.Sighting{Conflict: true})
			}
		})
	}
}

// TestATT110Coinbase: what a block's first transaction "spends" every other block's does
// as well. That is no proof against it, and so none against what spends its outputs.
func TestATT110Coinbase(t *testing.T) {
	_, script := testKey()
	first := func(n byte) *wire.MsgTx {
		tx := wire.NewMsgTx(1)
		tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: 0xffffffff}, []byte{n, n}, nil))
		tx.AddTxOut(wire.NewTxOut(50, script))
		return tx
	}
	var raw, block bytes.Buffer
	b := wire.MsgBlock{Transactions: []*wire.MsgTx{first(2)}}
	if err := errors.Join(first(1).Serialize(&raw), b.Serialize(&block)); err != nil {
		t.Fatal(err)
	}
	c := connect(t, nodetest.Serve(t, func(method string, _ []json.RawMessage) (any, *nodetest.Error) {
		if method == "getrawtransaction" {
			return nil, &nodetest.Error{Code: -5, Message: "unknown"}
		}
		return map[string]any{"getblockcount": 9, "getblockhash": b.BlockHash().String(), "getblock": hex.EncodeToString(block.Bytes()),
			"getblockheader": map[string]any{"height": 1}}[method], nil
	}))
	c.Depth = 3
	nodetest.Looks(t, c, chain.Sealed{TxID: first(1).TxHash().String(), Raw: raw.Bytes()}, node.Sighting{})
}

func TestATT96FalseNode(t *testing.T) {
	_, script := testKey()
	ours := spend(t, wire.OutPoint{}, 1000, wire.NewTxOut(900, script))
	theirs := spend(t, wire.OutPoint{Index: 1}, 1000, wire.NewTxOut(900, script))
	nodetest.Hostile(t, New, regtest, ours)

	t.Run("names another txid", func(t *testing.T) {
		c := connect(t, nodetest.Serve(t, func(string, []json.RawMessage) (any, *nodetest.Error) { return theirs.TxID, nil }))
		nodetest.Sends(t, c, ours, node.Ambiguous, "ALARM")
	})
	t.Run("shows another transaction", func(t *testing.T) {
		c := connect(t, nodetest.Serve(t, func(string, []json.RawMessage) (any, *nodetest.Error) {
			return btcjson.TxRawResult{Hex: hex.EncodeToString(theirs.Raw), Txid: ours.TxID, BlockHash: "00", Confirmations: 100}, nil
		}))
		if saw, err := c.Look(t.Context(), ours); !fault.Is(err, "node.unusable") || saw != (node.Sighting{}) {
			t.Errorf("got %+v, %v", saw, err)
		}
	})
	t.Run("says already, and has nothing", func(t *testing.T) {
		c := connect(t, nodetest.Serve(t, func(method string, _ []json.RawMessage) (any, *nodetest.Error) {
			switch method {
			case "sendrawtransaction":
				return nil, &nodetest.Error{Code: -27, Message: "Transaction already in block chain"}
			case "getrawtransaction":
				return nil, &nodetest.Error{Code: -5, Message: "No such mempool transaction"}
			}
			return nil, nil
		}))
		nodetest.Sends(t, c, ours, node.Ambiguous, "already in block chain")
		nodetest.Looks(t, c, ours, node.Sighting{})
	})
	t.Run("claims depth in a stale block", func(t *testing.T) {
		c := connect(t, nodetest.Serve(t, func(method string, _ []json.RawMessage) (any, *nodetest.Error) {
			switch method {
			case "getblockheader":
				return map[string]any{"height": 5, "confirmations": 100}, nil
			case "getblockcount":
				return 105, nil
			case "getblockhash":
				return "bb", nil
			}
			return btcjson.TxRawResult{Hex: hex.EncodeToString(ours.Raw), BlockHash: "aa", Confirmations: 100}, nil
		}))
		nodetest.Looks(t, c, ours, node.Sighting{Seen: true})
	})
	if _, err := New(transport.Config{Network: "eip155:1"}); !fault.Is(err, "node.network") {
		t.Errorf("another family's network: %v", err)
	}
}
