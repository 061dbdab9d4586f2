package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/postgres"
)

const (
	depth    = 3 // confirmations of a complete payment
	accounts = 4
	perBlock = 250 * time.Millisecond
	watch    = 2400                   // blocks for which a complete payment is looked at: ten minutes
	pace     = 500 * time.Millisecond // a payment, of a long soak: the server looks at so many rows a round
)

// payment is one that somebody wants made, once.
type payment struct {
	key       string // its idempotency key
	to        common.Address
	from      common.Address
	nonce     uint64
	amount    *big.Int
	id        string // the row's, once the API has said it
	cancelled bool
	points    []string // crash points that it has to do with
	jumped    bool     // it was on its way when the online half's clock was set

	account    int
	submission halves.Submission
}

// driver plays everybody: the client of the API, both operators, and chance.
type driver struct {
	*halves.Halves
	plan
	ledger     *ledger
	nodes      []*node
	wallet     string
	from       []common.Address
	next       []uint64 // nonce, by account
	payments   []*payment
	counts     counts
	struck     atomic.Bool // the server was killed and is to be started again
	striker    atomic.Pointer[func()]
	typical    map[string]time.Duration
	files      int
	bundles    int
	reconciled int
	broken     []string // what was seen on the way
	stop       func()   // the miner
	server     *postgres.Server
	replicas   []*replica
	failing    string // an online half with failpoints
	calm       bool   // chance does nothing
	still      atomic.Bool
}

func begin(ctx context.Context, p plan, dir string) (*driver, error) {
	d := &driver{Halves: &halves.Halves{Dir: dir, Light: true}, plan: p, ledger: newLedger(), typical: map[string]time.Duration{}, next: make([]uint64, accounts)}
	d.nodes = []*node{newNode(d.ledger, false), newNode(d.ledger, true)}
	var err error
	if d.Programs = p.Built; d.Programs.Online == "" {
		if d.Programs, err = halves.Build(ctx, dir); err != nil {
			return d, err
		}
	}
	if d.Replicas > 0 {
		if err := d.share(); err != nil {
			return d, err
		}
		if d.failing = p.Failing; d.failing == "" {
			if d.failing, err = halves.BuildFailing(ctx, dir); err != nil {
				return d, err
			}
		}
	}
	if err := d.Init(ctx); err != nil {
		return d, err
	}
	w, err := d.NewWallet(ctx, "ETH")
	if err != nil {
		return d, err
	}
	d.wallet = w.SignatureID
	for i := range accounts {
		a, err := d.Address(ctx, d.wallet, strconv.Itoa(i), "local")
		if err != nil {
			return d, err
		}
		d.from = append(d.from, common.HexToAddress(a.Address))
	}
	if err := d.ShareKeys(ctx); err != nil {
		return d, err
	}
	err = d.Configure(ctx, halves.Network{Chain: "ETH", Name: "local", RPC: d.nodes[0].URL, More: []string{d.nodes[1].URL}, Confirmations: depth, Watch: watch})
	if err != nil {
		return d, err
	}
	mining, stop := context.WithCancel(ctx)
	var miner sync.WaitGroup
	miner.Go(func() { d.mine(mining) })
	d.stop = func() { stop(); miner.Wait() }
	for n := range max(d.Replicas-1, 0) {
		r, err := d.replica(n + 1)
		if err != nil {
			return d, err
		}
		d.replicas = append(d.replicas, r)
	}
	return d, d.start(ctx)
}

func (d *driver) end() {
	d.Kill()
	d.stop()
	for _, r := range d.replicas {
		r.kill()
	}
	if d.server != nil {
		d.server.Stop()
	}
	for _, n := range d.nodes {
		n.CloseClientConnections()
		n.Close()
	}
}

// start starts the server, and lets chance end it.
func (d *driver) start(ctx context.Context) error {
	if err := d.patiently(ctx, d.Serve); err != nil {
		return err
	}
	d.struck.Store(false)
	end := d.Striker()
	var once sync.Once
	strike := func() {
		once.Do(func() { d.struck.Store(true); end() })
	}
	d.striker.Store(&strike)
	return nil
}

// strike kills the server, if it has not been killed already.
func (d *driver) strike(kind string) {
	if s := d.striker.Load(); s != nil && !d.struck.Load() {
		(*s)()
		d.counts.add("kill", "serve "+kind)
	}
}

// alive starts the server again if it was killed.
func (d *driver) alive(ctx context.Context) error {
	if !d.struck.Load() {
		return nil
	}
	d.Kill()
	return d.start(ctx)
}

// breakf notes an invariant that does not hold.
func (d *driver) breakf(format string, args ...any) {
	d.broken = append(d.broken, fmt.Sprintf(format, args...))
	fmt.Fprintln(d.Log, "BROKEN", d.broken[len(d.broken)-1])
}

// faults makes payments while everything goes wrong.
func (d *driver) faults(ctx context.Context) error {
	for _, n := range d.nodes {
		n.trouble(d.Rate)
		n.striking(d.strike)
	}
	stop := d.breaking(ctx)
	defer stop()
	began := time.Now()
	audited, end := began, began.Add(d.Time)
	for time.Now().Before(end) && len(d.broken) == 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(began.Add(time.Duration(len(d.payments)) * pace))):
		}
		for range 2 + rand.IntN(12) {
			if err := d.pay(ctx); err != nil {
				return fmt.Errorf("payment: %w", err)
			}
		}
		if err := d.alive(ctx); err != nil { // it broadcasts what earlier bundles brought
			return err
		}
		if err := d.ceremony(ctx); err != nil {
			return fmt.Errorf("ceremony: %w", err)
		}
		if rand.IntN(3) == 0 {
			d.strike("at random")
		}
		if time.Since(audited) > 10*time.Second {
			audited = time.Now()
			if r, err := d.reconcile(ctx, false); err != nil {
				return fmt.Errorf("reconciling: %w", err)
			} else if d.broken = r.Broken; len(r.Broken) > 0 {
				return nil
			}
		}
	}
	return nil
}

