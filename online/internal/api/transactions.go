package api

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"coldsign/online/internal/explain"
	"coldsign/online/internal/failpoint"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
)

// transaction is a row as /v1 shows it: the KMS record and what became of it.
type transaction struct {
	record
	SignatureID        string   `json:"signatureId"` // the id again, as the KMS's create calls name it
	Network            chain.ID `json:"network"`
	State              string   `json:"state"`
	CancelRequested    bool     `json:"cancelRequested"`
	Asserted           bool     `json:"asserted"`
	Digest             string   `json:"digest"` // SHA-256 of the request as it crosses the gap, hex
	Bundle             uint64   `json:"bundle"` // sequence of the bundle that carries it, 0 none
	Confirmations      uint64   `json:"confirmations"`
	Code               string   `json:"code,omitempty"`
	Reason             string   `json:"reason,omitempty"`
	Hot                bool     `json:"hot,omitempty"`         // signed by a hot signer, through the API
	Report             string   `json:"signerError,omitempty"` // the last error that a hot signer reported
	Deadline           int64    `json:"deadline,omitempty"`    // Unix seconds from which on broadcasting does not begin
	Replaces           string   `json:"replaces,omitempty"`    // the id of the first of those that it conflicts with on chain
	Cancels            bool     `json:"cancels,omitempty"`     // it pays nobody
	Requotes           string   `json:"requotes,omitempty"`    // the id of the one whose payment it makes anew
	Created            string   `json:"created"`               // RFC 3339, UTC
	Updated            string   `json:"updated"`
	*explain.Explained          // of one transaction, not in lists
}

