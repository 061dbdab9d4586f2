package replace

import (
	"fmt"
	"math/big"

	offer "coldsign/online/internal/create/evm"
	"coldsign/online/internal/node"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain/evm"
	"coldsign/shared/fault"
)

// lane is how many nonces after the account's next are looked at for a free one.
const lane = 500

// evm offers what the network asks for now. While the first may still land the nonce
// stays, and the fees are an eighth higher than the highest of the set at least. A nonce
// that is used up, or was given up, makes way for the lowest that is free.
func (q *quote) evm(r *bundle.Request) error {
	t, err := readEVM(r.Payload)
	if err != nil {
		return err
	}
	u, err := r.Unsigned()
	if err != nil || len(u.Signers) != 1 {
		return fault.New("replace.form", "", "the stored transaction does not name its one signer")
	}
	from := evm.Address(u.Signers[0])
	counter, ok := q.node.(node.Counter)
	payer, too := q.node.(node.Payer)
	if !ok || !too {
		return nodeError(errNoPrice)
	}
	mined, err := counter.Next(q.ctx, from)
	if err != nil {
		return nodeError(err)
	}
	switch {
	case q.alive && t.nonce < mined:
		return q.errTaken(fmt.Sprintf("nonce %d", t.nonce))
	case q.alive, (q.never() || q.refused()) && t.nonce >= mined && q.try == 0:
	default:
		if t.nonce < mined {
			if err := q.apart(fmt.Sprintf("nonce %d is used up", t.nonce), store.ScopeSign, store.ScopeComplete); err != nil {
				return err
			}
		}
		next, err := q.freeNonce(payer, from, mined)
		if err != nil {
			return err
		}
		if err := t.at(next); err != nil {
			return err
		}
	}
	fee, tip, err := q.price(payer, &t)
	if err != nil {
		return err
	}
	if err := q.capped(new(big.Int).Mul(fee, new(big.Int).SetUint64(t.gas))); err != nil {
		return err
	}
	r.Payload, err = t.with(fee, tip)
	return err
}

// price gives the fee and the tip, in wei for each gas.
func (q *quote) price(payer node.Payer, t *evmTx) (fee, tip *big.Int, err error) {
	if fee = q.option.Fee; fee == nil {
		p, err := payer.Price(q.ctx, "")
		if err != nil {
			return nil, nil, nodeError(err)
		}
		most, more, gas := offer.Offer(p)
		if fee, tip = most, more; most == nil {
			fee, tip = gas, gas
		}
	} else if tip = t.tip; t.kind != evm.Dynamic || tip.Sign() == 0 {
		tip = fee
	}
	if q.alive {
		least, leastTip, err := q.highest()
		if err != nil {
			return nil, nil, err
		}
		least, leastTip = raise(least, 8), raise(leastTip, 8)
		if q.option.Fee != nil && fee.Cmp(least) < 0 {
			return nil, nil, tooLow(least, "wei for each gas")
		}
		fee, tip = bigger(fee, least), bigger(tip, leastTip)
	}
	if tip.Cmp(fee) > 0 {
		tip = fee
	}
	return fee, tip, nil
}

// freeNonce gives the lowest nonce that no node and no row has used.
func (q *quote) freeNonce(payer node.Payer, from string, mined uint64) (uint64, error) {
	next, err := payer.Pending(q.ctx, from)
	if err != nil {
		return 0, nodeError(err)
	}
	next = max(next, mined)
	names := make([]string, lane)
	for i := range names {
		names[i] = fmt.Sprintf("nonce:%s:%d", from, next+uint64(i))
	}
	held, err := q.maker.Store.Reserved(q.ctx, q.of.row.Network, names)
	if err != nil {
		return 0, err
	}
	for i, name := range names {
		if !held[name] {
			return next + uint64(i), nil
		}
	}
	return 0, fault.New("create.lane", "sign and broadcast some of them first", "more than %d transactions of the account wait", lane)
}