// settle stops all faults and waits until every row has come to an end.
func (d *driver) settle(ctx context.Context) (r result, err error) {
	for _, n := range d.nodes {
		n.trouble(0)
		n.freeze(false)
	}
	d.strike("at the end") // what it remembers of troubles makes it wait
	if err := d.alive(ctx); err != nil {
		return r, err
	}
	for end := time.Now().Add(d.Settle); ; {
		if r, err = d.reconcile(ctx, true); err != nil || r.clean() || len(d.broken) > 0 || time.Now().After(end) {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// mine makes blocks, and forks, and lets views fall behind, while there are faults.
func (d *driver) mine(ctx context.Context) {
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(perBlock):
		}
		if d.still.Load() {
			continue
		}
		d.ledger.mine()
		n := d.nodes[rand.IntN(len(d.nodes))]
		n.mu.Lock()
		wrong := n.rate > 0
		n.mu.Unlock()
		if wrong {
			switch rand.IntN(60) {
			case 0, 1:
				d.ledger.fork(1+rand.IntN(depth-1), 0.3, "shallow")
			case 2:
				if d.Deep && time.Since(began) < d.Time/2 && rand.IntN(3) == 0 {
					d.ledger.fork(depth+rand.IntN(4), 0.3, "below complete payments")
				}
			case 3:
				d.ledger.forget()
				d.counts.add("pool", "forgotten")
			case 4, 5:
				n.freeze(true)
			case 6, 7, 8, 9, 10:
				n.freeze(false)
			}
		}
		for _, n := range d.nodes {
			n.follow()
		}
	}
}

// intend makes a payment, and asks nobody for it yet.
func (d *driver) intend() (*payment, error) {
	i := rand.IntN(accounts)
	p := &payment{key: fmt.Sprintf("soak-%d", len(d.payments)), account: i, from: d.from[i], nonce: d.next[i], amount: big.NewInt(1e15 + int64(len(d.payments)))}
	to, err := fund.NewEVMAddress()
	if err != nil {
		return nil, err
	}
	p.to = common.HexToAddress(to)
	call := &fund.Call{ChainID: big.NewInt(chainID), Nonce: p.nonce, GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(3e9), Gas: 21000, To: &p.to, Value: p.amount}
	hex, err := call.Hex()
	if err != nil {
		return nil, err
	}
	text, _ := json.Marshal(hex) // a string always goes
	p.submission = halves.Submission{Chain: "ETH", Network: "local", Hashes: []string{d.wallet}, Index: i, Transaction: text}
	d.payments, d.next[i] = append(d.payments, p), d.next[i]+1
	return p, nil
}

// pay asks for one payment until the API has said that it has it, with one key.
func (d *driver) pay(ctx context.Context) error {
	p, err := d.intend()
	if err != nil {
		return err
	}
	again := d.chance(3)
	if d.chance(8) {
		time.AfterFunc(time.Duration(rand.IntN(12))*time.Millisecond, func() { d.strike("while a payment is created") })
	}
	for {
		row, err := d.Submit(ctx, p.key, p.submission)
		switch {
		case err == nil && p.id != "" && row.ID != p.id:
			d.breakf("%s is row %s and row %s", p.key, p.id, row.ID)
			return nil
		case err == nil && again:
			again, p.id = false, row.ID
			d.counts.add("twice", "payment created")
		case err == nil:
			p.id = row.ID
			if d.chance(12) {
				return d.cancel(ctx, p)
			}
			return nil
		default:
			if err := d.recover(ctx, err); err != nil {
				return err
			}
		}
	}
}

// chance is true once in n times, and never in a calm.
func (d *driver) chance(n int) bool { return !d.calm && rand.IntN(n) == 0 }

// recover starts a killed server again; any other failure is one.
func (d *driver) recover(ctx context.Context, err error) error {
	if r, ok := errors.AsType[*halves.Refusal](err); ok && (r.Status < 500 || d.server == nil) {
		return r
	} else if ok { // the database is away
		return wait(ctx)
	}
	if !d.struck.Load() {
		return fmt.Errorf("the server runs, and says: %w", err)
	}
	return d.alive(ctx)
}

// cancel ends a payment that was not exported yet; its nonce is the next one's.
func (d *driver) cancel(ctx context.Context, p *payment) error {
	for {
		err := d.Delete(ctx, p.id)
		r, refused := errors.AsType[*halves.Refusal](err)
		if err == nil || refused && (r.Status == 404 || r.Status == 409) {
			break // after a kill it may be done already
		}
		if err := d.recover(ctx, err); err != nil {
			return err
		}
	}
	for {
		row, err := d.Get(ctx, p.id)
		if err == nil && row.State != "cancelled" {
			d.breakf("%s was cancelled before any export and is %s", p.key, row.State)
		}
		if err == nil {
			p.cancelled, d.next[p.account] = true, p.nonce
			return nil
		}
		if err := d.recover(ctx, err); err != nil {
			return err
		}
	}
}
