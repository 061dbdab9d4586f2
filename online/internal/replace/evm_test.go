package replace_test

import (
	"context"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/chain/clients"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/lanes"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/quorum"
	"coldsign/online/internal/replace"
	"coldsign/online/internal/store"
	"coldsign/scripts/fund"
	"coldsign/scripts/rig"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"

	"github.com/ethereum/go-ethereum/rpc"
)

// chainEVM is anvil that mines when told, and an account with ether.
type chainEVM struct {
	*world
	eth  *fund.EVM
	rpc  *rpc.Client
	from string
}

func newEVM(t *testing.T) *chainEVM {
	url := rig.Anvil(t, "CHAIN_ID=31337").URL
	w := newWorld(t, local, url, "")
	c := &chainEVM{world: w, eth: must(fund.NewEVM(t.Context(), url))(t), rpc: must(rpc.DialContext(t.Context(), url))(t), from: evm.Address(w.keys[ethID])}
	ok(t, c.eth.Fund(t.Context(), big.NewInt(1e18), c.from))
	ok(t, c.rpc.CallContext(t.Context(), nil, "evm_setAutomine", false))
	return c
}

func (c *chainEVM) pay(nonce uint64) (bundle.ID, string) {
	c.Helper()
	to := must(fund.NewEVMAddress())(c)
	call := must(c.eth.Pay(c.Context(), c.from, to, nonce, big.NewInt(1e15)))(c)
	hex, err := call.Hex()
	return c.submit("ETH", ethID, text(c, hex, err)), to
}

func (c *chainEVM) mine(n uint64) { c.Helper(); ok(c, c.eth.Mine(c.Context(), n)) }

func (c *chainEVM) paid(to string, want int64) {
	c.Helper()
	if have := must(c.eth.Balance(c.Context(), to))(c); have.Cmp(big.NewInt(want)) != 0 {
		c.Errorf("%s has %s, want %d", to, have, want)
	}
}

// A payment that is stuck is replaced by the same one with a higher fee, or by one
// that pays nobody. Whichever is mined, the others end by it, and the payment is
// made once at most.
func TestATT95ReplaceOnAnvil(t *testing.T) {
	for _, cancel := range []bool{true, false} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("cancel %v, the first wins %v", cancel, first), func(t *testing.T) {
				c := newEVM(t)
				id, to := c.pay(0)
				c.signed(id)
				c.once()
				c.want(id, pending.Broadcast, "")
				done := c.make(id, replace.Options{Cancel: cancel, Requester: "operator"})
				other := done.New.ID
				if r := must(intake.Request(&done.New))(t); r.Note != map[bool]string{true: "cancels " + id.String(), false: "replaces " + id.String() + ": rent"}[cancel] || r.Requester != "operator" {
					t.Errorf("note %q of %q", r.Note, r.Requester)
				}
				c.signed(other)
				if first { // the second comes too late
					c.mine(1)
					c.once()
					c.want(other, pending.Broadcasting, "node.spent")
					c.mine(depth)
					c.once()
					c.want(id, pending.Complete, "")
					c.want(other, pending.Failed, pending.Replaced)
					c.paid(to, 1e15)
				} else {
					sum := c.once()
					c.want(other, pending.Broadcast, "")
					if sum.Problems != nil {
						t.Errorf("problems %q", sum.Problems)
					}
					c.once() // the first is gone from the pool, and not sent again
					c.mine(depth)
					c.once()
					c.want(other, pending.Complete, "")
					c.want(id, pending.Failed, pending.Replaced)
					c.paid(to, map[bool]int64{true: 0, false: 1e15}[cancel])
				}
				if n := must(c.eth.Nonce(t.Context(), c.from))(t); n != 1 {
					t.Errorf("%d transactions were mined", n)
				}
				c.once()
				_, err := c.maker.Make(t.Context(), "a", id, replace.Options{Cancel: true})
				code(t, err, "state.conflict")
			})
		}
	}
}

