package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// node is one view of the ledger over HTTP, with faults.
type node struct {
	*httptest.Server
	faulty
	ledger *ledger
	liar   bool // also shows what is not there; at most one node may, where two must agree

	chain  []*block             // as it shows it
	frozen bool                 // it does not follow the ledger
	lied   map[common.Hash]bool // shown as deep, and not yet with a receipt
}

func newNode(l *ledger, liar bool) *node {
	n := &node{ledger: l, liar: liar, chain: l.view(), faulty: faulty{counts: map[string]int{}}, lied: map[common.Hash]bool{}}
	n.Server = httptest.NewServer(n)
	return n
}

// follow takes the ledger's chain over, unless the node is frozen.
func (n *node) follow() {
	chain := n.ledger.view()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.frozen {
		n.chain = chain
	}
}

func (n *node) freeze(yes bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if yes && !n.frozen {
		n.counts["view left behind"]++
	}
	n.frozen = yes
}

// draw decides what goes wrong with a call.
func (n *node) draw(method string) string {
	var kinds []string
	switch method {
	case "eth_sendRawTransaction":
		kinds = append(kinds, "duplicated", "other txid", "said nonce too low", "said already known", "said accepted", "dropped after", "said not possible")
	case "eth_getTransactionByHash":
		kinds = append(kinds, "said not found", "other transaction")
		if n.liar {
			kinds = append(kinds, "said deep", "said deep", "said deep", "said deep")
		}
	case "eth_getTransactionReceipt":
		kinds = append(kinds, "said not found")
	case "eth_blockNumber":
		kinds = append(kinds, "height jumped back")
		if n.liar {
			kinds = append(kinds, "height jumped on")
		}
	}
	return n.pick(kinds)
}

type call struct {
	ID     json.RawMessage
	Method string
	Params []json.RawMessage
}

// rpcError is an error that a node answers with.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var c call
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	kind := n.draw(c.Method)
	if c.Method == "eth_sendRawTransaction" {
		n.struck("before sending")
	}
	if n.before(w, r, kind) {
		return
	}
	result, err := n.answer(c, kind)
	if kind == "duplicated" {
		result, err = n.answer(c, kind)
	}
	if c.Method == "eth_sendRawTransaction" {
		n.struck("before the reply")
	}
	if kind == "dropped after" {
		panic(http.ErrAbortHandler)
	}
	out := map[string]any{"jsonrpc": "2.0", "id": c.ID, "result": result}
	if kind == "null" {
		out["result"], err = nil, nil
	}
	if err != nil {
		delete(out, "result")
		out["error"] = rpcError{-32000, err.Error()}
	}
	text, _ := json.Marshal(out) // it is made of what JSON has
	if kind == "cut short" {
		text = text[:rand.IntN(len(text))]
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text) //nolint:errcheck // the client may have been killed
	if c.Method == "eth_sendRawTransaction" {
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		n.struck("after the reply")
	}
}

func (n *node) answer(c call, kind string) (any, error) {
	switch c.Method {
	case "eth_chainId":
		return hexutil.Uint64(chainID), nil
	case "eth_sendRawTransaction":
		return n.send(c, kind)
	case "eth_blockNumber":
		head := n.shown(1 << 63).number
		switch kind {
		case "height jumped back":
			head -= min(head, 7)
		case "height jumped on":
			head += 1000
		}
		return hexutil.Uint64(head), nil
	case "eth_getBlockByNumber":
		var number hexutil.Uint64
		if b := n.block(c, 0, &number); b != nil {
			txs := append([]common.Hash{}, b.txs...)
			return map[string]any{"number": hexutil.Uint64(b.number), "hash": b.hash, "timestamp": hexutil.Uint64(b.time), "transactions": txs}, nil
		}
		return nil, nil
	case "eth_getTransactionCount":
		var number hexutil.Uint64
		var from common.Address
		if b := n.block(c, 1, &number); b != nil && json.Unmarshal(c.Params[0], &from) == nil {
			return hexutil.Uint64(b.nonces[from]), nil
		}
		return nil, fmt.Errorf("missing trie node of block %d", number)
	case "eth_getTransactionByHash", "eth_getTransactionReceipt":
		var hash common.Hash
		if len(c.Params) < 1 || json.Unmarshal(c.Params[0], &hash) != nil {
			return nil, fmt.Errorf("invalid argument 0")
		}
		return n.transaction(hash, c.Method == "eth_getTransactionReceipt", kind), nil
	}
	return nil, fmt.Errorf("the method %s does not exist", c.Method)
}

func (n *node) send(c call, kind string) (any, error) {
	var raw hexutil.Bytes
	if len(c.Params) != 1 || json.Unmarshal(c.Params[0], &raw) != nil {
		return nil, fmt.Errorf("invalid argument 0")
	}
	hash, err := n.ledger.note(raw)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "said nonce too low":
		return nil, errLow
	case "said already known":
		return nil, errKnown
	case "said not possible":
		return nil, errInvalid
	case "said accepted":
		return hash, nil
	}
	if err := n.ledger.accept(hash); err != nil {
		return nil, err
	}
	if kind == "other txid" {
		hash[7] ^= 1
	}
	return hash, nil
}

// shown gives the block of a number, or the last one below it.
func (n *node) shown(number uint64) *block {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.chain[min(number, uint64(len(n.chain))-1)]
}

// block gives the block that a parameter names, nil for none.
func (n *node) block(c call, at int, number *hexutil.Uint64) *block {
	if len(c.Params) <= at || json.Unmarshal(c.Params[at], number) != nil {
		return nil
	}
	if b := n.shown(uint64(*number)); b.number == uint64(*number) {
		return b
	}
	return nil
}

// transaction finds one in this view, or in the pool.
func (n *node) transaction(hash common.Hash, receipt bool, kind string) any {
	var in *block
	n.mu.Lock()
	chain := n.chain
	n.lied[hash] = n.lied[hash] && receipt || kind == "said deep"
	lied := n.lied[hash]
	n.mu.Unlock()
	for i := len(chain) - 1; i >= 0 && in == nil; i-- {
		for _, h := range chain[i].txs {
			if h == hash {
				in = chain[i]
			}
		}
	}
	known := n.ledger.pooled(hash)
	switch {
	case kind == "said not found":
		return nil
	case kind == "other transaction":
		hash[3] ^= 1
	case lied:
		in = chain[max(0, len(chain)-20)]
	}
	switch {
	case in == nil && (receipt || !known):
		return nil
	case in == nil:
		return map[string]any{"hash": hash, "blockNumber": nil}
	case receipt:
		return map[string]any{"transactionHash": hash, "blockHash": in.hash, "blockNumber": hexutil.Uint64(in.number), "status": "0x1"}
	}
	return map[string]any{"hash": hash, "blockHash": in.hash, "blockNumber": hexutil.Uint64(in.number)}
}
