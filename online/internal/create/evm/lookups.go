package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"coldsign/online/internal/create"
	"coldsign/online/internal/node"
	"coldsign/shared/fault"
)

// noted is a number that is known until then.
type noted struct {
	number uint64
	until  time.Time
}

func (b *Builder) recall(from map[string]noted, key string) (uint64, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, ok := from[key]
	return n.number, ok && b.now().Before(n.until)
}

func (b *Builder) note(in map[string]noted, key string, number uint64, age time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(in) >= maxNoted {
		clear(in)
	}
	in[key] = noted{number, b.now().Add(age)}
}

// told reports whether a node has answered, with an error of its own.
func told(err error) bool { return fault.Is(err, string(node.Says)) }

// what is the text of a fault, without its cure.
func what(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.What
	}
	return err.Error()
}

// priced is the price of gas on one network in one currency.
type priced struct {
	mu sync.Mutex // held while the node is asked: others wait for its answer
	node.Price
	err   error // or why there is none
	until time.Time
}

func (b *Builder) price(ctx context.Context, r *create.Request, currency string) (node.Price, error) {
	n, ok := r.Node.(node.Payer)
	if !ok {
		return node.Price{}, r.NoNode("fee.gasPrice")
	}
	b.mu.Lock()
	key := string(r.On.ID) + currency
	p := b.prices[key]
	if p == nil {
		if len(b.prices) >= maxNoted {
			clear(b.prices)
		}
		p = &priced{}
		b.prices[key] = p
	}
	b.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.now().Before(p.until) {
		return p.Price, p.err
	}
	ctx, done := create.Shared(ctx)
	defer done()
	if p.Price, p.err = n.Price(ctx, currency); p.err != nil {
		p.err = create.NodeError(p.err)
	}
	p.until = b.now().Add(priceAge)
	return p.Price, p.err
}

// fees settles gas and its price. What the node says is bounded: by the fee that a
// transaction of the network may cost by default, also where a token pays it, as those
// that Celo takes have the coin's decimals and are worth more.
func (b *Builder) fees(ctx context.Context, r *create.Request, p *payment) (f fees, err error) {
	most := p.gasPrice
	switch {
	case most == nil:
		price, err := b.price(ctx, r, p.currency)
		if err != nil {
			return f, err
		}
		f.choose(price)
		if f.max != nil && p.currency == "" && slices.Contains(b.Legacy, r.On.ID) {
			f = fees{gasPrice: f.max}
		}
		if most = f.max; most == nil {
			most = f.gasPrice
		}
	case p.currency != "":
		f.max, f.tip = most, most
	default:
		f.gasPrice = most
	}
	if p.gasLimit != nil {
		f.limit = p.gasLimit.Uint64()
	} else if f.limit, err = b.estimate(ctx, r, p); err != nil {
		return f, err
	}
	cost := new(big.Int).Mul(most, new(big.Int).SetUint64(f.limit))
	switch {
	case p.gasPrice != nil && p.gasLimit != nil || cost.Cmp(r.On.FeeCap) <= 0:
		return f, nil
	case p.gasPrice != nil:
		return f, create.Bad("gasPrice", "evm.fee", fmt.Sprintf("comes to a fee of up to %s base units with the gas that the node estimates, more than %s: give gasLimit too, if it is to be paid", cost, r.On.FeeCap))
	}
	return f, fault.New("create.fee", "give fee.gasLimit and fee.gasPrice, if it is to be paid all the same",
		"the network asks for a fee of up to %s base units, and %s is the most that is offered unasked", cost, r.On.FeeCap)
}

// choose makes fees of a price: twice the base fee, which grows by an eighth in a block
// at most, and the tip; or, without a base fee, a quarter more than the gas price. What
// crosses the gap waits. The tip is bounded, as it is paid whole.
func (f *fees) choose(p node.Price) {
	if p.Base == nil {
		f.gasPrice = new(big.Int).Div(new(big.Int).Mul(p.Gas, big.NewInt(5)), big.NewInt(4))
		return
	}
	f.max = new(big.Int).Lsh(p.Base, 1)
	f.tip = p.Tip
	if most := big.NewInt(100_000_000_000); f.tip.Cmp(most) > 0 && f.tip.Cmp(f.max) > 0 {
		if f.tip = most; most.Cmp(f.max) < 0 {
			f.tip = f.max
		}
	}
	f.max = new(big.Int).Add(f.max, f.tip)
}

