package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
)

// spending is a payment of Bitcoin that somebody wants made, once.
type spending struct {
	key      string // its idempotency key
	to       string
	script   []byte // of to, which nothing else pays
	amount   int64  // satoshi
	id       string // the row's, once the API has said it
	unfunded bool   // the API has said that there is too little: there is no row
	unwanted bool   // somebody has asked for its end
	struck   bool   // a stranger has tried to spend its coins
	body     map[string]any
}

// own is an address of the wallet, and its key, which is not only ours: strangers have it.
type own struct {
	fund.Key
	private *btcec.PrivateKey
	script  []byte
}

// crossing is what an old stick holds.
type crossing struct{ request, answer string }

// miser is the driver of a soak on Bitcoin.
type miser struct {
	*driver
	coins     *bitcoins
	between   [2]*between
	sent      *outbox
	wallet    string
	own       []own
	spendings []*spending
	strangers map[chainhash.Hash]*wire.MsgTx
	sticks    []crossing // answers that are still to be imported
	crossed   []crossing
	began     time.Time
	fault     error // of the miner
}

// mnemonic is BIP-39's own example.
const mnemonic = "legal winner thank year wave sausage worth useful legal winner thank yellow"

const (
	purses   = 8          // addresses that pay
	coinsOf  = 6          // of each, at the beginning
	coinSize = 20_000_000 // satoshi of one
	mostOpen = 40         // payments on their way
)

func beginBitcoin(ctx context.Context, p plan, dir string) (*miser, error) {
	m := &miser{driver: &driver{Halves: &halves.Halves{Dir: dir, Light: true}, plan: p, typical: map[string]time.Duration{}, stop: func() {}},
		sent: &outbox{of: map[chainhash.Hash]posted{}}, strangers: map[chainhash.Hash]*wire.MsgTx{}, began: time.Now()}
	var errs [2]error
	var both sync.WaitGroup
	both.Go(func() { m.coins, errs[0] = newBitcoins(ctx, dir, &m.counts) })
	both.Go(func() { errs[1] = m.homes(ctx) })
	both.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return m, err
	}
	for i := range m.between {
		m.between[i] = newBetween(m.coins, i, i == 1, m.sent)
	}
	for range coinsOf {
		if err := m.fund(ctx); err != nil {
			return m, err
		}
	}
	if err := m.coins.step(ctx, false, false); err != nil {
		return m, err
	}
	err := m.Configure(ctx, halves.Network{Chain: "BTC", Name: "regtest", RPC: m.between[0].URL, More: []string{m.between[1].URL}, Confirmations: depth, Watch: 100})
	if err != nil {
		return m, err
	}
	mining, stop := context.WithCancel(ctx)
	var miner sync.WaitGroup
	miner.Go(func() { m.mine(mining) })
	m.stop = func() { stop(); miner.Wait() }
	return m, m.start(ctx)
}

// homes makes both halves and the wallet.
func (m *miser) homes(ctx context.Context) (err error) {
	if m.Programs = m.Built; m.Programs.Online == "" {
		if m.Programs, err = halves.Build(ctx, m.Dir); err != nil {
			return err
		}
	}
	if err := m.Init(ctx); err != nil {
		return err
	}
	w, err := m.ImportWallet(ctx, "BTC", mnemonic)
	if err != nil {
		return err
	}
	m.wallet = w.SignatureID
	if err := m.Lighten("passphrase"); err != nil { // more crossings, and the same code
		return err
	}
	seed, err := pbkdf2.Key(sha512.New, mnemonic, []byte("mnemonic"), 2048, 64)
	if err != nil {
		return err
	}
	master, err := hdkeychain.NewMaster(seed, &chaincfg.RegressionNetParams)
	if err != nil {
		return err
	}
	for i := range purses {
		k, err := m.BitcoinKey(ctx, m.wallet, strconv.Itoa(i))
		if err != nil {
			return err
		}
		o := own{Key: k}
		if o.script, err = fund.Script(k.Address); err != nil {
			return err
		}
		at := master
		for _, step := range k.Path {
			if at, err = at.Derive(step); err != nil {
				return err
			}
		}
		if o.private, err = at.ECPrivKey(); err != nil {
			return err
		}
		if string(o.private.PubKey().SerializeCompressed()) != string(k.PublicKey) {
			return fmt.Errorf("btcd derives another key for index %d", i)
		}
		m.own = append(m.own, o)
	}
	return m.ShareKeys(ctx)
}

