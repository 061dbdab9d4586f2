package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/scripts/fund"
	"coldsign/scripts/rig"
)

// btcd is one real node. It has no peers: what goes from one to the other goes by us.
type btcd struct {
	dir   string // of its data, which stays when it ends
	node  *rig.Node
	url   atomic.Pointer[string]       // where it listens now
	chain []chainhash.Hash             // its main chain, the genesis block first
	has   map[chainhash.Hash]bool      // blocks that it has, of any chain
	deep  map[chainhash.Hash]time.Time // transactions: a moment before they were first deep enough
}

// bitcoins are two real nodes of one network, and whoever finds blocks there.
type bitcoins struct {
	mu     sync.Mutex
	nodes  [2]*btcd
	blocks map[chainhash.Hash]*wire.MsgBlock
	old    string // a block that no reorganization reaches
	split  bool   // blocks go from neither to the other
	paused time.Time
	coin   int64 // height of the last coinbase that was spent
	counts *counts
}

// rewards is how many coinbases are old enough at the beginning to be spent.
const rewards = 40

func newBitcoins(ctx context.Context, dir string, c *counts) (*bitcoins, error) {
	b := &bitcoins{blocks: map[chainhash.Hash]*wire.MsgBlock{}, counts: c}
	var errs [2]error
	var both sync.WaitGroup
	for i := range b.nodes {
		b.nodes[i] = &btcd{dir: fmt.Sprintf("%s/btcd-%d", dir, i+1), has: map[chainhash.Hash]bool{}, deep: map[chainhash.Hash]time.Time{}}
		blocks := []int{100 + rewards, 0}[i]
		both.Go(func() { errs[i] = b.nodes[i].start(ctx, blocks) })
	}
	both.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return b, err
	}
	if err := b.exchange(ctx); err != nil {
		return b, err
	}
	b.old = b.nodes[0].chain[5].String()
	return b, nil
}

func (n *btcd) start(ctx context.Context, blocks int) (err error) {
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return err
	}
	if n.node, err = rig.Start(ctx, rig.KindBtcd, "DATA="+n.dir, fmt.Sprintf("BLOCKS=%d", blocks)); err == nil {
		n.url.Store(&n.node.URL)
	}
	return err
}

func (b *bitcoins) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.nodes {
		if n != nil && n.node != nil {
			n.node.Stop()
		}
	}
}

// ask makes a call of the node itself, without any fault.
func (n *btcd) ask(ctx context.Context, result any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	text, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.node.URL, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.SetBasicAuth(n.node.User, n.node.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Result json.RawMessage
		Error  *rpcError
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: HTTP status %d: %w", method, resp.StatusCode, err)
	}
	if answer.Error != nil {
		return fmt.Errorf("%s: %d %s", method, answer.Error.Code, answer.Error.Message)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer.Result, result)
}

// follow reads what is new in the node's main chain. before is a moment at which it was
// not there yet.
func (b *bitcoins) follow(ctx context.Context, n *btcd, before time.Time) error {
	var hash chainhash.Hash
	var text string
	if err := n.ask(ctx, &text, "getbestblockhash"); err != nil {
		return err
	}
	if err := chainhash.Decode(&hash, text); err != nil {
		return err
	}
	at := map[chainhash.Hash]int{}
	for height, h := range n.chain {
		at[h] = height
	}
	var fresh []chainhash.Hash
	common := 0
	for zero := (chainhash.Hash{}); hash != zero; {
		if height, ok := at[hash]; ok {
			common = height + 1
			break
		}
		block, err := b.block(ctx, n, hash)
		if err != nil {
			return err
		}
		fresh = append(fresh, hash)
		hash = block.Header.PrevBlock
	}
	slices.Reverse(fresh)
	n.chain = append(n.chain[:common], fresh...)
	for height := max(0, len(n.chain)-len(fresh)-depth+1); height <= len(n.chain)-depth; height++ {
		for _, tx := range b.blocks[n.chain[height]].Transactions {
			if id := tx.TxHash(); n.deep[id].IsZero() {
				n.deep[id] = before
			}
		}
	}
	return nil
}

