package evm

import (
	"errors"

	"github.com/ethereum/go-ethereum/rpc"

	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
)

// answers is what EVM nodes say of a transaction. They share no codes, so text
// decides almost alone. What is known, and a nonce that is used, may be our own.
func answers() []transport.Rule {
	return []transport.Rule{
		{Text: "already known", Is: node.Known, Who: "geth, Erigon, Nethermind"},
		{Text: "alreadyknown", Is: node.Known, Who: "Nethermind, older"},
		{Text: "known transaction", Is: node.Known, Who: "Besu, -32000; geth, older"},
		{Text: "already imported", Is: node.Known, Who: "anvil, -32003"},
		{Text: "already exists", Is: node.Known, Who: "any"},
		{Text: "replacement", Is: node.Rival, Who: "geth, anvil: replacement transaction underpriced; Besu: transaction replacement; Nethermind: ReplacementNotAllowed"},
		{Text: "could not replace", Is: node.Rival, Who: "Erigon"},
		{Text: "nonce too low", Is: node.Spent, Who: "geth, Erigon, anvil; Besu, -32001"},
		{Text: "nonce is too low", Is: node.Spent, Who: "Besu"},
		{Text: "oldnonce", Is: node.Spent, Who: "Nethermind"},
		{Text: "already reserved", Is: node.Busy, Who: "geth: the account is in another pool"},
		{Text: "already", Is: node.Known, Who: "any"},
		{Text: "nonce too high", Is: node.Gap, Who: "geth"},
		{Text: "nonce too distant", Is: node.Gap, Who: "Besu"},
		{Text: "noncetoofar", Is: node.Gap, Who: "Nethermind"},
		{Text: "noncegap", Is: node.Gap, Who: "Nethermind"},
		{Text: "gapped", Is: node.Gap, Who: "geth"},
		{Text: "insufficient funds", Is: node.Funds, Who: "geth, Erigon, anvil"},
		{Text: "insufficientfunds", Is: node.Funds, Who: "Nethermind"},
		{Text: "upfront cost exceeds", Is: node.Funds, Who: "Besu"},
		{Text: "underpriced", Is: node.Fee, Who: "geth, Erigon"},
		{Text: "feetoolow", Is: node.Fee, Who: "Nethermind"},
		{Text: "base fee", Is: node.Fee, Who: "geth, anvil: less than block base fee"},
		{Text: "below configured minimum", Is: node.Fee, Who: "Besu"},
		{Text: "fee too low", Is: node.Fee, Who: "Erigon"},
		{Text: "below minimum", Is: node.Fee, Who: "geth: gas price below minimum"},
		{Text: "txpool is full", Is: node.Busy, Who: "geth"},
		{Text: "pool is full", Is: node.Busy, Who: "Besu, Erigon"},
		{Text: "out of capacity", Is: node.Busy, Who: "geth"},
		{Text: "account limit exceeded", Is: node.Busy, Who: "geth"},
		{Text: "tries to replace pending", Is: node.Busy, Who: "geth: a later nonce, and a full pool"},
		{Code: -32005, Is: node.Busy, Who: "providers: limit exceeded"},
		{Code: 429, Is: node.Busy, Who: "providers"},
		{Text: "intrinsic gas", Is: node.Invalid, Who: "geth, anvil, Besu"},
		{Text: "floor data gas", Is: node.Invalid, Who: "geth"},
		{Text: "gas limit", Is: node.Invalid, Who: "geth: exceeds block gas limit; Nethermind: GasLimitExceeded"},
		{Text: "gaslimitexceeded", Is: node.Invalid, Who: "Nethermind"},
		{Text: "invalid sender", Is: node.Invalid, Who: "geth"},
		{Text: "invalid signature", Is: node.Invalid, Who: "Besu"},
		{Text: "chain id", Is: node.Invalid, Who: "geth, anvil"},
		{Text: "chainid", Is: node.Invalid, Who: "Nethermind"},
		{Text: "exceeds the configured cap", Is: node.Invalid, Who: "geth: the whole fee"},
		{Text: "priority fee", Is: node.Invalid, Who: "geth, anvil: higher than max fee"},
		{Text: "higher than max fee", Is: node.Invalid, Who: "geth"},
		{Text: "oversized", Is: node.Invalid, Who: "geth"},
		{Text: "type not supported", Is: node.Invalid, Who: "geth"},
		{Text: "rlp:", Is: node.Invalid, Who: "geth, Erigon"},
	}
}

// refused reads what a node said of a transaction.
func (c *client) refused(err error) (node.Outcome, error) {
	e, ok := errors.AsType[rpc.Error](err)
	if !ok {
		return node.Ambiguous, c.plain(err)
	}
	m := transport.Read(answers(), e.ErrorCode(), e.Error())
	return m.Outcome(), c.Refuses(m, e.ErrorCode(), e.Error())
}
