package replace

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/online/internal/node"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/fault"
)

// maxMore is how many inputs a replacement may have beyond those of the first.
const maxMore = 50

// mature is how many confirmations a block's reward needs, of the coin that wants most.
const mature = 240

// funds looks for outputs that can pay what the change of a transaction cannot.
type funds struct {
	ctx     context.Context
	network chain.ID
	node    node.Treasurer
	store   Store
}

// funds are those of the row's network; nil where no node can be asked.
func (m *Maker) funds(ctx context.Context, network chain.ID) *funds {
	t, ok := m.Nodes[network].(node.Treasurer)
	if !ok {
		return nil
	}
	return &funds{ctx, network, t, m.Store}
}

// unspent lists the outputs of the addresses that no row uses up, the largest first.
func (f *funds) unspent(addresses []string) ([]node.Coin, error) {
	if n, ok := f.node.(node.Node); ok {
		if err := n.Check(f.ctx); err != nil {
			return nil, err
		}
	}
	list, err := f.node.Unspent(f.ctx, addresses)
	if err != nil {
		return nil, err
	}
	name := func(c node.Coin) string { return utxo(c.TxID, c.Index) }
	var names []string
	for _, c := range list {
		names = append(names, name(c))
	}
	held, err := f.store.Reserved(f.ctx, f.network, names)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(c node.Coin) bool { return held[name(c)] || c.Confirmations == 0 })
	slices.SortStableFunc(list, func(a, b node.Coin) int { return cmp.Compare(b.Amount, a.Amount) })
	return list, nil
}

// grow adds confirmed outputs of the addresses that pay already, the largest first,
// until they bring what is lacking, their own part of the fee, and change that is no
// dust. It gives the new sum of the inputs and the fee. Where rate is 0 the fee stays.
// Inputs of model show how an output is spent.
func (f *funds) grow(model, p *psbt.Packet, in, fee, rate int64) (int64, int64, error) {
	like, addresses := map[string]int{}, []string(nil) // an input of each script
	for i := range model.Inputs {
		from := spent(model, i)
		if from == nil {
			continue
		}
		address, ok := bitcoin.AddressFor(f.network, from.PkScript)
		if _, had := like[string(from.PkScript)]; ok && !had {
			like[string(from.PkScript)], addresses = i, append(addresses, address)
		}
	}
	out := int64(0)
	for _, o := range p.UnsignedTx.TxOut {
		out += o.Value
	}
	list, err := f.unspent(addresses)
	if err != nil {
		return 0, 0, err
	}
	for n := 0; n < len(list) && n < maxMore && in < out+fee; n++ {
		coin, err := f.node.Output(f.ctx, list[n].TxID, list[n].Index)
		if fault.Is(err, "node.spent") || fault.Is(err, "node.unread") {
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		at, ok := like[string(coin.Script)]
		var previous wire.MsgTx
		if err := previous.Deserialize(bytes.NewReader(coin.Previous)); err != nil || !ok || coin.Confirmations == 0 || coin.Coinbase && coin.Confirmations < mature || int64(coin.Amount) <= perInput*rate {
			continue
		}
		from := model.Inputs[at]
		p.UnsignedTx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: previous.TxHash(), Index: coin.Index}, Sequence: model.UnsignedTx.TxIn[at].Sequence})
		p.Inputs = append(p.Inputs, psbt.PInput{NonWitnessUtxo: &previous, SighashType: from.SighashType, RedeemScript: from.RedeemScript,
			Bip32Derivation: from.Bip32Derivation, TaprootInternalKey: from.TaprootInternalKey, TaprootBip32Derivation: from.TaprootBip32Derivation})
		in, fee = in+int64(coin.Amount), fee+perInput*rate
	}
	if in < out+fee {
		return 0, 0, fault.New("replace.change", "name a lower fee, or wait", "change and the addresses' other outputs do not bring the %d satoshi that are lacking", out+fee-in)
	}
	return in, fee, nil
}

// utxo names the reservation of an output.
func utxo(txID string, index uint32) string { return fmt.Sprintf("utxo:%s:%d", txID, index) }

// spent is the output that an input spends, nil where the PSBT does not say.
func spent(p *psbt.Packet, i int) *wire.TxOut {
	in, at := p.Inputs[i], p.UnsignedTx.TxIn[i].PreviousOutPoint
	switch {
	case in.WitnessUtxo != nil:
		return in.WitnessUtxo
	case in.NonWitnessUtxo != nil && uint64(at.Index) < uint64(len(in.NonWitnessUtxo.TxOut)):
		return in.NonWitnessUtxo.TxOut[at.Index]
	}
	return nil
}

// charge has the wallet's outputs pay the fee. Where they cannot, further inputs do; no
// output loses anything then, and what is left goes to the wallet's last one, or to a new
// one where the first input came from.
func (s *set) charge(p *psbt.Packet, in, fee int64, own map[string]bool) error {
	out, outputs := p.UnsignedTx.Copy().TxOut, slices.Clone(p.Outputs)
	err := pay(p, in, fee, own)
	if !fault.Is(err, "replace.change") || s.option.Cancel || s.funds == nil {
		return err
	}
	model := p
	if s.from != nil {
		model = s.from
	}
	first := spent(model, 0)
	if first == nil || !own[string(first.PkScript)] {
		return err
	}
	p.UnsignedTx.TxOut, p.Outputs = out, outputs
	rate := fee/int64(overhead+perInput*len(p.UnsignedTx.TxIn)+perOutput*len(out)) + 1
	if s.option.Fee != nil {
		rate = 0 // it is the whole fee
	}
	change := slices.ContainsFunc(out, func(o *wire.TxOut) bool { return own[string(o.PkScript)] })
	if !change {
		fee += perOutput * rate
	}
	if in, fee, err = s.funds.grow(model, p, in, fee, rate); err != nil {
		return err
	}
	if !change {
		p.UnsignedTx.AddTxOut(wire.NewTxOut(0, first.PkScript))
		p.Outputs = append(p.Outputs, psbt.POutput{})
	}
	return pay(p, in, fee, own)
}
