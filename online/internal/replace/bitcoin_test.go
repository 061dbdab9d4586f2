package replace_test

import (
	"bytes"
	"fmt"
	"math/big"
	"testing"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/replace"
	"coldsign/scripts/fund"
	"coldsign/scripts/rig"
	"coldsign/shared/bundle"
	"coldsign/shared/chain/bitcoin"

	"github.com/btcsuite/btcd/rpcclient"
	"github.com/btcsuite/btcd/wire/v2"
)

type chainBTC struct {
	*world
	btc *fund.Bitcoin
	rpc *rpcclient.Client
	key fund.Key
}

func newBTC(t *testing.T) *chainBTC {
	n := rig.Btcd(t)
	w := newWorld(t, regtest, n.URL, n.User)
	c := &chainBTC{world: w, btc: must(fund.NewBitcoin(n.URL, n.User, n.Password))(t)}
	t.Cleanup(c.btc.Close)
	var err error
	c.rpc, err = rpcclient.New(&rpcclient.ConnConfig{Host: n.URL[len("http://"):], User: n.User, Pass: n.Password, HTTPPostMode: true, DisableTLS: true, Params: "regtest"}, nil)
	ok(t, err)
	t.Cleanup(c.rpc.Shutdown)
	key := w.keys[btcID]
	for _, a := range (bitcoin.Wallet{}).Addresses(regtest, key, true) {
		if a[:5] == "bcrt1" && len(a) < 50 { // P2WPKH
			c.key = fund.Key{Address: a, PublicKey: key.Bytes()}
		}
	}
	return c
}

func (c *chainBTC) pay(change func(*fund.Spend)) (bundle.ID, string) {
	c.Helper()
	coins := must(c.btc.Fund(10_000_000, c.key.Address, c.key.Address))(c)
	s := fund.Spend{Coins: coins, From: c.key, Change: c.key, To: must(fund.NewBitcoinAddress())(c), Amount: 12_000_000}
	if change != nil {
		change(&s)
	}
	psbt, err := s.PSBT()
	return c.submit("BTC", btcID, text(c, psbt, err)), s.To
}

func (c *chainBTC) paid(to string, want int) {
	c.Helper()
	if n := must(c.btc.Payments(to))(c); n != want {
		c.Errorf("%s was paid %d times, want %d", to, n, want)
	}
}

// The same on Bitcoin: all inputs are shared, and the one that is mined ends the
// other, in both orders.
func TestATT95ReplaceOnBtcd(t *testing.T) {
	for _, cancel := range []bool{true, false} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("cancel %v, the first wins %v", cancel, first), func(t *testing.T) {
				c := newBTC(t)
				id, to := c.pay(nil)
				c.signed(id)
				c.once()
				c.want(id, pending.Broadcast, "")
				done := c.make(id, replace.Options{Cancel: cancel})
				review := must(c.intake.Review(&done.New))(t)
				was := c.get(id)
				old := must(c.intake.Review(&was))(t)
				if review.Fee.Amount.Cmp(old.Fee.Amount) <= 0 || len(review.Effects) != map[bool]int{true: 1, false: 2}[cancel] || review.Unproven {
					t.Errorf("fee %s after %s, %d outputs", review.Fee.Amount, old.Fee.Amount, len(review.Effects))
				}
				if first {
					ok(t, c.btc.Mine(1))
				}
				c.signed(done.New.ID)
				c.once()
				winner, loser := done.New.ID, id
				if first {
					winner, loser = id, done.New.ID
					c.want(loser, pending.Broadcasting, "node.spent")
				} else {
					c.want(winner, pending.Broadcast, "")
				}
				ok(t, c.btc.Mine(depth))
				c.once()
				c.want(winner, pending.Complete, "")
				c.want(loser, pending.Failed, pending.Replaced)
				c.paid(to, map[bool]int{true: 0, false: 1}[cancel && !first])
				if n := must(c.btc.Mempool())(t); n != 0 {
					t.Errorf("%d transactions wait", n)
				}
			})
		}
	}
}

// Without a row that knows the winner, the block that spent our input is the proof.
func TestATT110ConflictOnBtcd(t *testing.T) {
	c := newBTC(t)
	id, to := c.pay(nil)
	c.signed(id)
	done := c.make(id, replace.Options{Cancel: true, Force: true}) // parks the payment
	c.signed(done.New.ID)
	c.once()
	ok(t, c.btc.Mine(depth))
	d := c.elsewhere(id) // knows nothing of the rival
	for range 3 {
		d.once()
	}
	d.want(id, pending.Failed, "chain.conflict")
	c.once()
	c.want(id, pending.Cancelled, pending.Replaced)
	c.paid(to, 0)
}

