package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	sol "github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/programs/system"

	"coldsign/scripts/rig"
)

const (
	lagging   = 32 // slots until what has landed is finalized
	perTick   = 100 * time.Millisecond
	nonceRent = 1_447_680 // lamports of a nonce account of 80 bytes
	fee       = 5_000     // lamports for a signature
)

// cluster is the chain itself, which no node's lie changes: the validator's runtime
// behind scripts/nodes, with forks above what is finalized.
type cluster struct {
	node  *rig.Node
	count *counts
	often int  // of so many ticks one forks
	quick bool // slots pass fast in a calm too
	calls atomic.Int64

	mu      sync.Mutex
	heights []height // finalized ones, the newest last
	fault   error    // of the ticker
	rough   bool     // it forks, hurries and stands still
	key     sol.PrivateKey
}

// height is that of the finalized chain at a time.
type height struct {
	at     time.Time
	height uint64
}

func newCluster(ctx context.Context, c *counts) (*cluster, error) {
	n, err := rig.Start(ctx, rig.KindSolana, fmt.Sprint("LAG=", lagging))
	if err != nil {
		return nil, err
	}
	r := &cluster{node: n, count: c, often: 60}
	if r.key, err = sol.NewRandomPrivateKey(); err == nil {
		err = r.fund(ctx, 1000*sol.LAMPORTS_PER_SOL, r.key.PublicKey())
	}
	if err != nil {
		n.Stop()
	}
	return r, err
}

// question is one call of JSON-RPC.
type question struct {
	Version string `json:"jsonrpc"`
	ID      int64  `json:"id"`
	Method  string `json:"method"`
	Params  []any  `json:"params"`
}

type answer struct {
	Result json.RawMessage `json:"result"`
	Error  *rpcError       `json:"error"`
}

func (e *rpcError) Error() string { return e.Message }

