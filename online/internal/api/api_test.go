package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/api"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/replace"
	"coldsign/online/internal/store"
	"coldsign/online/internal/webhook"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/registry"
)

const (
	walletID = "33333333-3333-4333-8333-333333333333"
	otherID  = "44444444-4444-4444-8444-444444444444"
	goodTxID = "0123456789abcdefABCDEF"
)

// rig is the API over a real store and the real codecs, with one ETH wallet on
// a test network.
type rig struct {
	*testing.T
	store   *store.Store
	intake  *intake.Intake
	handler http.Handler
	log     *bytes.Buffer
	keys    map[string]string // "tenant/scope" -> key
	now     time.Time
	nodes   map[chain.ID]node.Node // that new quotes ask
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, log: &bytes.Buffer{}, keys: map[string]string{}, now: time.Unix(1_800_000_000, 0), nodes: map[chain.ID]node.Node{}}
	now := func() time.Time { return r.now }
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "online.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r.store = s
	for _, tenant := range []string{"a", "b"} {
		for _, scope := range store.Scopes() {
			if _, r.keys[tenant+"/"+scope], err = s.CreateAPIKey(t.Context(), tenant+"-"+scope, tenant, []string{scope}); err != nil {
				t.Fatal(err)
			}
		}
	}
	id, err := bundle.ParseSignatureID(walletID)
	if err != nil {
		t.Fatal(err)
	}
	key := chaintest.Secp256k1Key(bytes.Repeat([]byte{1}, 32))
	if err := s.PutWallets(t.Context(), []bundle.Wallet{{SignatureID: id, Chain: "ETH", Testnet: true, Curve: chain.Secp256k1, Key: key.Bytes()}}); err != nil {
		t.Fatal(err)
	}
	in := &intake.Intake{Chains: registry.New().All(), Networks: []chain.ID{"eip155:11155111"}, Wallets: s, Now: now}
	r.intake = in
	r.handler = api.New(api.Config{Store: s, Intake: in, Replacer: &replace.Maker{Store: s, Intake: in, Nodes: r.nodes, Now: now}, Now: now, Log: slog.New(slog.NewJSONHandler(r.log, nil)), Version: "test",
		Hooks: api.Hooks{Subscriptions: s, Events: s, CheckURL: webhook.Guard{}.CheckURL}})
	return r
}

type answer struct {
	Status int
	Body   string
	Header http.Header
}

// send sends one request with the key of "tenant/scope"; "" sends none. A change
// gets the last word on the request.
func (r *rig) send(who, method, path, body string, change ...func(*http.Request)) answer {
	r.Helper()
	q := httptest.NewRequest(method, path, strings.NewReader(body))
	if who != "" {
		q.Header.Set("x-api-key", r.keys[who])
	}
	for _, c := range change {
		c(q)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, q)
	if n := strings.Count(r.log.String(), "\n"); n == 0 {
		r.Error("the request was not logged")
	}
	for _, key := range r.keys {
		if strings.Contains(r.log.String(), key) || strings.Contains(w.Body.String(), key) {
			r.Error("a key got into the log or the answer")
		}
	}
	a := answer{w.Code, w.Body.String(), w.Header()}
	asDescribed(r.T, method, path, a)
	return a
}

// want checks status and, unless it is empty, the whole body.
func (r *rig) want(a answer, status int, body string) {
	r.Helper()
	if a.Status != status || body != "" && a.Body != body {
		r.Errorf("got %d %s\nwant %d %s", a.Status, a.Body, status, body)
	}
}

func web3(nonce int) string {
	return fmt.Sprintf(`{"from":0,"to":"0x000000000000000000000000000000000000dead","value":"1","nonce":%d,"gasPrice":"25000000000","gas":"21000"}`, nonce)
}

func submission(nonce int) string {
	return fmt.Sprintf(`{"chain":"ETH","hashes":["%s"],"transaction":%s}`, walletID, web3(nonce))
}

