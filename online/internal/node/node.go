// Package node says what the broadcaster asks of a node of any chain. A node is
// untrusted: its words never become state; what counts is a transaction seen by
// looking it up under the id computed here.
package node

import (
	"context"
	"encoding/json"
	"math/big"
	"time"

	"coldsign/shared/chain"
)

// Outcome is what a node made of the bytes it was sent. The zero value is
// Ambiguous: look the transaction up, then send the same bytes again.
type Outcome uint8

// The outcomes.
const (
	Ambiguous Outcome = 0 // lost reply, unknown text, "already known", "nonce too low": decided by looking
	Accepted  Outcome = 1 // the node says it has taken the bytes
	Rejected  Outcome = 2 // the node says these bytes break a rule now; sending them again may still succeed later
)

// Sighting is what a node shows of a transaction.
type Sighting struct {
	Seen          bool   // in the mempool or in a block
	Confirmations uint64 // blocks at and above its own; 0 in the mempool
	Failed        bool   // in a block, but execution failed (EVM status 0, Solana err)
	Expired       bool   // not seen, and proven that it can never land
	Conflict      bool   // not seen, and a conflicting transaction is final (same nonce, same input)

	// AsOf is the time, in Unix seconds, of the final block that a proof of Expired or
	// Conflict rests on. A chain whose final blocks may fall far behind its newest ones
	// gives it: what is younger than that block is not yet judged by it. 0: the proof
	// rests on nothing of the kind.
	AsOf int64

	// Of several nodes that are asked as one; a single node leaves them zero.
	Few    bool   // fewer have answered than must agree: nothing final follows
	Most   uint64 // as many as must agree say that it is no deeper than this
	Differ string // how they contradict one another: printable words for people
}

// Node is one node of one network.
type Node interface {
	// Check asks the node which network it serves and refuses another.
	Check(context.Context) error
	// Send gives the node the sealed bytes. The error carries the node's text,
	// quoted and capped, for the log.
	Send(context.Context, chain.Sealed) (Outcome, error)
	// Look looks the transaction up.
	Look(context.Context, chain.Sealed) (Sighting, error)
}

// Historian is a Node that can show how far back it remembers.
type Historian interface {
	// Remembers reports whether the node would show the transaction if it had
	// landed at any time since.
	Remembers(ctx context.Context, s chain.Sealed, since time.Time) (bool, error)
}

// Counter is a Node of a chain whose accounts count their transactions.
type Counter interface {
	// Next gives the nonce that the account's next transaction has.
	Next(ctx context.Context, address string) (uint64, error)
}

// Asker is a Node that answers a question in its own words: JSON that nobody here
// has read. The caller decides what may be asked.
type Asker interface {
	Ask(ctx context.Context, method string, params []json.RawMessage) (json.RawMessage, error)
}

// Tip is the newest block that a node has.
type Tip struct {
	Height uint64    // of Solana the slot
	Time   time.Time // that the block itself names; zero when the node does not tell
}

// Tipped is a Node that says how far it is. It is for people: nothing is decided by it.
type Tipped interface {
	Tip(ctx context.Context) (Tip, error)
}

// Group is several nodes that are asked as one.
type Group interface {
	// Troubles are what keeps nodes of the group from being asked, since the last
	// Check.
	Troubles() []error
}

// Payer is a Node of a chain whose accounts pay for gas.
type Payer interface {
	// Pending gives the nonce that the account's next transaction has after all that
	// the node holds, mined or waiting.
	Pending(ctx context.Context, address string) (uint64, error)
	// Price gives what gas costs now, in base units of the coin, or of the token whose
	// contract currency is where the chain takes fees in tokens.
	Price(ctx context.Context, currency string) (Price, error)
	// Gas estimates what a call needs.
	Gas(ctx context.Context, c GasCall) (uint64, error)
}

// Price is what one unit of gas costs.
type Price struct {
	Base *big.Int // of the newest block (EIP-1559); nil where the chain has none
	Tip  *big.Int // that gets a transaction into a block; nil without Base
	Gas  *big.Int // all in all, for a transaction with a gas price; nil with Base
}

// GasCall is a transaction whose gas is asked for.
type GasCall struct {
	From, To string
	Value    *big.Int
	Data     []byte
	Currency string // the contract of the token that pays the fee, which takes gas itself; "" the coin
}

// Viewer is a Node that reads contracts.
type Viewer interface {
	// View calls a contract in the newest block, from nobody.
	View(ctx context.Context, contract string, data []byte) ([]byte, error)
}
