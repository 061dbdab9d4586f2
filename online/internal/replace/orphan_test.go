package replace_test

import (
	"bytes"
	"fmt"
	"math/big"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/replace"
	"coldsign/scripts/fund"
	"coldsign/shared/bundle"

	"github.com/btcsuite/btcd/wire/v2"
)

// raw is the sealed transaction of a row.
func (c *chainBTC) raw(id bundle.ID) *wire.MsgTx {
	c.Helper()
	tx := new(wire.MsgTx)
	ok(c, tx.Deserialize(bytes.NewReader(c.get(id).Raw)))
	return tx
}

// change pays from the change of another row, which is its second output.
func (c *chainBTC) change(of bundle.ID) (bundle.ID, string) {
	c.Helper()
	coin := fund.Coin{Tx: c.raw(of), Index: 1}
	s := fund.Spend{Coins: []fund.Coin{coin}, From: c.key, Change: c.key, To: must(fund.NewBitcoinAddress())(c), Amount: coin.Value() / 3}
	psbt, err := s.PSBT()
	return c.submit("BTC", btcID, text(c, psbt, err)), s.To
}

// A payment spent the change of one that was in a block. A reorganization takes the
// block away, and a stranger's transaction of the same coins lands in the first one's
// place: what would spend its change can never land either, nor what spends that.
func TestATT100OrphansEndOnBtcd(t *testing.T) {
	c := newBTC(t)
	parent, _ := c.pay(nil)
	c.signed(parent)
	c.once()
	d := c.elsewhere(parent)
	rival := d.make(parent, replace.Options{Cancel: true, Force: true, Fee: big.NewInt(1_000_000)}).New.ID
	d.signed(rival)
	ok(t, c.btc.Mine(1))
	c.once()
	child, to := c.change(parent)
	c.signed(child)
	c.once()
	ok(t, c.btc.Mine(1))
	c.once()
	grandchild, last := c.change(child)
	c.signed(grandchild)
	c.once()
	c.want(grandchild, pending.Broadcast, "")

	head := must(c.rpc.GetBlockCount())(t)
	ok(t, c.rpc.InvalidateBlock(must(c.rpc.GetBlockHash(head-1))(t)))
	must(c.rpc.SendRawTransaction(d.raw(rival), false))(t)
	ok(t, c.btc.Mine(2)) // not deep: nothing is proven
	for range 4 {
		c.once()
	}
	for _, id := range []bundle.ID{parent, child, grandchild} {
		if row := c.get(id); row.State != pending.Broadcast {
			t.Errorf("%s is %s %s, and nothing is deep yet", id, row.State, row.Code)
		}
	}
	ok(t, c.btc.Mine(depth-2))
	for range 6 {
		c.once()
	}
	for _, id := range []bundle.ID{parent, child, grandchild} {
		c.want(id, pending.Failed, pending.Conflicted)
	}
	c.paid(to, 0)
	c.paid(last, 0)
}

// A payment was withdrawn, before or after it was signed, and a stranger's transaction
// lands in the place of both it and the one that cancels it. Neither can land any more,
// and neither holds its outputs for ever.
func TestATT110StrangerEndsWithdrawnOnBtcd(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		t.Run(fmt.Sprintf("signed %v", sealed), func(t *testing.T) {
			c := newBTC(t)
			id, to := c.pay(nil)
			c.export(id)
			d := c.elsewhere(id)
			rival := d.make(id, replace.Options{Cancel: true, Force: true, Fee: big.NewInt(1_000_000)}).New.ID
			d.signed(rival)
			if sealed {
				c.seal(id)
			}
			cancel := c.make(id, replace.Options{Cancel: true}).New.ID
			c.signed(cancel)
			must(c.rpc.SendRawTransaction(d.raw(rival), false))(t)
			ok(t, c.btc.Mine(depth-1))
			for range 3 {
				c.once()
			}
			if row := c.get(id); row.State == pending.Cancelled {
				t.Error("it ended, and nothing is deep yet")
			}
			ok(t, c.btc.Mine(1))
			for range 3 {
				c.once()
			}
			c.want(cancel, pending.Failed, pending.Conflicted)
			c.want(id, pending.Cancelled, pending.Replaced)
			row := c.get(id)
			held := must(c.store.Reserved(t.Context(), regtest, must(c.intake.Uses(&row))(t)))(t)
			if len(held) > 0 {
				t.Errorf("still reserved: %v", held)
			}
			c.paid(to, 0)
		})
	}
}