func transactionOf(t *pending.Transaction) transaction {
	stamp := func(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
	return transaction{
		record: recordOf(t), SignatureID: t.ID.String(), Network: t.Network, State: string(t.State),
		CancelRequested: t.CancelRequested, Asserted: t.Asserted, Digest: hex.EncodeToString(t.Digest[:]), Bundle: t.Bundle,
		Confirmations: t.Confirmations, Code: t.Code, Reason: t.Reason, Hot: t.Hot, Report: t.Report, Deadline: t.Deadline, Created: stamp(t.Created), Updated: stamp(t.Updated),
	}
}

// submit is POST /v1/transactions: 201 for a new row, 200 for the row that an
// earlier request with the same Idempotency-Key and body made.
func submit(k *call) (reply, error) {
	if _, err := k.query(); err != nil {
		return reply{}, err
	}
	idem, b, err := k.idempotent(maxSubmit)
	if err != nil {
		return reply{}, err
	}
	// First: what was accepted once is answered whatever has changed since.
	existing, err := k.Store.Earlier(k.Context(), k.caller.Tenant, idem)
	if err != nil {
		return reply{}, err
	}
	if existing != nil {
		return k.show(http.StatusOK, existing)
	}
	s, err := readSubmission(b)
	if err != nil {
		return reply{}, err
	}
	s.Requester = k.caller.Name
	row, review, err := k.Intake.Accept(k.Context(), k.caller.Tenant, s)
	if err != nil {
		return reply{}, err
	}
	existing, err = k.Store.Create(k.ctx(), row, idem)
	if err != nil {
		return reply{}, err
	}
	if existing != nil {
		return k.show(http.StatusOK, existing)
	}
	failpoint.At(failpoint.Created)
	t := transactionOf(row)
	t.Explained = explain.Of(review)
	return reply{http.StatusCreated, t}, nil
}

// show is one transaction with its review.
func (k *call) show(status int, row *pending.Transaction) (reply, error) {
	review, err := k.Intake.Review(row)
	if err != nil {
		return reply{}, err
	}
	t := []transaction{transactionOf(row)}
	t[0].Explained = explain.Of(review)
	if err := k.link([]pending.Transaction{*row}, t); err != nil {
		return reply{}, err
	}
	return reply{status, t[0]}, nil
}

func readSubmission(b []byte) (s intake.Submission, err error) {
	f, err := object(b, "chain", "network", "hashes", "index", "signatures", "transaction", "serializedTransaction",
		"evidence", "note", "deadline", "withdrawalId", "withdrawalResponses")
	if err != nil {
		return s, err
	}
	if !f.has("chain") {
		f.fail("chain", "isDefined", "must be given")
	}
	s = intake.Submission{
		Chain: f.text("chain", 16), Network: f.text("network", 64), Hashes: f.uuids("hashes", bundle.MaxKeys),
		SerializedTransaction: f.text("serializedTransaction", maxSubmit), Evidence: f.text("evidence", maxSubmit),
		Note: f.text("note", bundle.MaxNote), WithdrawalID: f.text("withdrawalId", 24),
		Transaction: f.Fields["transaction"], WithdrawalResponses: f.Fields["withdrawalResponses"],
	}
	if n := f.number("index", 0, uint64(chain.Hardened)-1); n != nil {
		index := uint32(*n)
		s.Index = &index
	}
	if n := f.number("deadline", 1, bundle.MaxTime); n != nil {
		s.Deadline = int64(*n)
	}
	if kind := s.Transaction.Kind; f.has("transaction") && kind != strictjson.Object {
		f.text("transaction", maxSubmit)
	}
	f.items("withdrawalResponses", maxSubmit)
	for _, v := range f.items("signatures", bundle.MaxKeys) {
		pair, unknown := v.Object("id", "index")
		index, ok := pair["index"].Uint(uint64(chain.Hardened) - 1)
		_, err := bundle.ParseSignatureID(pair["id"].Text)
		if v.Kind != strictjson.Object || unknown != nil || !ok || err != nil || pair["id"].Kind != strictjson.String {
			f.fail("signatures", "isObject", "must hold objects of id, a UUID, and index")
			break
		}
		s.Signatures = append(s.Signatures, pending.KeyIndex{ID: pair["id"].Text, Index: uint32(index)})
	}
	if f.errs != nil {
		return s, f.errs
	}
	return s, nil
}

// list is GET /v1/transactions?chain=&state=&after=&limit=, oldest first. The
// answer's next goes into after for the page that follows; it is null at the end.
func list(k *call) (reply, error) {
	q, err := k.query("chain", "state", "after", "limit")
	if err != nil {
		return reply{}, err
	}
	var e intake.FieldErrors
	check := func(ok bool, name, code, message string) {
		if q.Has(name) && !ok {
			e = append(e, intake.FieldError{Property: name, Code: code, Message: name + " " + message, Value: q.Get(name)})
		}
	}
	limit, err := strconv.ParseUint(q.Get("limit"), 10, 16)
	check(err == nil && limit >= 1 && limit <= maxPage && q.Get("limit")[0] != '0', "limit", "isInt", fmt.Sprintf("must be an integer from 1 to %d", maxPage))
	check(slices.Contains(chainNames(), q.Get("chain")), "chain", "isEnum", "must be one of "+strings.Join(chainNames(), ", "))
	check(slices.Contains(pending.States(), pending.State(q.Get("state"))), "state", "isEnum", "must be a state")
	_, err = bundle.ParseID(q.Get("after"))
	check(err == nil, "after", "length", "must be 24 lower-case hex characters")
	if e != nil {
		return reply{}, e
	}
	if limit == 0 {
		limit = 100
	}
	rows, err := k.Store.List(k.Context(), store.Filter{
		Tenant: k.caller.Tenant, Chain: q.Get("chain"), State: pending.State(q.Get("state")), After: q.Get("after"), Limit: int(limit),
	})
	if err != nil {
		return reply{}, err
	}
	page := struct {
		Transactions []transaction `json:"transactions"`
		Next         *string       `json:"next"`
	}{Transactions: []transaction{}}
	for i := range rows {
		page.Transactions = append(page.Transactions, transactionOf(&rows[i]))
	}
	if err := k.link(rows, page.Transactions); err != nil {
		return reply{}, err
	}
	if len(rows) == int(limit) {
		page.Next = &page.Transactions[len(rows)-1].ID
	}
	return reply{http.StatusOK, page}, nil
}

// getTransaction is GET /v1/transactions/{id}.
func getTransaction(k *call) (reply, error) {
	if _, err := k.query(); err != nil {
		return reply{}, err
	}
	id, err := k.id()
	if err != nil {
		return reply{}, err
	}
	row, err := k.Store.Get(k.Context(), k.caller.Tenant, id)
	if err != nil {
		return reply{}, err
	}
	return k.show(http.StatusOK, &row)
}