// A row that was cancelled after its export, whose signature may be anywhere, ends
// by proof when the cancelling transaction is final; its late answer is of no use.
func TestATT87CancelAfterExport(t *testing.T) {
	for _, path := range []string{"exported", "signed"} {
		t.Run(path, func(t *testing.T) {
			c := newEVM(t)
			id, to := c.pay(0)
			c.export(id)
			if path == "signed" {
				c.seal(id)
			}
			must(c.store.Cancel(t.Context(), "a", id))(t) // KMS DELETE: a wish
			_, err := c.maker.Make(t.Context(), "a", id, replace.Options{})
			code(t, err, "replace.cancelled") // nobody wants it any more, with whatever fee
			done := c.make(id, replace.Options{Cancel: true})
			if row := c.get(id); !row.CancelRequested || done.Root != id {
				t.Errorf("the original is %+v", row)
			}
			c.signed(done.New.ID)
			c.once()
			c.mine(depth)
			c.once()
			c.want(done.New.ID, pending.Complete, "")
			c.want(id, pending.Cancelled, pending.Replaced)
			if path == "exported" {
				_, err := c.store.Move(t.Context(), id, pending.Seal, func(p *pending.Transaction) error { p.TxID, p.Raw = "late", []byte{1}; return nil })
				code(t, err, "state.conflict")
			}
			c.paid(to, 0)
		})
	}
}

// TestATT87CancelOrReplace: a payment that is being cancelled is not made again beside
// that without a word; what cancels it may be raised, and the order of the two the
// other way round is what cancelling is for.
func TestATT87CancelOrReplace(t *testing.T) {
	c := newEVM(t)
	id, to := c.pay(0)
	c.signed(id)
	c.once()
	c.make(id, replace.Options{})
	cancel := c.make(id, replace.Options{Cancel: true}).New
	_, err := c.maker.Make(t.Context(), "a", id, replace.Options{})
	code(t, err, "replace.cancelled")
	c.export(cancel.ID)
	_, err = c.maker.Make(t.Context(), "a", id, replace.Options{})
	code(t, err, "replace.cancelled")
	raised := c.make(cancel.ID, replace.Options{}).New
	if link := must(c.store.Links(t.Context(), []bundle.ID{raised.ID}))(t)[raised.ID]; !link.Cancels {
		t.Error("what replaces a cancellation does not cancel")
	}
	forced := c.make(id, replace.Options{Force: true}).New // one of the set lands, whichever
	c.signed(forced.ID)
	c.once()
	c.mine(depth)
	c.once()
	c.want(forced.ID, pending.Complete, "")
	c.want(cancel.ID, pending.Cancelled, pending.Replaced)
	c.paid(to, 1e15)
}

// What may not be sent any more is not sent by way of a replacement either.
func TestReplacementKeepsTheDeadline(t *testing.T) {
	c := newEVM(t)
	to := must(fund.NewEVMAddress())(t)
	call := must(c.eth.Pay(t.Context(), c.from, to, 0, big.NewInt(1e15)))(t)
	hex, err := call.Hex()
	end := time.Now().Add(time.Hour).Unix()
	row, _, err := c.intake.Accept(t.Context(), "a", intake.Submission{Chain: "ETH", Hashes: []string{ethID}, Transaction: text(t, hex, err), Deadline: end})
	ok(t, err)
	must(c.store.Create(t.Context(), row, store.Idempotency{}))(t)
	c.export(row.ID)
	for _, step := range []struct {
		cancel bool
		want   int64
	}{{false, end}, {true, 0}} {
		made := c.make(row.ID, replace.Options{Cancel: step.cancel}).New
		if r := must(intake.Request(&made))(t); made.Deadline != step.want || r.Deadline != step.want {
			t.Errorf("cancel %v: deadline %d and %d", step.cancel, made.Deadline, r.Deadline)
		}
	}
}

// A replacement is replaced in its turn, and outbids the highest of all.
func TestReplaceAgain(t *testing.T) {
	c := newEVM(t)
	id, to := c.pay(0)
	c.signed(id)
	c.once()
	set := []bundle.ID{id}
	for i := range 3 {
		done := c.make(set[i], replace.Options{}) // always of the one before
		c.signed(done.New.ID)
		c.once()
		c.want(done.New.ID, pending.Broadcast, "")
		if done.Root != id {
			t.Errorf("root %s", done.Root)
		}
		set = append(set, done.New.ID)
	}
	// Of the first, whose fee is the lowest: it must outbid the last all the same.
	_, err := c.maker.Make(t.Context(), "a", id, replace.Options{Fee: big.NewInt(1)})
	code(t, err, "replace.fee")
	last := c.make(id, replace.Options{Cancel: true}).New.ID
	c.signed(last)
	c.once()
	c.want(last, pending.Broadcast, "")
	c.mine(depth)
	c.once()
	c.want(last, pending.Complete, "")
	for _, id := range set {
		c.want(id, pending.Failed, pending.Replaced)
	}
	c.paid(to, 0)
}