func (b *bitcoins) block(ctx context.Context, n *btcd, hash chainhash.Hash) (*wire.MsgBlock, error) {
	n.has[hash] = true
	if block := b.blocks[hash]; block != nil {
		return block, nil
	}
	var text string
	if err := n.ask(ctx, &text, "getblock", hash.String(), 0); err != nil {
		return nil, err
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil, err
	}
	block := new(wire.MsgBlock)
	if err := block.Deserialize(bytes.NewReader(raw)); err != nil {
		return nil, err
	}
	if block.BlockHash() != hash {
		return nil, fmt.Errorf("btcd gives another block than %s", hash)
	}
	b.blocks[hash] = block
	return block, nil
}

// find has a node find blocks, and hands them on.
func (b *bitcoins) find(ctx context.Context, n *btcd, blocks int) error {
	before := time.Now()
	if err := n.ask(ctx, nil, "generate", blocks); err != nil {
		return err
	}
	if err := b.follow(ctx, n, before); err != nil {
		return err
	}
	return b.exchange(ctx)
}

// exchange gives each node the blocks of the other's main chain that it has not got,
// unless they are apart. The node that then has less work behind it reorganizes.
func (b *bitcoins) exchange(ctx context.Context) error {
	if b.split {
		return nil
	}
	for range 2 {
		for i, from := range b.nodes {
			to := b.nodes[1-i]
			before := time.Now()
			if err := b.follow(ctx, from, before); err != nil {
				return err
			}
			for _, hash := range from.chain {
				if to.has[hash] || hash == from.chain[0] {
					continue
				}
				var raw bytes.Buffer
				if err := b.blocks[hash].Serialize(&raw); err != nil {
					return err
				}
				var says string // null, or why not
				if err := to.ask(ctx, &says, "submitblock", hex.EncodeToString(raw.Bytes())); err != nil || says != "" && !strings.Contains(says, "already have") {
					return fmt.Errorf("block %s: %s, %w", hash, says, err)
				}
				to.has[hash] = true
			}
			if err := b.follow(ctx, to, before); err != nil {
				return err
			}
		}
	}
	return nil
}

// reorganize takes the last blocks of a node's chain away, and puts more of others in
// their place. Both nodes change over.
func (b *bitcoins) reorganize(ctx context.Context, n *btcd, blocks int, forget bool) error {
	b.split = false
	if err := b.exchange(ctx); err != nil {
		return err
	}
	b.split = true
	height := len(n.chain)
	fork := n.chain[height-blocks].String()
	if err := n.ask(ctx, nil, "invalidateblock", fork); err != nil {
		return err
	}
	if forget { // else its pool has what the blocks had
		if err := b.restart(ctx, n); err != nil {
			return err
		}
		if len(n.chain) < height-blocks { // it was ended too hard, and has lost more
			b.split = false
			return b.exchange(ctx)
		}
	}
	if err := b.find(ctx, n, blocks+1); err != nil {
		return err
	}
	if err := n.ask(ctx, nil, "reconsiderblock", fork); err != nil { // with less work it stays where it is
		return err
	}
	b.split = false
	return b.exchange(ctx)
}

// restart ends a node and starts it again, with its blocks and without a pool.
func (b *bitcoins) restart(ctx context.Context, n *btcd) error {
	n.node.Stop()
	if err := n.start(ctx, 0); err != nil {
		return err
	}
	if err := b.follow(ctx, n, time.Now()); err != nil {
		return err
	}
	n.has = map[chainhash.Hash]bool{} // it may have lost its last blocks
	for _, hash := range n.chain {
		n.has[hash] = true
	}
	return b.exchange(ctx)
}

