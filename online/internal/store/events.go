package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

const (
	maxError   = 1 << 10 // bytes of the error that an event tells
	maxReports = 20      // reports of a hot signer that one row tells of
)

// body is an event as it is sent. The first four are the KMS API's; the rest is
// ours. It holds ASCII that no JSON encoder escapes, so that whoever parses and
// writes it again has the same bytes.
type body struct {
	SignatureID string `json:"signatureId"` // the pending transaction's id
	TxID        string `json:"txId,omitempty"`
	Error       string `json:"error,omitempty"`
	Type        string `json:"subscriptionType"`
	Chain       string `json:"chain"`
	State       string `json:"state"`
	Code        string `json:"code,omitempty"`
	ReplacedBy  string `json:"replacedBy,omitempty"` // the transaction that was final in its place
}

// conflicted is the code of a row whose place another transaction has on chain, as
// the nodes say.
const conflicted = "chain.conflict"

// toldOf writes the events of a move: the row's own, and those of rivals that
// waited for its end.
func (t *tx) toldOf(p *pending.Transaction, e pending.Event) error {
	if err := t.ownEvent(p, e); err != nil || e != pending.Confirm && e != pending.Fail && e != pending.Expire {
		return err
	}
	set, err := setOf(t.ctx, t.sql, p.ID)
	if err != nil {
		return err
	}
	for i := range set {
		if r := &set[i]; r.ID != p.ID && r.State == pending.Failed && r.Code == conflicted {
			if err := t.tell(r, KMSFailed); err != nil {
				return err
			}
		}
	}
	return nil
}

// ownEvent is the event of the row that moved. A DELETE of the application's own
// is none.
func (t *tx) ownEvent(p *pending.Transaction, e pending.Event) error {
	switch e {
	case pending.Confirm, pending.Assert:
		return t.tell(p, KMSCompleted)
	case pending.Reorg, pending.Revive:
		return t.tell(p, KMSReorged)
	case pending.Refuse, pending.Expire, pending.Fail, pending.Supersede:
		return t.tell(p, KMSFailed)
	case pending.Cancel:
		actor, _ := t.ctx.Value(actorKey{}).(string)
		if p.Code != "" || !strings.HasPrefix(actor, "apikey ") {
			return t.tell(p, KMSFailed)
		}
	}
	return nil
}

// winner gives the row that is final in the place of p, or says that one of its
// rivals may still be.
func winner(ctx context.Context, q querier, p *pending.Transaction) (won *pending.Transaction, open bool, err error) {
	set, err := setOf(ctx, q, p.ID)
	for i := range set {
		switch r := &set[i]; {
		case r.ID == p.ID:
		case r.State == pending.Complete, r.State == pending.Failed && r.Code == Executed:
			won = r
		case r.State == pending.Broadcasting, r.State == pending.Broadcast:
			open = true
		}
	}
	return won, open && won == nil, err
}

// paidBy reports whether the row in its place makes the same payment: it has a
// higher fee, and does not cancel. Where the application withdrew one, what took
// its place is another payment.
func paidBy(ctx context.Context, q querier, p, won *pending.Transaction) (bool, error) {
	if won.State != pending.Complete || p.CancelRequested {
		return false, nil
	}
	var cancels int64
	err := q.QueryRowContext(ctx, "SELECT coalesce(max(cancels), 0) FROM replacements WHERE id IN (?, ?)", won.ID[:], p.ID[:]).Scan(&cancels)
	return cancels == 0, err
}

// PaidBy gives another row that has made the payment of one that ended: the same payment
// with a higher fee, or quoted anew; nil where none has. open says that it is not known
// yet, as one of them may still be final, or as the failure waits to be mended. Whoever
// were told meanwhile that the row failed would pay again.
func (s *Store) PaidBy(ctx context.Context, p *pending.Transaction) (by *pending.Transaction, open bool, err error) {
	rows, err := chainOf(ctx, s.db, p)
	if err != nil {
		return nil, false, s.fail(err)
	}
	if len(rows) > 1 {
		o, err := outcomeOf(ctx, s.db, rows)
		if err != nil || o.paid != nil && o.paid.ID != p.ID {
			return o.paid, false, s.fail(err)
		}
		open = o.open
	}
	if held, err := s.held(ctx, []bundle.ID{rows[0].ID}); err != nil || open || held[rows[0].ID] {
		return nil, err == nil, s.fail(err)
	}
	if len(rows) > 1 || !released(p) || p.Code != pending.Replaced && p.Code != conflicted {
		return nil, false, nil
	}
	won, open, err := winner(ctx, s.db, p)
	if err != nil || won == nil {
		return nil, open, s.fail(err)
	}
	if paid, err := paidBy(ctx, s.db, p, won); err != nil || !paid {
		return nil, false, s.fail(err)
	}
	return won, false, nil
}