// create submits a transaction of tenant a and gives its id.
func (r *rig) create(nonce int) string {
	r.Helper()
	a := r.send("a/submit", "POST", "/v1/transactions", submission(nonce))
	var got struct{ ID, SignatureID, State string }
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Status != 201 || got.ID != got.SignatureID || got.State != "pending" {
		r.Fatalf("%d %s", a.Status, a.Body)
	}
	return got.ID
}

const unauthorized = `{"statusCode":401,"errorCode":"subscription.invalid","message":"Unable to find valid subscription for the given API key."}`

func routes(id string) [][3]string { // method, path, the scope it needs
	return [][3]string{
		{"GET", "/v3/kms/pending/ETH", "read"}, {"POST", "/v3/kms/pending/ETH", "read"}, {"GET", "/v3/kms/" + id, "read"},
		{"PUT", "/v3/kms/" + id + "/" + goodTxID, "complete"}, {"DELETE", "/v3/kms/" + id, "submit"},
		{"POST", "/v1/transactions", "submit"}, {"GET", "/v1/transactions", "read"}, {"GET", "/v1/transactions/" + id, "read"},
	}
}

func TestAuthn(t *testing.T) {
	r := newRig(t)
	id := r.create(0)
	revokedID, revoked, err := r.store.CreateAPIKey(t.Context(), "gone", "a", []string{"admin"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.store.RevokeAPIKey(t.Context(), revokedID); err != nil {
		t.Fatal(err)
	}
	good := r.keys["a/admin"]
	tries := map[string]func(*http.Request){
		"none":         func(*http.Request) {},
		"empty":        func(q *http.Request) { q.Header.Set("x-api-key", "") },
		"wrong":        func(q *http.Request) { q.Header.Set("x-api-key", "csk_wrong") },
		"last changed": func(q *http.Request) { q.Header.Set("x-api-key", good[:len(good)-2]+"!!") },
		"cut":          func(q *http.Request) { q.Header.Set("x-api-key", good[:len(good)-1]) },
		"longer":       func(q *http.Request) { q.Header.Set("x-api-key", good+"a") },
		"huge":         func(q *http.Request) { q.Header.Set("x-api-key", strings.Repeat("a", 1<<20)) },
		"NUL":          func(q *http.Request) { q.Header.Set("x-api-key", good+"\x00") },
		"CRLF":         func(q *http.Request) { q.Header.Set("x-api-key", good+"\r\nx: y") },
		"twice":        func(q *http.Request) { q.Header.Add("x-api-key", good); q.Header.Add("x-api-key", good) },
		"revoked":      func(q *http.Request) { q.Header.Set("x-api-key", revoked) },
		"in the query": func(q *http.Request) { q.URL.RawQuery = "x-api-key=" + good },
		"bearer":       func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+good) },
	}
	for name, change := range tries {
		for _, route := range routes(id) {
			a := r.send("", route[0], route[1], "", change)
			if a.Status != 401 || a.Body != unauthorized {
				t.Errorf("%s on %s %s: %d %s", name, route[0], route[1], a.Status, a.Body)
			}
		}
	}
}

func TestAuthzScopes(t *testing.T) {
	r := newRig(t)
	id := r.create(0)
	for _, route := range routes(id) {
		for _, scope := range []string{"submit", "read", "complete"} {
			if scope == route[2] {
				continue
			}
			r.want(r.send("a/"+scope, route[0], route[1], ""), 403,
				`{"statusCode":403,"errorCode":"apikey.scope","message":"This API key lacks the scope '`+route[2]+`'."}`)
		}
		for _, who := range []string{"a/" + route[2], "a/admin"} {
			if a := r.send(who, route[0], route[1], ""); a.Status == 401 || strings.Contains(a.Body, "apikey.scope") {
				t.Errorf("%s may not %s %s: %s", who, route[0], route[1], a.Body)
			}
		}
	}
	r.want(r.send("", "GET", "/healthz", ""), 200, `{"status":"ok","version":"test"}`)
	r.want(r.send("", "GET", "/readyz", ""), 200, `{"status":"ok","version":"test"}`)
}