func (m *miser) end() {
	m.driver.end()
	for _, b := range m.between {
		if b != nil {
			b.CloseClientConnections()
			b.Close()
		}
	}
	if m.coins != nil {
		m.coins.stop()
	}
}

// fund gives each purse a coin more.
func (m *miser) fund(ctx context.Context) error {
	var addresses []string
	for _, o := range m.own {
		addresses = append(addresses, o.Address)
	}
	return m.coins.fund(ctx, coinSize, addresses)
}

// mine lets the network go on, with faults while there are some.
func (m *miser) mine(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(m.every()):
		}
		err := m.coins.step(ctx, m.between[0].troubled(), m.Deep && time.Since(m.began) < m.Time/2)
		if err != nil && ctx.Err() == nil {
			m.coins.mu.Lock()
			m.fault = err
			m.coins.mu.Unlock()
			return
		}
	}
}

// every is how long a block takes. What has been spent by another is looked for block by
// block: where that happens, no more of them come than can be searched.
func (m *miser) every() time.Duration {
	if m.Deep {
		return 3 * perBlock
	}
	return perBlock
}

// healthy tells whether there is still a network.
func (m *miser) healthy() error {
	m.coins.mu.Lock()
	defer m.coins.mu.Unlock()
	return m.fault
}

// faults makes payments while everything goes wrong.
func (m *miser) faults(ctx context.Context) error {
	for _, b := range m.between {
		b.trouble(m.Rate)
		b.striking(m.strike)
	}
	audited, end := time.Now(), time.Now().Add(m.Time)
	for time.Now().Before(end) && len(m.broken) == 0 {
		if err := m.healthy(); err != nil {
			return err
		}
		if err := m.spree(ctx); err != nil {
			return fmt.Errorf("payment: %w", err)
		}
		if err := m.alive(ctx); err != nil {
			return err
		}
		if err := m.leave(ctx); err != nil {
			return fmt.Errorf("ceremony: %w", err)
		}
		if rand.IntN(2) == 0 {
			if err := m.intervene(ctx); err != nil {
				return err
			}
		}
		for len(m.sticks) > 0 && rand.IntN(4) > 0 {
			if err := m.arrive(ctx); err != nil {
				return fmt.Errorf("import: %w", err)
			}
		}
		if rand.IntN(3) == 0 {
			m.strike("at random")
		}
		if time.Since(audited) > 10*time.Second {
			audited = time.Now()
			if r, err := m.reconcile(ctx, false); err != nil {
				return fmt.Errorf("reconciling: %w", err)
			} else if m.broken = r.Broken; len(r.Broken) > 0 {
				return nil
			}
		}
	}
	return nil
}

// spree makes some payments, unless too many are on their way.
func (m *miser) spree(ctx context.Context) error {
	var l ledgers
	if err := m.look(ctx, &l); err != nil {
		return err
	}
	open := 0
	for _, r := range l.rows {
		if !ends(r.state) && r.state != "complete" {
			open++
		}
	}
	if open > mostOpen {
		return wait(ctx)
	}
	for range 1 + rand.IntN(8) {
		if err := m.pay(ctx); err != nil {
			return err
		}
	}
	return nil
}

// leave carries what is pending to the offline half; its answer stays on the stick.
func (m *miser) leave(ctx context.Context) error {
	request, answer, err := m.signed(ctx)
	if err == nil && answer != "" {
		m.sticks = append(m.sticks, crossing{request, answer})
	}
	return err
}

// arrive imports the oldest answer.
func (m *miser) arrive(ctx context.Context) error {
	c := m.sticks[0]
	m.sticks, m.crossed = m.sticks[1:], append(m.crossed, c)
	return m.take(ctx, c.answer)
}