// step is what happens to the network in a moment: mostly a block.
func (b *bitcoins) step(ctx context.Context, wrong, deep bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Now().Before(b.paused) {
		return nil
	}
	if b.split {
		b.split = false
		return b.exchange(ctx)
	}
	n := b.nodes[rand.IntN(2)]
	dice := rand.IntN(60)
	switch {
	case !wrong:
	case dice < 2:
		forget := rand.IntN(3) == 0
		b.counts.add("reorg", "shallow")
		return b.reorganize(ctx, n, 1+rand.IntN(depth-1), forget)
	case dice == 2 && deep && rand.IntN(3) == 0:
		b.counts.add("reorg", "below complete payments")
		return b.reorganize(ctx, n, depth+rand.IntN(4), rand.IntN(3) == 0)
	case dice == 3:
		b.counts.add("pool", "forgotten: btcd started again")
		return b.restart(ctx, n)
	case dice < 8: // no block for a while
		b.paused = time.Now().Add(time.Duration(rand.IntN(3000)) * time.Millisecond)
		return nil
	case dice < 10:
		return b.part(ctx, n)
	}
	return b.find(ctx, n, 1)
}

// part lets each node go its own way for a block or two. The longer chain wins.
func (b *bitcoins) part(ctx context.Context, n *btcd) error {
	if err := b.exchange(ctx); err != nil {
		return err
	}
	b.split = true
	other := b.nodes[0]
	if n == other {
		other = b.nodes[1]
	}
	own, longer := rand.IntN(depth-1), 1+rand.IntN(depth-1)
	if own > 0 {
		if err := b.find(ctx, n, own); err != nil {
			return err
		}
		b.counts.add("reorg", "two branches found at the same time")
	}
	b.counts.add("pool", "nodes apart for a while")
	err := b.find(ctx, other, own+longer)
	b.paused = time.Now().Add(time.Duration(rand.IntN(2000)) * time.Millisecond)
	b.split = err == nil
	return err
}

// fund gives each address an output, from a coinbase that no reorganization reaches.
func (b *bitcoins) fund(ctx context.Context, amount int64, addresses []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.nodes[0]
	bank, err := fund.NewBitcoin(n.node.URL, n.node.User, n.node.Password)
	if err != nil {
		return err
	}
	defer bank.Close()
	before := time.Now()
	for b.coin++; ; b.coin++ {
		if err = bank.Take(b.coin); err == nil {
			_, err = bank.Fund(amount, addresses...)
		}
		if err == nil || b.coin > int64(len(n.chain)-110) || !strings.Contains(err.Error(), "spent") && !strings.Contains(err.Error(), "orphan") {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("coinbase %d: %w", b.coin, err)
	}
	if err := b.follow(ctx, n, before); err != nil {
		return err
	}
	return b.exchange(ctx)
}

// spread gives a transaction to one node, or to both: which of them takes it is theirs.
func (b *bitcoins) spread(ctx context.Context, tx *wire.MsgTx, both bool) (taken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var raw bytes.Buffer
	if err := tx.Serialize(&raw); err != nil {
		return false
	}
	first := rand.IntN(2)
	for i := range b.nodes {
		if i == 0 || both {
			taken = b.nodes[(first+i)%2].ask(ctx, nil, "sendrawtransaction", hex.EncodeToString(raw.Bytes())) == nil || taken
		}
	}
	return taken
}

// found is where a transaction is in a chain.
type found struct {
	tx    *wire.MsgTx
	depth int
}

// shown is what a node's main chain has.
type shown struct {
	found map[chainhash.Hash]found
	by    map[wire.OutPoint]chainhash.Hash // what spent it
	deep  map[chainhash.Hash]time.Time
	pays  map[string][]found // by script; nil until it is asked for
}

// read gives what each node's chain has: all of its blocks.
func (b *bitcoins) read(ctx context.Context) (views [2]shown, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, n := range b.nodes {
		if err := b.follow(ctx, n, time.Now()); err != nil {
			return views, err
		}
		v := shown{found: map[chainhash.Hash]found{}, by: map[wire.OutPoint]chainhash.Hash{}, deep: maps.Clone(n.deep)}
		for height, hash := range n.chain {
			for _, tx := range b.blocks[hash].Transactions {
				id := tx.TxHash()
				v.found[id] = found{tx, len(n.chain) - height}
				for _, in := range tx.TxIn {
					v.by[in.PreviousOutPoint] = id
				}
			}
		}
		views[i] = v
	}
	return views, nil
}
