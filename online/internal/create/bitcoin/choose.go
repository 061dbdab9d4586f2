package bitcoin

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"

	"coldsign/online/internal/create"
	"coldsign/online/internal/create/bitcoin/coins"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/shared/chain"
	codec "coldsign/shared/chain/bitcoin"
	"coldsign/shared/fault"

	"github.com/btcsuite/btcd/address/v2"
)

// choose looks for outputs of the sources and chooses those that pay.
func (p *payment) choose(ctx context.Context, r *create.Request, n node.Treasurer, rate rates) ([]input, coins.Choice, error) {
	var found []input
	var err error
	if p.wallet != "" {
		found, err = p.wide(ctx, r, n, rate)
	} else {
		found, err = p.find(ctx, r, n, p.sources)
	}
	if err != nil {
		return nil, coins.Choice{}, err
	}
	if p.change == nil {
		if p.change, err = codec.ScriptFor(p.on.ID, p.sources[0].address); err != nil {
			return nil, coins.Choice{}, err
		}
	}
	proven := map[string]bool{}
	for range maxRounds {
		chosen, c, err := p.pick(found, rate)
		if fault.Is(err, "coins.short") {
			err = p.short(sum(found), "the addresses")
		}
		if err != nil {
			return nil, c, err
		}
		again := false
		for i := range chosen {
			in := &chosen[i]
			if proven[reservation(in.Coin)] {
				continue
			}
			coin, err := n.Output(ctx, in.TxID, in.Index)
			if err != nil && !fault.Is(err, "node.spent") && !fault.Is(err, "node.unread") {
				return nil, c, create.NodeError(err)
			}
			at := slices.IndexFunc(found, func(o input) bool { return o.TxID == in.TxID && o.Index == in.Index })
			better, ok := p.input(coin, in.from)
			if err != nil || !ok || coin.Amount != in.Amount || coin.Confirmations == 0 || coin.Coinbase && coin.Confirmations < p.mature {
				found, again = slices.Delete(found, at, at+1), true
				continue
			}
			proven[reservation(coin)] = true
			found[at], *in = better, better
		}
		if !again {
			return chosen, c, nil
		}
	}
	return nil, coins.Choice{}, create.NodeError(fault.New("node.unusable", "", "too many of the outputs that the node lists are spent or not yet to be spent"))
}

// pick chooses by the node's rate; where that cannot be paid and no fee is named, all
// that there is beyond the payments may be the fee, as documented, if it is relayed.
func (p *payment) pick(found []input, rate rates) ([]input, coins.Choice, error) {
	if len(found) > maxCoins {
		found = found[:maxCoins]
	}
	c, err := coins.Select(spendable(found), p.target(rate))
	if p.fee == nil && fault.Is(err, "coins.short") && len(found) <= maxInputs {
		lower := p.target(rates{soon: rate.least})
		lower.Dust = math.MaxUint32 // no change
		c, err = coins.All(spendable(found), lower)
	}
	if err != nil {
		return nil, c, err
	}
	if len(c.Coins) > maxInputs {
		return nil, c, fault.New("create.inputs", "gather small outputs first, or pay less", "the payment would need %d outputs, and %d is the most", len(c.Coins), maxInputs)
	}
	var chosen []input
	for _, i := range c.Coins {
		chosen = append(chosen, found[i])
	}
	return chosen, c, nil
}

// find lists the outputs of sources that can be chosen, the largest first.
func (p *payment) find(ctx context.Context, r *create.Request, n node.Treasurer, sources []source) (found []input, err error) {
	var addresses, names []string
	seen := map[string]bool{}
	scripts := map[string]source{}
	for _, s := range sources {
		script, err := codec.ScriptFor(p.on.ID, s.address)
		if err != nil {
			return nil, err
		}
		addresses, scripts[string(script)] = append(addresses, s.address), s
	}
	list, err := n.Unspent(ctx, addresses)
	if err != nil {
		return nil, create.NodeError(err)
	}
	for _, coin := range list {
		s, ours := scripts[string(coin.Script)]
		in, ok := p.input(coin, s)
		if _, err := codec.ParseHash(coin.TxID); !ours || !ok || err != nil || coin.Confirmations == 0 || coin.Coinbase && coin.Confirmations < p.mature || seen[reservation(coin)] {
			continue
		}
		seen[reservation(coin)] = true
		found, names = append(found, in), append(names, reservation(coin))
	}
	held, err := r.Reserved(ctx, names)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(in input) bool { return held[reservation(in.Coin)] })
	slices.SortStableFunc(found, func(a, b input) int { return cmp.Compare(b.Amount, a.Amount) })
	return found, nil
}

// wide looks at a wallet's addresses from 0 on, window by window, until they pay or one
// holds nothing.
func (p *payment) wide(ctx context.Context, r *create.Request, n node.Treasurer, rate rates) (found []input, err error) {
	for from := uint32(0); from < maxIndex; from += window {
		var sources []source
		named := intake.Submission{}
		for i := from; i < from+window; i++ {
			named.Signatures = append(named.Signatures, pending.KeyIndex{ID: p.wallet, Index: i})
		}
		list, err := r.Accounts(ctx, named)
		if err != nil {
			return nil, err
		}
		for i, account := range list { // in the order of their indexes
			s := source{pair: named.Signatures[i], address: account.Addresses[0]}
			if err := s.take(p.on.ID, account); err != nil {
				return nil, err
			}
			sources = append(sources, s)
		}
		more, err := p.find(ctx, r, n, sources)
		if err != nil {
			return nil, err
		}
		if found = append(found, more...); len(more) == 0 {
			break
		}
		if _, err := coins.Select(spendable(found), p.target(rate)); err == nil {
			break
		}
	}
	slices.SortStableFunc(found, func(a, b input) int { return cmp.Compare(b.Amount, a.Amount) })
	return found, nil
}

// input is how an output is spent; false where it is not one of the key alone.
func (p *payment) input(c node.Coin, from source) (input, bool) {
	in := input{Coin: c, from: from}
	id, err := codec.ParseHash(c.TxID)
	own := slices.ContainsFunc(from.scripts, func(s []byte) bool { return bytes.Equal(s, c.Script) })
	if !own || err != nil {
		return in, false
	}
	in.built = codec.Input{Outpoint: codec.Outpoint{TxID: id, Index: c.Index}, Sequence: p.sequence, Previous: c.Previous}
	// Outpoint, sequence and the length of the script are 41 bytes.
	switch s := c.Script; {
	case len(s) == 25 && p.on.Chain == "BCH":
		in.weight, in.built.HashType = 4*(41+1+65+1+33), codec.ForkID // Schnorr
	case len(s) == 25: // P2PKH, and an empty witness beside others
		in.weight = 4*(41+1+72+1+33) + 1
	case len(s) == 22: // P2WPKH: two items, a signature and a key
		in.weight = 4*41 + 1 + 1 + 72 + 1 + 33
	case len(s) == 23: // P2SH-P2WPKH
		in.weight = 4*(41+23) + 1 + 1 + 72 + 1 + 33
		in.built.RedeemScript = append([]byte{0, 20}, address.Hash160(from.Key.Bytes())...)
	default: // P2TR: one signature
		in.weight = 4*41 + 1 + 1 + 64
		in.built.InternalKey = from.Key.Bytes()[1:]
	}
	return in, from.Key.Curve() == chain.Secp256k1
}