// post sends a body to the server, and decodes what comes.
func (r *cluster) post(ctx context.Context, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", r.node.URL, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(resp.Body); err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// ask makes one call. into may be nil.
func (r *cluster) ask(ctx context.Context, into any, method string, params ...any) error {
	var a answer
	if err := r.post(ctx, question{"2.0", r.calls.Add(1), method, params}, &a); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if a.Error != nil {
		return fmt.Errorf("%s: %w", method, a.Error)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(a.Result, into)
}

// each makes one call for every list of parameters, in pages.
func (r *cluster) each(ctx context.Context, method string, params [][]any, take func(i int, result json.RawMessage) error) error {
	const page = 250
	for from := 0; from < len(params); from += page {
		var list []question
		for _, p := range params[from:min(from+page, len(params))] {
			list = append(list, question{"2.0", r.calls.Add(1), method, p})
		}
		var answers []answer
		if err := r.post(ctx, list, &answers); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		if len(answers) != len(list) {
			return fmt.Errorf("%s: %d answers to %d", method, len(answers), len(list))
		}
		for i, a := range answers {
			if a.Error != nil {
				return fmt.Errorf("%s: %w", method, a.Error)
			}
			if err := take(from+i, a.Result); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *cluster) fund(ctx context.Context, lamports uint64, to ...sol.PublicKey) error {
	for _, a := range to {
		if err := r.ask(ctx, nil, "requestAirdrop", a.String(), lamports); err != nil {
			return err
		}
	}
	return nil
}

// pass lets slots pass.
func (r *cluster) pass(ctx context.Context, slots int) error {
	var slot uint64
	if err := r.ask(ctx, &slot, "svm_pass", slots); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heights = append(r.heights, height{time.Now(), slot - lagging})
	return nil
}

// final gives the height of the finalized chain at a time, or one above it by what
// has passed within a tick.
func (r *cluster) final(at time.Time) (h uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.heights) - 1; i >= 0; i-- {
		if h = r.heights[i].height; r.heights[i].at.Before(at) {
			if i+1 < len(r.heights) {
				h = r.heights[i+1].height
			}
			return h
		}
	}
	return h
}

// go on until ctx ends: slots pass, in their own time.
func (r *cluster) tick(ctx context.Context) {
	pace, change, passed := 1, time.Now(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(perTick):
		}
		r.mu.Lock()
		rough := r.rough
		r.mu.Unlock()
		if !rough {
			if pace = 1; !r.quick && time.Since(passed) < 4*perTick { // a slot's own time: a blockhash is good for a minute
				continue
			}
		} else if time.Now().After(change) {
			pace = []int{0, 1, 1, 2, 2, 4, 8}[rand.IntN(7)]
			change = time.Now().Add(time.Duration(2+rand.IntN(8)) * time.Second)
			if pace == 0 {
				r.count.add("chain", "stood still")
			}
		}
		passed = time.Now()
		err := r.pass(ctx, pace)
		if err == nil && rough && rand.IntN(r.often) == 0 {
			err = r.fork(ctx)
		}
		if err != nil && ctx.Err() == nil {
			r.mu.Lock()
			r.fault = err
			r.mu.Unlock()
			return
		}
	}
}

// fork takes back what is not final, and lets some of it land again.
func (r *cluster) fork(ctx context.Context) error {
	var what struct{ Undone int }
	others := rand.IntN(2) == 0
	if err := r.ask(ctx, &what, "svm_fork", rand.Float64()*0.7, others); err != nil {
		return err
	}
	kind := "forks"
	if others {
		kind = "forks with other blockhashes"
	}
	r.count.add("chain", kind)
	for range what.Undone {
		r.count.add("undone", "transactions that a fork took back")
	}
	return nil
}

func (r *cluster) roughly(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rough = yes
}

func (r *cluster) healthy() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fault
}

// send signs and sends instructions; the rig pays.
func (r *cluster) send(ctx context.Context, hash sol.Hash, keys []sol.PrivateKey, list ...sol.Instruction) error {
	keys = append(keys, r.key)
	tx, err := sol.NewTransaction(list, hash, sol.TransactionPayer(r.key.PublicKey()))
	if err != nil {
		return err
	}
	if _, err := tx.Sign(func(k sol.PublicKey) *sol.PrivateKey {
		for i := range keys {
			if keys[i].PublicKey() == k {
				return &keys[i]
			}
		}
		return nil
	}); err != nil {
		return err
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		return err
	}
	return r.ask(ctx, nil, "sendTransaction", base64.StdEncoding.EncodeToString(raw), map[string]any{"encoding": "base64"})
}

func (r *cluster) latest(ctx context.Context) (hash sol.Hash, err error) {
	var out struct{ Value struct{ Blockhash sol.Hash } }
	err = r.ask(ctx, &out, "getLatestBlockhash", map[string]any{"commitment": "confirmed"})
	return out.Value.Blockhash, err
}

// purses makes nonce accounts that the authority advances, final and ready to be used.
func (r *cluster) purses(ctx context.Context, authority sol.PublicKey, n int) (accounts []sol.PublicKey, err error) {
	hash, err := r.latest(ctx)
	if err != nil {
		return nil, err
	}
	for range n {
		fresh, err := sol.NewRandomPrivateKey()
		if err != nil {
			return nil, err
		}
		if err := r.send(ctx, hash, []sol.PrivateKey{fresh},
			system.NewCreateAccountInstruction(nonceRent, 80, sol.SystemProgramID, r.key.PublicKey(), fresh.PublicKey()).Build(),
			system.NewInitializeNonceAccountInstruction(authority, fresh.PublicKey(), sol.SysVarRecentBlockHashesPubkey, sol.SysVarRentPubkey).Build()); err != nil {
			return nil, err
		}
		accounts = append(accounts, fresh.PublicKey())
	}
	for range 10 { // a nonce is not used with the blockhash that it came from
		if err := r.pass(ctx, lagging/2); err != nil {
			return nil, err
		}
	}
	return accounts, nil
}

// nonce gives the value that an account holds; none when it is closed.
func (r *cluster) nonce(ctx context.Context, account sol.PublicKey, commitment string) (hash sol.Hash, err error) {
	var out struct{ Value *struct{ Data []string } }
	if err := r.ask(ctx, &out, "getAccountInfo", account.String(), map[string]any{"encoding": "base64", "commitment": commitment}); err != nil {
		return hash, err
	}
	if out.Value == nil {
		return hash, nil
	}
	if len(out.Value.Data) != 2 {
		return hash, errors.New("a nonce account without data")
	}
	data, err := base64.StdEncoding.DecodeString(out.Value.Data[0])
	if err == nil && len(data) != 80 {
		err = fmt.Errorf("a nonce account of %d bytes", len(data))
	}
	if err != nil {
		return hash, err
	}
	return sol.HashFromBytes(data[40:72]), nil
}

// advance is what a stranger does who has the authority's key too.
func (r *cluster) advance(ctx context.Context, account sol.PublicKey, authority sol.PrivateKey) error {
	value, err := r.nonce(ctx, account, "confirmed")
	if err != nil || value.IsZero() {
		return cmp.Or(err, errors.New("it is closed"))
	}
	return r.send(ctx, value, []sol.PrivateKey{authority},
		system.NewAdvanceNonceAccountInstruction(account, sol.SysVarRecentBlockHashesPubkey, authority.PublicKey()).Build())
}

// empty is what a stranger does who wants the account's rent.
func (r *cluster) empty(ctx context.Context, account sol.PublicKey, authority sol.PrivateKey) error {
	hash, err := r.latest(ctx)
	if err != nil {
		return err
	}
	return r.send(ctx, hash, []sol.PrivateKey{authority}, system.NewWithdrawNonceAccountInstruction(nonceRent,
		account, r.key.PublicKey(), sol.SysVarRecentBlockHashesPubkey, sol.SysVarRentPubkey, authority.PublicKey()).Build())
}
