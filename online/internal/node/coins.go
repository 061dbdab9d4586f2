package node

import "context"

// Coin is an output of a transaction.
type Coin struct {
	TxID          string
	Index         uint32
	Amount        uint64 // base units
	Script        []byte
	Confirmations uint64 // 0 in the mempool
	Coinbase      bool   // of a block's first transaction: spendable when it is old enough
	Previous      []byte // the whole transaction that has it; nil in a list
}

// Treasurer is a Node of a chain whose payments spend outputs.
type Treasurer interface {
	// Unspent lists the confirmed outputs of the addresses that no block spends. A node
	// that would have to guess gives an error.
	Unspent(ctx context.Context, addresses []string) ([]Coin, error)
	// Output gives one unspent output with the transaction that proves it. When a block
	// or the mempool spends it, or it never was, the code is node.spent,
	// and node.unread when its transaction is of no form that is known.
	Output(ctx context.Context, txID string, index uint32) (Coin, error)
	// Rate gives what gets a transaction into a block soon, in base units for 1000
	// virtual bytes, and the least that the node relays; 0 what it does not know.
	Rate(ctx context.Context) (soon, least uint64, err error)
}
