package api

import (
	"net/http"
	"strings"

	"coldsign/online/internal/store"
)

// withdrawal is a payment that leaves an account of the application.
type withdrawal struct {
	ID          string `json:"id"`
	State       string `json:"state"`
	Revert      bool   `json:"revert"`      // it was taken back, and its fee goes back too
	SignatureID string `json:"signatureId"` // the row that makes it
	TxID        string `json:"txId,omitempty"`
}

// withdrawal finds the one that the path names.
func (k *call) withdrawal() (store.Withdrawal, error) {
	id := strings.ToLower(k.PathValue("id"))
	if len(id) != 24 || strings.Trim(id, "0123456789abcdef") != "" {
		return store.Withdrawal{}, bad("id", "length", "id must be 24 hex characters", k.PathValue("id"))
	}
	return k.Store.Withdrawal(k.Context(), k.caller.Tenant, id)
}

// getWithdrawal is GET /v1/withdrawals/{id}.
func getWithdrawal(k *call) (reply, error) {
	if _, err := k.query(); err != nil {
		return reply{}, err
	}
	w, err := k.withdrawal()
	return reply{http.StatusOK, withdrawal{w.ID, w.State(), w.Revert, w.Row.ID.String(), w.TxID()}}, err
}

// cancelWithdrawal is DELETE /v3/offchain/withdrawal/{id}?revert=true|false, as
// DELETE of the row that makes it.
func cancelWithdrawal(k *call) (reply, error) {
	revert, err := k.revert()
	if err != nil {
		return reply{}, err
	}
	w, err := k.withdrawal()
	if err != nil {
		return reply{}, err
	}
	_, err = k.Store.Revoke(k.ctx(), k.caller.Tenant, w.Row.ID, revert)
	return reply{http.StatusNoContent, nil}, err
}
