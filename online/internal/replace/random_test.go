package replace_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/replace"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"

	"github.com/ethereum/go-ethereum/common"
)

// race is one nonce: a payment and all that competes with it.
type race struct {
	to  string
	set []bundle.ID
}

// Payments are replaced and cancelled at random, signed early, late or never, mined,
// and taken back by reorganizations. In the end each nonce was used by one
// transaction of its set, and the rows say what the chain shows.
func TestATT95RandomRivals(t *testing.T) {
	const payments, steps = 8, 120
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			c, dice := newEVM(t), rand.New(rand.NewPCG(seed, 95))
			c.loop.Deep[local] = 1 << 20 // reorganizations go back to the beginning here
			var races []race
			for n := range uint64(payments) {
				id, to := c.pay(n)
				races = append(races, race{to, []bundle.ID{id}})
			}
			var snapshot any
			ok(t, c.rpc.CallContext(t.Context(), &snapshot, "evm_snapshot"))
			for range steps {
				r := &races[dice.IntN(len(races))]
				id := r.set[dice.IntN(len(r.set))]
				switch row := c.get(id); dice.IntN(8) {
				case 0, 1:
					if row.State == pending.Pending && !row.CancelRequested {
						c.export(id)
					}
				case 2, 3:
					if row.State == pending.Exported && !row.CancelRequested {
						c.seal(id)
					}
				case 4:
					if len(r.set) == 5 || row.State == pending.Pending {
						break
					}
					done, err := c.maker.Make(t.Context(), "a", id, replace.Options{Cancel: dice.IntN(2) == 0})
					if err == nil && done.Made {
						r.set = append(r.set, done.New.ID)
					} else if err != nil && !fault.Is(err, "state.conflict") && !fault.Is(err, "replace.complete") && !fault.Is(err, "replace.cancelled") && !fault.Is(err, "replace.conflict") && !fault.Is(err, "reservation.conflict") {
						t.Fatal(err)
					}
				case 5:
					c.mine(uint64(dice.IntN(depth + 1)))
				case 6:
					c.loop.Once(t.Context()) //nolint:errcheck // what it says is in the rows
				case 7:
					if dice.IntN(6) == 0 {
						c.reorg(&snapshot)
					}
				}
				c.once()
			}
			c.finish(races)
			c.reconcile(races)
		})
	}
}

// reorg takes the chain back to where it was, with an empty pool.
func (c *chainEVM) reorg(snapshot *any) {
	c.Helper()
	ok(c, c.rpc.CallContext(c.Context(), nil, "evm_revert", *snapshot))
	ok(c, c.rpc.CallContext(c.Context(), nil, "evm_setAutomine", false))
	ok(c, c.rpc.CallContext(c.Context(), nil, "anvil_dropAllTransactions"))
	ok(c, c.rpc.CallContext(c.Context(), snapshot, "evm_snapshot"))
}

// finish has whatever is left signed, sent and mined.
func (c *chainEVM) finish(races []race) {
	c.Helper()
	for range 12 {
		for i := range races {
			r := &races[i]
			live := false
			for _, id := range r.set {
				switch row := c.get(id); {
				case row.CancelRequested:
				case row.State == pending.Pending:
					c.signed(id)
					live = true
				case row.State == pending.Exported:
					c.seal(id)
					live = true
				case row.State == pending.Signed || row.State == pending.Broadcasting || row.State == pending.Broadcast || row.State == pending.Complete:
					live = true
				}
			}
			if !live { // all parked or over: later nonces wait for this one
				if done, err := c.maker.Make(c.Context(), "a", r.set[0], replace.Options{Cancel: true}); err == nil && done.Made {
					r.set = append(r.set, done.New.ID)
				}
			}
		}
		c.once()
		c.mine(depth)
		c.once()
	}
}

// reconcile compares the rows with the chain.
func (c *chainEVM) reconcile(races []race) {
	c.Helper()
	if n := must(c.eth.Nonce(c.Context(), c.from))(c); n != uint64(len(races)) {
		c.Errorf("%d nonces are used, want %d", n, len(races))
	}
	for n, r := range races {
		complete, paying := 0, int64(0)
		for _, id := range r.set {
			row := c.get(id)
			mined := false
			if row.TxID != "" {
				receipt, err := c.eth.TransactionReceipt(c.Context(), common.HexToHash(row.TxID))
				mined = err == nil && receipt.Status == 1
			}
			switch row.State {
			case pending.Complete:
				if complete++; !mined {
					c.Errorf("nonce %d: %s is complete, and not on the chain", n, id)
				}
				if links := must(c.store.Links(c.Context(), []bundle.ID{id}))(c); !links[id].Cancels && !fills(c, row) {
					paying = 1e15
				}
			case pending.Cancelled, pending.Failed:
				if mined {
					c.Errorf("nonce %d: %s is %s, and on the chain", n, id, row.State)
				}
			default:
				c.Errorf("nonce %d: %s is stuck: %s %q, cancelling asked %v", n, id, row.State, row.Code, row.CancelRequested)
			}
		}
		if complete != 1 {
			c.Errorf("nonce %d: %d of %d are complete", n, complete, len(r.set))
		}
		if have := must(c.eth.Balance(c.Context(), r.to))(c); have.Cmp(big.NewInt(paying)) != 0 {
			c.Errorf("nonce %d: paid %s, the rows say %d", n, have, paying)
		}
	}
}

// fills reports whether a row without rivals pays nobody: it fills a gap.
func fills(c *chainEVM, row pending.Transaction) bool {
	review := must(c.intake.Review(&row))(c)
	for _, e := range review.Effects {
		if e.To != c.from && e.Amount.Sign() > 0 {
			return false
		}
	}
	return true
}
