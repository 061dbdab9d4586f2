// Package signer serves hot signers: the tatum-kms daemon, or another one that
// holds keys on a machine with a network and hands in what it has signed.
//
//	d := &signer.Desk{Store: s, Codecs: registry, Nodes: nodes, Sender: loop}
//	done, err := d.Broadcast(ctx, tenant, signer.Handed{ID: id, Chain: "BTC", TxData: "0200..."})
//
// A transaction is taken for a pending row that never left, and only if the stored
// payment, sealed with the signatures that are in it, gives the same bytes. They are
// on disk before the first one goes to a node, by the same path as all others.
// Nothing else is broadcast: this is no public relay.
package signer

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/gagliardetto/solana-go/base58"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Store is what a desk needs of the database.
type Store interface {
	Get(ctx context.Context, tenant string, id bundle.ID) (pending.Transaction, error)
	// HandIn seals a row that never left, or tells who has it: see store.HandIn.
	HandIn(ctx context.Context, tenant string, id bundle.ID, sealed chain.Sealed) (pending.Transaction, error)
	// HandInLanded is HandIn of what is in a block already.
	HandInLanded(ctx context.Context, tenant string, id bundle.ID, sealed chain.Sealed) (pending.Transaction, error)
	// ByTxID gives the row that is sealed to a transaction.
	ByTxID(ctx context.Context, tenant string, network chain.ID, txID string) (pending.Transaction, error)
	// Twins lists open rows of a chain, oldest first.
	Twins(ctx context.Context, tenant, chain string, limit int) ([]pending.Transaction, error)
}

// Sender gives a sealed row its turn with the network.
type Sender interface {
	// Send reports whether a node has taken the transaction or shows it. The error
	// is the database's.
	Send(ctx context.Context, row pending.Transaction) (taken bool, err error)
}

// Codecs finds the chain of a network: the registry.
type Codecs interface {
	ByNetwork(chain.ID) (chain.Chain, chain.Network, bool)
}

// Desk is where hot signers hand in. Its fields are set before the first call.
type Desk struct {
	Store  Store
	Codecs Codecs
	Nodes  map[chain.ID]node.Node
	Sender Sender
}

// Handed is what a signer hands in.
type Handed struct {
	ID         bundle.ID
	Chain      string // KMS chain name of the route or the currency
	TxData     string // hex; of Solana the signature of what was sent already
	Withdrawal string // its id, if the signer names one
}

// Done is what became of it.
type Done struct {
	TxID   string
	Failed bool // a node took it, and the database could not be told
}

// Broadcast takes a transaction for a row and gives it to the network. The same
// again gives the same, and sends the same bytes at most.
func (d *Desk) Broadcast(ctx context.Context, tenant string, h Handed) (Done, error) {
	row, err := d.Store.Get(ctx, tenant, h.ID)
	if err != nil {
		return Done{}, err
	}
	if row.Chain != h.Chain || h.Withdrawal != "" && h.Withdrawal != row.WithdrawalID {
		return Done{}, mismatch(&row, "it is of another chain or withdrawal")
	}
	raw, landed, err := d.bytes(ctx, &row, h.TxData)
	if err != nil {
		return Done{}, err
	}
	into := d.Store.HandIn
	if landed {
		into = d.Store.HandInLanded
	}
	if row, err = d.take(ctx, tenant, &row, raw, into); err != nil {
		return Done{}, err
	}
	return d.send(ctx, tenant, row)
}

// handIn is Store.HandIn or Store.HandInLanded.
type handIn = func(ctx context.Context, tenant string, id bundle.ID, sealed chain.Sealed) (pending.Transaction, error)

// take verifies the bytes, and seals the row to them.
func (d *Desk) take(ctx context.Context, tenant string, row *pending.Transaction, raw []byte, into handIn) (pending.Transaction, error) {
	sealed, err := Verify(d.Codecs, row, raw)
	if err != nil {
		return *row, err
	}
	return into(ctx, tenant, row.ID, sealed)
}

// send gives a sealed row to the network, unless that has been done. The loop, or the
// same call made twice, may have moved the row meanwhile: then it gets another turn.
func (d *Desk) send(ctx context.Context, tenant string, row pending.Transaction) (Done, error) {
	var taken bool
	for tries := 0; tries < 3 && !taken && open(row.State); tries++ {
		before := row.State
		var err error
		taken, err = d.Sender.Send(ctx, row)
		if err == nil {
			var now pending.Transaction
			if now, err = d.Store.Get(ctx, tenant, row.ID); err == nil {
				row = now
			}
		}
		switch {
		case err != nil && taken: // it is with the network, and the loop will write it down
			return Done{row.TxID, true}, nil
		case err != nil:
			return Done{}, err
		case row.State == before:
			tries = 3
		}
	}
	if row.State == pending.Broadcast || row.State == pending.Complete || taken && open(row.State) {
		return Done{TxID: row.TxID}, nil
	}
	why := row.Reason
	if why == "" {
		why = "no node shows it yet"
	}
	return Done{}, fault.New("broadcast.failed", "send the same again, or wait: the same bytes are sent until they land", "transaction %s is %s: %s", row.ID, row.State, why)
}

// open reports whether a sealed row may not be with the network yet.
func open(s pending.State) bool { return s == pending.Signed || s == pending.Broadcasting }

// bytes reads txData. Of Solana it names what the signer has sent: the sealed one,
// or one that has landed, as a node shows.
func (d *Desk) bytes(ctx context.Context, row *pending.Transaction, data string) (raw []byte, landed bool, err error) {
	switch row.Network.Namespace() {
	case "solana":
		if sig, err := base58.Decode(data); err != nil || len(sig) != 64 || base58.Encode(sig) != data {
			return nil, false, fault.New("transaction.encoding", "", "txData is not a transaction signature in base58")
		}
		if row.TxID == data && len(row.Raw) > 0 {
			return row.Raw, false, nil
		}
		raw, err = d.shown(ctx, row, data)
		return raw, true, err
	case "eip155":
		digits, ok := strings.CutPrefix(data, "0x")
		if raw, err := hex.DecodeString(digits); ok && err == nil && len(raw) > 0 {
			return raw, false, nil
		}
	default:
		if raw, err := hex.DecodeString(data); err == nil && len(raw) > 0 {
			return raw, false, nil
		}
	}
	return nil, false, fault.New("transaction.encoding", "", "txData is not a signed transaction in hex")
}

// mismatch refuses what is not the pending transaction.
func mismatch(row *pending.Transaction, format string, args ...any) error {
	return fault.New("kms.transaction.mismatch", "sign the record as it is served", "this is not the pending transaction %s: "+format, append([]any{row.ID}, args...)...)
}
