package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	sol "github.com/gagliardetto/solana-go"
)

// gateway stands between the online half and the runtime, and does everything wrong that
// a Solana node, a pool of them or the way to them can.
type gateway struct {
	*httptest.Server
	faulty
	chain *cluster
	liar  bool // also shows what is not there; at most one may, where two must agree
	sent  *sendings

	lies struct {
		sync.Mutex
		blind map[string]bool // signatures that it will never show
		final map[string]bool // signatures that it shows as final, whatever the chain says
	}
	behind struct {
		sync.Mutex
		yes bool // it shows what is final only
	}
	old struct {
		sync.Mutex
		hashes []json.RawMessage // answers of getLatestBlockhash
	}
}

// sendings has every transaction that the online half has ever given to a node.
type sendings struct {
	mu sync.Mutex
	of map[string]map[string]bool // by signature: the bytes, in base64
}

func (s *sendings) note(c call) {
	var text string
	if len(c.Params) == 0 || json.Unmarshal(c.Params[0], &text) != nil {
		return
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) < 65 {
		return
	}
	sig := sol.SignatureFromBytes(raw[1:65]).String()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[sig] == nil {
		s.of[sig] = map[string]bool{}
	}
	s.of[sig][text] = true
}

// list counts the different bytes of each signature.
func (s *sendings) list() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[string]int{}
	for sig, texts := range s.of {
		n[sig] = len(texts)
	}
	return n
}

func newGateway(r *cluster, liar bool, sent *sendings) *gateway {
	g := &gateway{faulty: faulty{counts: map[string]int{}}, chain: r, liar: liar, sent: sent}
	g.lies.blind, g.lies.final = map[string]bool{}, map[string]bool{}
	g.Server = httptest.NewServer(g)
	return g
}

// calm ends its faults and lies.
func (g *gateway) calm() {
	g.trouble(0)
	g.lag(false)
	g.lies.Lock()
	defer g.lies.Unlock()
	clear(g.lies.blind)
	clear(g.lies.final)
}

func (g *gateway) lag(yes bool) {
	g.behind.Lock()
	defer g.behind.Unlock()
	if yes && !g.behind.yes {
		g.mu.Lock()
		g.counts["view left behind"]++
		g.mu.Unlock()
	}
	g.behind.yes = yes
}

func (g *gateway) lags() bool {
	g.behind.Lock()
	defer g.behind.Unlock()
	return g.behind.yes
}

func (g *gateway) draw(method string) string {
	kinds := []string{}
	if rand.IntN(15) == 0 { // each takes ten seconds
		kinds = append(kinds, "hung")
	}
	switch method {
	case "sendTransaction":
		kinds = append(kinds, "duplicated", "other signature", "said accepted", "said blockhash not found", "said blockhash not found, and took it",
			"said already processed", "said no funds", "dropped after", "without a trial run")
	case "getSignatureStatuses":
		kinds = append(kinds, "said not found", "said not found", "of an older slot")
		if g.liar {
			kinds = append(kinds, "said final", "said failed", "blind from now on", "final from now on")
		}
	case "isBlockhashValid":
		kinds = append(kinds, "said valid", "said not valid")
	case "getAccountInfo":
		kinds = append(kinds, "no account")
		if g.liar {
			kinds = append(kinds, "other nonce")
		}
	case "getLatestBlockhash":
		kinds = append(kinds, "old blockhash", "blockhash of nobody's")
	case "getHealth":
		kinds = append(kinds, "said behind")
	case "getBlockTime":
		kinds = append(kinds, "time of long ago")
		if g.liar {
			kinds = append(kinds, "time of tomorrow")
		}
	}
	return g.pick(kinds)
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var c call
	if err != nil || json.Unmarshal(body, &c) != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	sending := c.Method == "sendTransaction"
	if sending {
		g.sent.note(c)
		g.struck("before sending")
	}
	kind := g.draw(c.Method)
	if kind == "hung" {
		select {
		case <-r.Context().Done():
		case <-time.After(12 * time.Second): // longer than it is waited for
		}
		panic(http.ErrAbortHandler)
	}
	if g.before(w, r, kind) {
		return
	}
	result, failed := g.answer(r, c, kind)
	if kind == "duplicated" {
		result, failed = g.answer(r, c, kind)
	}
	if sending {
		g.struck("before the reply")
	}
	if kind == "dropped after" {
		panic(http.ErrAbortHandler)
	}
	out := map[string]any{"jsonrpc": "2.0", "id": c.ID, "result": result}
	if kind == "null" {
		out["result"] = nil
	} else if failed != nil {
		delete(out, "result")
		out["error"] = failed
	}
	text, _ := json.Marshal(out) // it is made of what JSON has
	if kind == "cut short" {
		text = text[:rand.IntN(len(text))]
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text) //nolint:errcheck // the client may have been killed
	if f, ok := w.(http.Flusher); ok && sending {
		f.Flush()
		g.struck("after the reply")
	}
}

