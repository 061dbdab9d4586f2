// Package bitcoin makes the transactions of Bitcoin, Litecoin, Dogecoin and Bitcoin
// Cash that the KMS API's creation calls ask for.
//
//	s, err := bitcoin.Builder{}.Build(ctx, request) // a PSBT that proves its inputs, for intake
//
// Amounts are decimals of whole coins. A call names addresses, of whose outputs enough
// are chosen (package coins), or outputs, all of which are spent. Only confirmed
// outputs are chosen, that no row of ours uses up. Change goes back to the first
// address, to address 0 of a withdrawal's wallet, or where the call says; the fee is
// that of the node's rate, or the one given. Inputs and outputs are in the order of
// BIP-69.
package bitcoin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"coldsign/online/internal/create"
	"coldsign/online/internal/create/bitcoin/coins"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/kms"
	"coldsign/online/internal/node"
	"coldsign/online/internal/strictjson"
	codec "coldsign/shared/chain/bitcoin"
	"coldsign/shared/fault"
)

// Builder is a create.Builder.
type Builder struct{}

// input is an output to spend.
type input struct {
	node.Coin
	from   source
	weight uint64
	built  codec.Input
}

// rates are what a transaction may pay for 1000 virtual bytes.
type rates struct{ soon, least uint64 }

// Build makes the PSBT.
func (Builder) Build(ctx context.Context, r *create.Request) (s intake.Submission, err error) {
	p, err := read(ctx, r)
	if err != nil {
		return s, err
	}
	n, ok := r.Node.(node.Treasurer)
	if !ok {
		return s, r.NoNode("what the outputs hold")
	}
	rate, err := p.rate(ctx, n)
	if err != nil {
		return s, err
	}
	var chosen []input
	var choice coins.Choice
	if p.given != nil {
		r.Fixed = true
		chosen, choice, err = p.spendGiven(ctx, n, rate)
	} else {
		chosen, choice, err = p.choose(ctx, r, n, rate)
	}
	if err != nil {
		return s, err
	}
	if err := p.fair(choice); err != nil {
		return s, err
	}
	return p.submission(chosen, choice)
}

// difference reports whether the fee is what the named outputs leave.
func (p *payment) difference() bool { return p.given != nil && p.fee == nil && p.change == nil }

// rate asks the node for what gets a transaction into a block soon, within the terms.
func (p *payment) rate(ctx context.Context, n node.Treasurer) (rates, error) {
	if p.fee != nil || p.difference() {
		return rates{}, nil
	}
	soon, least, err := n.Rate(ctx)
	if err != nil {
		return rates{}, create.NodeError(err)
	}
	least = min(max(least, p.least), p.most)
	if soon == 0 {
		soon = p.fallback
		p.note = strings.TrimSuffix(fmt.Sprintf("the node knows no fee rate: %d base units for 1000 bytes are paid; %s", max(soon, least), p.note), "; ")
	}
	return rates{min(max(soon, least), p.most), least}, nil
}

// fair refuses a fee that nodes do not relay, and one that nobody means to pay.
func (p *payment) fair(c coins.Choice) error {
	low := coins.FeeOf(c.Weight, p.least)
	high := min(coins.FeeOf(c.Weight, p.most), uint64(p.on.FeeCap.Int64()))
	if c.Fee >= low && c.Fee <= high {
		return nil
	}
	text := fmt.Sprintf("would be %d base units for %d bytes, and may be from %d to %d", c.Fee, coins.Size(c.Weight), low, high)
	switch {
	case p.fee != nil:
		return create.Bad("fee", "range", text)
	case p.difference():
		return create.Bad("fee", "isDefined", "must be given with changeAddress: without them the fee is what fromUTXO leaves, which "+text)
	}
	return fault.New("create.fee", "give the fee", "the fee %s", text)
}

// base is the weight of a transaction with these outputs, without inputs and change.
func (p *payment) base() uint64 {
	weight := uint64(4*(4+4+3+3) + 2) // version, lock time, both counts at their longest, the mark of a witness
	for _, o := range p.out {
		weight += outputWeight(o.Script)
	}
	return weight
}

func outputWeight(script []byte) uint64 { return 4 * (8 + 1 + uint64(len(script))) }

func (p *payment) target(rate rates) coins.Target {
	return coins.Target{Pay: p.pay, Base: p.base(), Change: outputWeight(p.change), Rate: rate.soon, Fee: p.fee, Dust: p.dust}
}

