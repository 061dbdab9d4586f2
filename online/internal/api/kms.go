package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"coldsign/online/internal/failpoint"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

// chainNames is the enum of the KMS API, with the two chains that its client
// polls beside. A chain that has no codec here has no rows.
func chainNames() []string {
	return []string{"ADA", "ALGO", "BCH", "BNB", "BSC", "BTC", "CELO", "DOGE", "EGLD", "ETH", "FLOW", "KCS", "KLAY", "LTC",
		"MATIC", "ONE", "SOL", "TRON", "VET", "XDC", "XLM", "XRP"}
}

// record is a PendingTransaction as the KMS API shows it, nulls included.
type record struct {
	ID                    string             `json:"id"`
	Chain                 string             `json:"chain"`
	Hashes                []string           `json:"hashes"`
	SerializedTransaction string             `json:"serializedTransaction"`
	WithdrawalID          string             `json:"withdrawalId,omitempty"`
	Index                 *uint32            `json:"index"`
	TxID                  string             `json:"txId,omitempty"`
	WithdrawalResponses   json.RawMessage    `json:"withdrawalResponses"`
	Signatures            []pending.KeyIndex `json:"signatures,omitempty"`
	ReplacedBy            string             `json:"replacedBy,omitempty"` // ours: the id of the row that makes its payment
}

func recordOf(t *pending.Transaction) record {
	r := record{
		ID: t.ID.String(), Chain: t.Chain, Hashes: t.Hashes, SerializedTransaction: t.Serialized,
		WithdrawalID: t.WithdrawalID, Index: t.Index, TxID: t.TxID, Signatures: t.Signatures,
	}
	if r.Hashes == nil {
		r.Hashes = []string{}
	}
	if t.WithdrawalResponses != "" {
		r.WithdrawalResponses = json.RawMessage(t.WithdrawalResponses)
	}
	return r
}

// pendingByQuery is GET /v3/kms/pending/{chain}?signatures=a,b.
func pendingByQuery(k *call) (reply, error) {
	q, err := k.query("signatures")
	if err != nil {
		return reply{}, err
	}
	var ids []string
	if q.Has("signatures") {
		for id := range strings.SplitSeq(q.Get("signatures"), ",") {
			if _, err := bundle.ParseSignatureID(id); err != nil {
				return reply{}, bad("signatures", "isUuid", "signatures must be UUIDs with commas between", id)
			}
			ids = append(ids, strings.ToLower(id))
		}
	}
	return k.pending(ids)
}

// pendingByBody is POST /v3/kms/pending/{chain} with {"signatureIds":[...]}. An
// empty body asks for all, as an absent list does; an empty list asks for none.
func pendingByBody(k *call) (reply, error) {
	if _, err := k.query(); err != nil {
		return reply{}, err
	}
	b, err := k.body(maxPoll)
	if err != nil || len(b) == 0 {
		if err != nil {
			return reply{}, err
		}
		return k.pending(nil)
	}
	f, err := object(b, "signatureIds")
	if err != nil {
		return reply{}, err
	}
	var ids []string
	if f.has("signatureIds") {
		ids = f.uuids("signatureIds", maxIDs)
	}
	if f.errs != nil {
		return reply{}, f.errs
	}
	return k.pending(ids)
}

func (k *call) pending(ids []string) (reply, error) {
	k.greet()
	name := k.PathValue("chain")
	if !slices.Contains(chainNames(), name) {
		return reply{}, bad("chain", "isEnum", "chain must be one of "+strings.Join(chainNames(), ", "), name)
	}
	list := []record{}
	if ids == nil || len(ids) > 0 {
		rows, err := k.Store.Pending(k.Context(), k.caller.Tenant, name, ids)
		if err != nil {
			return reply{}, err
		}
		for i := range rows {
			list = append(list, recordOf(&rows[i]))
		}
	}
	return reply{http.StatusOK, list}, nil
}

// getRecord is GET /v3/kms/{id}.
func getRecord(k *call) (reply, error) {
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
	r, err := k.paidWith(&row)
	return reply{http.StatusOK, r}, err
}

// complete is PUT /v3/kms/{id}/{txId}.
func complete(k *call) (reply, error) {
	if _, err := k.query(); err != nil {
		return reply{}, err
	}
	id, err := k.id()
	e, _ := errors.AsType[intake.FieldErrors](err)
	txID := k.PathValue("txId")
	if len(txID) < 10 || len(txID) > 80 || strings.Trim(txID, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		e = append(e, intake.FieldError{Property: "txId", Code: "length", Message: "txId must be 10 to 80 letters and digits", Value: txID})
	}
	if e != nil {
		return reply{}, e
	}
	_, err = k.Store.Assert(k.ctx(), k.caller.Tenant, id, txID)
	failpoint.At(failpoint.Confirmed)
	return reply{http.StatusNoContent, nil}, err
}

// cancelRow is DELETE /v3/kms/{id}?revert=true|false: the row and the withdrawal
// that it makes, or with revert=false the row alone.
func cancelRow(k *call) (reply, error) {
	revert, err := k.revert()
	if err != nil {
		return reply{}, err
	}
	id, err := k.id()
	if err != nil {
		return reply{}, err
	}
	_, err = k.Store.Revoke(k.ctx(), k.caller.Tenant, id, revert)
	return reply{http.StatusNoContent, nil}, err
}

// revert reads the query of what cancels; it is true by default.
func (k *call) revert() (bool, error) {
	q, err := k.query("revert")
	if err != nil {
		return false, err
	}
	v := q.Get("revert")
	if q.Has("revert") && v != "true" && v != "false" {
		return false, bad("revert", "isBoolean", "revert must be true or false", v)
	}
	return v != "false", nil
}