// TestReadiness: a process that is about to stop gets no more requests, and every
// answer is counted under the pattern of its route.
func TestReadiness(t *testing.T) {
	r := newRig(t)
	seen, stopping := map[string]int{}, false
	r.handler = api.New(api.Config{Store: r.store, Intake: r.intake, Now: time.Now, Log: slog.New(slog.NewJSONHandler(r.log, nil)), Version: "test",
		Observe: func(route string, status int, _ time.Duration) { seen[fmt.Sprint(route, " ", status)]++ },
		Ready:   func() bool { return !stopping }})
	r.want(r.send("", "GET", "/readyz", ""), 200, `{"status":"ok","version":"test"}`)
	stopping = true
	r.want(r.send("", "GET", "/readyz", ""), 503, `{"status":"stopping","version":"test"}`)
	r.want(r.send("", "GET", "/healthz", ""), 200, "")
	r.want(r.send("a/read", "GET", "/v3/kms/000000000000000000000001", ""), 403, "")
	r.want(r.send("", "GET", "/no/such", ""), 404, "")
	for _, want := range []string{"GET /readyz 200", "GET /readyz 503", "GET /healthz 200", "GET /v3/kms/{id} 403", " 404"} {
		if seen[want] != 1 {
			t.Errorf("%q counted %d times in %v", want, seen[want], seen)
		}
	}
}

// TestAuthzTenants: another tenant's row is answered as one that never was, to the
// byte, and nothing of it changes.
func TestAuthzTenants(t *testing.T) {
	r := newRig(t)
	id, never := r.create(0), strings.Repeat("0", 23)+"1"
	for _, route := range routes(id) {
		if !strings.Contains(route[1], id) {
			continue
		}
		theirs := r.send("b/admin", route[0], route[1], "")
		nobodys := r.send("b/admin", route[0], strings.ReplaceAll(route[1], id, never), "")
		r.want(theirs, 403, `{"statusCode":403,"errorCode":"kms.missing","message":"No such KMS signature with id '`+id+`'."}`)
		if strings.ReplaceAll(nobodys.Body, never, id) != theirs.Body || fmt.Sprint(nobodys.Header) != fmt.Sprint(theirs.Header) {
			t.Errorf("%v tells another tenant's row from none", route)
		}
	}
	r.want(r.send("b/read", "GET", "/v3/kms/pending/ETH", ""), 200, "[]")
	r.want(r.send("b/read", "GET", "/v1/transactions", ""), 200, `{"transactions":[],"next":null}`)
	r.want(r.send("b/read", "GET", "/v1/transactions?after="+id, ""), 403, "")
	if a := r.send("a/read", "GET", "/v1/transactions/"+id, ""); !strings.Contains(a.Body, `"state":"pending"`) {
		t.Errorf("the row changed: %s", a.Body)
	}
}

func (r *rig) record(id string, nonce int, extra string) string {
	return fmt.Sprintf(`{"id":"%s","chain":"ETH","hashes":["%s"],"serializedTransaction":%s,"index":null%s,"withdrawalResponses":null}`,
		id, walletID, quoteJSON(r.serialized(nonce)), extra)
}

// serialized is what the submitted object is read back as: its unsigned bytes.
func (r *rig) serialized(nonce int) string {
	a := evm.Fields{ChainID: 11155111, Nonce: uint64(nonce), GasPrice: bigInt(25_000_000_000), GasLimit: 21_000, To: &[20]byte{18: 0xde, 19: 0xad}, Value: bigInt(1)}
	return fmt.Sprintf("0x%x", a.Encode())
}

func quoteJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestStateKMSCalls(t *testing.T) {
	r := newRig(t)
	first, second := r.create(0), r.create(1)
	one, two := r.record(first, 0, ""), r.record(second, 1, "")
	both := "[" + one + "," + two + "]"
	for path, want := range map[string]string{
		"/v3/kms/pending/ETH":                        both,
		"/v3/kms/pending/ETH?signatures=" + walletID: both,
		"/v3/kms/pending/ETH?signatures=" + strings.ToUpper(walletID) + "," + otherID: both,
		"/v3/kms/pending/ETH?signatures=" + otherID:                                   "[]",
		"/v3/kms/pending/BTC":  "[]",
		"/v3/kms/pending/ALGO": "[]",
		"/v3/kms/pending/KCS":  "[]",
		"/v3/kms/" + first:     one,
	} {
		r.want(r.send("a/read", "GET", path, ""), 200, want)
	}
	for body, want := range map[string]string{
		"": both, "{}": both, `{"signatureIds":null}`: both, `{"signatureIds":["` + walletID + `"]}`: both,
		`{"signatureIds":["` + otherID + `"]}`: "[]", `{"signatureIds":[]}`: "[]",
		" {\t\"signatureIds\" :\n[ \"" + strings.ToUpper(walletID) + "\" ] }\r\n": both,
	} {
		r.want(r.send("a/read", "POST", "/v3/kms/pending/ETH", body), 200, want)
	}
	// PUT asserts on a row that was never exported, and may be repeated.
	put := r.send("a/complete", "PUT", "/v3/kms/"+first+"/"+goodTxID, "")
	r.want(put, 204, "")
	if put.Body != "" || put.Header.Get("Content-Type") != "" {
		t.Errorf("204 with a body %q", put.Body)
	}
	r.want(r.send("a/complete", "PUT", "/v3/kms/"+first+"/"+goodTxID, ""), 204, "")
	a := r.send("a/complete", "PUT", "/v3/kms/"+first+"/other"+goodTxID, "")
	if a.Status != 403 || !strings.Contains(a.Body, `"errorCode":"kms.txid.mismatch"`) {
		t.Errorf("another txId on an asserted row: %d %s", a.Status, a.Body)
	}
	r.want(r.send("a/read", "GET", "/v3/kms/"+first, ""), 200, r.record(first, 0, `,"txId":"`+goodTxID+`"`))
	if a := r.send("a/submit", "DELETE", "/v3/kms/"+first, ""); a.Status != 403 || !strings.Contains(a.Body, `"errorCode":"state.conflict"`) {
		t.Errorf("DELETE of a complete row: %d %s", a.Status, a.Body)
	}
	r.want(r.send("a/submit", "DELETE", "/v3/kms/"+second+"?revert=false", ""), 204, "")
	r.want(r.send("a/submit", "DELETE", "/v3/kms/"+second+"?revert=true", ""), 204, "")
	if a := r.send("a/complete", "PUT", "/v3/kms/"+second+"/"+goodTxID, ""); a.Status != 403 || !strings.Contains(a.Body, `"state.conflict"`) {
		t.Errorf("PUT of a cancelled row: %d %s", a.Status, a.Body)
	}
	r.want(r.send("a/read", "GET", "/v3/kms/pending/ETH", ""), 200, "[]")
}

