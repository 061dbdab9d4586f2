package replace_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/replace"
	"coldsign/online/internal/store"
	"coldsign/online/internal/strictjson"
	"coldsign/scripts/fund"
	"coldsign/shared/bundle"
	"coldsign/shared/chain/evm"
	"coldsign/shared/fault"

	"github.com/btcsuite/btcd/wire/v2"
)

// asking has the maker ask the node, and somebody be told of what becomes of payments.
func (w *world) asking() {
	w.Helper()
	w.maker.Nodes = w.loop.Nodes
	for _, kind := range store.EventTypes() {
		_, _, err := w.store.Subscribe(w.Context(), "a", kind, "https://example.com/hook")
		ok(w, err)
	}
}

// late submits a payment whose deadline passes before its answer comes.
func (w *world) late(name, id string, transaction strictjson.Value) bundle.ID {
	w.Helper()
	w.intake.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	row, _, err := w.intake.Accept(w.Context(), "a", intake.Submission{Chain: name, Hashes: []string{id}, Transaction: transaction, Note: "rent", Deadline: time.Now().Add(-time.Minute).Unix()})
	ok(w, err)
	w.intake.Now = time.Now
	_, err = w.store.Create(w.Context(), row, store.Idempotency{})
	ok(w, err)
	w.signed(row.ID)
	_, err = w.store.Move(w.Context(), row.ID, pending.Intend, nil)
	code(w, err, "deadline.passed")
	return row.ID
}

func (w *world) requote(id bundle.ID, force bool) bundle.ID {
	w.Helper()
	return w.make(id, replace.Options{Requote: true, Force: force, Requester: "operator"}).New.ID
}

func (w *world) cannot(id bundle.ID, want string) {
	w.Helper()
	_, err := w.maker.Make(w.Context(), "a", id, replace.Options{Requote: true})
	code(w, err, want)
}

