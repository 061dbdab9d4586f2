package signer_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"coldsign/online/internal/api"
	"coldsign/online/internal/broadcast"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/signer"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

// vector is one case of testdata/tatum: a record, and what the real daemon asked and
// sent for it.
type vector struct {
	Name, Network string
	Pending       struct {
		Chain                 string
		SerializedTransaction string
		Hashes                []string
		Index                 *uint32
		Signatures            json.RawMessage
		WithdrawalID          string
		WithdrawalResponses   json.RawMessage
	}
	KeyMaterial map[string]struct {
		PrivateKey, Mnemonic string
		Testnet              bool
	}
	NetworkLookups []lookup
	Expected       struct {
		Request struct {
			Path string
			Body map[string]string
		}
		TxID string
	}
}

type lookup struct {
	Method, Path string
	Body         struct {
		Method string
		Params []json.RawMessage
	}
	Response json.RawMessage
}

func vectors(t *testing.T, name string) []vector {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../testdata/tatum", strings.ToLower(name)+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Cases []vector }
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Cases) < 4 {
		t.Fatalf("%s has %d cases, too few to prove anything", name, len(v.Cases))
	}
	return v.Cases
}

// ledger is a chain with one node: what it is sent is in a block at once, if it
// takes it. It answers look-ups with what it was told to.
type ledger struct {
	mu      sync.Mutex
	sent    map[string]int // by the bytes in hex: how often
	landed  map[string][]byte
	times   map[string]any // of blocks, by transaction; the world's first second by default
	refuses error
	down    bool
	answers map[string]json.RawMessage // by method
	next    uint64
	asked   []string
}

func newLedger() *ledger {
	return &ledger{sent: map[string]int{}, landed: map[string][]byte{}, answers: map[string]json.RawMessage{}}
}

func (l *ledger) Check(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return fault.New("node.timeout", "", "the node did not answer in time")
	}
	return nil
}

func (l *ledger) Send(_ context.Context, s chain.Sealed) (node.Outcome, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[hex.EncodeToString(s.Raw)]++
	if l.refuses != nil {
		return node.Rejected, l.refuses
	}
	l.landed[s.TxID] = s.Raw
	return node.Accepted, nil
}

func (l *ledger) Look(_ context.Context, s chain.Sealed) (node.Sighting, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.landed[s.TxID] != nil {
		return node.Sighting{Seen: true, Confirmations: 1}, nil
	}
	return node.Sighting{}, nil
}

func (l *ledger) Ask(_ context.Context, method string, params []json.RawMessage) (json.RawMessage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, method)
	if method == "getTransaction" && strings.Contains(string(params[1]), "base64") {
		var sig string
		if err := json.Unmarshal(params[0], &sig); err != nil {
			return nil, err
		}
		if raw := l.landed[sig]; raw != nil {
			at, ok := l.times[sig]
			if !ok {
				at = 1_800_000_000
			}
			return json.Marshal(map[string]any{"slot": 1, "blockTime": at, "transaction": []string{base64.StdEncoding.EncodeToString(raw), "base64"}})
		}
		return json.RawMessage("null"), nil
	}
	if a := l.answers[method]; a != nil {
		return a, nil
	}
	return nil, fault.New("node.unusable", "", "not told")
}

func (l *ledger) Next(context.Context, string) (uint64, error) { return l.next, nil }

// different says how many different transactions were sent.
func (l *ledger) different() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sent)
}

// world is the whole online half over HTTP, with one network of one chain.
type world struct {
	*testing.T
	store   *store.Store
	ledger  *ledger
	loop    *broadcast.Loop
	desk    *signer.Desk
	intake  *intake.Intake
	handler http.Handler
	keys    map[string]string // by scope, of tenant a; "b" of tenant b with all
	network chain.ID
	log     *bytes.Buffer
	now     time.Time
	reports []store.SignerReport
}

