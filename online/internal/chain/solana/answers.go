package solana

import (
	"errors"
	"fmt"

	"github.com/gagliardetto/solana-go/rpc/jsonrpc"

	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
)

// answers is what Solana nodes say of a transaction: in the message, or in the
// err of the trial run. What was processed may be our own, and a blockhash that is
// not found may be too young for this node.
func answers() []transport.Rule {
	return []transport.Rule{
		{Text: "already", Is: node.Known, Who: "Agave: This transaction has already been processed; err AlreadyProcessed"},
		{Text: "blockhash not found", Is: node.Stale, Who: "Agave"},
		{Text: "blockhashnotfound", Is: node.Stale, Who: "Agave, err"},
		{Code: -32004, Is: node.Busy, Who: "Agave: block not available"},
		{Code: -32005, Is: node.Busy, Who: "Agave: node is behind"},
		{Code: -32014, Is: node.Busy, Who: "Agave: block status not available"},
		{Code: -32016, Is: node.Busy, Who: "Agave: minimum context slot not reached"},
		{Code: 429, Is: node.Busy, Who: "providers"},
		{Code: -32002, Text: "insufficientfunds", Is: node.Funds, Who: "Agave, err InsufficientFundsForFee, -ForRent"},
		{Code: -32002, Text: "insufficient funds", Is: node.Funds, Who: "Agave"},
		{Code: -32002, Text: "insufficient lamports", Is: node.Funds, Who: "Agave, log of the System program"},
		{Code: -32002, Text: "no record of a prior credit", Is: node.Funds, Who: "Agave"},
		{Code: -32002, Is: node.Invalid, Who: "Agave: the trial run failed"},
		{Code: -32003, Is: node.Invalid, Who: "Agave: signature verification failure"},
		{Code: -32602, Is: node.Invalid, Who: "Agave: not decoded, too large"},
	}
}

// refused reads what a node said of a transaction.
func (c *client) refused(err error) (node.Outcome, error) {
	e, ok := errors.AsType[*jsonrpc.RPCError](err)
	if !ok {
		return node.Ambiguous, c.plain(err)
	}
	text := fmt.Sprint(e.Message, " ", e.Data)
	m := transport.Read(answers(), e.Code, text)
	return m.Outcome(), c.Refuses(m, e.Code, text)
}