// Nonces 5, 6 and 7 are under way and 5 ends without landing: 6 and 7 wait until
// its nonce is filled by a transaction of the account to itself.
func TestATT101FillTheGap(t *testing.T) {
	c := newEVM(t)
	var ids []bundle.ID
	var to []string
	for n := range uint64(3) {
		id, a := c.pay(n)
		ids, to = append(ids, id), append(to, a)
	}
	must(c.store.Cancel(t.Context(), "a", ids[0]))(t)
	c.want(ids[0], pending.Cancelled, "")
	c.signed(ids[1])
	c.signed(ids[2])
	c.once()
	c.mine(depth)
	c.once()
	c.want(ids[1], pending.Broadcast, "")
	c.want(ids[2], pending.Broadcast, "")
	c.problem("lane.gap", 0, "coldsign-online cancel "+ids[0].String())
	_, err := c.maker.Make(t.Context(), "a", ids[0], replace.Options{}) // the payment itself is over
	code(t, err, "state.conflict")
	done := c.make(ids[0], replace.Options{Cancel: true})
	if r := must(intake.Request(&done.New))(t); r.Note != "fills the nonce of "+ids[0].String() {
		t.Errorf("note %q", r.Note)
	}
	_, err = c.maker.Make(t.Context(), "a", ids[0], replace.Options{Cancel: true})
	code(t, err, "reservation.conflict")
	c.problem("lane.stuck", 0, "sign it, or: coldsign-online cancel "+done.New.ID.String())
	c.signed(done.New.ID)
	c.once()
	c.problem("", 0, "")
	c.mine(depth)
	c.once()
	for _, id := range []bundle.ID{done.New.ID, ids[1], ids[2]} {
		c.want(id, pending.Complete, "")
	}
	c.paid(to[0], 0)
	c.paid(to[1], 1e15)
	c.paid(to[2], 1e15)
}

// Two real nodes whose chains went apart: one has mined the payment deep enough,
// and the other has it in its pool. Nothing is complete until both show it, and a
// node that ends stops nobody from looking.
func TestATT109TwoNodesApart(t *testing.T) {
	c := newEVM(t)
	second := rig.Anvil(t, "CHAIN_ID=31337")
	other := &chainEVM{world: c.world, eth: must(fund.NewEVM(t.Context(), second.URL))(t), rpc: must(rpc.DialContext(t.Context(), second.URL))(t), from: c.from}
	ok(t, other.eth.Fund(t.Context(), big.NewInt(1e18), c.from))
	ok(t, other.rpc.CallContext(t.Context(), nil, "evm_setAutomine", false))
	client := must(clients.New(transport.Config{Network: local, URL: second.URL, Depth: depth}))(t)
	both := must(quorum.New([]quorum.Member{{Name: "ours", Node: c.loop.Nodes[local]}, {Name: "theirs", Node: client}}, 2, depth))(t)
	c.loop.Nodes[local] = both
	id, to := c.pay(0)
	c.signed(id)
	c.once()
	c.want(id, pending.Broadcast, "")
	c.mine(depth)
	for range 3 {
		if sum := c.once(); len(sum.Problems) != 1 || !strings.Contains(sum.Problems[0], "theirs: it is in no block") {
			t.Errorf("problems %q", sum.Problems)
		}
		c.want(id, pending.Broadcast, "node.differ")
	}
	other.mine(depth - 1)
	c.once()
	c.want(id, pending.Broadcast, "") // it lags, no more
	other.mine(1)
	c.once()
	c.want(id, pending.Complete, "")
	c.paid(to, 1e15)
	// The second ends: what is complete stays so, and a new payment waits for it.
	second.Stop()
	next, _ := c.pay(1)
	c.signed(next)
	if sum := c.once(); len(sum.Problems) == 0 || !strings.Contains(sum.Problems[0], "theirs") {
		t.Errorf("problems %q", sum.Problems)
	}
	c.mine(depth)
	c.once()
	c.want(next, pending.Broadcast, "")
	c.want(id, pending.Complete, "")
}

