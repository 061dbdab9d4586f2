package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

const landed = pending.Landed

// margin is how long before the end of a wait nobody relies on it any more.
const margin = 10 * time.Second

// chainOf gives the rows that make one payment, in order: the first that was submitted,
// then each that quotes the one before it anew. Most rows are alone.
func chainOf(ctx context.Context, q querier, p *pending.Transaction) ([]pending.Transaction, error) {
	var root []byte
	switch err := q.QueryRowContext(ctx, "SELECT root FROM requotes WHERE id = ? OR root = ? LIMIT 1", p.ID[:], p.ID[:]).Scan(&root); {
	case errors.Is(err, sql.ErrNoRows):
		return []pending.Transaction{*p}, nil
	case err != nil:
		return nil, err
	}
	query := "SELECT " + columns + " FROM transactions WHERE id IN (SELECT ? UNION ALL SELECT id FROM requotes WHERE root = ?) ORDER BY n"
	if _, changing := q.(transaction); changing {
		query += " /* FOR NO KEY UPDATE */"
	}
	rows, err := q.QueryContext(ctx, query, root, root)
	return all(rows, err, scan)
}

// outcome is what has become of a payment that one or more rows make.
type outcome struct {
	paid *pending.Transaction // the row that made it, which may be a replacement of one of them
	open bool                 // it may still be made
	at   *pending.Transaction // the row that stands for the payment now

	// unanswered is a row that may be signed, of which nothing was seen, while a
	// transaction that is not known here has its place: it may be that very one.
	unanswered *pending.Transaction
}

func outcomeOf(ctx context.Context, q querier, rows []pending.Transaction) (o outcome, err error) {
	for i := range rows {
		r := &rows[i]
		if r.State == pending.Complete {
			o.paid, o.open, o.at = r, false, r
			return o, nil
		}
		if live(r) {
			o.open, o.at = true, r
		}
		if !released(r) || r.Code != pending.Replaced && r.Code != pending.Conflicted {
			continue
		}
		won, open, err := winner(ctx, q, r)
		if err != nil {
			return o, err
		}
		o.open = o.open || open
		if won == nil {
			continue
		}
		paid, err := paidBy(ctx, q, r, won)
		if err != nil {
			return o, err
		}
		if paid {
			o.paid, o.open, o.at = won, false, won
			return o, nil
		}
	}
	last := &rows[len(rows)-1]
	if o.at == nil {
		o.at = last
	}
	if o.open || last.State != pending.Failed || last.Code != pending.Conflicted {
		return o, nil
	}
	for i := range rows {
		if r := &rows[i]; r.CancelRequested && r.Code == pending.Requoted && !released(r) {
			o.unanswered, o.open = r, true
		}
	}
	return o, nil
}

// live reports whether the row is on its way to be paid.
func live(p *pending.Transaction) bool {
	switch p.State {
	case pending.Pending, pending.Exported, pending.Signed, pending.Broadcasting, pending.Broadcast:
		return !p.CancelRequested
	}
	return false
}

// requote enters a new row as the one that makes the payment of another, which it
// ends, or parks where a signature of it may exist: then the two must conflict on
// chain. What may still land, and does not conflict, is requote.live.
func (t *tx) requote(p *pending.Transaction) error {
	if p.Requotes == (bundle.ID{}) {
		return nil
	}
	of, err := t.load(p.Tenant, p.Requotes)
	if err != nil {
		return err
	}
	rows, err := chainOf(t.ctx, t.sql, &of)
	if err != nil {
		return err
	}
	last := rows[len(rows)-1]
	switch {
	case last.ID != of.ID:
		return errRequoted(of.ID, last.ID)
	case len(rows) >= maxSet:
		return fault.New("requote.limit", "cancel it, and submit a new payment", "the payment was quoted %d times already", len(rows)-1)
	case of.Network != p.Network || of.Chain != p.Chain || of.Signer != p.Signer:
		return fault.New("replace.conflict", "", "it is not of the network and wallet of transaction %s", of.ID)
	}
	if err := Requotable(&of); err != nil {
		return err
	}
	if err := t.mendable(rows, p.Told); err != nil {
		return err
	}
	unsent := of.State == pending.Pending && !of.MaybeSigned
	for i := range rows {
		r := &rows[i]
		if !released(r) && !(unsent && r.ID == of.ID) && p.Replaces == (bundle.ID{}) {
			return fault.New("requote.live", "wait until it has ended", "transaction %s is %s, and may still land", r.ID, r.State)
		}
		if err := t.unrivalled(p, r, rows); err != nil {
			return err
		}
	}
	if _, err := t.exec("INSERT INTO requotes (id, of, root) VALUES (?, ?, ?)", p.ID[:], of.ID[:], rows[0].ID[:]); err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM verdicts WHERE id = ? AND told = ''", rows[0].ID[:]); err != nil {
		return err
	}
	if err := t.audit("requote", of.ID, of.State, of.State, p.ID.String()); err != nil {
		return err
	}
	return t.giveWay(of, p.ID)
}