// TestRecordNulls: a record as a caller gave it, with every optional field.
func TestRecordNulls(t *testing.T) {
	r := newRig(t)
	body := fmt.Sprintf(`{"chain":"ETH","network":"sepolia","hashes":["%s"],"index":7,"signatures":[{"id":"%s","index":3}],"serializedTransaction":%s,
		"withdrawalId":"b9b845f85bcdf92afcba5143","withdrawalResponses":[{"vIn":"-1","vInIndex":-1,"amount":0.1000000000000000055511151231257827}],"note":"\u202e","evidence":null}`,
		walletID, walletID, quoteJSON(web3(4)))
	a := r.send("a/submit", "POST", "/v1/transactions", body)
	r.want(a, 201, "")
	var got struct{ ID string }
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"id":"%s","chain":"ETH","hashes":["%s"],"serializedTransaction":%s,"withdrawalId":"b9b845f85bcdf92afcba5143","index":7,`+
		`"withdrawalResponses":[{"vIn":"-1","vInIndex":-1,"amount":0.1000000000000000055511151231257827}],"signatures":[{"id":"%s","index":3}]}`,
		got.ID, walletID, quoteJSON(web3(4)), walletID)
	r.want(r.send("a/read", "GET", "/v3/kms/"+got.ID, ""), 200, want)
}

func TestSubmit(t *testing.T) {
	r := newRig(t)
	with := func(key string) func(*http.Request) {
		return func(q *http.Request) { q.Header.Set("Idempotency-Key", key) }
	}
	first := r.send("a/submit", "POST", "/v1/transactions", submission(0), with("k1"))
	r.want(first, 201, "")
	var got struct {
		ID, Digest, Network, Created string
		Review                       []string
		Fee                          struct{ Asset, Symbol, Amount string }
		Effects                      []struct{ Kind, Asset, Amount, From, To string }
	}
	if err := json.Unmarshal([]byte(first.Body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Fee.Amount != "525000000000000" || got.Network != "eip155:11155111" || len(got.Effects) != 1 || got.Effects[0].Amount != "1" ||
		got.Effects[0].To != "0x000000000000000000000000000000000000dEaD" || !slices.Contains(got.Review, "network eip155:11155111") ||
		len(got.Digest) != 64 || got.Created != "2027-01-15T08:00:00.000Z" {
		t.Errorf("%s", first.Body)
	}
	// Whoever reviews it offline sees which key asked.
	id, err := bundle.ParseID(got.ID)
	if err != nil {
		t.Fatal(err)
	}
	if row, err := r.store.Get(t.Context(), "a", id); err != nil || !bytes.HasSuffix(row.Request, append([]byte{8, 0x60 + 8}, "a-submit"...)) {
		t.Errorf("the request names no requester: %x, %v", row.Request, err)
	}
	r.want(r.send("a/submit", "POST", "/v1/transactions", submission(0), with("k1")), 200, first.Body)
	r.want(r.send("a/read", "GET", "/v1/transactions/"+got.ID, ""), 200, first.Body)
	conflict := func(a answer, code string) {
		t.Helper()
		if a.Status != 409 || !strings.Contains(a.Body, `"errorCode":"`+code+`"`) {
			t.Errorf("want 409 %s, got %d %s", code, a.Status, a.Body)
		}
	}
	conflict(r.send("a/submit", "POST", "/v1/transactions", submission(1), with("k1")), "idempotency.conflict")
	conflict(r.send("a/submit", "POST", "/v1/transactions", submission(0), with("k2")), "reservation.conflict")
	conflict(r.send("a/submit", "POST", "/v1/transactions", submission(0)), "reservation.conflict")
	r.want(r.send("b/submit", "POST", "/v1/transactions", submission(5), with("k1")), 201, "")
	for _, key := range []string{"", strings.Repeat("x", 256), "a\tb", "\u00e9"} {
		r.invalid(r.send("a/submit", "POST", "/v1/transactions", submission(9), with(key)), "Idempotency-Key")
	}
	twice := func(q *http.Request) { q.Header["Idempotency-Key"] = []string{"x", "x"} }
	r.invalid(r.send("a/submit", "POST", "/v1/transactions", submission(9), twice), "Idempotency-Key")
	if a := r.send("a/read", "GET", "/v1/transactions", ""); strings.Count(a.Body, `"state":"pending"`) != 1 {
		t.Errorf("refused submissions left rows: %s", a.Body)
	}
}

// invalid checks a 400: its shape, and that exactly the properties are listed.
func (r *rig) invalid(a answer, properties ...string) {
	r.Helper()
	var got struct {
		StatusCode         int
		ErrorCode, Message string
		Data               []struct {
			Target      *map[string]any
			Value       *string
			Property    string
			Constraints map[string]string
		}
	}
	d := json.NewDecoder(strings.NewReader(a.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		r.Fatalf("%d %s: %v", a.Status, a.Body, err)
	}
	var listed []string
	for _, e := range got.Data {
		listed = append(listed, e.Property)
		if e.Target == nil || len(e.Constraints) == 0 || e.Value != nil && len(*e.Value) > 1000 {
			r.Errorf("entry %+v", e)
		}
	}
	slices.Sort(listed)
	slices.Sort(properties)
	if a.Status != 400 || got.StatusCode != 400 || got.ErrorCode != "validation.failed" || !slices.Equal(listed, properties) ||
		got.Message != "Request validation failed. Please see data for additional information." || len(a.Body) > 64<<10 {
		r.Errorf("want 400 of %q, got %d %.2000s", properties, a.Status, a.Body)
	}
	for _, c := range []byte(a.Body) {
		if c < 0x20 || c > 0x7e {
			r.Errorf("the answer holds byte %#x", c)
			break
		}
	}
}

func TestPaging(t *testing.T) {
	r := newRig(t)
	var ids []string
	for n := range 5 {
		ids = append(ids, r.create(n))
	}
	var seen []string
	for after, pages := "", 0; pages < 4; pages++ {
		a := r.send("a/read", "GET", "/v1/transactions?chain=ETH&state=pending&limit=2"+after, "")
		var page struct {
			Transactions []struct{ ID string }
			Next         *string
		}
		if err := json.Unmarshal([]byte(a.Body), &page); err != nil || a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		for _, x := range page.Transactions {
			seen = append(seen, x.ID)
		}
		if page.Next == nil {
			break
		}
		after = "&after=" + *page.Next
	}
	if !slices.Equal(seen, ids) {
		t.Errorf("pages show %q, want %q", seen, ids)
	}
	r.want(r.send("a/read", "GET", "/v1/transactions?state=complete", ""), 200, `{"transactions":[],"next":null}`)
	for query, property := range map[string]string{
		"limit=0": "limit", "limit=1001": "limit", "limit=-1": "limit", "limit=01": "limit", "limit=1e2": "limit", "limit=": "limit",
		"state=Pending": "state", "state=": "state", "chain=eth": "chain", "after=x": "after", "page=2": "page", "limit=1&limit=2": "limit", "a=%zz": "query",
	} {
		r.invalid(r.send("a/read", "GET", "/v1/transactions?"+query, ""), property)
	}
}

// TestServerFaults: what is not the caller's fault says nothing of itself.
func TestServerFaults(t *testing.T) {
	r := newRig(t)
	id := r.create(0)
	key := r.keys["a/admin"]
	want := `{"statusCode":500,"errorCode":"internal","message":"Internal server error"}`
	for name, s := range map[string]api.Store{"broken": &broken{Store: r.store}, "panics": &broken{Store: r.store, panics: true}} {
		h := api.New(api.Config{Store: s, Intake: failing{}, Now: time.Now, Log: slog.New(slog.NewJSONHandler(r.log, nil))})
		for _, route := range routes(id) {
			q := httptest.NewRequest(route[0], route[1], strings.NewReader(""))
			if route[0] == "POST" && strings.HasPrefix(route[1], "/v1") {
				q = httptest.NewRequest(route[0], route[1], strings.NewReader(submission(0)))
			}
			q.Header.Set("x-api-key", key)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, q)
			if w.Code != 500 || w.Body.String() != want {
				t.Errorf("%s: %v: %d %s", name, route, w.Code, w.Body.String())
			}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
		if name == "broken" && (w.Code != 503 || strings.Contains(w.Body.String(), "secret")) {
			t.Errorf("healthz: %d %s", w.Code, w.Body)
		}
	}
	for line := range strings.Lines(r.log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("log line %q is no JSON", line)
		}
	}
}
