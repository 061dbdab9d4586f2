package replace

import (
	"bytes"
	"math/big"
	"slices"

	"github.com/btcsuite/btcd/psbt/v2"

	offer "coldsign/online/internal/create/bitcoin"
	"coldsign/online/internal/node"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// bitcoin pays the rate that gets a transaction into a block soon. While the first may
// still land all of its inputs stay, so that one of the two lands at most, and the fee
// outbids it (BIP-125); else inputs that have gone are left out, and others of the same
// addresses come in for them.
func (q *quote) bitcoin(r *bundle.Request) error {
	t, ok := q.node.(node.Treasurer)
	if !ok {
		return nodeError(errNoPrice)
	}
	p, err := psbt.NewFromRawBytes(bytes.NewReader(r.Payload), false)
	if err != nil {
		return fault.New("replace.form", "", "the stored PSBT cannot be read: %w", err)
	}
	rate, err := offer.Rate(q.ctx, q.of.row.Chain, t)
	if err != nil {
		return nodeError(err)
	}
	here, err := q.unspent(t, p)
	if err != nil {
		return err
	}
	if q.alive {
		return q.outbid(r, p, here, rate)
	}
	if slices.Contains(here, false) {
		if err := q.apart("an input is used up", store.ScopeSign, store.ScopeComplete); err != nil {
			return err
		}
	}
	in, err := q.drop(p, here)
	if err != nil {
		return err
	}
	own := q.own(r)
	q.asChange(p, own)
	fee := size(p) * int64(rate) / 1000
	if want := q.option.Fee; want != nil {
		if !want.IsInt64() {
			return fault.New("replace.fee", "", "the inputs do not bring as much")
		}
		fee = want.Int64()
	}
	if q.funds == nil {
		q.funds = &funds{q.ctx, q.of.row.Network, t, q.maker.Store}
	}
	if err := q.charge(p, in, fee, own); err != nil {
		return err
	}
	return bare(r, p)
}

// size is what a transaction has at most, in virtual bytes.
func size(p *psbt.Packet) int64 {
	return int64(overhead + perInput*len(p.UnsignedTx.TxIn) + perOutput*len(p.UnsignedTx.TxOut))
}

// outbid has the fee that the network wants, where that is more than what nodes take in
// the place of the first.
func (q *quote) outbid(r *bundle.Request, p *psbt.Packet, here []bool, rate uint64) error {
	for _, still := range here {
		if !still && !q.sent { // what is sent spends them itself
			return q.errTaken("an input")
		}
	}
	if q.option.Fee == nil {
		highest := int64(0)
		for _, o := range q.all {
			other, err := psbt.NewFromRawBytes(bytes.NewReader(o.request.Payload), false)
			if err != nil {
				return fault.New("replace.form", "", "the stored PSBT cannot be read: %w", err)
			}
			fee, err := other.GetTxFee()
			if err != nil {
				return fault.New("replace.form", "", "the stored PSBT does not show its fee: %w", err)
			}
			highest = max(highest, int64(fee))
		}
		least := max(raise(big.NewInt(highest), 4).Int64(), highest+size(p))
		if want := size(p) * int64(rate) / 1000; want > least {
			q.option.Fee = big.NewInt(want)
		}
	}
	return q.set.bitcoin(r)
}

// unspent tells which inputs nobody has spent.
func (q *quote) unspent(t node.Treasurer, p *psbt.Packet) ([]bool, error) {
	here := make([]bool, len(p.UnsignedTx.TxIn))
	for i, in := range p.UnsignedTx.TxIn {
		_, err := t.Output(q.ctx, in.PreviousOutPoint.Hash.String(), in.PreviousOutPoint.Index)
		if err != nil && !fault.Is(err, "node.spent") {
			return nil, nodeError(err)
		}
		here[i] = err == nil
	}
	return here, nil
}

// drop leaves out inputs that have gone, or that another row uses by now, and gives the
// sum of those that stay.
func (q *quote) drop(p *psbt.Packet, here []bool) (in int64, err error) {
	var held map[string]bool
	if !q.never() {
		var names []string
		for _, i := range p.UnsignedTx.TxIn {
			names = append(names, utxo(i.PreviousOutPoint.Hash.String(), i.PreviousOutPoint.Index))
		}
		if held, err = q.maker.Store.Reserved(q.ctx, q.of.row.Network, names); err != nil {
			return 0, err
		}
	}
	q.from = &psbt.Packet{UnsignedTx: p.UnsignedTx.Copy(), Inputs: p.Inputs, Outputs: p.Outputs}
	old, inputs := p.UnsignedTx.TxIn, p.Inputs
	p.UnsignedTx.TxIn, p.Inputs = nil, nil
	for i, x := range old {
		from := spent(q.from, i)
		if from == nil {
			return 0, fault.New("replace.form", "", "the stored PSBT does not show its fee")
		}
		if here[i] && !held[utxo(x.PreviousOutPoint.Hash.String(), x.PreviousOutPoint.Index)] {
			p.UnsignedTx.TxIn, p.Inputs, in = append(p.UnsignedTx.TxIn, x), append(p.Inputs, inputs[i]), in+from.Value
		}
	}
	return in, nil
}

// asChange has the change begin at nothing: what is left over goes there. Where nobody
// else is paid, it is not known which output is the change.
func (q *quote) asChange(p *psbt.Packet, own map[string]bool) {
	change, others := -1, false
	for i, o := range p.UnsignedTx.TxOut {
		if own[string(o.PkScript)] {
			change = i
		} else {
			others = true
		}
	}
	if change >= 0 && others {
		p.UnsignedTx.TxOut[change].Value = 0
	}
}
