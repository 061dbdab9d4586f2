package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// between stands between the online half and one btcd, and does everything wrong that a
// node or the way to it can.
type between struct {
	*httptest.Server
	faulty
	coins *bitcoins
	n     int
	liar  bool // also shows what is not there
	sent  *outbox
}

// outbox has every transaction that the online half has ever given to a node.
type outbox struct {
	mu sync.Mutex
	of map[chainhash.Hash]posted
}

type posted struct {
	tx  *wire.MsgTx
	raw string
	at  time.Time
}

func newBetween(c *bitcoins, n int, liar bool, sent *outbox) *between {
	b := &between{faulty: faulty{counts: map[string]int{}}, coins: c, n: n, liar: liar, sent: sent}
	b.Server = httptest.NewServer(b)
	return b
}

func (b *between) draw(method string) string {
	var kinds []string
	switch method {
	case "sendrawtransaction":
		kinds = append(kinds, "duplicated", "other txid", "said spent", "said already there", "said accepted", "dropped after", "said not possible")
	case "getrawtransaction":
		kinds = append(kinds, "said not found", "other transaction")
		if b.liar {
			kinds = append(kinds, "said deep", "said deep", "said deep", "said in the pool")
		}
	case "gettxout":
		kinds = append(kinds, "said spent or unknown")
	case "searchrawtransactions":
		kinds = append(kinds, "coins kept back")
	case "getblockcount":
		kinds = append(kinds, "height jumped back")
		if b.liar {
			kinds = append(kinds, "height jumped on")
		}
	case "getblockhash":
		kinds = append(kinds, "other block")
	}
	return b.pick(kinds)
}

func (b *between) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var c call
	if err != nil || json.Unmarshal(body, &c) != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	sending := c.Method == "sendrawtransaction"
	if sending {
		b.sent.note(c)
		b.struck("before sending")
	}
	kind := b.draw(c.Method)
	if b.before(w, r, kind) {
		return
	}
	text := b.answer(r, c, body, kind)
	if kind == "duplicated" {
		text = b.answer(r, c, body, kind)
	}
	if sending {
		b.struck("before the reply")
	}
	if text == nil || kind == "dropped after" {
		panic(http.ErrAbortHandler)
	}
	if kind == "cut short" {
		text = text[:rand.IntN(len(text))]
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text) //nolint:errcheck // the client may have been killed
	if f, ok := w.(http.Flusher); ok && sending {
		f.Flush()
		b.struck("after the reply")
	}
}

// note keeps what is sent, whether it then arrives or not.
func (o *outbox) note(c call) {
	var text string
	tx := new(wire.MsgTx)
	if len(c.Params) < 1 || json.Unmarshal(c.Params[0], &text) != nil {
		return
	}
	raw, err := hex.DecodeString(text)
	if err != nil || tx.Deserialize(bytes.NewReader(raw)) != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, had := o.of[tx.TxHash()]; !had {
		o.of[tx.TxHash()] = posted{tx, text, time.Now()}
	}
}

// answer is what the online half gets to see; nil while the node does not run.
func (b *between) answer(r *http.Request, c call, body []byte, kind string) []byte {
	says := func(code int, words string) []byte {
		text, _ := json.Marshal(map[string]any{"id": c.ID, "result": nil, "error": rpcError{code, words}}) // it is made of what JSON has
		return text
	}
	shows := func(result any) []byte {
		text, _ := json.Marshal(map[string]any{"id": c.ID, "result": result, "error": nil}) // as above
		return text
	}
	switch kind {
	case "said spent":
		return says(-25, "TX rejected: orphan transaction references outputs of unknown or fully-spent transaction")
	case "said already there":
		return says(-27, "TX rejected: transaction already exists in blockchain")
	case "said not possible":
		return says(-26, "TX rejected: transaction output 0: payment is dust")
	case "said accepted":
		var text string
		json.Unmarshal(c.Params[0], &text) //nolint:errcheck // noted before
		raw, _ := hex.DecodeString(text)
		tx := new(wire.MsgTx)
		if tx.Deserialize(bytes.NewReader(raw)) == nil {
			return shows(tx.TxHash().String())
		}
	case "said not found", "coins kept back":
		return says(-5, "No information available about transaction")
	case "null", "said spent or unknown":
		return shows(nil)
	}
	text := b.forward(r, body)
	var got struct{ Result json.RawMessage }
	if text == nil || json.Unmarshal(text, &got) != nil || len(got.Result) == 0 || string(got.Result) == "null" {
		return text
	}
	var height int64
	switch kind {
	case "other txid", "other block":
		return bytes.Replace(text, got.Result, []byte(fmt.Sprintf(`"%064x"`, rand.Uint64())), 1)
	case "height jumped back", "height jumped on":
		json.Unmarshal(got.Result, &height) //nolint:errcheck // btcd's own
		if kind == "height jumped on" {
			return shows(height + 1000)
		}
		return shows(max(0, height-7))
	case "other transaction", "said deep", "said in the pool":
		var tx map[string]any
		if json.Unmarshal(got.Result, &tx) != nil {
			return text // it was asked for as hex
		}
		switch kind {
		case "said deep":
			tx["blockhash"], tx["confirmations"] = b.coins.old, 20
		case "said in the pool":
			delete(tx, "blockhash")
		default:
			raw := []byte(fmt.Sprint(tx["hex"]))
			raw[len(raw)/2] ^= 1 // a digit stays one
			tx["hex"] = string(raw)
		}
		return shows(tx)
	}
	return text
}

func (b *between) forward(r *http.Request, body []byte) []byte {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, *b.coins.nodes[b.n].url.Load(), bytes.NewReader(body))
	if err != nil {
		return nil
	}
	req.SetBasicAuth("e2e", "e2e")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || len(text) == 0 {
		return nil
	}
	return text
}