// estimate asks how much gas the payment needs, and adds a fifth where it is more than
// a plain transfer. An account that cannot pay yet is no reason to refuse: it may be
// funded before the signature comes back.
func (b *Builder) estimate(ctx context.Context, r *create.Request, p *payment) (uint64, error) {
	n, ok := r.Node.(node.Payer)
	if !ok {
		return 0, r.NoNode("fee.gasLimit")
	}
	key := string(r.On.ID) + p.to + p.currency
	if gas, known := b.recall(b.gas, key); known && len(p.data) == 0 {
		return gas, nil
	}
	call := node.GasCall{From: p.from, To: p.to, Value: p.value, Data: p.data, Currency: p.currency}
	gas, err := n.Gas(ctx, call)
	if told(err) && call.Value.Sign() > 0 {
		call.Value = new(big.Int)
		if again, e := n.Gas(ctx, call); e == nil {
			gas, err = again, nil
		}
	}
	field := "fee"
	if r.Kind == create.Withdrawal {
		field = "gasLimit"
	}
	switch {
	case told(err):
		return 0, create.Bad(field, "evm.reverts", "must give gasLimit: the node cannot estimate it. "+what(err))
	case err != nil:
		return 0, create.NodeError(err)
	case gas == 0 || gas > maxGas:
		return 0, create.Bad(field, "evm.gas", fmt.Sprintf("must give gasLimit: the node estimates %d, more than %d", gas, maxGas))
	}
	if gas > 21_000 {
		gas += gas / 5
	}
	if len(p.data) == 0 {
		b.note(b.gas, key, gas, gasAge)
	}
	return gas, nil
}

// lane is an account on a network.
type lane struct {
	mu    sync.Mutex
	mined uint64    // the account's transactions in blocks
	seen  time.Time // when a node last showed as many
	count uint64    // its next nonce, with what waits in pools
	err   error     // or why that is not known: those that wait need not ask a node that hangs
	until time.Time // for how long that holds
	next  uint64    // every nonce from count to here was reserved when last looked at
}

// nonce gives the lowest that no row and no node has used: one that a cancelled row has
// left free comes first, as all later ones wait for it. A nonce that the caller gives
// is kept, unless a block has it; one that is in a pool may be meant to be replaced.
func (b *Builder) nonce(ctx context.Context, r *create.Request, p *payment) (uint64, error) {
	l := b.lane(string(r.On.ID) + p.from)
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.nonce != nil {
		r.Fixed = true
		if _, ok := r.Node.(node.Payer); ok {
			// What a node cannot say keeps nobody from giving it.
			if err := b.count(ctx, r, p, l); err == nil && *p.nonce < l.mined {
				return 0, create.Bad("nonce", "min", fmt.Sprintf("must be %d or more: lower ones of the account are used", l.mined))
			}
		}
		return *p.nonce, nil
	}
	if err := b.count(ctx, r, p, l); err != nil {
		return 0, err
	}
	for size := uint64(4); l.next < l.count+maxLane; size = 500 {
		var names []string
		for n := l.next; n < l.next+size; n++ {
			names = append(names, fmt.Sprintf("nonce:%s:%d", p.from, n))
		}
		held, err := r.Reserved(ctx, names)
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			if !held[name] {
				return l.next, nil
			}
			l.next++
		}
	}
	return 0, fault.New("create.lane", "sign and broadcast some of them first", "more than %d transactions of the account wait", maxLane)
}

func (b *Builder) lane(key string) *lane {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lanes[key]
	if l == nil {
		if len(b.lanes) >= maxNoted {
			clear(b.lanes)
		}
		l = &lane{}
		b.lanes[key] = l
	}
	return l
}

// count asks the node for the account's next nonce, unless that was just asked. Every
// free nonce is looked for anew then. Another creation that was faster is seen by what it
// has reserved.
func (b *Builder) count(ctx context.Context, r *create.Request, p *payment, l *lane) error {
	if r.Attempt < attempts && b.now().Before(l.until) {
		return l.err
	}
	ctx, done := create.Shared(ctx)
	defer done()
	mined, all, err := counts(ctx, r, p.from)
	l.until = b.now().Add(nonceAge)
	if l.err = err; err != nil {
		return err
	}
	// Nodes take turns at being down: one that lags does not take back what another has
	// shown. A reorganization may, and is over before the memory is.
	if mined >= l.mined || b.now().After(l.seen.Add(minedAge)) {
		l.mined, l.seen = mined, b.now()
	}
	l.count = max(l.mined, all)
	l.next = l.count
	return nil
}

// counts gives the account's transactions in blocks, and its next nonce with the pools.
func counts(ctx context.Context, r *create.Request, address string) (mined, all uint64, err error) {
	counter, ok := r.Node.(node.Counter)
	payer, too := r.Node.(node.Payer)
	if !ok || !too {
		return 0, 0, r.NoNode("nonce")
	}
	if all, err = payer.Pending(ctx, address); err == nil {
		mined, err = counter.Next(ctx, address)
	}
	if err != nil {
		return 0, 0, create.NodeError(err)
	}
	return min(mined, all), all, nil // Pending has compared what the nodes say
}