// said is a node's error, with its data.
type said struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

func refusal(err string) *said {
	return &said{-32002, "Transaction simulation failed: " + err, json.RawMessage(`{"err":"` + err + `","logs":[]}`)}
}

// answer asks the runtime, unless it is a lie that needs none.
func (g *gateway) answer(r *http.Request, c call, kind string) (any, *said) {
	switch kind {
	case "said blockhash not found":
		return nil, refusal("BlockhashNotFound")
	case "said already processed":
		return nil, refusal("AlreadyProcessed")
	case "said no funds":
		return nil, refusal("InsufficientFundsForFee")
	case "said behind":
		return nil, &said{-32005, "Node is behind by 200 slots", json.RawMessage(`{"numSlotsBehind":200}`)}
	case "time of tomorrow":
		return time.Now().Unix() + 86400, nil
	case "time of long ago":
		return 1_600_000_000, nil
	case "said accepted":
		return signatureOf(c), nil
	}
	var a struct {
		Result json.RawMessage `json:"result"`
		Error  *said           `json:"error"`
	}
	if err := g.chain.post(r.Context(), g.ask(c, kind), &a); err != nil {
		return nil, &said{-32603, "Internal error", nil}
	}
	if kind == "said blockhash not found, and took it" {
		return nil, refusal("BlockhashNotFound")
	}
	if a.Error != nil {
		return nil, a.Error
	}
	return g.twist(c, kind, a.Result), nil
}

func signatureOf(c call) string {
	var text string
	json.Unmarshal(c.Params[0], &text) //nolint:errcheck // then it is too short
	raw, _ := base64.StdEncoding.DecodeString(text)
	if len(raw) < 65 {
		return ""
	}
	return sol.SignatureFromBytes(raw[1:65]).String()
}

// ask is the call as the runtime gets it.
func (g *gateway) ask(c call, kind string) question {
	q := question{"2.0", g.chain.calls.Add(1), c.Method, nil}
	for _, p := range c.Params {
		if kind == "without a trial run" && strings.HasPrefix(string(p), "{") && !durably(c) {
			p = json.RawMessage(`{"encoding":"base64","skipPreflight":true}`)
		}
		if g.lags() && strings.Contains(string(p), `"commitment"`) {
			p = json.RawMessage(`{"encoding":"base64","commitment":"finalized"}`)
		}
		q.Params = append(q.Params, p)
	}
	return q
}

// durably tells a transaction with a durable nonce: the runtime lets one fail without
// advancing its nonce, which no validator does.
func durably(c call) bool {
	var text string
	json.Unmarshal(c.Params[0], &text) //nolint:errcheck // it is nothing then
	raw, _ := base64.StdEncoding.DecodeString(text)
	tx, err := sol.TransactionFromBytes(raw)
	return err != nil || len(tx.Message.Instructions) > 1
}

