package bitcoin

import (
	"errors"

	"github.com/btcsuite/btcd/btcjson"

	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
)

// answers is what Bitcoin nodes say of a transaction. What is already there, or
// spends what is no longer there, may be our own.
func answers() []transport.Rule {
	return []transport.Rule{
		{Code: -27, Is: node.Known, Who: "bitcoind: already in utxo set, already in block chain; btcd: already exists in blockchain"},
		{Text: "txn-already-", Is: node.Known, Who: "bitcoind: txn-already-in-mempool, txn-already-known"},
		{Text: "already have transaction", Is: node.Known, Who: "btcd, -26"},
		{Text: "already exists", Is: node.Known, Who: "btcd"},
		{Text: "already in ", Is: node.Known, Who: "bitcoind, older"},
		{Text: "txn-mempool-conflict", Is: node.Rival, Who: "bitcoind, -26: the other one is not replaceable"},
		{Text: "rejecting replacement", Is: node.Rival, Who: "bitcoind, -26: insufficient fee"},
		{Text: "replacement transaction", Is: node.Rival, Who: "btcd, -26: fee rate or absolute fee too low"},
		{Text: "already spent", Is: node.Rival, Who: "btcd, -26: spent in mempool"},
		{Text: "missingorspent", Is: node.Spent, Who: "bitcoind, -25"},
		{Text: "missing-inputs", Is: node.Spent, Who: "bitcoind, testmempoolaccept"},
		{Text: "missing inputs", Is: node.Spent, Who: "bitcoind, older"},
		{Text: "orphan", Is: node.Spent, Who: "btcd, -25"},
		{Text: "spent", Is: node.Spent, Who: "any"},
		{Code: -28, Is: node.Busy, Who: "bitcoind: loading, verifying"},
		{Text: "rate limiter", Is: node.Busy, Who: "btcd, -26: free transactions"},
		{Text: "mempool full", Is: node.Busy, Who: "bitcoind, -26"},
		{Code: -26, Text: "min relay fee", Is: node.Fee, Who: "bitcoind"},
		{Code: -26, Text: "mempool min fee", Is: node.Fee, Who: "bitcoind"},
		{Code: -26, Text: "insufficient priority", Is: node.Fee, Who: "btcd"},
		{Code: -26, Text: "under the required amount", Is: node.Fee, Who: "btcd"},
		{Code: -26, Text: "already", Is: node.Known, Who: "any"},
		{Code: -26, Text: "known", Is: node.Says, Who: "any"},
		{Code: -26, Is: node.Invalid, Who: "bitcoind, btcd: dust, scriptpubkey, non-final, script"},
		{Code: -22, Is: node.Invalid, Who: "bitcoind, btcd: not decoded"},
	}
}

// refused reads what a node said of a transaction.
func (c *client) refused(err error) (node.Outcome, error) {
	e, ok := errors.AsType[*btcjson.RPCError](err)
	if !ok {
		return node.Ambiguous, c.Unusable(err)
	}
	m := transport.Read(answers(), int(e.Code), e.Message)
	return m.Outcome(), c.Refuses(m, int(e.Code), e.Message)
}
