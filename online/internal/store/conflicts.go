package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// maxSet is how many rows compete with one another.
const maxSet = 32

// Link is a row that competes with others on chain.
type Link struct {
	ID, Root bundle.ID // Root is the first of them
	Cancels  bool      // the row pays nobody
}

// setOf gives the rows that compete with one another with the row, itself among
// them, in the order of arrival; the row alone when it has no rival.
func setOf(ctx context.Context, q querier, id bundle.ID) (rows []pending.Transaction, err error) {
	root := id[:]
	switch err := q.QueryRowContext(ctx, "SELECT root FROM replacements WHERE id = ?", id[:]).Scan(&root); {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return nil, err
	}
	query := "SELECT " + columns + " FROM transactions WHERE id IN (SELECT ? UNION ALL SELECT id FROM replacements WHERE root = ?) ORDER BY n"
	if _, changing := q.(transaction); changing {
		query += " /* FOR NO KEY UPDATE */"
	}
	found, err := q.QueryContext(ctx, query, root, root)
	return all(found, err, scan)
}

// compete enters a new row in the set of the one that it replaces, and gives the
// ids of the set. It must use up all that the set holds: then it conflicts with
// each of them, whichever was sent. One that cancels parks what was not sent yet.
func (t *tx) compete(p *pending.Transaction) (rivals map[bundle.ID]bool, err error) {
	if p.Replaces == (bundle.ID{}) {
		return nil, nil
	}
	if _, err := t.load(p.Tenant, p.Replaces); err != nil {
		return nil, err
	}
	set, err := setOf(t.ctx, t.sql, p.Replaces)
	if err != nil {
		return nil, err
	}
	if len(set) >= maxSet {
		return nil, fault.New("replace.limit", "wait until one of them lands", "transaction %s has %d replacements already", set[0].ID, len(set)-1)
	}
	rivals = make(map[bundle.ID]bool)
	for i := range set {
		if set[i].Tenant != p.Tenant || set[i].Network != p.Network {
			return nil, fault.New("replace.conflict", "", "it is not of the network of transaction %s", set[i].ID)
		}
		if set[i].State == pending.Complete {
			return nil, fault.New("replace.complete", "", "transaction %s is complete: nothing can replace it any more", set[i].ID)
		}
		rivals[set[i].ID] = true
	}
	if err := t.covers(p, rivals); err != nil {
		return nil, err
	}
	if _, err := t.exec("INSERT INTO replacements (id, root, cancels) VALUES (?, ?, ?)", p.ID[:], set[0].ID[:], flag(p.Cancels)); err != nil {
		return nil, err
	}
	for _, row := range set {
		if !p.Cancels || row.CancelRequested {
			continue
		}
		switch row.State {
		case pending.Pending, pending.Exported, pending.Signed:
			if row.State == pending.Pending && !row.MaybeSigned {
				_, err = t.move(row, pending.Cancel, nil)
			} else {
				err = t.park(row, "cancelled by "+p.ID.String())
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return rivals, t.audit("replace", set[0].ID, set[0].State, set[0].State, p.ID.String())
}

// covers refuses a row that would not conflict on chain with each of the set.
func (t *tx) covers(p *pending.Transaction, rivals map[bundle.ID]bool) error {
	uses := make(map[string]bool, len(p.Reserve))
	for _, key := range p.Reserve {
		uses[key] = true
	}
	held := 0
	for id := range rivals {
		found, err := t.sql.QueryContext(t.ctx, "SELECT key FROM reservations WHERE id = ?", id[:])
		keys, err := all(found, err, func(from scanner) (key string, err error) { return key, from.Scan(&key) })
		if err != nil {
			return err
		}
		for _, key := range keys {
			if strings.HasPrefix(key, payload) {
				continue
			}
			if held++; !uses[key] {
				return fault.New("replace.conflict", "use the same nonce, or all of the same inputs", "it would not conflict with transaction %s, which uses up %s", id, key)
			}
		}
	}
	if held == 0 {
		return fault.New("replace.conflict", "submit it as a payment of its own", "transaction %s uses up nothing that another could take", p.Replaces)
	}
	return nil
}

// settle ends the rivals of a row that is final: complete, or deep in a block
// where it failed. They conflict with it, so that none of them can land.
func (t *tx) settle(won *pending.Transaction) error {
	set, err := setOf(t.ctx, t.sql, won.ID)
	if err != nil || len(set) == 1 {
		return err
	}
	for _, row := range set {
		e := pending.Supersede
		if row.State == pending.Broadcasting || row.State == pending.Broadcast {
			e = pending.Fail
		}
		if _, open := pending.Transition(row.State, e); !open || row.ID == won.ID {
			continue
		}
		if _, err := t.move(row, e, func(p *pending.Transaction) error {
			p.Code, p.Reason = pending.Replaced, "transaction "+won.ID.String()+" is final, and this one conflicts with it"
			return nil
		}); err != nil {
			return err
		}
		if e == pending.Fail && won.State == pending.Failed { // the watch of a complete one is theirs too
			if err := t.watch(row.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// succeed enters a row that has taken over what a parked row of its tenant held in
// the set of that one, so that the parked row ends when the new one is final. That
// is so only when it uses up all that the set still holds.
func (t *tx) succeed(p *pending.Transaction, parked pending.Transaction) error {
	if p.Replaces != (bundle.ID{}) || parked.Tenant != p.Tenant {
		return nil
	}
	set, err := setOf(t.ctx, t.sql, parked.ID)
	if err != nil || len(set) >= maxSet {
		return err
	}
	for _, row := range set {
		found, err := t.sql.QueryContext(t.ctx, "SELECT key FROM reservations WHERE id = ?", row.ID[:])
		keys, err := all(found, err, func(from scanner) (key string, err error) { return key, from.Scan(&key) })
		if err != nil {
			return err
		}
		for _, key := range keys {
			if !strings.HasPrefix(key, payload) && !slices.Contains(p.Reserve, key) {
				return nil
			}
		}
	}
	_, err = t.exec("INSERT INTO replacements (id, root, cancels) VALUES (?, ?, 0) ON CONFLICT DO NOTHING", p.ID[:], set[0].ID[:])
	return err
}

// standIn gives a rival of a parked row that may still be sent, or nil: it wants
// what the parked one holds.
func (t *tx) standIn(id bundle.ID) (*pending.Transaction, error) {
	set, err := setOf(t.ctx, t.sql, id)
	if err != nil {
		return nil, err
	}
	for i := range set {
		if r := &set[i]; r.ID != id && !r.Parked() && !released(r) && r.State != pending.Refused {
			return r, nil
		}
	}
	return nil, nil
}

// revive takes back the end of the rivals of a row that is on its way again: what was
// final for all of them is so no longer, and each that was sent may land in the row's
// place. What a complete one used up is still its own. Whoever were told how a rival
// ended are told that it holds no more, as of the row.
func (t *tx) revive(p *pending.Transaction) error {
	set, err := setOf(t.ctx, t.sql, p.ID)
	if err != nil || len(set) == 1 {
		return err
	}
	for _, row := range set {
		if row.ID == p.ID {
			continue
		}
		if row, err = t.load(Any, row.ID); err != nil { // the first of them has taken others back
			return err
		}
		if row.State != pending.Failed || !pending.Revivable(row.Code) {
			continue
		}
		if _, err := t.move(row, pending.Revive, func(p *pending.Transaction) error {
			p.Code, p.Reason = "", ""
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// release gives up what a row has reserved. What a rival uses up as well goes over
// to it; the first that has not ended has it, the complete one before all.
func (t *tx) release(p *pending.Transaction) error {
	set, err := setOf(t.ctx, t.sql, p.ID)
	if err != nil {
		return err
	}
	var heir *pending.Transaction
	for i := range set {
		if r := &set[i]; r.ID != p.ID && !released(r) && (heir == nil || r.State == pending.Complete) {
			heir = r
		}
	}
	if heir != nil {
		if _, err := t.exec("UPDATE reservations SET id = ? WHERE id = ? AND key NOT LIKE 'payload:%'", heir.ID[:], p.ID[:]); err != nil {
			return err
		}
	}
	_, err = t.exec("DELETE FROM reservations WHERE id = ?", p.ID[:])
	return err
}

// Outbid reports whether a younger rival of the row is with the network: then the
// row is looked at, and no longer sent. competes is whether it has rivals at all.
func (s *Store) Outbid(ctx context.Context, id bundle.ID) (outbid, competes bool, err error) {
	set, err := setOf(ctx, s.db, id)
	if err != nil {
		return false, false, s.fail(err)
	}
	younger := false
	for i := range set {
		outbid = outbid || younger && (set[i].State == pending.Broadcast || set[i].State == pending.Complete)
		younger = younger || set[i].ID == id
	}
	return outbid, len(set) > 1, nil
}

// Rivals gives the rows that compete with one another with the tenant's row,
// itself among them, the first of them first.
func (s *Store) Rivals(ctx context.Context, tenant string, id bundle.ID) ([]pending.Transaction, error) {
	if _, err := s.Get(ctx, tenant, id); err != nil {
		return nil, err
	}
	set, err := setOf(ctx, s.db, id)
	return set, s.fail(err)
}

// Links tells which of the rows replace others.
func (s *Store) Links(ctx context.Context, ids []bundle.ID) (map[bundle.ID]Link, error) {
	links := make(map[bundle.ID]Link)
	const chunk = 500
	for len(ids) > 0 {
		n := min(len(ids), chunk)
		args := make([]any, n)
		for i, id := range ids[:n] {
			args[i] = append([]byte(nil), id[:]...)
		}
		ids = ids[n:]
		rows, err := s.db.QueryContext(ctx, "SELECT id, root, cancels FROM replacements WHERE id IN (?"+strings.Repeat(", ?", n-1)+")", args...)
		list, err := all(rows, err, func(from scanner) (l Link, err error) {
			var id, root []byte
			err = from.Scan(&id, &root, &l.Cancels)
			copy(l.ID[:], id)
			copy(l.Root[:], root)
			return l, err
		})
		if err != nil {
			return nil, s.fail(err)
		}
		for _, l := range list {
			links[l.ID] = l
		}
	}
	return links, nil
}
