package replace_test

import (
	"fmt"
	"math/big"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/replace"
	"coldsign/scripts/fund"
)

// TestFurtherInputs: where change cannot pay a higher fee, another confirmed output of
// the same address does; nobody is paid less, and the node takes it in place of the
// first. Without any, or without a node to ask, it is refused.
func TestFurtherInputs(t *testing.T) {
	for _, x := range []struct {
		amount int64 // of 10,000,000 satoshi
		fee    *big.Int
	}{{9_990_000, big.NewInt(60_000)}, {9_999_500, big.NewInt(60_000)}, {9_999_500, nil}} {
		t.Run(fmt.Sprint(x.amount, x.fee), func(t *testing.T) {
			c := newBTC(t)
			nodes := c.loop.Nodes
			id, to := c.pay(func(s *fund.Spend) {
				s.Coins, s.Amount, s.Fee = s.Coins[:1], x.amount, 300 // the other one is for later
			})
			c.signed(id)
			c.once()
			c.want(id, pending.Broadcast, "")
			_, err := c.maker.Make(c.Context(), "a", id, replace.Options{Fee: x.fee})
			code(t, err, "replace.change")
			c.maker.Nodes = nodes
			_, err = c.maker.Make(c.Context(), "a", id, replace.Options{Fee: big.NewInt(20_000_000)})
			code(t, err, "replace.change")
			done := c.make(id, replace.Options{Fee: x.fee})
			review := must(c.intake.Review(&done.New))(t)
			paid, back := int64(0), int64(0)
			for _, e := range review.Effects {
				if e.To == to {
					paid += e.Amount.Int64()
				} else {
					back += e.Amount.Int64()
				}
			}
			if fee := review.Fee.Amount.Int64(); x.fee != nil && fee != 60_000 || fee > 60_000 || paid+back+fee != 20_000_000 || paid != x.amount || review.Unproven {
				t.Errorf("%s", review.Text())
			}
			uses := must(c.intake.Uses(&done.New))(t)
			if len(uses) != 3 { // two outputs, and the payload
				t.Errorf("%v", uses)
			}
			c.signed(done.New.ID)
			c.once()
			c.want(done.New.ID, pending.Broadcast, "")
			ok(t, c.btc.Mine(depth))
			c.once()
			c.want(done.New.ID, pending.Complete, "")
			c.want(id, pending.Failed, pending.Replaced)
			c.paid(to, 1)
		})
	}
}
