package store

import (
	"context"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Move takes a row through one event of the transition table. It loads the row,
// asks the table, lets change set what else changes, and writes the row and its
// audit: one transaction. What the table refuses is state.conflict. A row whose
// deadline has passed is not intended for sending: it is parked, and the error is
// deadline.passed.
func (s *Store) Move(ctx context.Context, id bundle.ID, e pending.Event, change func(*pending.Transaction) error) (moved pending.Transaction, err error) {
	var parked error
	err = s.writeBeside(ctx, func(t *tx) error {
		row, err := t.load(Any, id)
		if err != nil {
			return err
		}
		if e == pending.Intend && row.State == pending.Signed && !row.CancelRequested && row.Late(t.at) {
			row.Code, row.Reason = whyLate(&row)
			parked = fault.New(row.Code, "submit a new payment; this one is not sent", "%s", row.Reason)
			return t.park(row, row.Code)
		}
		moved, err = t.move(row, e, change)
		return err
	})
	if err == nil {
		err = parked
	}
	return moved, err
}

const passed = pending.Passed

// whyLate says what keeps a row from being sent whose deadline has passed.
func whyLate(row *pending.Transaction) (code, reason string) {
	return passed, "its deadline " + time.Unix(row.Deadline, 0).UTC().Format(time.RFC3339) + " has passed, and nothing of it was sent"
}

// park notes that a row is to be cancelled while a signature of it may exist: it
// stays in its state and keeps its reservations, and nothing of it is sent.
func (t *tx) park(row pending.Transaction, detail string) error {
	row.CancelRequested = true
	if err := t.update(&row); err != nil {
		return err
	}
	if err := t.audit("cancel.request", row.ID, row.State, row.State, detail); err != nil || detail != passed {
		return err
	}
	return t.tell(&row, KMSFailed)
}

// move takes a loaded row through one event.
func (t *tx) move(row pending.Transaction, e pending.Event, change func(*pending.Transaction) error) (pending.Transaction, error) {
	to, ok := pending.Transition(row.State, e)
	if !ok || row.CancelRequested && withdrawn(e) && !(e == pending.Seal && row.Code == pending.Requoted) || row.State == pending.Signed && !row.CancelRequested && proven(e) || (e == pending.Assert || e == pending.Take) && row.Left() || e == pending.Take && (row.MaybeSigned || row.Signer != "") || e == pending.Cancel && row.MaybeSigned || row.Signer == pending.Foreign && receipted(e) || e == pending.Revive && !pending.Revivable(row.Code) {
		return pending.Transaction{}, conflict(row, e)
	}
	if e == pending.Export || e == pending.Take {
		if err := t.approved(&row); err != nil {
			return pending.Transaction{}, err
		}
	}
	next := row
	next.State = to
	if e == pending.Accept || e == pending.Confirm {
		next.Code, next.Reason, next.Noted = "", "", time.Time{} // what was noted on the way is over
	}
	if change != nil {
		if err := change(&next); err != nil {
			return pending.Transaction{}, err
		}
	}
	if next.State != to || !sound(&next) || next.Hot != (row.Hot || e == pending.Take) || row.TxID != "" && (next.TxID != row.TxID || string(next.Raw) != string(row.Raw)) {
		return pending.Transaction{}, fault.New("state.invariant", "report this as a defect; nothing was changed",
			"%s would leave transaction %s in an impossible state", e, row.ID)
	}
	if e == pending.Seal || e == pending.Take {
		if err := t.alone(&next); err != nil {
			return pending.Transaction{}, err
		}
	}
	if err := t.update(&next); err != nil {
		return pending.Transaction{}, err
	}
	if err := t.audit(string(e), row.ID, row.State, to, detail(&next)); err != nil {
		return pending.Transaction{}, err
	}
	if err := t.follow(&next, e); err != nil {
		return pending.Transaction{}, err
	}
	return next, t.toldOf(&next, e)
}

// alone refuses a sealed transaction that another row has been sealed to.
func (t *tx) alone(p *pending.Transaction) error {
	var n int
	err := t.sql.QueryRowContext(t.ctx, "SELECT count(*) FROM transactions WHERE network = ? AND txid = ? AND txid <> '' AND asserted = 0 AND id <> ?",
		string(p.Network), p.TxID, p.ID[:]).Scan(&n)
	if err == nil && n != 0 {
		err = fault.New("txid.duplicate", "cancel it: the payment is made once, by the other row", "another transaction here is %s already", quote.Line(p.TxID))
	}
	return err
}

// withdrawn reports whether the event carries a payment towards the network, as
// none may once its cancelling was requested.
func withdrawn(e pending.Event) bool {
	return e == pending.Export || e == pending.Seal || e == pending.Take || e == pending.Intend
}

// proven reports whether the event rests on what the chain shows. Of a row that is
// signed and not parked, nothing can be there.
func proven(e pending.Event) bool {
	return e == pending.Confirm || e == pending.Expire || e == pending.Fail
}

// receipted reports whether the event rests on a receipt of the paired half, which
// alone proves that it signed nothing. Another wallet proves no such thing.
func receipted(e pending.Event) bool { return e == pending.Refuse || e == pending.Defer }

// released reports whether a row no longer uses up what it reserved. A complete
// one does, for ever, and so does a refused one that another half may have signed.
func released(p *pending.Transaction) bool {
	switch p.State {
	case pending.Refused:
		return !p.MaybeSigned
	case pending.Cancelled, pending.Expired, pending.Failed:
		return true
	}
	return false
}

// sound reports whether a row says what its state means.
func sound(p *pending.Transaction) bool {
	foreign := p.Signer == pending.Foreign
	if foreign && (p.Bundle != 0 || p.MaybeSigned || p.State == pending.Refused) {
		return false
	}
	if p.Hot && (p.Bundle != 0 || p.Signer != "" || p.MaybeSigned || len(p.Raw) == 0) {
		return false
	}
	carried := p.Bundle != 0 || foreign || p.Hot
	sealed := p.TxID != "" && len(p.TxID) <= maxText && len(p.Raw) != 0 && carried
	switch p.State {
	case pending.Cancelled:
		unsigned := p.TxID == "" && len(p.Raw) == 0 && !p.MaybeSigned
		return !p.Asserted && (unsigned || p.Code == pending.Replaced)
	case pending.Pending:
		return p.TxID == "" && len(p.Raw) == 0 && !p.Asserted
	case pending.Exported:
		return carried && p.TxID == "" && len(p.Raw) == 0
	case pending.Refused:
		return p.Bundle != 0 && p.TxID == "" && p.Code != ""
	case pending.Complete:
		asserted := p.Asserted && p.TxID != "" && len(p.TxID) <= maxText && len(p.Raw) == 0 && p.Bundle == 0
		return asserted || sealed && !p.Asserted
	}
	return sealed && !p.Asserted
}

func detail(p *pending.Transaction) string {
	switch {
	case p.Code != "" && (p.State == pending.Refused || p.State == pending.Failed || p.State == pending.Expired || p.State == pending.Cancelled):
		return p.Code
	case p.State == pending.Exported && p.Signer != "":
		return p.Signer
	case p.State == pending.Exported:
		return "bundle"
	}
	return p.TxID
}

func conflict(row pending.Transaction, e pending.Event) error {
	if row.CancelRequested {
		return fault.New("state.conflict", "", "transaction %s is %s and its cancelling was requested, so %s is not possible", row.ID, row.State, e)
	}
	return fault.New("state.conflict", "", "transaction %s is %s, so %s is not possible", row.ID, row.State, e)
}

// Assert completes a row on the caller's word (KMS PUT). A row that was never
// exported takes any txID. For one that was, the only txID is the one computed
// here (else kms.txid.mismatch), and its state stays what the chain has shown: a
// row that no node has accepted yet is state.conflict. Repeating changes nothing. What
// is said of a row that was quoted anew is said of the last of its payment, if it had
// never left or the transaction is that one's.
func (s *Store) Assert(ctx context.Context, tenant string, id bundle.ID, txID string) (row pending.Transaction, err error) {
	if txID == "" || len(txID) > maxText || !quote.Plain(txID) {
		return row, fault.New("kms.txid", "", "%s is not a transaction id", quote.String(txID))
	}
	err = s.writeBeside(ctx, func(t *tx) error {
		if row, err = t.load(tenant, id); err != nil {
			return err
		}
		if row, err = t.speaksFor(row, txID); err != nil {
			return err
		}
		switch {
		case row.TxID == txID && (row.State == pending.Broadcast || row.State == pending.Complete):
			return nil
		case row.TxID == txID:
			return conflict(row, pending.Assert)
		case row.TxID != "" || row.Left():
			return fault.New("kms.txid.mismatch", "give the id that this transaction shows", "%s is not the id of transaction %s", quote.Line(txID), id)
		}
		row, err = t.move(row, pending.Assert, func(p *pending.Transaction) error {
			p.TxID, p.Asserted = txID, true
			return nil
		})
		return err
	})
	return row, err
}

// Cancel withdraws a row (KMS DELETE). One that is pending is cancelled. Once
// exported a signature may exist, so the wish is noted: nothing of it is
// broadcast, and its receipt is quarantined. What it reserved stays reserved,
// until a new row takes it over (see Create). That is also the only end, short of
// signing, of what another wallet had: it gives no receipt that says no. When
// bytes may have left it is too late: state.conflict. Repeating changes nothing.
func (s *Store) Cancel(ctx context.Context, tenant string, id bundle.ID) (row pending.Transaction, err error) {
	return s.Revoke(ctx, tenant, id, true)
}