// spendGiven spends all outputs that the call names. Without a fee and an address for
// change what they leave is the fee, as documented.
func (p *payment) spendGiven(ctx context.Context, n node.Treasurer, rate rates) (list []input, c coins.Choice, err error) {
	for i, at := range p.given {
		where := fmt.Sprintf("fromUTXO.%d", i)
		coin, err := n.Output(ctx, at.TxID.String(), at.Index)
		if fault.Is(err, "node.spent") {
			return nil, c, create.Bad(where+".txHash", "isUnspent", "and index must name an output that is unspent, in a block or waiting for one")
		}
		if err != nil {
			return nil, c, create.NodeError(err)
		}
		if coin.Coinbase && coin.Confirmations < p.mature {
			return nil, c, create.Bad(where+".txHash", "isMature", fmt.Sprintf("is a block's reward, which needs %d confirmations", p.mature))
		}
		in, ok := p.input(coin, p.sources[i])
		if !ok {
			return nil, c, create.Bad(where+".signatureId", "isOwner", fmt.Sprintf("must be the wallet of the output: it is not one of key %d of wallet %s", p.sources[i].pair.Index, p.sources[i].pair.ID))
		}
		list = append(list, in)
	}
	t := p.target(rate)
	switch have := sum(list); {
	case p.difference() && have > p.pay:
		left := have - p.pay
		t.Fee = &left
	case p.difference():
		return nil, c, p.short(have, "fromUTXO")
	case p.change == nil:
		p.change = list[0].Script
	}
	if c, err = coins.All(spendable(list), t); fault.Is(err, "coins.short") {
		err = p.short(sum(list), "fromUTXO")
	}
	return list, c, err
}

func spendable(list []input) (all []coins.Coin) {
	for _, in := range list {
		all = append(all, coins.Coin{Amount: in.Amount, Weight: in.weight})
	}
	return all
}

func sum(list []input) (n uint64) {
	for _, in := range list {
		n += in.Amount
	}
	return n
}

// short says that there is too little.
func (p *payment) short(have uint64, where string) error {
	return fault.New("create.funds", "wait for confirmations, or pay less", "%s: %d base units can be spent, which is too little for %d and the fee", where, have, p.pay)
}

// submission is what intake reads.
func (p *payment) submission(chosen []input, c coins.Choice) (s intake.Submission, err error) {
	out := slices.Clone(p.out)
	if c.Change > 0 {
		out = append(out, codec.Output{Amount: c.Change, Script: p.change})
	}
	slices.SortStableFunc(out, func(a, b codec.Output) int {
		return cmp.Or(cmp.Compare(a.Amount, b.Amount), bytes.Compare(a.Script, b.Script))
	})
	slices.SortFunc(chosen, func(a, b input) int {
		return cmp.Or(cmp.Compare(a.TxID, b.TxID), cmp.Compare(a.Index, b.Index))
	})
	var in []codec.Input
	for _, i := range chosen {
		in = append(in, i.built)
		if !slices.Contains(s.Hashes, i.from.SignatureID.String()) {
			s.Hashes = append(s.Hashes, i.from.SignatureID.String())
		}
	}
	psbt, err := codec.BuildPSBT(p.version, 0, in, out)
	if err != nil {
		return s, err
	}
	s.Transaction, s.Note = strictjson.Value{Kind: strictjson.String, Text: base64.StdEncoding.EncodeToString(psbt)}, p.note
	if s.Record, err = kms.Record(p.on.Chain, psbt); err != nil {
		return s, err
	}
	if p.wallet != "" {
		zero := uint32(0)
		s.Index = &zero // of change
		s.WithdrawalResponses, err = p.responses(chosen, c)
		return s, err
	}
	// Those that pay, and the first, which gets change.
	for _, f := range append([]source{p.sources[0]}, sourcesOf(chosen)...) {
		if f.Derived && !slices.Contains(s.Signatures, f.pair) {
			s.Signatures = append(s.Signatures, f.pair)
		}
		if id := f.SignatureID.String(); !slices.Contains(s.Hashes, id) {
			s.Hashes = append(s.Hashes, id)
		}
	}
	return s, nil
}

func sourcesOf(chosen []input) (list []source) {
	for _, in := range chosen {
		list = append(list, in.from)
	}
	return list
}

// responses are the rows of a withdrawal, one for each input in order, by which a hot
// signer finds its keys, and one for change.
func (p *payment) responses(chosen []input, c coins.Choice) (strictjson.Value, error) {
	b := []byte{'['}
	row := func(address string, index uint32, amount uint64, txID string, at int64, script []byte) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"address":{"address":%s,"currency":"%s"`, strictjson.Quote(nil, address), p.currency)
		if p.xpub != "" {
			b = fmt.Appendf(b, `,"xpub":%s`, strictjson.Quote(nil, p.xpub))
		}
		b = fmt.Appendf(b, `,"derivationKey":%d},"amount":%s,"vIn":"%s","vInIndex":%d,"scriptPubKey":"%x"}`, index, whole(amount), txID, at, script)
	}
	for _, in := range chosen {
		row(in.from.address, in.from.pair.Index, in.Amount, in.TxID, int64(in.Index), in.Script)
	}
	if first := p.sources[0]; c.Change > 0 {
		address, _ := codec.AddressFor(p.on.ID, p.change)
		row(address, first.pair.Index, c.Change, "-1", -1, p.change)
	}
	return strictjson.Parse(append(b, ']'))
}

// whole writes base units as a decimal of coins.
func whole(n uint64) string {
	text := new(big.Rat).SetFrac(new(big.Int).SetUint64(n), big.NewInt(100_000_000)).FloatString(8)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// reservation is the name of an output that a row uses up, as intake has it.
func reservation(c node.Coin) string { return fmt.Sprintf("utxo:%s:%d", c.TxID, c.Index) }