// unrivalled refuses to make a payment anew that a rival of one of its rows may make, by
// a higher fee and without a conflict with the new row, or that is made anew in the
// rival's place already.
func (t *tx) unrivalled(p, row *pending.Transaction, rows []pending.Transaction) error {
	set, err := setOf(t.ctx, t.sql, row.ID)
	if err != nil || len(set) == 1 {
		return err
	}
	for i := range set {
		r := &set[i]
		if r.ID == p.ID || slices.ContainsFunc(rows, func(own pending.Transaction) bool { return own.ID == r.ID }) {
			continue
		}
		var by []byte
		switch err := t.row("SELECT id FROM requotes WHERE of = ?", r.ID[:]).Scan(&by); {
		case err == nil:
			return errRequoted(row.ID, bundle.ID(by))
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if p.Replaces != (bundle.ID{}) || released(r) {
			continue
		}
		var cancels bool
		if err := t.row("SELECT cancels FROM replacements WHERE id = ?", r.ID[:]).Scan(&cancels); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if !cancels {
			return fault.New("requote.live", "wait until it has ended, or quote that one anew", "transaction %s makes the same payment, is %s, and may still land", r.ID, r.State)
		}
	}
	return nil
}

func errRequoted(id, by bundle.ID) error {
	return fault.New("requote.exists", "quote that one anew, if it is stale too", "transaction %s makes the payment of %s already", by, id)
}

// giveWay ends a row that never left, and parks one of which nothing was sent.
func (t *tx) giveWay(of pending.Transaction, to bundle.ID) error {
	reason := "transaction " + to.String() + " makes its payment"
	switch {
	case of.State == pending.Pending && !of.MaybeSigned:
		_, err := t.move(of, pending.Cancel, func(p *pending.Transaction) error {
			p.Code, p.Reason = pending.Requoted, reason
			return nil
		})
		return err
	case of.State == pending.Pending, of.State == pending.Exported, of.State == pending.Signed:
		of.Code, of.Reason = pending.Requoted, reason
		return t.park(of, "requoted by "+to.String())
	}
	return nil
}

// tooLate is the offline half's code for a request whose deadline has passed there.
const tooLate = "request.expired"

// Stale reports whether the code of a row or of an answer says that it came too late.
func Stale(code string) bool { return code == passed || code == tooLate }

// Requotable refuses a row whose payment is not to be made anew: it was made or
// withdrawn, or its end says nothing of the network's terms.
func Requotable(p *pending.Transaction) error {
	no := func(cure, why string) error {
		return fault.New("requote.state", cure, "transaction %s %s", p.ID, why)
	}
	switch p.State {
	case pending.Pending, pending.Exported, pending.Signed:
		if p.CancelRequested && p.Code != passed {
			return fault.New("replace.cancelled", "submit a new payment", "transaction %s is to be cancelled", p.ID)
		}
		return nil
	case pending.Broadcasting, pending.Broadcast, pending.Expired:
		return nil
	case pending.Cancelled:
		if p.Code == passed && !p.MaybeSigned {
			return nil
		}
	case pending.Failed:
		if p.Code == conflicted {
			return nil
		}
	case pending.Refused:
		if Stale(p.Code) {
			return nil
		}
		return no("submit a new payment that it takes", "was refused by the offline half: "+quote.Line(p.Code))
	}
	return no("submit a new payment, if it is to be made", "is "+string(p.State)+" "+p.Code)
}

// mendable refuses a payment whose failure is known to the application, which may have
// made it again, unless that is taken; and one whose withdrawal is another row's.
func (t *tx) mendable(rows []pending.Transaction, told bool) error {
	root, last := &rows[0], &rows[len(rows)-1]
	if root.WithdrawalID != "" {
		var row []byte
		deleted := false
		err := t.row("SELECT row, deleted FROM withdrawals WHERE tenant = ? AND id = ? /* FOR UPDATE */", root.Tenant, strings.ToLower(root.WithdrawalID)).Scan(&row, &deleted)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err == nil && (deleted || string(row) != string(root.ID[:])) {
			return fault.New("withdrawal.conflict", "", "withdrawal %s was taken back, or another transaction makes it", quote.Line(root.WithdrawalID))
		}
	}
	o, err := outcomeOf(t.ctx, t.sql, rows)
	switch {
	case err != nil:
		return err
	case o.unanswered != nil:
		return fault.New("requote.unproven", "import its answer, so that it can be looked for; if it was never signed: coldsign-online cancel "+o.unanswered.ID.String(),
			"transaction %s may be signed, and may be what has the place of %s", o.unanswered.ID, last.ID)
	case o.paid != nil || o.open && !live(last):
		return fault.New("requote.live", "wait until it has ended", "the payment of transaction %s may still be made, or is", last.ID)
	case told:
		return nil
	}
	known, err := t.known(rows)
	if err == nil && known {
		err = fault.New("requote.told", "ask it; if the payment was not made again, say --force", "the application was told that %s failed, and may have paid again", root.ID)
	}
	return err
}

// known reports whether the application, or the upstream, may know that the payment
// failed.
func (t *tx) known(rows []pending.Transaction) (bool, error) {
	root, last := &rows[0], &rows[len(rows)-1]
	var upstream int
	if err := t.row("SELECT count(*) FROM upstream WHERE made = ? AND told = 'failed'", root.ID[:]).Scan(&upstream); err != nil || upstream > 0 {
		return true, err
	}
	v, err := t.verdict(root.ID)
	switch {
	case err != nil:
		return false, err
	case v.told == failed:
		return !live(last), nil // of a live one it was taken before
	case !v.until.IsZero():
		return !t.at.Add(margin).Before(v.until), nil
	}
	return !live(last), nil
}

// outlive ends the later rows of a payment that an earlier one has made, or may have:
// those that conflict with it end with it, others that were not sent are not sent.
func (t *tx) outlive(p *pending.Transaction) error {
	rows, err := chainOf(t.ctx, t.sql, p)
	if err != nil || len(rows) == 1 {
		return err
	}
	set, err := setOf(t.ctx, t.sql, p.ID)
	if err != nil {
		return err
	}
	rivals := make(map[bundle.ID]bool, len(set))
	for i := range set {
		rivals[set[i].ID] = true
	}
	for _, r := range rows {
		if r.ID == p.ID || rivals[r.ID] || !live(&r) {
			continue
		}
		reason := "transaction " + p.ID.String() + " of the same payment is on chain"
		switch {
		case r.State == pending.Pending && !r.MaybeSigned:
			_, err = t.move(r, pending.Cancel, func(p *pending.Transaction) error {
				p.Code, p.Reason = landed, reason
				return nil
			})
		case r.State == pending.Pending, r.State == pending.Exported, r.State == pending.Signed:
			r.Code, r.Reason = landed, reason
			err = t.park(r, landed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Payment gives the rows that make the payment of the tenant's row, the first of them
// first, each after the one that it quotes anew.
func (s *Store) Payment(ctx context.Context, tenant string, id bundle.ID) ([]pending.Transaction, error) {
	row, err := s.Get(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	rows, err := chainOf(ctx, s.db, &row)
	return rows, s.fail(err)
}

// Spent reports whether the row can never land, or never left.
func Spent(p *pending.Transaction) bool {
	return released(p) || p.State == pending.Pending && !p.MaybeSigned
}

// Succession says how a row belongs to others of the same payment.
type Succession struct {
	Of bundle.ID // the row that it quotes anew; zero none
	By bundle.ID // the row that quotes it anew; zero none

	// At is the row that stands for the payment of a row that was quoted anew: the one
	// that made it, else the one that may, else the last.
	At         pending.Transaction
	Open       bool // it may still be made
	Unanswered bool // see requote.unproven

	// Held says of a row that it failed, that this may be mended, and is told nobody.
	Held bool
}

// Successions tells of those rows that have one.
func (s *Store) Successions(ctx context.Context, ids []bundle.ID) (map[bundle.ID]Succession, error) {
	found, err := s.requoted(ctx, ids)
	if err != nil {
		return nil, s.fail(err)
	}
	for id, x := range found {
		if x.By == (bundle.ID{}) {
			continue
		}
		row, err := s.Get(ctx, Any, id)
		if err != nil {
			return nil, err
		}
		rows, err := chainOf(ctx, s.db, &row)
		if err != nil {
			return nil, s.fail(err)
		}
		o, err := outcomeOf(ctx, s.db, rows)
		if err != nil {
			return nil, s.fail(err)
		}
		held, err := s.held(ctx, []bundle.ID{rows[0].ID})
		if err != nil {
			return nil, s.fail(err)
		}
		x.At, x.Open, x.Unanswered, x.Held = *o.at, o.open, o.unanswered != nil, held[rows[0].ID]
		found[id] = x
	}
	held, err := s.held(ctx, ids)
	if err != nil {
		return nil, s.fail(err)
	}
	for id := range held {
		x := found[id]
		x.Held = true
		found[id] = x
	}
	return found, nil
}

// requoted reads the links of rows, to either side.
func (s *Store) requoted(ctx context.Context, ids []bundle.ID) (map[bundle.ID]Succession, error) {
	found := make(map[bundle.ID]Succession)
	const chunk = 400
	for from := 0; from < len(ids); from += chunk {
		part := ids[from:min(from+chunk, len(ids))]
		args := make([]any, 0, 2*len(part))
		for range 2 {
			for _, id := range part {
				args = append(args, append([]byte(nil), id[:]...))
			}
		}
		in := "(?" + strings.Repeat(", ?", len(part)-1) + ")"
		rows, err := s.db.QueryContext(ctx, "SELECT id, of FROM requotes WHERE id IN "+in+" OR of IN "+in, args...)
		list, err := all(rows, err, func(from scanner) (pair [2]bundle.ID, err error) {
			var id, of []byte
			err = from.Scan(&id, &of)
			copy(pair[0][:], id)
			copy(pair[1][:], of)
			return pair, err
		})
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			x := found[p[0]]
			x.Of = p[1]
			found[p[0]] = x
			x = found[p[1]]
			x.By = p[0]
			found[p[1]] = x
		}
	}
	asked := make(map[bundle.ID]bool, len(ids))
	for _, id := range ids {
		asked[id] = true
	}
	maps.DeleteFunc(found, func(id bundle.ID, _ Succession) bool { return !asked[id] })
	return found, nil
}

// held gives those rows whose failure is told nobody yet, since it may be mended.
func (s *Store) held(ctx context.Context, ids []bundle.ID) (map[bundle.ID]bool, error) {
	found := make(map[bundle.ID]bool)
	const chunk = 500
	for from := 0; from < len(ids); from += chunk {
		part := ids[from:min(from+chunk, len(ids))]
		args := []any{s.now().UnixMilli()}
		for _, id := range part {
			args = append(args, append([]byte(nil), id[:]...))
		}
		rows, err := s.db.QueryContext(ctx, "SELECT id FROM verdicts WHERE told = '' AND until > ? AND id IN (?"+strings.Repeat(", ?", len(part)-1)+")", args...)
		list, err := all(rows, err, func(from scanner) (id []byte, err error) { return id, from.Scan(&id) })
		if err != nil {
			return nil, err
		}
		for _, id := range list {
			found[bundle.ID(id)] = true
		}
	}
	return found, nil
}