// twist makes an answer wrong.
func (g *gateway) twist(c call, kind string, result json.RawMessage) any {
	switch c.Method {
	case "sendTransaction":
		if kind == "other signature" {
			return sol.Signature{1, 2, 3}.String()
		}
	case "getSignatureStatuses":
		return g.statuses(c, kind, result)
	case "isBlockhashValid":
		if kind == "said valid" || kind == "said not valid" {
			return inContext(result, kind == "said valid")
		}
	case "getAccountInfo":
		if kind == "no account" {
			return inContext(result, nil)
		}
		if kind == "other nonce" {
			return otherNonce(result)
		}
	case "getLatestBlockhash":
		return g.latest(kind, result)
	}
	return result
}

// inContext gives another value in an answer's context.
func inContext(result json.RawMessage, value any) any {
	var out struct {
		Context json.RawMessage `json:"context"`
		Value   any             `json:"value"`
	}
	if json.Unmarshal(result, &out) != nil {
		return result
	}
	out.Value = value
	return out
}

func otherNonce(result json.RawMessage) any {
	var out struct {
		Value *struct{ Data []string }
	}
	if json.Unmarshal(result, &out) != nil || out.Value == nil || len(out.Value.Data) != 2 {
		return result
	}
	raw, err := base64.StdEncoding.DecodeString(out.Value.Data[0])
	if err != nil || len(raw) != 80 {
		return result
	}
	raw[50] ^= 1
	return json.RawMessage(strings.Replace(string(result), out.Value.Data[0], base64.StdEncoding.EncodeToString(raw), 1))
}

// latest may give a blockhash that has expired, or one that never was.
func (g *gateway) latest(kind string, result json.RawMessage) any {
	g.old.Lock()
	defer g.old.Unlock()
	if n := len(g.old.hashes); n == 0 || string(g.old.hashes[n-1]) != string(result) {
		g.old.hashes = append(g.old.hashes, result)
	}
	switch kind {
	case "old blockhash":
		return g.old.hashes[max(0, len(g.old.hashes)-1-rand.IntN(8))]
	case "blockhash of nobody's":
		var out struct {
			Context json.RawMessage `json:"context"`
			Value   struct {
				Blockhash            sol.Hash `json:"blockhash"`
				LastValidBlockHeight uint64   `json:"lastValidBlockHeight"`
			} `json:"value"`
		}
		if json.Unmarshal(result, &out) == nil {
			out.Value.Blockhash[rand.IntN(32)] ^= 1 << rand.IntN(8)
			return out
		}
	}
	return result
}

// statuses shows the status of the one signature that is asked for.
func (g *gateway) statuses(c call, kind string, result json.RawMessage) any {
	var sigs []string
	var out struct {
		Context struct {
			Slot uint64 `json:"slot"`
		} `json:"context"`
		Value []map[string]any `json:"value"`
	}
	if len(c.Params) == 0 || json.Unmarshal(c.Params[0], &sigs) != nil || json.Unmarshal(result, &out) != nil || len(sigs) != 1 || len(out.Value) != 1 {
		return result
	}
	if v := out.Value[0]; g.lags() {
		out.Context.Slot -= lagging
		if v != nil && v["confirmationStatus"] != "finalized" {
			out.Value[0] = nil
		}
	}
	g.lies.Lock()
	defer g.lies.Unlock()
	switch kind {
	case "blind from now on":
		g.lies.blind[sigs[0]] = true
	case "final from now on":
		g.lies.final[sigs[0]] = true
	}
	final := map[string]any{"slot": out.Context.Slot, "confirmations": nil, "err": nil, "status": map[string]any{"Ok": nil}, "confirmationStatus": "finalized"}
	switch {
	case kind == "said not found" || g.lies.blind[sigs[0]]:
		out.Value[0] = nil
	case kind == "said final" || g.lies.final[sigs[0]]:
		out.Value[0] = final
	case kind == "said failed":
		final["err"] = "AccountInUse"
		out.Value[0] = final
	case kind == "of an older slot":
		out.Context.Slot, out.Value[0] = out.Context.Slot-1000, nil
	}
	return out
}