// publish writes one event for each receiver.
func (t *tx) publish(p *pending.Transaction, b body) error {
	rows, err := t.sql.QueryContext(t.ctx, "SELECT id FROM subscriptions WHERE tenant = ? AND type = ? AND removed = 0 ORDER BY id", p.Tenant, b.Type)
	list, err := all(rows, err, func(from scanner) (id string, err error) { return id, from.Scan(&id) })
	if err != nil || len(list) == 0 {
		return err
	}
	text, err := b.json()
	if err != nil {
		return err
	}
	for _, id := range list {
		if _, err := t.exec("INSERT INTO events (id, subscription, row, body, due, at) VALUES (?, ?, ?, ?, 0, ?)", NewID().String(), id, p.ID[:], text, t.at.UnixMilli()); err != nil {
			return err
		}
	}
	return nil
}

func (b body) json() (string, error) {
	for _, s := range []*string{&b.TxID, &b.Error, &b.Code} {
		*s = plain(*s)
	}
	var out bytes.Buffer
	to := json.NewEncoder(&out)
	to.SetEscapeHTML(false)
	err := to.Encode(b)
	return strings.TrimSuffix(out.String(), "\n"), err
}

// plain is s on one line of printable ASCII, cut to what an event may hold.
func plain(s string) string {
	out := []byte(s[:min(len(s), maxError)])
	for i, c := range out {
		if c < 0x20 || c > 0x7e {
			out[i] = ' '
		}
	}
	return string(out)
}

// report tells that a hot signer failed to sign or send a row, which changes
// nothing of it. The same report again tells nothing, nor do more than twenty
// different ones. Nothing is told of a row that is sealed, exported or at its end: a
// daemon reports that it could not hand in what another one signs, or what the loop
// sends since, and who is told that this failed pays again.
func (t *tx) report(row *pending.Transaction, text string) error {
	if row.State != pending.Pending || row.Left() {
		return nil
	}
	b := body{SignatureID: row.ID.String(), Type: KMSFailed, Chain: row.Chain, State: string(row.State), Code: "signer.error", Error: cmp.Or(text, "the signer said nothing")}
	want, err := b.json()
	if err != nil {
		return err
	}
	var n, same int
	err = t.row("SELECT count(DISTINCT body), count(CASE WHEN body = ? THEN 1 END) FROM events WHERE row = ? AND body LIKE '%\"code\":\"signer.error\"%'", want, row.ID[:]).Scan(&n, &same)
	if err != nil || same > 0 || n >= maxReports {
		return err
	}
	return t.publish(row, b)
}

// Resend sends an event of the tenant again, or with no id all that are dead;
// Any is every tenant. It gives their number.
func (s *Store) Resend(ctx context.Context, tenant, id string) (n int64, err error) {
	err = s.write(ctx, func(t *tx) error {
		const again = "UPDATE events SET state = 'waiting', attempts = 0, due = 0, done = 0 WHERE subscription IN (SELECT id FROM subscriptions WHERE removed = 0 AND (tenant = ? OR ? = '*'))"
		if id == "" {
			n, err = t.exec(again+" AND state = 'dead'", tenant, tenant)
		} else {
			n, err = t.exec(again+" AND state <> 'dropped' AND id = ?", tenant, tenant, id)
		}
		if err == nil && n == 0 && id != "" {
			err = fault.New("event.missing", "", "there is no event %s", quote.String(id))
		}
		if err != nil {
			return err
		}
		return t.audit("webhook.retry", bundle.ID{}, "", "", id)
	})
	return n, err
}
