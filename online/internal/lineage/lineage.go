// Package lineage finds the transactions of whose outputs a row's payment is made, as the
// row's own request proves them.
//
//	loop.Parents = lineage.Parents(store)
package lineage

import (
	"bytes"
	"context"

	"coldsign/online/internal/broadcast"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/psbt/v2"
)

const (
	maxParents = 50  // of one row; what is beyond delays the proof that it is an orphan
	everybody  = "*" // store.Any: a parent may be another tenant's
)

// Rows finds the row that is sealed to a transaction; kms.missing is none.
type Rows interface {
	ByTxID(ctx context.Context, tenant string, network chain.ID, txID string) (pending.Transaction, error)
}

// Parents gives the parents of rows. Only Bitcoin and its kin have some: elsewhere a
// payment spends of a balance.
func Parents(rows Rows) func(context.Context, *pending.Transaction) ([]broadcast.Parent, error) {
	return func(ctx context.Context, t *pending.Transaction) ([]broadcast.Parent, error) {
		if t.Network.Namespace() != "bip122" {
			return nil, nil
		}
		r, err := intake.Request(t)
		if err != nil {
			return nil, err
		}
		p, err := psbt.NewFromRawBytes(bytes.NewReader(r.Payload), false)
		if err != nil {
			return nil, nil // of a form that names no parents
		}
		var list []broadcast.Parent
		had := map[chainhash.Hash]bool{}
		for i, in := range p.Inputs {
			of := p.UnsignedTx.TxIn[i].PreviousOutPoint.Hash
			if in.NonWitnessUtxo == nil || in.NonWitnessUtxo.TxHash() != of || had[of] || len(list) == maxParents {
				continue
			}
			had[of] = true
			var raw bytes.Buffer
			if err := in.NonWitnessUtxo.Serialize(&raw); err != nil {
				return nil, err
			}
			parent := broadcast.Parent{Sealed: chain.Sealed{TxID: of.String(), Raw: raw.Bytes()}}
			row, err := rows.ByTxID(ctx, everybody, t.Network, parent.TxID)
			if err != nil && !fault.Is(err, "kms.missing") {
				return nil, err
			}
			if err == nil {
				parent.Row = &row
			}
			list = append(list, parent)
		}
		return list, nil
	}
}
