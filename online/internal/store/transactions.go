package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Any is the tenant that stands for every tenant: the operator's view. No row
// and no API key has it.
const Any = "*"

const (
	maxText  = 256    // bytes of an idempotency key, a tenant, a reservation, a transaction id
	maxPage  = 10_000 // rows of one List
	pageSize = 100    // rows of a List that names no limit
)

// Idempotency makes a submission safe to repeat: the same key with the same body
// gives the row that the first one made.
type Idempotency struct {
	Key  string   // the tenant's own; "" none
	Body [32]byte // SHA-256 of what was submitted
}

// Create stores a new pending transaction, its idempotency key and its
// reservations together. If the key was used before with the same body, it gives
// the row of that time and stores nothing; with another body the code is
// idempotency.conflict. A nonce or an output that another live row uses up is
// refused with reservation.conflict; one of a parked row goes over to the new
// one. A tenant with as many open rows as SetQuota allows gets quota.exceeded, but
// for replacements. It sets State, Digest, Created and Updated.
func (s *Store) Create(ctx context.Context, p *pending.Transaction, idem Idempotency) (existing *pending.Transaction, err error) {
	if err := creatable(p, idem); err != nil {
		return nil, err
	}
	how := beside
	if p.Replaces != (bundle.ID{}) || p.Requotes != (bundle.ID{}) {
		how = alone // it relies on all rows that it competes with
	} else if err := s.within(ctx, p.Tenant); err != nil {
		return nil, err
	}
	err = s.change(ctx, how, func(t *tx) error {
		existing = nil
		if idem.Key != "" {
			if existing, err = earlier(t.ctx, t.sql, p.Tenant, idem); err != nil || existing != nil {
				return err
			}
		}
		return t.create(p, idem)
	})
	if err != nil {
		return nil, err
	}
	return existing, nil
}

// create writes a new row with all that belongs to it.
func (t *tx) create(p *pending.Transaction, idem Idempotency) error {
	p.State, p.Digest = pending.Pending, sha256.Sum256(p.Request)
	p.Created = fromMillis(t.at.UnixMilli())
	p.Updated = p.Created
	if err := t.insert(p); err != nil {
		return err
	}
	if idem.Key != "" {
		if _, err := t.exec("INSERT INTO idempotency (tenant, key, body, id) VALUES (?, ?, ?, ?)", p.Tenant, idem.Key, idem.Body[:], p.ID[:]); err != nil {
			return err
		}
	}
	if err := t.withdraw(p); err != nil {
		return err
	}
	rivals, err := t.compete(p)
	if err != nil {
		return err
	}
	if err := t.requote(p); err != nil {
		return err
	}
	for _, key := range p.Reserve {
		if err := t.reserve(p, key, rivals); err != nil {
			return err
		}
	}
	return t.audit("create", p.ID, "", p.State, "")
}

// creatable refuses what no new row may be.
func creatable(p *pending.Transaction, idem Idempotency) error {
	bad := func(what string) error {
		return fault.New("store.row", "", "the transaction cannot be stored: %s", what)
	}
	switch {
	case p.ID == bundle.ID{}:
		return bad("it has no id")
	case p.Tenant == "" || p.Tenant == Any || len(p.Tenant) > maxText:
		return bad("it has no tenant")
	case p.Chain == "" || p.Network == "":
		return bad("it has no chain or network")
	case len(p.Request) == 0:
		return bad("it has no request")
	case p.Digest != [32]byte{} && p.Digest != sha256.Sum256(p.Request):
		return bad("its digest is not that of its request")
	case p.State != "" && p.State != pending.Pending, p.TxID != "", len(p.Raw) != 0, p.Bundle != 0, p.CancelRequested, p.MaybeSigned, p.Asserted, p.Hot, p.Deadline < 0:
		return bad("it is not new")
	case p.Signer != "" && p.Signer != pending.Foreign:
		return bad("nobody signs as " + quote.String(p.Signer))
	case len(idem.Key) > maxText:
		return fault.New("idempotency.key", "", "the idempotency key has %d bytes, and %d is the most", len(idem.Key), maxText)
	}
	for i, key := range p.Reserve {
		if key == "" || len(key) > maxText || slices.Contains(p.Reserve[:i], key) {
			return bad("it reserves " + quote.String(key) + ", which is empty, too long or named twice")
		}
	}
	return nil
}

// Earlier gives the row that an earlier submission with this idempotency key and
// body made, or nil. With another body it is idempotency.conflict. Create asks
// again: this one lets a repeat be answered whatever has changed since.
func (s *Store) Earlier(ctx context.Context, tenant string, idem Idempotency) (*pending.Transaction, error) {
	if idem.Key == "" {
		return nil, nil
	}
	row, err := earlier(ctx, s.db, tenant, idem)
	return row, s.fail(err)
}