func newWorld(t *testing.T, name string, testnet bool) *world {
	t.Helper()
	w := &world{T: t, ledger: newLedger(), keys: map[string]string{}, log: &bytes.Buffer{}, now: time.Unix(1_800_000_000, 0)}
	now := func() time.Time { return w.now }
	reg := registry.New()
	c, ok := reg.ByName(name)
	if !ok {
		t.Fatalf("no chain %s", name)
	}
	for _, n := range c.Networks {
		if n.Testnet == testnet && w.network == "" {
			w.network = n.ID
		}
	}
	var err error
	if w.store, err = store.Open(t.Context(), filepath.Join(t.TempDir(), "online.db"), now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	for name, scopes := range map[string][]string{"submit": {"submit"}, "read": {"read"}, "sign": {"sign"}, "admin": {"admin"}, "daemon": {"read", "sign"}, "b": {"admin", "sign"}} {
		tenant := "a"
		if name == "b" {
			tenant = "b"
		}
		if _, w.keys[name], err = w.store.CreateAPIKey(t.Context(), name, tenant, scopes); err != nil {
			t.Fatal(err)
		}
	}
	nodes := map[chain.ID]node.Node{w.network: w.ledger}
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	w.loop = &broadcast.Loop{Store: w.store, Nodes: nodes, Depth: map[chain.ID]uint64{w.network: 1}, Log: log, Now: now}
	w.desk = &signer.Desk{Store: w.store, Codecs: reg, Nodes: nodes, Sender: w.loop}
	w.intake = &intake.Intake{Chains: reg.All(), Networks: []chain.ID{w.network}, Wallets: w.store, Now: now, Blockhash: w.desk.Blockhash}
	w.handler = api.New(api.Config{Store: w.store, Intake: w.intake, Signer: w.desk, Now: now, Log: log, Version: "test",
		Reported: func(_ context.Context, _ string, list []store.SignerReport) { w.reports = append(w.reports, list...) }})
	return w
}

// wallets puts the public halves of the case's wallets into the store.
func (w *world) wallets(v vector) {
	w.Helper()
	c, _ := registry.New().ByName(v.Pending.Chain)
	for text, m := range v.KeyMaterial {
		id, err := bundle.ParseSignatureID(text)
		if err != nil {
			w.Fatal(err)
		}
		wallet := bundle.Wallet{SignatureID: id, Chain: v.Pending.Chain, Testnet: v.Network == "testnet", Curve: c.Wallet.Derivation().Curve}
		if m.Mnemonic == "" {
			secret, err := c.Wallet.ParseKey(m.PrivateKey, m.Testnet)
			if err != nil {
				w.Fatal(err)
			}
			if wallet.Key = chaintest.Secp256k1Key(secret).Bytes(); wallet.Curve == chain.Ed25519 {
				wallet.Key = chaintest.Ed25519Key(secret).Bytes()
			}
		} else {
			seed, err := hd.SeedFromText([]byte(m.Mnemonic), nil)
			if err != nil {
				w.Fatal(err)
			}
			master, err := hd.NewMaster(seed)
			if err != nil {
				w.Fatal(err)
			}
			path := c.Wallet.Derivation().Path(m.Testnet, 0)
			wallet.Path = path[:len(path)-1]
			account, err := master.Derive(wallet.Path)
			if err != nil {
				w.Fatal(err)
			}
			code, print := account.Public().ChainCode(), master.Fingerprint()
			wallet.Key, wallet.ChainCode, wallet.Fingerprint = account.Public().Key().Bytes(), code[:], print[:]
		}
		if err := w.store.PutWallets(w.Context(), []bundle.Wallet{wallet}); err != nil {
			w.Fatal(err)
		}
	}
}

// freeze puts into a record what the network told the daemon, where the record says
// nothing: here nothing is left open.
func freeze(t *testing.T, v vector) string {
	t.Helper()
	text := v.Pending.SerializedTransaction
	if !strings.HasPrefix(text, "{") || v.Pending.Chain == "SOL" || len(v.NetworkLookups) == 0 {
		return text
	}
	var record map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &record); err != nil {
		t.Fatal(err)
	}
	put := func(name string, value json.RawMessage) {
		if record[name] == nil {
			record[name] = value
		}
	}
	for _, l := range v.NetworkLookups {
		var answer struct{ Result json.RawMessage }
		if json.Unmarshal(l.Response, &answer) != nil {
			put("nonce", l.Response) // of /transaction/count, a bare number
			continue
		}
		switch method := strings.ToLower(l.Body.Method); {
		case strings.HasSuffix(method, "estimategas") && record["gasLimit"] == nil:
			put("gas", answer.Result)
		case strings.HasSuffix(method, "gettransactioncount"):
			put("nonce", answer.Result)
		case strings.HasSuffix(method, "gasprice"):
			put("gasPrice", answer.Result)
		}
	}
	whole, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	return string(whole)
}

