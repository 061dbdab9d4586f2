package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// chainID is that of the network ETH local.
const chainID = 31337

// block is one block; it never changes.
type block struct {
	number uint64
	hash   common.Hash
	time   int64
	txs    []common.Hash
	nonces map[common.Address]uint64 // after it
}

// sent is a transaction as it came.
type sent struct {
	*types.Transaction
	from common.Address
}

// ledger is the chain itself, which no node's lie changes, and the record of what
// was ever sent.
type ledger struct {
	mu     sync.Mutex
	blocks []*block
	pool   map[common.Hash]bool
	sent   map[common.Hash]sent      // whatever came, whether it was taken or not
	deep   map[common.Hash]time.Time // when it was first deep enough
	forks  uint64
	reorgs map[string]int
}

func newLedger() *ledger {
	genesis := &block{time: time.Now().Unix(), hash: common.Hash{1}, nonces: map[common.Address]uint64{}}
	return &ledger{blocks: []*block{genesis}, pool: map[common.Hash]bool{}, sent: map[common.Hash]sent{},
		deep: map[common.Hash]time.Time{}, reorgs: map[string]int{}}
}

var (
	errLow     = errors.New("nonce too low")
	errKnown   = errors.New("already known")
	errRival   = errors.New("replacement transaction underpriced")
	errInvalid = errors.New("invalid sender")
)

// note keeps a record of bytes that came, also of those that are then lost.
func (l *ledger) note(raw []byte) (common.Hash, error) {
	tx := new(types.Transaction)
	if err := tx.UnmarshalBinary(raw); err != nil {
		return common.Hash{}, err
	}
	from, err := types.Sender(types.LatestSignerForChainID(big.NewInt(chainID)), tx)
	if err != nil {
		return common.Hash{}, errInvalid
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[tx.Hash()] = sent{tx, from}
	return tx.Hash(), nil
}

// accept takes a noted transaction into the pool.
func (l *ledger) accept(hash common.Hash) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	tx := l.sent[hash]
	switch {
	case tx.Nonce() < l.tip().nonces[tx.from]:
		return errLow
	case l.pool[hash]:
		return errKnown
	}
	for other := range l.pool {
		if o := l.sent[other]; o.from == tx.from && o.Nonce() == tx.Nonce() {
			return errRival
		}
	}
	l.pool[hash] = true
	return nil
}

func (l *ledger) tip() *block { return l.blocks[len(l.blocks)-1] }

// view is the chain as it is now, for a node to keep.
func (l *ledger) view() []*block {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.blocks)
}

func (l *ledger) pooled(hash common.Hash) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pool[hash]
}

// mine makes a block of what the pool has, in the order of nonces.
func (l *ledger) mine() {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.tip()
	b := &block{number: was.number + 1, time: max(time.Now().Unix(), was.time), nonces: maps.Clone(was.nonces)}
	for again := true; again; {
		again = false
		for hash := range l.pool {
			tx := l.sent[hash]
			if next := b.nonces[tx.from]; tx.Nonce() == next {
				b.txs, again = append(b.txs, hash), true
				b.nonces[tx.from]++
				delete(l.pool, hash)
			} else if tx.Nonce() < next {
				delete(l.pool, hash)
			}
		}
	}
	seed := binary.BigEndian.AppendUint64(was.hash.Bytes(), l.forks)
	b.hash = sha256.Sum256(seed)
	l.blocks = append(slices.Clip(l.blocks), b)
	if len(l.blocks) < depth {
		return
	}
	for _, hash := range l.blocks[len(l.blocks)-depth].txs {
		if l.deep[hash].IsZero() {
			l.deep[hash] = time.Now()
		}
	}
}

// fork takes the last blocks away and puts others there. Transactions go back to
// the pool, or are forgotten.
func (l *ledger) fork(depth int, forget float64, kind string) {
	l.mu.Lock()
	if depth >= len(l.blocks) {
		l.mu.Unlock()
		return
	}
	gone := l.blocks[len(l.blocks)-depth:]
	l.blocks = slices.Clip(l.blocks[:len(l.blocks)-depth])
	l.forks++
	l.reorgs[kind]++
	for _, b := range gone {
		for _, hash := range b.txs {
			if rand.Float64() >= forget {
				l.pool[hash] = true
			}
		}
	}
	l.mu.Unlock()
	for range depth + 1 {
		l.mine()
	}
}

// forget empties the pool, as a node does that starts again.
func (l *ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.pool)
}

// landing is a transaction of the chain as it stands.
type landing struct {
	hash  common.Hash
	depth uint64
}

// landed lists for each recipient what pays it.
func (l *ledger) landed() map[common.Address][]landing {
	l.mu.Lock()
	defer l.mu.Unlock()
	paid := map[common.Address][]landing{}
	for _, b := range l.blocks {
		for _, hash := range b.txs {
			to := *l.sent[hash].To()
			paid[to] = append(paid[to], landing{hash, l.tip().number - b.number + 1})
		}
	}
	return paid
}

// records gives copies of what was ever sent, and when it was first deep enough.
func (l *ledger) records() (map[common.Hash]sent, map[common.Hash]time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.sent), maps.Clone(l.deep)
}