// earlier gives the row that the idempotency key made, or nil.
func earlier(ctx context.Context, q querier, tenant string, idem Idempotency) (*pending.Transaction, error) {
	var id, body []byte
	err := q.QueryRowContext(ctx, "SELECT id, body FROM idempotency WHERE tenant = ? AND key = ?", tenant, idem.Key).Scan(&id, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if string(body) != string(idem.Body[:]) {
		return nil, fault.New("idempotency.conflict", "use a new key for a new payment", "the idempotency key %s was used for another request", quote.String(idem.Key))
	}
	row, err := owned(q.QueryRowContext(ctx, "SELECT "+columns+" FROM transactions WHERE id = ?", id), tenant, bundle.ID(id))
	return &row, err
}

// payload is the prefix of a reservation that names the unsigned bytes.
const payload = "payload:"

// reserve keeps a nonce or an output for the row. That of a parked row, which is
// never broadcast, goes over: if it is signed all the same, the two conflict on
// chain, and so does what has come in its place already. The same bytes are no such
// pair once they are sealed. What a rival has stays with it while it may be sent,
// and is the row's as well.
func (t *tx) reserve(p *pending.Transaction, key string, rivals map[bundle.ID]bool) error {
	const held = "SELECT id FROM reservations WHERE network = ? AND key = ? /* FOR UPDATE */"
	var id []byte
	for {
		n, err := t.exec("INSERT INTO reservations (network, key, id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", string(p.Network), key, p.ID[:])
		if err != nil || n == 1 {
			return err
		}
		// From here on nobody else takes it over. It may have been given up meanwhile.
		if err := t.row(held, string(p.Network), key).Scan(&id); err == nil {
			break
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	// Not locked: a row that is parked stays so, and any other is a conflict.
	holder, err := scan(t.row("SELECT "+columns+" FROM transactions WHERE id = ?", id))
	if err != nil {
		return err
	}
	if holder.ID == p.ID { // a rival that ended since has left it
		return nil
	}
	parked := holder.Parked() && (holder.TxID == "" || !strings.HasPrefix(key, payload))
	if rivals[holder.ID] && !parked && !strings.HasPrefix(key, payload) {
		return nil
	}
	if parked && !rivals[holder.ID] {
		live, err := t.standIn(holder.ID)
		if err != nil {
			return err
		}
		if live != nil {
			holder, parked = *live, false
		}
	}
	if parked {
		if _, err := t.exec("UPDATE reservations SET id = ? WHERE network = ? AND key = ?", p.ID[:], string(p.Network), key); err != nil {
			return err
		}
		if err := t.succeed(p, holder); err != nil {
			return err
		}
		return errors.Join(t.audit("reservation.lost", holder.ID, holder.State, holder.State, key+" to "+p.ID.String()),
			t.audit("reservation.taken", p.ID, "", p.State, key+" from "+holder.ID.String()))
	}
	other := "another transaction"
	if holder.Tenant == p.Tenant {
		other = "transaction " + holder.ID.String()
	}
	return fault.New("reservation.conflict", "wait for it to end or cancel it, or build the payment with another nonce or other inputs",
		"%s is already used by %s", quote.Line(key), other)
}

// Get gives one row of the tenant. One that does not exist and another tenant's
// are kms.missing alike.
func (s *Store) Get(ctx context.Context, tenant string, id bundle.ID) (pending.Transaction, error) {
	row, err := owned(s.db.QueryRowContext(ctx, "SELECT "+columns+" FROM transactions WHERE id = ?", id[:]), tenant, id)
	return row, s.fail(err)
}

// Pending gives the KMS list: the tenant's rows of the chain that are not yet
// with the network, oldest first. With signature ids, only rows that name one of
// them; nil is all.
func (s *Store) Pending(ctx context.Context, tenant, chain string, signatureIDs []string) ([]pending.Transaction, error) {
	query, args := "SELECT "+columns+" FROM transactions WHERE "+isOpen+" AND cancel_requested = 0 AND chain = ?", []any{chain}
	if tenant != Any {
		query, args = query+" AND tenant = ?", append(args, tenant)
	}
	rows, err := s.db.QueryContext(ctx, query+" ORDER BY n", args...)
	list, err := all(rows, err, scan)
	if err != nil {
		return nil, s.fail(err)
	}
	if signatureIDs == nil {
		return list, nil
	}
	// A caller names up to 25,000 ids, the list fewer: its ids go into the map.
	wanted := make(map[string]bool, len(list))
	for i := range list {
		for _, id := range list[i].Hashes {
			wanted[id] = false
		}
		for _, k := range list[i].Signatures {
			wanted[k.ID] = false
		}
	}
	for _, id := range signatureIDs {
		if _, named := wanted[id]; named {
			wanted[id] = true
		}
	}
	return slices.DeleteFunc(list, func(p pending.Transaction) bool {
		return !slices.ContainsFunc(p.Hashes, func(id string) bool { return wanted[id] }) &&
			!slices.ContainsFunc(p.Signatures, func(k pending.KeyIndex) bool { return wanted[k.ID] })
	}), nil
}

// Filter chooses rows for List. Empty fields choose all, save Tenant: no tenant
// has no rows.
type Filter struct {
	Tenant, Chain string
	State         pending.State
	After         string // the last id of the page before
	Limit         int    // 0: 100; at most 10,000
}

// List gives rows in any state, oldest first.
func (s *Store) List(ctx context.Context, f Filter) ([]pending.Transaction, error) {
	query, args := "SELECT "+columns+" FROM transactions WHERE true", []any(nil)
	where := func(clause string, arg any) { query, args = query+" AND "+clause, append(args, arg) }
	if f.Tenant != Any {
		where("tenant = ?", f.Tenant)
	}
	if f.Chain != "" {
		where("chain = ?", f.Chain)
	}
	if f.State != "" {
		where("state = ?", string(f.State))
	}
	if f.After != "" {
		id, err := bundle.ParseID(f.After)
		if err != nil {
			return nil, err
		}
		if _, err := s.Get(ctx, f.Tenant, id); err != nil {
			return nil, err
		}
		where("n > (SELECT n FROM transactions WHERE id = ?)", id[:])
	}
	if f.Limit <= 0 {
		f.Limit = pageSize
	}
	query, args = query+" ORDER BY n LIMIT ?", append(args, min(f.Limit, maxPage))
	rows, err := s.db.QueryContext(ctx, query, args...)
	list, err := all(rows, err, scan)
	return list, s.fail(err)
}

// Due gives rows for the broadcaster to work on: signed, broadcasting and
// broadcast, those looked at longest ago first. A signed row whose cancelling was
// requested is none. Call Seen after each, so that all get their turn.
func (s *Store) Due(ctx context.Context, limit int) ([]pending.Transaction, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+columns+" FROM transactions WHERE "+isDue+
		" AND NOT (state = 'signed' AND cancel_requested <> 0) ORDER BY looked, n LIMIT ?", limit)
	list, err := all(rows, err, scan)
	return list, s.fail(err)
}

// Parked gives signed rows of which nothing is sent any more, as they were withdrawn, came
// too late or were quoted anew, and that were last looked at before the given time: for a week they
// are looked for, since who else has the bytes may have sent them.
func (s *Store) Parked(ctx context.Context, before time.Time, limit int) ([]pending.Transaction, error) {
	const week = 7 * 24 * time.Hour
	rows, err := s.db.QueryContext(ctx, "SELECT "+columns+` FROM transactions WHERE state = 'signed' AND cancel_requested <> 0 AND updated > ? AND looked < ? ORDER BY looked, n LIMIT ?`,
		s.now().Add(-week).UnixMilli(), before.UnixMilli(), limit)
	list, err := all(rows, err, scan)
	return list, s.fail(err)
}

// Doubt notes that a parked row can never land, as the nodes say, or with no doubt that
// they do not say so any more. Noted is since when.
func (s *Store) Doubt(ctx context.Context, id bundle.ID, doubt bool) error {
	return s.writeBeside(ctx, func(t *tx) error {
		at, unless := int64(0), ""
		if doubt {
			at, unless = t.at.UnixMilli(), " AND noted = 0"
		}
		_, err := t.exec("UPDATE transactions SET noted = ? WHERE id = ? AND state = 'signed' AND cancel_requested <> 0"+unless, at, id[:])
		return err
	})
}

// Note says what keeps a row that is with the network from being final, or, with
// no code, that nothing does. Noted stays while the code does. It changes no
// state, and the row counts as not moved.
func (s *Store) Note(ctx context.Context, id bundle.ID, code, reason string) error {
	reason = reason[:min(len(reason), bundle.MaxReason)]
	return s.writeBeside(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE transactions SET code = ?, reason = ?, noted = CASE WHEN ? = '' THEN 0 WHEN code = ? AND noted <> 0 THEN noted ELSE ? END
 WHERE id = ? AND state IN ('broadcasting', 'broadcast', 'complete') AND (code <> ? OR reason <> ?)`,
			code, reason, code, code, t.at.UnixMilli(), id[:], code, reason)
		return err
	})
}

// Seen notes that a row was looked up just now, and its confirmations if it is
// broadcast. It changes no state.
func (s *Store) Seen(ctx context.Context, id bundle.ID, confirmations uint64) error {
	return s.writeBeside(ctx, func(t *tx) error { return t.seen(id, confirmations) })
}

func (t *tx) seen(id bundle.ID, confirmations uint64) error {
	_, err := t.exec("UPDATE transactions SET looked = ?, confirmations = CASE WHEN state = 'broadcast' THEN ? ELSE confirmations END WHERE id = ?",
		t.at.UnixMilli(), int64(min(confirmations, 1<<62)), id[:])
	return err
}
