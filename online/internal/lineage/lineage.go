// Package lineage finds the transactions of whose outputs a row's payment is made, as the
// row's own request proves them, and the payment's own before it is signed.
//
//	loop.Parents, loop.Bytes = lineage.Parents(store), lineage.Bytes
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
	"github.com/btcsuite/btcd/txscript/v2"
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

// Bytes gives the transaction of a row: as it was sealed, or unsigned where all that it
// spends is SegWit's (BIP-141) without a script of its own, so that signatures leave the
// id as it is.
func Bytes(t *pending.Transaction) (s chain.Sealed, ok bool) {
	if t.TxID != "" {
		return chain.Sealed{TxID: t.TxID, Raw: t.Raw}, len(t.Raw) > 0
	}
	if t.Network.Namespace() != "bip122" {
		return s, false
	}
	r, err := intake.Request(t)
	if err != nil {
		return s, false
	}
	p, err := psbt.NewFromRawBytes(bytes.NewReader(r.Payload), false)
	if err != nil {
		return s, false
	}
	for i, in := range p.Inputs {
		out := in.WitnessUtxo
		if at := p.UnsignedTx.TxIn[i].PreviousOutPoint; in.NonWitnessUtxo != nil {
			if in.NonWitnessUtxo.TxHash() != at.Hash || uint64(at.Index) >= uint64(len(in.NonWitnessUtxo.TxOut)) {
				return s, false
			}
			out = in.NonWitnessUtxo.TxOut[at.Index]
		}
		if out == nil || !txscript.IsWitnessProgram(out.PkScript) {
			return s, false
		}
	}
	var raw bytes.Buffer
	err = p.UnsignedTx.Serialize(&raw)
	return chain.Sealed{TxID: p.UnsignedTx.TxHash().String(), Raw: raw.Bytes()}, err == nil
}
