package bitcoin

import (
	"encoding/json"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/node"
)

// What bitcoind and btcd say, for a transaction that is not on chain; the table
// of btcd is also asked of a real one in TestRealNode.
func TestATT97Answers(t *testing.T) {
	_, script := testKey()
	s := spend(t, wire.OutPoint{}, 1000, wire.NewTxOut(900, script))
	lost := func(method string, _ []json.RawMessage) (any, *nodetest.Error) {
		if method == "getrawtransaction" {
			return nil, &nodetest.Error{Code: -5, Message: "No such mempool or blockchain transaction"}
		}
		return nil, nil
	}
	nodetest.Answers(t, New, regtest, s, "sendrawtransaction", lost, append(nodetest.Odd(), []nodetest.Said{
		{Code: -27, Text: "Transaction outputs already in utxo set", Want: node.Known},
		{Code: -27, Text: "transaction already in block chain", Want: node.Known},
		{Code: -27, Text: "TX rejected: transaction already exists in blockchain", Want: node.Known},
		{Code: -26, Text: "txn-already-in-mempool", Want: node.Known},
		{Code: -26, Text: "txn-already-known", Want: node.Known},
		{Code: -26, Text: "TX rejected: already have transaction in mempool 00", Want: node.Known},
		{Code: -25, Text: "bad-txns-inputs-missingorspent", Want: node.Spent},
		{Code: -25, Text: "Missing inputs", Want: node.Spent},
		{Code: -25, Text: "TX rejected: orphan transaction 00 references outputs of unknown or fully-spent transaction 01", Want: node.Spent},
		{Code: -26, Text: "TX rejected: output 00:0 already spent by transaction 01 in mempool", Want: node.Rival},
		{Code: -26, Text: "txn-mempool-conflict", Want: node.Rival},
		{Code: -26, Text: "insufficient fee, rejecting replacement 00, not enough additional fees to relay", Want: node.Rival},
		{Code: -26, Text: "TX rejected: replacement transaction 00 has an insufficient fee rate: needs more than 1, has 0", Want: node.Rival},
		{Code: -28, Text: "Loading block index...", Want: node.Busy},
		{Code: -26, Text: "mempool full", Want: node.Busy},
		{Code: -26, Text: "min relay fee not met, 0 < 141", Want: node.Fee},
		{Code: -26, Text: "mempool min fee not met, 1 < 2", Want: node.Fee},
		{Code: -26, Text: "TX rejected: transaction 00 has 0 fees which is under the required amount of 141", Want: node.Fee},
		{Code: -26, Text: "TX rejected: transaction 00 has been rejected by the rate limiter due to low fees", Want: node.Busy},
		{Code: -26, Text: "TX rejected: 00: replacement transaction evicts more transactions than permitted: max is 100, evicts 101", Want: node.Rival},
		{Code: -26, Text: "dust", Want: node.Invalid},
		{Code: -26, Text: "mandatory-script-verify-flag-failed (Signature must be zero)", Want: node.Invalid},
		{Code: -22, Text: "TX decode failed", Want: node.Invalid},
		{Code: -25, Text: "TX rejected: failed to validate input 00:0", Want: node.Says},
	}...))
}
