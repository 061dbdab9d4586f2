package upstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/fault"
)

// tell tells the upstream what has become of its ids: of those that are with the
// network, the transaction, unless its own broadcast call knows it already; of those
// that nothing will come of, why, all in one call. A call whose answer is lost is made
// again.
func (p *Poller) tell(ctx context.Context, sum *Summary) error {
	list, err := p.Store.ClaimUntold(ctx, cmp.Or(p.TellEach, tellEvery), maxTell)
	if err != nil {
		return err
	}
	var failures []Failure
	var failed []store.Untold
	var errs []error
	for i := range list {
		u := &list[i]
		txID, why, err := p.end(ctx, u)
		switch {
		case err != nil:
			errs = append(errs, err)
		case txID+why == "": // it is not known yet
		case txID != "":
			if err := p.complete(ctx, u, txID); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", u.ID, err))
			} else {
				sum.Completed++
			}
		default:
			failures, failed = append(failures, Failure{u.ID.String(), why[:min(len(why), maxText)]}), append(failed, *u)
		}
	}
	if len(failures) > 0 {
		if err := p.Client.Report(ctx, failures); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	for _, u := range failed {
		if err := p.Store.Told(ctx, u.ID, store.ToldFailed, ""); err != nil {
			return err
		}
		sum.Reported++
	}
	return errors.Join(errs...)
}

// end says what the upstream is to know of one of its ids: the transaction that paid
// it, or why there is none; neither while a rival of its row may still pay.
func (p *Poller) end(ctx context.Context, u *store.Untold) (txID, why string, err error) {
	t := &u.Row
	switch {
	case u.Made != t.ID || t.State == "":
		return "", u.Code + ": " + u.Reason, nil
	case t.State == pending.Broadcast || t.State == pending.Complete:
		return t.TxID, "", nil
	}
	by, open, err := p.Store.PaidBy(ctx, t)
	switch {
	case err != nil || open:
		return "", "", err
	case by != nil:
		return by.TxID, "", nil
	}
	rows, err := p.Store.Payment(ctx, store.Any, t.ID)
	if err != nil {
		return "", "", err
	}
	if t = &rows[len(rows)-1]; t.Code == "" {
		return "", "coldsign." + string(t.State) + ": the operator has cancelled it", nil
	}
	return "", t.Code + ": " + t.Reason, nil
}

// complete tells of a transaction. What the upstream says already is not said again.
func (p *Poller) complete(ctx context.Context, u *store.Untold, txID string) error {
	now, err := p.Client.Get(ctx, u.ID)
	switch {
	case fault.Is(err, "upstream.missing"):
		p.Log.Warn("upstream", "about", u.ID.String(), "code", "upstream.gone", "error", "it was paid, and the upstream has deleted it")
	case err != nil:
		return err
	case now.TxID != "" && !same(u.Row.Chain, now.TxID, txID):
		p.Log.Error("upstream", "about", u.ID.String(), "code", "upstream.txid", "error", other(u.ID, now.TxID).Error())
	case now.TxID != "":
	case u.Row.Chain == "SOL":
		a, err := p.Client.Broadcast(ctx, u.Row.Chain, u.ID, u.Row.WithdrawalID, txID)
		if err != nil {
			return err
		}
		if a.Failed {
			return p.tellTo(ctx, u, txID)
		}
	default:
		return p.tellTo(ctx, u, txID)
	}
	return p.Store.Told(ctx, u.ID, store.ToldComplete, txID)
}

func (p *Poller) tellTo(ctx context.Context, u *store.Untold, txID string) error {
	if err := p.Client.Complete(ctx, u.ID, txID); err != nil {
		return err
	}
	return p.Store.Told(ctx, u.ID, store.ToldComplete, txID)
}
