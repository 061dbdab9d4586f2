package replace_test

import (
	"fmt"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/replace"
	"coldsign/scripts/fund"
	"coldsign/scripts/rig"
	"coldsign/shared/bundle"

	"github.com/gagliardetto/solana-go"
)

type chainSOL struct {
	*world
	sol  *fund.Solana
	from string
}

func newSOL(t *testing.T) *chainSOL {
	url := rig.Solana(t).URL
	w := newWorld(t, localnet, url, "")
	c := &chainSOL{w, must(fund.NewSolana(t.Context(), url))(t), solana.PublicKeyFromBytes(w.keys[solID].Bytes()).String()}
	ok(t, c.sol.Fund(t.Context(), 10_000_000_000, c.from))
	return c
}

func (c *chainSOL) pay(durable bool) (bundle.ID, fund.Transfer) {
	c.Helper()
	x := fund.Transfer{From: c.from, To: fund.NewSolanaAddress(), Amount: 50_000_000}
	var err error
	if durable {
		x.NonceAccount, x.Nonce, err = c.sol.NonceAccount(c.Context(), c.from)
		ok(c, err)
	}
	message, err := c.sol.Message(c.Context(), x)
	return c.submit("SOL", solID, text(c, message, err)), x
}

// A payment with a durable nonce is cancelled by advancing the nonce; whichever
// comes first makes the other impossible.
func TestATT102CancelDurableNonce(t *testing.T) {
	for _, first := range []bool{true, false} {
		t.Run(fmt.Sprintf("the payment wins %v", first), func(t *testing.T) {
			c := newSOL(t)
			id, x := c.pay(true)
			c.export(id)
			if first {
				c.seal(id)
				c.loop.Depth[localnet] = 33 // it is with the network, and not complete here
				c.once()
				c.want(id, pending.Broadcast, "")
				c.loop.Depth[localnet] = depth
			}
			_, err := c.maker.Make(t.Context(), "a", id, replace.Options{})
			code(t, err, "replace.chain")
			done := c.make(id, replace.Options{Cancel: true})
			c.signed(done.New.ID)
			c.once()
			if first {
				c.want(id, pending.Complete, "")
				c.want(done.New.ID, pending.Failed, pending.Replaced)
				ok(t, c.sol.Paid(t.Context(), c.get(id).TxID, x))
				return
			}
			c.once()
			c.want(done.New.ID, pending.Complete, "")
			c.want(id, pending.Cancelled, pending.Replaced)
			if n := must(c.sol.Balance(t.Context(), x.To, ""))(t); n != 0 {
				t.Errorf("%d lamports arrived", n)
			}
		})
	}
}

// A recent blockhash needs no cancelling: after it the payment cannot land, and
// making it anew cannot pay twice.
func TestATT102AnswerAfterExpiry(t *testing.T) {
	c := newSOL(t)
	id, x := c.pay(false)
	c.export(id)
	_, err := c.maker.Make(t.Context(), "a", id, replace.Options{Cancel: true})
	code(t, err, "replace.expires")
	ok(t, c.sol.Expire(t.Context()))
	c.seal(id) // the answer comes too late
	c.once()
	c.want(id, pending.Broadcasting, "chain.expired") // one look is not enough
	c.once()
	c.want(id, pending.Expired, "chain.expired")
	x.Amount++
	message, err := c.sol.Message(t.Context(), x)
	again := c.submit("SOL", solID, text(t, message, err))
	c.signed(again)
	c.once()
	c.once()
	c.want(again, pending.Complete, "")
	if n := must(c.sol.Balance(t.Context(), x.To, ""))(t); n != x.Amount {
		t.Errorf("%d lamports arrived, want %d", n, x.Amount)
	}
}
