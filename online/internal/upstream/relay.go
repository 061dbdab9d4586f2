package upstream

import (
	"context"
	"encoding/hex"
	"slices"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/fault"
)

// Relay sends what an upstream wanted signed by the upstream's own calls: it completes
// its row when it has sent the bytes.
type Relay struct {
	Client *Client
	Store  *store.Store
}

// Send gives the upstream the sealed bytes of a row that is its own; mine is false
// where the network's node is to get them. It asks first: nothing is sent that the
// upstream has deleted, or that another signer has completed. What it has from us
// already goes to the node, as those are the same bytes. No answer is Ambiguous, and
// the row is looked for. What makes a payment of its list anew is its own too.
func (r *Relay) Send(ctx context.Context, t *pending.Transaction) (o node.Outcome, mine bool, err error) {
	l, ok, err := r.Store.ListedOf(ctx, t.ID)
	if err != nil {
		return node.Ambiguous, true, err
	}
	if !ok {
		return node.Ambiguous, false, nil
	}
	now, err := r.Client.Get(ctx, l.ID)
	switch {
	case fault.Is(err, "upstream.missing"):
		return node.Ambiguous, true, fault.New("upstream.gone", "cancel it if it is not to be paid", "the upstream has deleted %s: nothing is sent", l.ID)
	case err != nil:
		return node.Ambiguous, true, err
	case now.TxID != "" && !same(t.Chain, now.TxID, t.TxID):
		rows, err := r.Store.Payment(ctx, store.Any, t.ID)
		if err != nil {
			return node.Ambiguous, true, err
		}
		at := slices.IndexFunc(rows, func(p pending.Transaction) bool { return p.ID == t.ID })
		if slices.ContainsFunc(rows[:at], func(p pending.Transaction) bool { return same(t.Chain, now.TxID, p.TxID) }) {
			return node.Ambiguous, false, nil // it has the first, which this one outbids
		}
		return node.Ambiguous, true, other(l.ID, now.TxID)
	case now.TxID != "":
		return node.Ambiguous, false, r.Store.Told(ctx, l.ID, store.ToldComplete, t.TxID)
	case t.Chain == "SOL": // the upstream sends nothing of it: it is told the signature
		return node.Ambiguous, false, nil
	}
	withdrawal := t.WithdrawalID
	if l.Made != t.ID {
		first, err := r.Store.Get(ctx, store.Any, l.Made)
		if err != nil {
			return node.Ambiguous, true, err
		}
		withdrawal = first.WithdrawalID
	}
	a, err := r.Client.Broadcast(ctx, t.Chain, l.ID, withdrawal, txData(t))
	switch {
	case err != nil:
		return node.Ambiguous, true, err
	case !same(t.Chain, a.TxID, t.TxID):
		return node.Ambiguous, true, other(l.ID, a.TxID)
	case !a.Failed:
		err = r.Store.Told(context.WithoutCancel(ctx), l.ID, store.ToldComplete, t.TxID)
	}
	return node.Accepted, true, err
}

// txData is a signed transaction as the broadcast call takes it.
func txData(t *pending.Transaction) string {
	switch t.Network.Namespace() {
	case "eip155":
		return "0x" + hex.EncodeToString(t.Raw)
	case "solana":
		return t.TxID
	}
	return hex.EncodeToString(t.Raw)
}
