package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// columns are what scan reads, in order.
const columns = `id, tenant, chain, network, hashes, child, signatures, serialized, withdrawal_id, withdrawal_responses,
 request, digest, state, cancel_requested, maybe_signed, asserted, txid, raw, confirmations, code, reason, noted, bundle, deadline, created, updated, signer, hot, report, reported`

// isOpen is the condition of the partial index transactions_open, word for word.
const isOpen = `state IN ('pending', 'exported', 'signed', 'broadcasting')`

// isDue is the condition of transactions_due.
const isDue = `state IN ('signed', 'broadcasting', 'broadcast')`

type scanner interface{ Scan(...any) error }

// scan reads a row, and compares the request with its digest: a flipped bit on
// the disk must not be signed.
func scan(from scanner) (pending.Transaction, error) {
	var t pending.Transaction
	var id, digest []byte
	var hashes, signatures, state, network string
	var child sql.NullInt64
	var noted, created, updated, reported int64
	err := from.Scan(&id, &t.Tenant, &t.Chain, &network, &hashes, &child, &signatures, &t.Serialized, &t.WithdrawalID, &t.WithdrawalResponses,
		&t.Request, &digest, &state, &t.CancelRequested, &t.MaybeSigned, &t.Asserted, &t.TxID, &t.Raw, &t.Confirmations,
		&t.Code, &t.Reason, &noted, &t.Bundle, &t.Deadline, &created, &updated, &t.Signer,
		&t.Hot, &t.Report, &reported)
	if err != nil {
		return pending.Transaction{}, err
	}
	copy(t.ID[:], id)
	copy(t.Digest[:], digest)
	if sha256.Sum256(t.Request) != t.Digest {
		return pending.Transaction{}, corrupt("the request of transaction " + t.ID.String() + " has changed")
	}
	if err := errors.Join(list(hashes, &t.Hashes), list(signatures, &t.Signatures)); err != nil {
		return pending.Transaction{}, corrupt("the signature ids of transaction " + t.ID.String() + " have changed")
	}
	if child.Valid {
		index := uint32(child.Int64)
		t.Index = &index
	}
	if len(t.Raw) == 0 {
		t.Raw = nil
	}
	t.State, t.Network = pending.State(state), chain.ID(network)
	t.Noted, t.Created, t.Updated, t.Reported = fromMillis(noted), fromMillis(created), fromMillis(updated), fromMillis(reported)
	return t, nil
}

// list reads a JSON list; most rows have one of the two only.
func list[T any](text string, to *[]T) error {
	if text == "null" {
		return nil
	}
	return json.Unmarshal([]byte(text), to)
}

func fromMillis(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// all reads every row, and closes them.
func all[T any](rows *sql.Rows, err error, read func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := read(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// load reads one row of the tenant, and locks it; "*" is any tenant.
func (t *tx) load(tenant string, id bundle.ID) (pending.Transaction, error) {
	return owned(t.row("SELECT "+columns+" FROM transactions WHERE id = ? /* FOR NO KEY UPDATE */", id[:]), tenant, id)
}

// owned reads the row if it is the tenant's. Another tenant's is missing, like
// one that never was.
func owned(row *sql.Row, tenant string, id bundle.ID) (pending.Transaction, error) {
	found, err := scan(row)
	if errors.Is(err, sql.ErrNoRows) || err == nil && tenant != Any && tenant != found.Tenant {
		return pending.Transaction{}, fault.New("kms.missing", "", "there is no pending transaction %s", id)
	}
	return found, err
}

// insert writes a new row.
func (t *tx) insert(p *pending.Transaction) error {
	hashes, err := json.Marshal(p.Hashes)
	if err != nil {
		return err
	}
	signatures, err := json.Marshal(p.Signatures)
	if err != nil {
		return err
	}
	var child sql.NullInt64
	if p.Index != nil {
		child = sql.NullInt64{Int64: int64(*p.Index), Valid: true}
	}
	_, err = t.exec("INSERT INTO transactions ("+columns+") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
		p.ID[:], p.Tenant, p.Chain, string(p.Network), string(hashes), child, string(signatures), p.Serialized, p.WithdrawalID, p.WithdrawalResponses,
		p.Request, p.Digest[:], string(p.State), flag(p.CancelRequested), flag(p.MaybeSigned), flag(p.Asserted), p.TxID, blob(p.Raw), int64(p.Confirmations),
		p.Code, p.Reason, toMillis(p.Noted), int64(p.Bundle), p.Deadline, p.Created.UnixMilli(), p.Updated.UnixMilli(), p.Signer,
		flag(p.Hot), p.Report, toMillis(p.Reported))
	return err
}

// update writes what may change of a row.
func (t *tx) update(p *pending.Transaction) error {
	p.Updated = fromMillis(t.at.UnixMilli())
	n, err := t.exec(`UPDATE transactions SET state = ?, cancel_requested = ?, maybe_signed = ?, asserted = ?, txid = ?, raw = ?, confirmations = ?,
 code = ?, reason = ?, noted = ?, bundle = ?, updated = ?, hot = ? WHERE id = ?`,
		string(p.State), flag(p.CancelRequested), flag(p.MaybeSigned), flag(p.Asserted), p.TxID, blob(p.Raw), int64(p.Confirmations),
		p.Code, p.Reason, toMillis(p.Noted), int64(p.Bundle), p.Updated.UnixMilli(), flag(p.Hot), p.ID[:])
	if err == nil && n != 1 {
		err = fault.New("kms.missing", "", "there is no pending transaction %s", p.ID)
	}
	return err
}

// flag is a truth as both databases keep it.
func flag(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// blob is b, never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
