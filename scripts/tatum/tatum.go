// Package tatum stands in for a Tatum account: the calls that a KMS signer makes, as
// the API's documentation, its clients and recorded requests of the original signer
// have them. It keeps rows, lists those that name a signature id, sends what it is
// given by a function of the test, and completes a row as a side effect.
//
//	s := tatum.New("the key")
//	s.Send = func(path, txData string) (string, error) { ... }
//	s.List(tatum.Record{"id": id, "chain": "BTC", ...})
//
// A test can have it keep listing what is complete, as the original was seen to be
// served, and answer anything in the place of any call.
package tatum

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Record is a PendingTransaction as JSON has it.
type Record map[string]any

// Call is one that was made, with its body.
type Call struct{ Method, Path, Body string }

// Server is a running stand-in.
type Server struct {
	*httptest.Server
	// Send broadcasts, and gives the transaction's id. Set it before the first call.
	Send func(path, txData string) (string, error)

	key  string
	mu   sync.Mutex
	rows []Record
	keep bool
	says func(w http.ResponseWriter, r *http.Request, body string) bool
	done []Call
}

// New starts one that takes the key, on loopback; Close ends it.
func New(key string) *Server {
	s := &Server{key: key}
	s.Server = httptest.NewServer(s)
	return s
}

// List adds a row, or changes what it says.
func (s *Server) List(r Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.find(r["id"]); i >= 0 {
		s.rows[i] = r
		return
	}
	s.rows = append(s.rows, r)
}

// Keep has it list rows that are complete, too, without their txId.
func (s *Server) Keep(keep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep = keep
}

// Delete is what an application's DELETE does.
func (s *Server) Delete(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = slices.DeleteFunc(s.rows, func(r Record) bool { return r["id"] == id })
}

// Says has f answer calls; it reports whether it did. nil is the account as it should
// be.
func (s *Server) Says(f func(w http.ResponseWriter, r *http.Request, body string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says = f
}

// Calls gives those with the method whose path begins so.
func (s *Server) Calls(method, path string) (list []Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.done {
		if c.Method == method && strings.HasPrefix(c.Path, path) {
			list = append(list, c)
		}
	}
	return list
}

// Broadcasts gives the bodies of all broadcast calls.
func (s *Server) Broadcasts() (list []Call) {
	for _, c := range s.Calls(http.MethodPost, "/v3/") {
		if strings.HasSuffix(c.Path, "/broadcast") {
			list = append(list, c)
		}
	}
	return list
}

// TxID gives the transaction that a row was completed with.
func (s *Server) TxID(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.find(id); i >= 0 {
		text, _ := s.rows[i]["txId"].(string)
		return text
	}
	return ""
}

func (s *Server) find(id any) int {
	return slices.IndexFunc(s.rows, func(r Record) bool { return r["id"] == id })
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if v != nil {
		json.NewEncoder(w).Encode(v) //nolint:errcheck // the client may hang up
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string]any{"errorCode": code, "message": message, "statusCode": status})
}

var row = regexp.MustCompile(`^/v3/kms/([0-9a-f]{24})(?:/([0-9a-zA-Z]{10,80}))?$`)

// ServeHTTP answers a call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	body := string(raw)
	s.mu.Lock()
	s.done = append(s.done, Call{r.Method, r.URL.Path, body})
	says := s.says
	s.mu.Unlock()
	if says != nil && says(w, r, body) {
		return
	}
	if r.Header.Get("x-api-key") != s.key {
		refuse(w, 401, "subscription.invalid", "Unable to find valid subscription for '"+r.Header.Get("x-api-key")+"'")
		return
	}
	at := row.FindStringSubmatch(r.URL.Path)
	chain, list := strings.CutPrefix(r.URL.Path, "/v3/kms/pending/")
	switch {
	case r.Method == http.MethodPost && list:
		s.pending(w, chain, body)
	case r.Method == http.MethodPost && r.URL.Path == "/v3/tatum/kms/batch":
		answer(w, 204, nil)
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/broadcast"):
		s.broadcast(w, r.URL.Path, body)
	case at != nil && (r.Method == http.MethodGet && at[2] == "" || r.Method == http.MethodPut && at[2] != ""):
		s.one(w, at[1], at[2])
	default:
		refuse(w, 404, "not.found", "no such call")
	}
}

func (s *Server) pending(w http.ResponseWriter, chain, body string) {
	var in struct{ SignatureIDs []string }
	if json.Unmarshal([]byte(body), &in) != nil || len(in.SignatureIDs) > 25_000 {
		refuse(w, 400, "validation.failed", "Request validation failed. Please see data for additional information.")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Record{}
	for _, r := range s.rows {
		hashes, _ := json.Marshal(r["hashes"])
		ours := slices.ContainsFunc(in.SignatureIDs, func(id string) bool { return strings.Contains(string(hashes), id) })
		if r["chain"] != chain || !ours || r["txId"] != nil && !s.keep {
			continue
		}
		shown := Record{"index": nil, "withdrawalResponses": nil}
		for k, v := range r {
			if k != "txId" {
				shown[k] = v
			}
		}
		list = append(list, shown)
	}
	answer(w, 200, list)
}

func (s *Server) one(w http.ResponseWriter, id, txID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(id)
	if i < 0 {
		refuse(w, 403, "kms.missing", "No such KMS signature with id '"+id+"'.")
		return
	}
	if txID == "" {
		answer(w, 200, s.rows[i])
		return
	}
	s.rows[i]["txId"] = txID
	answer(w, 204, nil)
}

func (s *Server) broadcast(w http.ResponseWriter, path, body string) {
	var in struct{ TxData, SignatureID, WithdrawalID, Currency string }
	if json.Unmarshal([]byte(body), &in) != nil || in.TxData == "" || in.SignatureID == "" {
		refuse(w, 400, "validation.failed", "Request validation failed. Please see data for additional information.")
		return
	}
	id, err := s.Send(path, in.TxData)
	if err != nil {
		refuse(w, 403, strings.Split(strings.TrimPrefix(path, "/v3/"), "/")[0]+".broadcast.failed", err.Error())
		return
	}
	s.mu.Lock()
	i := s.find(in.SignatureID)
	if i >= 0 {
		s.rows[i]["txId"] = id
	}
	s.mu.Unlock()
	if strings.Contains(path, "/offchain/") {
		answer(w, 200, map[string]any{"completed": true, "txId": id})
		return
	}
	shown := map[string]any{"txId": id}
	if i < 0 {
		shown["failed"] = true
	}
	answer(w, 200, shown)
}
