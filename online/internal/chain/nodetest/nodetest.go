// Package nodetest has false nodes for the tests of node clients.
package nodetest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"coldsign/online/internal/node"
	"coldsign/shared/chain"
)

// Error is a JSON-RPC error.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

// Answer plays a node: it gives the result, or an error, for a call.
type Answer func(method string, params []json.RawMessage) (any, *Error)

// Serve starts a false node and gives its address.
func Serve(t testing.TB, answer Answer) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct {
			ID     json.RawMessage
			Method string
			Params []json.RawMessage
		}
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			t.Errorf("the client sent no JSON: %v", err)
			return
		}
		out := map[string]any{"jsonrpc": "2.0", "id": call.ID}
		if result, fail := answer(call.Method, call.Params); fail != nil {
			out["error"] = fail
		} else {
			out["result"] = result
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(out); err != nil {
			t.Errorf("the test's answer is no JSON: %v", err)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// Looks asserts what a client sees of a transaction.
func Looks(t testing.TB, n node.Node, s chain.Sealed, want node.Sighting) {
	t.Helper()
	if got, err := n.Look(t.Context(), s); err != nil || got != want {
		t.Fatalf("Look: got %+v, %v, want %+v", got, err, want)
	}
}

// Sends asserts what becomes of sending a transaction; says is part of the
// error, or empty for none.
func Sends(t testing.TB, n node.Node, s chain.Sealed, want node.Outcome, says string) {
	t.Helper()
	got, err := n.Send(t.Context(), s)
	if got != want || (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
		t.Fatalf("Send: got outcome %d, %v, want %d, %q", got, err, want, says)
	}
}