// elsewhere is another installation with the same payment, signed.
func (c *chainBTC) elsewhere(id bundle.ID) *chainBTC {
	c.Helper()
	d := &chainBTC{world: newWorld(c.T, regtest, "", ""), btc: c.btc, key: c.key}
	d.loop.Nodes, d.loop.Settle = c.loop.Nodes, 1
	row := c.get(id)
	row.Reserve = must(c.intake.Uses(&row))(c)
	row.State, row.TxID, row.Raw, row.Bundle, row.CancelRequested, row.MaybeSigned = "", "", nil, 0, false, false
	_, err := d.store.Create(c.Context(), &row, d.idem())
	ok(c, err)
	d.signed(id)
	return d
}

// A reorganization, and in it another transaction of the same coins, which is not
// ours to know: an alarm, no other bytes, and the end once that one is deep.
func TestATT100ConflictWinsOnBtcd(t *testing.T) {
	c := newBTC(t)
	id, to := c.pay(nil)
	c.signed(id)
	c.once()
	d := c.elsewhere(id)
	rival := d.make(id, replace.Options{Cancel: true, Force: true, Fee: big.NewInt(100_000)}).New.ID
	d.signed(rival)
	var tx wire.MsgTx
	ok(t, tx.Deserialize(bytes.NewReader(d.get(rival).Raw)))

	ok(t, c.btc.Mine(depth))
	c.once()
	c.want(id, pending.Complete, "")
	head := must(c.rpc.GetBlockCount())(t)
	ok(t, c.rpc.InvalidateBlock(must(c.rpc.GetBlockHash(head-depth+1))(t)))
	must(c.rpc.SendRawTransaction(&tx, false))(t)
	c.once()
	c.want(id, pending.Complete, "chain.reorg")
	c.once()
	c.want(id, pending.Broadcast, "node.rival")
	ok(t, c.btc.Mine(depth-1))
	c.once()
	c.want(id, pending.Broadcast, "node.rival") // the alarm stays
	ok(t, c.btc.Mine(2))
	c.once()
	c.once()
	c.want(id, pending.Failed, "chain.conflict")
	c.paid(to, 0)
}

// What may not be replaced, and what it costs at least.
func TestBitcoinRules(t *testing.T) {
	c := newBTC(t)
	id, to := c.pay(nil)
	_, err := c.maker.Make(t.Context(), "a", id, replace.Options{})
	code(t, err, "replace.unsent")
	c.signed(id)
	c.once()
	review := func(p pending.Transaction) *big.Int { return must(c.intake.Review(&p))(t).Fee.Amount }
	_, err = c.maker.Make(t.Context(), "a", id, replace.Options{Fee: new(big.Int).Add(review(c.get(id)), big.NewInt(1))})
	code(t, err, "replace.fee") // it must pay for its own way (BIP-125, rule 4)
	_, err = c.maker.Make(t.Context(), "a", id, replace.Options{Fee: big.NewInt(19_000_000)})
	code(t, err, "replace.change") // the payment itself is never touched
	_, err = c.maker.Make(t.Context(), "b", id, replace.Options{})
	code(t, err, "kms.missing")
	done := c.make(id, replace.Options{Fee: big.NewInt(50_000)})
	if fee := review(done.New); fee.Int64() != 50_000 {
		t.Errorf("fee %s", fee)
	}
	// The change that would be dust is left out.
	all := c.make(id, replace.Options{Fee: big.NewInt(7_999_700)})
	if r := must(c.intake.Review(&all.New))(t); len(r.Effects) != 1 || r.Effects[0].To != to || r.Fee.Amount.Int64() != 8_000_000 {
		t.Errorf("%d outputs, fee %s", len(r.Effects), r.Fee.Amount)
	}
	// Each of the set spends what the first spent.
	uses := must(c.intake.Uses(&all.New))(t)
	row := c.get(id)
	for i, key := range must(c.intake.Uses(&row))(t) {
		if key[:5] == "utxo:" && uses[i] != key {
			t.Errorf("uses %v", uses)
		}
	}
	if r := must(intake.Request(&done.New))(t); r.Deadline != 0 {
		t.Error("a replacement has the deadline of the first")
	}
}

// A reorganization on a real chain: the block goes, the same bytes come back.
func TestATT100ReorgOnBtcd(t *testing.T) {
	c := newBTC(t)
	id, to := c.pay(nil)
	c.signed(id)
	c.once()
	ok(t, c.btc.Mine(depth))
	c.once()
	c.want(id, pending.Complete, "")
	raw := c.get(id).Raw
	head := must(c.rpc.GetBlockCount())(t)
	block := must(c.rpc.GetBlockHash(head - depth + 1))(t)
	ok(t, c.rpc.InvalidateBlock(block))
	c.once()
	c.want(id, pending.Complete, "chain.reorg")
	if sum := c.once(); sum.Reorged != 1 {
		t.Errorf("%+v", sum)
	}
	if got := c.get(id); got.State != pending.Broadcast || string(got.Raw) != string(raw) || got.Confirmations != 0 {
		t.Fatalf("%+v", got)
	}
	c.once()
	ok(t, c.btc.Mine(depth+1))
	c.once()
	c.want(id, pending.Complete, "")
	c.paid(to, 1)
	ok(t, c.rpc.ReconsiderBlock(block)) // both chains have it
	c.once()
	c.want(id, pending.Complete, "")
}