// told gives what was told of a row, in order.
func (w *world) told(want ...string) {
	w.Helper()
	list := must(w.store.Events(w.Context(), store.EventFilter{Tenant: "a"}))(w)
	slices.Reverse(list)
	var got []string
	for _, d := range list {
		var b struct{ SignatureID, TxID, Code, ReplacedBy string }
		ok(w, json.Unmarshal([]byte(d.Body), &b))
		got = append(got, strings.TrimRight(strings.Join([]string{strings.TrimPrefix(d.Type, "KMS_"), b.SignatureID, b.TxID, b.Code, b.ReplacedBy}, " "), " "))
	}
	if !slices.Equal(got, want) {
		w.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// by is what is told of a payment that another row has made.
func (w *world) by(id, by bundle.ID) string {
	return "COMPLETED_TX " + id.String() + " " + w.get(by).TxID + "  " + by.String()
}

func (c *chainEVM) nonce(id bundle.ID) string {
	c.Helper()
	row := c.get(id)
	return must(c.intake.Uses(&row))(c)[0]
}

// TestRequoteOnAnvil: a payment whose answer came too late, or that waits for too long,
// is made anew: with its nonce while the first may land, else with a free one. Whichever
// lands, it is made once, and told once.
func TestRequoteOnAnvil(t *testing.T) {
	c := newEVM(t)
	c.asking()
	lane := func(n int) string { return fmt.Sprintf("nonce:%s:%d", c.from, n) }

	// It never left: it is ended, and its nonce goes over.
	id, to := c.pay(0)
	again := c.requote(id, false)
	c.want(id, pending.Cancelled, pending.Requoted)
	c.cannot(id, "requote.exists")
	_, err := c.maker.Make(t.Context(), "a", id, replace.Options{Cancel: true})
	code(t, err, "requote.exists")
	if row := c.get(again); c.nonce(again) != lane(0) || row.Deadline != 0 {
		t.Errorf("%s, deadline %d", c.nonce(again), row.Deadline)
	}
	// Nor has the second, and the third is signed.
	third := c.requote(again, false)
	row := c.get(third)
	if r := must(intake.Request(&row))(t); r.Note != "quotes "+id.String()+" anew: rent" || r.Requester != "operator" {
		t.Errorf("note %q of %q", r.Note, r.Requester)
	}
	c.signed(third)
	c.once()
	c.mine(depth)
	c.once()
	c.want(third, pending.Complete, "")
	c.paid(to, 1e15)
	c.told(c.by(id, third))
	c.cannot(third, "requote.state")

	// Its answer came too late, and its failure was told.
	id, to = c.lateCall(1)
	c.cannot(id, "requote.told")
	again = c.requote(id, true)
	if c.nonce(again) != lane(1) || c.get(id).Code != pending.Requoted {
		t.Errorf("%s: %s", c.nonce(again), c.get(id).Code)
	}
	// Somebody else has the first, and sends it: the second ends by it.
	c.signed(again)
	ok(t, c.rpc.CallContext(t.Context(), nil, "eth_sendRawTransaction", fmt.Sprintf("0x%x", c.get(id).Raw)))
	c.mine(1)
	c.once()
	c.mine(depth)
	c.once()
	c.once()
	c.want(id, pending.Complete, "")
	if s := c.get(again).State; s != pending.Failed && s != pending.Cancelled {
		t.Errorf("the second is %s", s)
	}
	c.paid(to, 1e15)

	// A stranger has the nonce: the one that never left gets another; of one that may be
	// signed nobody knows.
	id, to = c.pay(2)
	left, _ := c.pay(3)
	c.export(left)
	for n := uint64(2); n <= 3; n++ {
		ok(t, c.rpc.CallContext(t.Context(), nil, "eth_sendRawTransaction", c.foreign(n)))
	}
	c.mine(1)
	again = c.requote(id, false)
	if c.nonce(again) != lane(4) {
		t.Errorf("%s", c.nonce(again))
	}
	c.cannot(left, "requote.taken")
	c.seal(left) // its answer: it was not what took the nonce
	c.mine(depth)
	for range 3 {
		c.once()
	}
	c.want(left, pending.Failed, pending.Conflicted)
	next := c.requote(left, true)
	if c.nonce(next) != lane(5) {
		t.Errorf("%s", c.nonce(next))
	}
	c.signed(again)
	c.signed(next)
	c.once()
	c.mine(depth)
	c.once()
	c.want(again, pending.Complete, "")
	c.want(next, pending.Complete, "")
	c.paid(to, 1e15)
}

// lateCall is a payment whose answer came too late.
func (c *chainEVM) lateCall(nonce uint64) (bundle.ID, string) {
	c.Helper()
	to := must(fund.NewEVMAddress())(c)
	call := must(c.eth.Pay(c.Context(), c.from, to, nonce, big.NewInt(1e15)))(c)
	hex, err := call.Hex()
	return c.late("ETH", ethID, text(c, hex, err)), to
}

// TestRequoteAgainOnAnvil: three attempts, all of them signed, and of each somebody may
// have the bytes: one is made. Two operators at once make one row.
func TestRequoteAgainOnAnvil(t *testing.T) {
	c := newEVM(t)
	c.asking()
	id, to := c.pay(0)
	c.signed(id)
	second := c.requote(id, false)
	c.want(id, pending.Signed, pending.Requoted) // and nothing of it is sent
	c.once()
	c.signed(second)
	c.once()
	c.want(second, pending.Broadcast, "")
	var wg sync.WaitGroup
	made, errs := make([]replace.Done, 3), make([]error, 3)
	for i := range made {
		wg.Go(func() {
			made[i], errs[i] = c.maker.Make(t.Context(), "a", second, replace.Options{Requote: true})
		})
	}
	wg.Wait()
	third := bundle.ID{}
	for i, err := range errs {
		switch {
		case err == nil && third == bundle.ID{}:
			third = made[i].New.ID
		case !fault.Is(err, "requote.exists"):
			t.Errorf("%v, %v", made[i].New.ID, err)
		}
	}
	var fees []*big.Int
	for _, id := range []bundle.ID{id, second, third} {
		row := c.get(id)
		fees = append(fees, must(c.intake.Review(&row))(t).Fee.Amount)
	}
	if fees[0].Cmp(fees[1]) >= 0 || fees[1].Cmp(fees[2]) >= 0 {
		t.Errorf("fees %s", fees)
	}
	c.told()
	c.signed(third)
	c.once()
	c.mine(depth)
	c.once()
	c.want(third, pending.Complete, "")
	c.want(second, pending.Failed, pending.Replaced)
	c.want(id, pending.Cancelled, pending.Replaced)
	c.paid(to, 1e15)
	c.told(c.by(id, third))
	if n := must(c.eth.Nonce(t.Context(), c.from))(t); n != 1 {
		t.Errorf("%d transactions were mined", n)
	}
}

// TestRequoteOfRefused: what the offline half refused as too late it may sign after all,
// by a clock that was set back. The new row has the same nonce, while it is good, so that
// one of them lands; what another row has by then is left to that.
func TestRequoteOfRefused(t *testing.T) {
	c := newEVM(t)
	c.asking()
	refused := func(nonce uint64) bundle.ID {
		id, _ := c.pay(nonce)
		c.export(id)
		_, err := c.store.Move(t.Context(), id, pending.Refuse, func(p *pending.Transaction) error {
			p.Code, p.Reason = "request.expired", "it came too late"
			return nil
		})
		ok(t, err)
		return id
	}
	third, first := refused(3), refused(0)
	again := c.requote(third, true)
	if got := c.nonce(again); !strings.HasSuffix(got, ":3") {
		t.Errorf("the new row has %s, and conflicts with nothing of the first", got)
	}
	c.pay(0)
	if got := c.nonce(c.requote(first, true)); !strings.HasSuffix(got, ":1") {
		t.Errorf("the new row has %s, and the nonce of the first is another row's", got)
	}
}

// TestRequoteFees: the fee is what the network asks for, outbids the first, and is not
// more than the network's most unless it is named.
func TestRequoteFees(t *testing.T) {
	c := newEVM(t)
	c.asking()
	id, _ := c.pay(0)
	c.export(id)
	_, err := c.maker.Make(t.Context(), "a", id, replace.Options{Requote: true, Fee: big.NewInt(1)})
	code(t, err, "replace.fee")
	named := c.make(id, replace.Options{Requote: true, Fee: big.NewInt(9e13)}).New
	if fee := must(c.intake.Review(&named))(t).Fee.Amount; fee.Cmp(big.NewInt(9e13*21000)) != 0 {
		t.Errorf("fee %s", fee)
	}
	f := evm.Fields{Type: evm.Dynamic, ChainID: 31337, Nonce: 1, MaxFee: big.NewInt(9e17), MaxPriority: big.NewInt(1), GasLimit: 21000, To: &[20]byte{7}, Value: big.NewInt(5)}
	dear := c.submit("ETH", ethID, text(t, fmt.Sprintf("0x%x", f.Encode()), nil))
	c.export(dear)
	c.cannot(dear, "requote.fee")
	c.maker.Nodes = nil
	c.cannot(dear, "node.missing")
}

// TestRequoteOnBtcd: the same inputs while the first may land; without those that have
// gone when it cannot.
func TestRequoteOnBtcd(t *testing.T) {
	c := newBTC(t)
	c.asking()
	pay := func() (string, string) {
		t.Helper()
		coins := must(c.btc.Fund(10_000_000, c.key.Address, c.key.Address))(t)
		s := fund.Spend{Coins: coins, From: c.key, Change: c.key, To: must(fund.NewBitcoinAddress())(t), Amount: 12_000_000}
		psbt, err := s.PSBT()
		ok(t, err)
		return psbt, s.To
	}
	psbt, to := pay()
	id := c.late("BTC", btcID, text(t, psbt, nil))
	again := c.requote(id, true)
	old, made := c.get(id), c.get(again)
	for _, name := range must(c.intake.Uses(&old))(t) {
		if !strings.HasPrefix(name, "payload:") && !slices.Contains(must(c.intake.Uses(&made))(t), name) {
			t.Errorf("%s is used by the first alone", name)
		}
	}
	c.signed(again)
	c.once()
	c.want(again, pending.Broadcast, "")
	ok(t, c.btc.Mine(depth))
	c.once()
	c.want(again, pending.Complete, "")
	c.want(id, pending.Cancelled, pending.Replaced)
	c.paid(to, 1)
	c.told("FAILED_TX "+id.String()+"  deadline.passed", c.by(id, again))

	// One input of the next is spent by a stranger: the proof takes blocks, then another
	// output comes in for it.
	id, to = c.pay(nil)
	d := c.elsewhere(id)
	rival := d.make(id, replace.Options{Cancel: true, Force: true, Fee: big.NewInt(50_000)}).New.ID
	d.signed(rival)
	var tx wire.MsgTx
	ok(t, tx.Deserialize(bytes.NewReader(d.get(rival).Raw)))
	must(c.rpc.SendRawTransaction(&tx, false))(t)
	ok(t, c.btc.Mine(1))
	c.export(id)
	c.cannot(id, "requote.taken")
	c.seal(id)
	ok(t, c.btc.Mine(depth))
	for range 3 {
		c.once()
	}
	c.want(id, pending.Failed, pending.Conflicted)
	again = c.requote(id, true)
	row := c.get(again)
	if r := must(c.intake.Review(&row))(t); r.Unproven || r.Fee.Amount.Cmp(big.NewInt(100_000)) > 0 {
		t.Errorf("%s", r.Text())
	}
	c.signed(again)
	c.once()
	ok(t, c.btc.Mine(depth))
	c.once()
	c.want(again, pending.Complete, "")
	c.paid(to, 1)
}

// TestRequoteOnSolana: two payments with recent blockhashes do not conflict: the first
// must be proven dead. With a durable nonce one of the two lands.
func TestRequoteOnSolana(t *testing.T) {
	c := newSOL(t)
	c.asking()
	id, x := c.pay(false)
	c.cannot(id, "requote.early")
	answered, y := c.pay(false)
	c.export(answered)
	c.cannot(answered, "requote.live")
	ok(t, c.sol.Expire(t.Context()))
	key, _, err := c.store.CreateAPIKey(t.Context(), "daemon", "a", []string{"read", "sign"})
	ok(t, err)
	c.cannot(id, "requote.unproven") // a hot signer has a blockhash of its own
	ok(t, c.store.RevokeAPIKey(t.Context(), key))
	again := c.requote(id, false) // it never left
	c.cannot(answered, "requote.live")
	c.seal(answered)
	c.once()
	c.once()
	c.want(answered, pending.Expired, "chain.expired")
	second := c.requote(answered, true)
	for _, id := range []bundle.ID{again, second} {
		if c.get(id).Deadline == 0 {
			t.Error("the new quote never ends")
		}
		c.signed(id)
	}
	c.once()
	c.once()
	c.want(again, pending.Complete, "")
	c.want(second, pending.Complete, "")
	ok(t, c.sol.Paid(t.Context(), c.get(again).TxID, x))
	ok(t, c.sol.Paid(t.Context(), c.get(second).TxID, y))

	// Too late, and with a durable nonce: the two conflict.
	x = fund.Transfer{From: c.from, To: fund.NewSolanaAddress(), Amount: 50_000_000}
	x.NonceAccount, x.Nonce, err = c.sol.NonceAccount(t.Context(), c.from)
	ok(t, err)
	message, err := c.sol.Message(t.Context(), x)
	id = c.late("SOL", solID, text(t, message, err))
	again = c.requote(id, true)
	third := c.requote(again, false)
	c.signed(third)
	c.once()
	c.once()
	c.want(third, pending.Complete, "")
	c.once()
	c.want(id, pending.Cancelled, pending.Replaced)
	c.want(again, pending.Cancelled, pending.Requoted)
	if n := must(c.sol.Balance(t.Context(), x.To, ""))(t); n != x.Amount {
		t.Errorf("%d lamports arrived", n)
	}

	// And the late one alone, of which somebody has the bytes, lands after all.
	x.To = fund.NewSolanaAddress()
	x.NonceAccount, x.Nonce, err = c.sol.NonceAccount(t.Context(), c.from)
	ok(t, err)
	message, err = c.sol.Message(t.Context(), x)
	id = c.late("SOL", solID, text(t, message, err))
	again = c.requote(id, true)
	c.signed(again)
	_, err = c.loop.Nodes[localnet].Send(t.Context(), sealedOf(c.get(id)))
	ok(t, err)
	c.once()
	c.once()
	c.want(id, pending.Complete, "")
	if s := c.get(again); s.State != pending.Failed && s.State != pending.Cancelled || s.Code != pending.Replaced {
		t.Errorf("the second is %s %s", s.State, s.Code)
	}
	if n := must(c.sol.Balance(t.Context(), x.To, ""))(t); n != x.Amount {
		t.Errorf("%d lamports arrived", n)
	}
}
