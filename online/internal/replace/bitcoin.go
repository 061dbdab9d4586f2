package replace

import (
	"bytes"
	"encoding/base64"
	"math/big"

	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/shared/bundle"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/fault"
)

const (
	dust       = 546        // satoshi below which no output is left: nodes refuse the smallest of them
	replacible = 0xfffffffd // BIP-125: an input's sequence up to it
	perInput   = 150        // virtual bytes, at most, of an input of one key
	perOutput  = 43         // of an output
	overhead   = 12
)

// bitcoin spends the same inputs, all of them, for a fee that is a quarter higher
// than the highest of the set and pays for its own way (BIP-125 rules 3 and 4). The
// change pays it, or further outputs of the same addresses (see charge); one that
// cancels gives all of it back to the wallet.
func (s *set) bitcoin(r *bundle.Request) error {
	p, err := psbt.NewFromRawBytes(bytes.NewReader(r.Payload), false)
	if err != nil {
		return fault.New("replace.form", "", "the stored PSBT cannot be read: %w", err)
	}
	if err := s.replacible(p); err != nil {
		return err
	}
	old, err := p.GetTxFee()
	if err != nil {
		return fault.New("replace.form", "", "the stored PSBT does not show its fee: %w", err)
	}
	in := int64(old)
	for _, o := range p.UnsignedTx.TxOut {
		in += o.Value
	}
	highest := int64(old)
	for _, o := range s.all {
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
	if err := s.shrink(r, p); err != nil {
		return err
	}
	size := int64(overhead + perInput*len(p.UnsignedTx.TxIn) + perOutput*len(p.UnsignedTx.TxOut))
	fee := max(raise(big.NewInt(highest), 4).Int64(), highest+size)
	if want := s.option.Fee; want != nil {
		if least := big.NewInt(highest + size); want.Cmp(least) < 0 {
			return tooLow(least, "satoshi")
		}
		if !want.IsInt64() {
			return fault.New("replace.fee", "", "the inputs do not bring as much")
		}
		fee = want.Int64()
	}
	if err := s.charge(p, in, fee, s.own(r)); err != nil {
		return err
	}
	return bare(r, p)
}

// bare makes the payload without signatures: those of the old one are of no use.
func bare(r *bundle.Request, p *psbt.Packet) error {
	for i := range p.Inputs {
		p.Inputs[i].PartialSigs, p.Inputs[i].TaprootKeySpendSig, p.Inputs[i].TaprootScriptSpendSig = nil, nil, nil
		p.Inputs[i].FinalScriptSig, p.Inputs[i].FinalScriptWitness = nil, nil
	}
	var out bytes.Buffer
	if err := p.Serialize(&out); err != nil {
		return fault.New("replace.form", "", "the PSBT cannot be written: %w", err)
	}
	r.Payload = out.Bytes()
	return nil
}

// replacible refuses what most nodes would not take in the place of the first.
func (s *set) replacible(p *psbt.Packet) error {
	cash := s.of.row.Chain == "BCH" // whose nodes know no BIP-125
	for _, in := range p.UnsignedTx.TxIn {
		if in.Sequence <= replacible && !cash {
			return nil
		}
	}
	if !s.sent || s.option.Force {
		return nil
	}
	if cash {
		return fault.New("replace.final", "wait for it", "transaction %s is with the nodes of Bitcoin Cash, and they keep the first", s.of.row.ID)
	}
	return fault.New("replace.final", "wait for it; --force where the nodes replace whatever pays more (bitcoind 28 and later)",
		"transaction %s does not say that it may be replaced (BIP-125), and most nodes keep the first", s.of.row.ID)
}

// own gives the scripts of the request's keys.
func (s *set) own(r *bundle.Request) map[string]bool {
	scripts := make(map[string]bool)
	for a := range s.addresses() {
		if script, err := bitcoin.ScriptFor(r.Network, a); err == nil {
			scripts[string(script)] = true
		}
	}
	return scripts
}

// shrink leaves of one that cancels a single output: the change as it was, else
// what the first input came from, if that is the wallet's.
func (s *set) shrink(r *bundle.Request, p *psbt.Packet) error {
	if !s.option.Cancel {
		return nil
	}
	own := s.own(r)
	for i, o := range p.UnsignedTx.TxOut {
		if own[string(o.PkScript)] {
			p.UnsignedTx.TxOut, p.Outputs = []*wire.TxOut{o}, []psbt.POutput{p.Outputs[i]}
			return nil
		}
	}
	for i := range p.Inputs {
		if from := spent(p, i); from != nil && own[string(from.PkScript)] {
			p.UnsignedTx.TxOut, p.Outputs = []*wire.TxOut{wire.NewTxOut(0, from.PkScript)}, []psbt.POutput{{}}
			return nil
		}
	}
	return fault.New("replace.change", "", "no address of the wallet is known to which transaction %s could give its inputs back", s.of.row.ID)
}

// pay has the wallet's outputs give what the fee lacks, the last of them first. One
// that would be dust is left out, and its rest is fee as well.
func pay(p *psbt.Packet, in, fee int64, own map[string]bool) error {
	tx := p.UnsignedTx
	left := in - fee
	for _, o := range tx.TxOut {
		left -= o.Value
	}
	for i := len(tx.TxOut) - 1; i >= 0 && left != 0; i-- {
		o := tx.TxOut[i]
		if !own[string(o.PkScript)] {
			continue
		}
		if o.Value+left >= dust {
			o.Value += left
			left = 0
		} else if len(tx.TxOut) > 1 {
			left += o.Value
			tx.TxOut = append(tx.TxOut[:i:i], tx.TxOut[i+1:]...)
			p.Outputs = append(p.Outputs[:i:i], p.Outputs[i+1:]...)
			if left > 0 && left < dust {
				left = 0 // more fee
			}
		}
	}
	if left != 0 {
		return fault.New("replace.change", "name a lower fee, or wait", "no output of the wallet is large enough to pay %d satoshi more", max(-left, left))
	}
	return nil
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