// settle stops all faults, carries across what is still to be carried, and waits until
// every row has come to an end.
func (m *miser) settle(ctx context.Context) (r result, err error) {
	for _, b := range m.between {
		b.trouble(0)
	}
	// Longer each time, and then no more: a round over many rows has to come to its end,
	// and a search for what spent an output begins anew.
	restart := 4 * time.Second
	end, fresh := time.Now().Add(m.Settle), time.Now().Add(-time.Hour)
	for {
		if time.Since(fresh) > restart && restart < time.Minute { // what it remembers of troubles makes it wait
			m.strike("at the end")
			fresh, restart = time.Now(), 2*restart
		}
		if err := errors.Join(m.healthy(), m.alive(ctx)); err != nil {
			return r, err
		}
		if err := m.leave(ctx); err != nil {
			return r, err
		}
		for len(m.sticks) > 0 {
			if err := m.arrive(ctx); err != nil {
				return r, err
			}
		}
		if r, err = m.reconcile(ctx, true); err != nil || r.clean() || len(m.broken) > 0 || time.Now().After(end) {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// intend makes a payment, and asks nobody for it yet.
func (m *miser) intend() (p *spending, err error) {
	p = &spending{key: fmt.Sprintf("soak-%d", len(m.spendings)), amount: 1_000_000 + rand.Int64N(8_000_000)}
	if rand.IntN(4) == 0 { // of more than one coin
		p.amount = coinSize + rand.Int64N(coinSize)
	}
	if p.to, err = fund.NewBitcoinAddress(); err != nil {
		return nil, err
	}
	if p.script, err = fund.Script(p.to); err != nil {
		return nil, err
	}
	var from []any
	for _, i := range rand.Perm(purses)[:1+rand.IntN(2)] {
		from = append(from, map[string]any{"address": m.own[i].Address, "signatureId": m.wallet, "signatureIdIndex": i})
	}
	p.body = map[string]any{"fromAddress": from, "to": []any{map[string]any{"address": p.to, "value": coin(p.amount)}}}
	if rand.IntN(2) == 0 { // else the node says what to pay
		p.body["fee"] = fmt.Sprintf("0.%08d", 5_000+rand.IntN(10_000))
	}
	m.spendings = append(m.spendings, p)
	return p, nil
}

// coin writes satoshi as a number of whole coins.
func coin(satoshi int64) json.Number {
	return json.Number(fmt.Sprintf("%d.%08d", satoshi/100_000_000, satoshi%100_000_000))
}

// pay asks for one payment until the API has said that it has it, with one key.
func (m *miser) pay(ctx context.Context) error {
	p, err := m.intend()
	if err != nil {
		return err
	}
	again := m.chance(3)
	if m.chance(8) {
		time.AfterFunc(time.Duration(rand.IntN(40))*time.Millisecond, func() { m.strike("while a payment is created") })
	}
	for {
		id, err := m.Create(ctx, "/v3/bitcoin/transaction", p.key, p.body)
		r, refused := errors.AsType[*halves.Refusal](err)
		switch {
		case err == nil && p.id != "" && id != p.id:
			m.breakf("%s is row %s and row %s", p.key, p.id, id)
			return nil
		case err == nil && again:
			again, p.id = false, id
			m.counts.add("twice", "payment created")
		case err == nil:
			p.id = id
			if m.chance(12) {
				return m.withdraw(ctx, p)
			}
			return nil
		case refused && r.Code == "create.funds" && p.id == "":
			p.unfunded = true
			return errors.Join(m.healthy(), m.fund(ctx))
		case refused && (r.Code == "create.node" || r.Code == "reservation.conflict") && p.id == "":
			if err := wait(ctx); err != nil {
				return err
			}
		default:
			if err := m.recover(ctx, err); err != nil {
				return err
			}
		}
	}
}

// withdraw deletes a payment that was not exported yet.
func (m *miser) withdraw(ctx context.Context, p *spending) error {
	p.unwanted = true
	for {
		err := m.Delete(ctx, p.id)
		r, refused := errors.AsType[*halves.Refusal](err)
		if err == nil || refused && (r.Status == 403 || r.Status == 409) {
			return nil // after a kill it may be done already
		}
		if err := m.recover(ctx, err); err != nil {
			return err
		}
	}
}

// soakBitcoin runs the plan on two real btcd and prints the table.
func soakBitcoin(ctx context.Context, p plan, dir string, out io.Writer) (bool, error) {
	m, err := beginBitcoin(ctx, p, dir)
	defer m.end()
	if err != nil {
		return false, err
	}
	began := time.Now()
	if err := m.faults(ctx); err != nil {
		return false, err
	}
	r, err := m.settle(ctx)
	if err != nil {
		return false, err
	}
	f := figures{out}
	f.programs(m.driver)
	f.block("done by operators and strangers", m.counts.group("deeds"))
	f.nodes(&m.between[0].faulty, &m.between[1].faulty)
	f.block("done to btcd", m.counts.group("pool"))
	f.block("reorganizations", m.counts.group("reorg"))
	f.line("ended by a stranger's transaction", r.Taken)
	f.end(m.driver, r, time.Since(began))
	return r.clean(), nil
}

// troubled reports whether calls go wrong.
func (f *faulty) troubled() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rate > 0
}

// allowed are codes with which the operator's wish to replace or cancel may be refused.
func allowed(code string) bool {
	return code == "state.conflict" || strings.HasPrefix(code, "replace.") && code != "replace.form" || strings.HasPrefix(code, "node.")
}