// tell makes the node answer as it did the daemon.
func (w *world) tell(v vector) {
	for _, l := range v.NetworkLookups {
		var answer struct{ Result json.RawMessage }
		if json.Unmarshal(l.Response, &answer) == nil {
			w.ledger.answers["eth_"+strings.Replace(strings.TrimPrefix(strings.TrimPrefix(l.Body.Method, "klay_"), "eth_"), "chainID", "chainId", 1)] = answer.Result
			w.ledger.answers[l.Body.Method] = answer.Result
			continue
		}
		if err := json.Unmarshal(l.Response, &w.ledger.next); err != nil {
			w.Fatal(err)
		}
	}
}

type answer struct {
	status int
	body   string
	header http.Header
}

// code is the errorCode of an answer.
func (a answer) code() string {
	var e struct{ ErrorCode string }
	_ = json.Unmarshal([]byte(a.body), &e)
	return e.ErrorCode
}

// call makes one request. No key may come out of it.
func (w *world) call(key, method, path, body string) answer {
	w.Helper()
	q := httptest.NewRequest(method, path, strings.NewReader(body))
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("x-ttm-kms-client-version", "8.0.1")
	q.Header.Set("x-testnet-type", "ethereum-ropsten")
	if key != "" {
		q.Header.Set("x-api-key", w.keys[key])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, q)
	for name, key := range w.keys {
		if strings.Contains(w.log.String(), key) || strings.Contains(rec.Body.String(), key) {
			w.Errorf("the key %s got into the log or the answer", name)
		}
	}
	return answer{rec.Code, rec.Body.String(), rec.Header()}
}

// submit makes a pending row of the case's record, and gives its id.
func (w *world) submit(v vector) string {
	w.Helper()
	body := map[string]any{"chain": v.Pending.Chain, "hashes": v.Pending.Hashes, "serializedTransaction": freeze(w.T, v)}
	if v.Pending.Index != nil {
		body["index"] = v.Pending.Index
	}
	for name, raw := range map[string]json.RawMessage{"signatures": v.Pending.Signatures, "withdrawalResponses": v.Pending.WithdrawalResponses} {
		if raw != nil {
			body[name] = raw
		}
	}
	if v.Pending.WithdrawalID != "" {
		body["withdrawalId"] = v.Pending.WithdrawalID
	}
	text, err := json.Marshal(body)
	if err != nil {
		w.Fatal(err)
	}
	a := w.call("submit", "POST", "/v1/transactions", string(text))
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != 201 {
		w.Fatalf("submission: %d %s", a.status, a.body)
	}
	return made.ID
}

// handIn makes the recorded broadcast request for the row.
func (w *world) handIn(v vector, id string, change func(map[string]string)) answer {
	w.Helper()
	body := maps.Clone(v.Expected.Request.Body)
	body["signatureId"] = id
	if change != nil {
		change(body)
	}
	text, err := json.Marshal(body)
	if err != nil {
		w.Fatal(err)
	}
	return w.call("daemon", "POST", v.Expected.Request.Path, string(text))
}

func (w *world) state(id string) (state, txID string) {
	w.Helper()
	a := w.call("read", "GET", "/v1/transactions/"+id, "")
	var row struct{ State, TxID string }
	if err := json.Unmarshal([]byte(a.body), &row); err != nil || a.status != 200 {
		w.Fatalf("%d %s", a.status, a.body)
	}
	return row.State, row.TxID
}

// rowID reads an id of an answer.
func rowID(t *testing.T, text string) bundle.ID {
	t.Helper()
	id, err := bundle.ParseID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