// problem wants the one lane to have the one problem, or none.
func (c *chainEVM) problem(code string, nonce uint64, cure string) {
	c.Helper()
	list := must(lanes.Find(c.Context(), lanes.Source{Rows: c.store, Tenant: store.Any, Uses: c.intake.Uses,
		Next: func(ctx context.Context, network chain.ID, address string) (uint64, bool) {
			next, err := c.loop.Nodes[network].(node.Counter).Next(ctx, address)
			return next, err == nil
		}}))(c)
	if len(list) != 1 || list[0].Address != c.from || *list[0].Next != 0 {
		c.Fatalf("lanes %+v", list)
	}
	got := list[0].Problems
	if code == "" && len(got) == 0 {
		return
	}
	if len(got) != 1 || got[0].Code != code || got[0].Nonce != nonce || got[0].Cure != cure {
		c.Errorf("problems %+v, want %s", got, code)
	}
}

// The replacement was complete, and a reorganization lets the first land in its
// place after all: the payment is still made once.
func TestATT100RivalLandsAfterAll(t *testing.T) {
	c := newEVM(t)
	id, to := c.pay(0)
	c.signed(id)
	var before any
	ok(t, c.rpc.CallContext(t.Context(), &before, "evm_snapshot"))
	c.once()
	other := c.make(id, replace.Options{}).New.ID
	c.signed(other)
	c.once()
	c.mine(depth)
	c.once()
	c.want(other, pending.Complete, "")
	c.want(id, pending.Failed, pending.Replaced)
	ok(t, c.rpc.CallContext(t.Context(), nil, "evm_revert", before))
	ok(t, c.rpc.CallContext(t.Context(), nil, "evm_setAutomine", false))
	ok(t, c.rpc.CallContext(t.Context(), nil, "anvil_dropAllTransactions"))
	raw := "0x" + fmt.Sprintf("%x", c.get(id).Raw)
	ok(t, c.rpc.CallContext(t.Context(), nil, "eth_sendRawTransaction", raw)) // a miner had it
	c.mine(1)
	c.once()
	c.once()
	c.want(id, pending.Broadcast, "")
	c.mine(depth)
	c.once()
	c.once()
	c.want(id, pending.Complete, "")
	c.want(other, pending.Failed, pending.Replaced)
	c.paid(to, 1e15)
}

// A reorganization takes a complete payment out of its block: the same bytes are
// sent again. When its rival is mined in its place, the payment fails with an alarm.
func TestATT100ReorgOnAnvil(t *testing.T) {
	for _, rival := range []bool{false, true} {
		t.Run(fmt.Sprintf("a rival wins %v", rival), func(t *testing.T) {
			c := newEVM(t)
			id, to := c.pay(0)
			c.signed(id)
			var before any
			ok(t, c.rpc.CallContext(t.Context(), &before, "evm_snapshot"))
			c.once()
			c.mine(depth)
			c.once()
			c.want(id, pending.Complete, "")
			raw := c.get(id).Raw

			ok(t, c.rpc.CallContext(t.Context(), nil, "evm_revert", before))
			ok(t, c.rpc.CallContext(t.Context(), nil, "evm_setAutomine", false))
			ok(t, c.rpc.CallContext(t.Context(), nil, "anvil_dropAllTransactions"))
			if rival { // somebody else has the key
				other := c.foreign(0)
				ok(t, c.rpc.CallContext(t.Context(), nil, "eth_sendRawTransaction", other))
			}
			c.once()
			c.want(id, pending.Complete, "chain.reorg") // one look is not enough
			sum := c.once()
			if sum.Reorged != 1 || len(sum.Problems) == 0 {
				t.Errorf("%+v", sum)
			}
			if got := c.get(id); got.State != pending.Broadcast || string(got.Raw) != string(raw) {
				t.Fatalf("%s %q", got.State, got.Code)
			}
			if !rival {
				c.mine(depth)
				c.once()
				c.want(id, pending.Complete, "")
				c.paid(to, 1e15)
				return
			}
			c.want(id, pending.Broadcast, "node.rival")
			c.mine(depth)
			c.once()
			c.once()
			c.want(id, pending.Failed, "chain.conflict")
			c.paid(to, 0)
		})
	}
}

// foreign signs a payment to nobody with the account's key, outside.
func (c *chainEVM) foreign(nonce uint64) string {
	c.Helper()
	f := evm.Fields{Type: evm.Dynamic, ChainID: 31337, Nonce: nonce, MaxFee: big.NewInt(9e10), MaxPriority: big.NewInt(9e9), GasLimit: 21000, To: &[20]byte{7}, Value: big.NewInt(5)}
	return "0x" + fmt.Sprintf("%x", c.sealForeign(f.Encode()))
}
