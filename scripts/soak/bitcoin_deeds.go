package main

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
)

// intervene is something that nobody expects between signing and importing.
func (m *miser) intervene(ctx context.Context) error {
	if len(m.crossed) > 0 && rand.IntN(4) == 0 {
		return m.again(ctx, m.crossed[rand.IntN(len(m.crossed))])
	}
	w := &ledgers{}
	if err := m.look(ctx, w); err != nil {
		return err
	}
	var open, with []string // with the network
	for id, r := range w.rows {
		switch r.state {
		case "pending", "exported", "signed":
			open = append(open, id)
		case "broadcasting", "broadcast":
			open, with = append(open, id), append(with, id)
		}
	}
	kind := rand.IntN(5)
	if kind < 2 {
		open = with
	}
	if len(open) == 0 {
		return nil
	}
	slices.Sort(open)
	id := open[rand.IntN(len(open))]
	p := m.of(w, id)
	if p == nil {
		return nil // nobody has been told of it yet
	}
	switch {
	case kind == 0 && m.Deep && !p.unwanted:
		return m.rob(ctx, w, p, id)
	case kind < 3:
		m.counts.add("deeds", "replace, of a row that is "+w.rows[id].state)
		return m.compete(ctx, "replace", id)
	case rand.IntN(2) == 0:
		p.unwanted = true
		m.counts.add("deeds", "cancel, of a row that is "+w.rows[id].state)
		return m.compete(ctx, "cancel", id)
	}
	return nil
}

// of is the payment that a row belongs to.
func (m *miser) of(w *ledgers, id string) *spending {
	for _, p := range m.spendings {
		if p.id != "" && w.root(id) == p.id {
			return p
		}
	}
	return nil
}

// compete runs replace or cancel, killed now and then. What it did the reconciler sees.
func (m *miser) compete(ctx context.Context, verb, id string) error {
	err := m.killing(ctx, verb, func(ctx context.Context) error { _, err := m.Online(ctx, verb, id, "--json"); return err })
	if code := halves.CodeOf(err); code != "" && allowed(code) {
		m.counts.add("deeds", verb+" refused: "+code)
		return nil
	}
	return err
}

// again reads a stick that was read long ago.
func (m *miser) again(ctx context.Context, c crossing) error {
	if rand.IntN(2) == 0 {
		m.counts.add("twice", "an old answer imported")
		i, err := m.Import(ctx, c.answer)
		if err == nil && !i.Repeat {
			m.breakf("%s was imported before, and is no repeat: %+v", c.answer, i)
		}
		return err
	}
	m.counts.add("twice", "an old request signed")
	review, err := m.Review(ctx, c.request)
	if err != nil {
		return err
	}
	name := m.file("answers")
	if _, err := m.Sign(ctx, c.request, name, review.Digest); err != nil {
		return err
	}
	was, err := os.ReadFile(m.Path(c.answer))
	if err != nil {
		return err
	}
	is, err := os.ReadFile(m.Path(name))
	if err == nil && !bytes.Equal(was, is) {
		m.breakf("%s was answered by %s, and now by %s", c.request, c.answer, name)
	}
	return err
}

// rob has a stranger, who has the key too, spend an input of a payment on its way, for a
// higher fee. Which of them lands is up to the nodes.
func (m *miser) rob(ctx context.Context, w *ledgers, p *spending, id string) error {
	ours := w.coins[id].tx
	views, err := m.coins.read(ctx)
	if err != nil {
		return err
	}
	fee := int64(0)
	var outs []*wire.TxOut
	for _, in := range ours.TxIn {
		prev, ok := views[0].found[in.PreviousOutPoint.Hash]
		if !ok {
			return nil // a reorganization has it now
		}
		out := prev.tx.TxOut[in.PreviousOutPoint.Index]
		outs, fee = append(outs, out), fee+out.Value
	}
	for _, out := range ours.TxOut {
		fee -= out.Value
	}
	i := rand.IntN(len(outs))
	at := slices.IndexFunc(m.own, func(o own) bool { return bytes.Equal(o.script, outs[i].PkScript) })
	if at < 0 {
		return errors.New("a row spends what is not the wallet's")
	}
	to, err := fund.NewBitcoinAddress()
	if err != nil {
		return err
	}
	script, err := fund.Script(to)
	if err != nil {
		return err
	}
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: ours.TxIn[i].PreviousOutPoint, Sequence: wire.MaxTxInSequenceNum - 2})
	tx.AddTxOut(wire.NewTxOut(outs[i].Value-2*fee-2_000, script))
	spent := txscript.NewCannedPrevOutputFetcher(outs[i].PkScript, outs[i].Value)
	tx.TxIn[0].Witness, err = txscript.WitnessSignature(tx, txscript.NewTxSigHashes(tx, spent), 0, outs[i].Value, outs[i].PkScript, txscript.SigHashAll, m.own[at].private, true)
	if err != nil {
		return err
	}
	if m.coins.spread(ctx, tx, rand.IntN(2) == 0) {
		m.counts.add("deeds", "a stranger spends an input")
		m.strangers[tx.TxHash()], p.struck = tx, true
	}
	return nil
}
