package bitcoin_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/create"
	"coldsign/online/internal/intake"
	"coldsign/scripts/fund"
	nodes "coldsign/scripts/rig"
)

// from is an entry of fromAddress.
func from(id, address string, index int) string {
	return fmt.Sprintf(`{"address":"%s","signatureId":"%s","signatureIdIndex":%d}`, address, id, index)
}

func pays(from, to, value string, more ...string) string {
	return fmt.Sprintf(`{"fromAddress":[%s],"to":[{"address":"%s","value":%s}]%s}`, from, to, value, strings.Join(append([]string{""}, more...), ","))
}

func bitcoind(t testing.TB) (*rig, *fund.Bitcoin) {
	t.Helper()
	n := nodes.Btcd(t)
	b, err := fund.NewBitcoin(n.URL, n.User, n.Password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return newRig(t, "BTC", regtest, transport.Config{URL: n.URL, User: n.User, Password: n.Password}), b
}

func mine(t testing.TB, b *fund.Bitcoin) {
	t.Helper()
	if err := b.Mine(1); err != nil {
		t.Fatal(err)
	}
}

func coin(t testing.TB, b *fund.Bitcoin, amount int64, addresses ...string) []fund.Coin {
	t.Helper()
	list, err := b.Fund(amount, addresses...)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// split gives what of the row comes back to the address, what is paid, and the fee.
func (r *rig) split(row *pendingRow, back string) (change, paid, fee int64) {
	review := r.review(row)
	for _, e := range review.Effects {
		if e.To == back {
			change += e.Amount.Int64()
		} else {
			paid += e.Amount.Int64()
		}
	}
	return change, paid, review.Fee.Amount.Int64()
}

// TestBtcd: on a real node, each kind of address pays; change comes back and pays the
// next one; what a live row uses up nobody else gets.
func TestBtcd(t *testing.T) {
	r, b := bitcoind(t)
	to, err := fund.NewBitcoinAddress()
	if err != nil {
		t.Fatal(err)
	}
	for kind, name := range []string{"P2WPKH", "P2PKH", "P2SH-P2WPKH", "P2TR"} {
		own := r.address(0, kind)
		coin(t, b, 1_000_000, own)
		mine(t, b)
		row := r.must(r.make(create.Transaction, pays(from(mnemonic, own, 0), to, "0.004")))
		change, paid, fee := r.split(row, own)
		s := r.sealed(row)
		size := int64(len(s.Raw)) // more than virtual bytes, of a witness
		if change+paid+fee != 1_000_000 || paid != 400_000 || fee < size/2 || fee > size*11 {
			t.Errorf("%s: change %d, paid %d, fee %d of %d bytes", name, change, paid, fee, size)
		}
		if !strings.Contains(r.review(row).Text(), to) {
			t.Errorf("%s: %s", name, r.review(row).Text())
		}
		if _, err := r.make(create.Transaction, pays(from(mnemonic, own, 0), to, "0.004")); fault(err) != "create.funds" {
			t.Errorf("%s: the coin is taken, and %v", name, err)
		}
		r.send(row)
		if _, err := r.make(create.Transaction, pays(from(mnemonic, own, 0), to, "0.004")); fault(err) != "create.funds" {
			t.Errorf("%s: change without a block was spent: %v", name, err)
		}
		mine(t, b)
		next := r.must(r.make(create.Transaction, pays(from(mnemonic, own, 0), to, "0.001")))
		if again, _, fee := r.split(next, own); again != change-100_000-fee {
			t.Errorf("%s: %d comes back of %d", name, again, change)
		}
		r.send(next)
		mine(t, b)
	}
	if !strings.Contains(r.must(r.make(create.Transaction, pays(from(mnemonic, r.address(0, 0), 0), to, "0.001"))).Serialized, `{"hash":"`) {
		t.Error("no record that KMS clients read")
	}
}

// TestSeveral: one payment from several addresses and wallets, a fee and an address for
// change that the call gives, and outputs that it names.
func TestSeveral(t *testing.T) {
	r, b := bitcoind(t)
	to, _ := fund.NewBitcoinAddress()
	key := r.chain.Wallet.Addresses(regtest, r.derive(r.chain.Wallet.Derivation().Path(true, 5)).Public().Key(), false)[0]
	list := coin(t, b, 300_000, r.address(1, 0), r.address(2, 1), key)
	mine(t, b)
	sources := strings.Join([]string{from(mnemonic, r.address(1, 0), 1), from(mnemonic, r.address(2, 1), 2), fmt.Sprintf(`{"address":"%s","signatureId":"%s"}`, key, single)}, ",")
	row := r.must(r.make(create.Transaction, pays(sources, to, "0.007", `"fee":"0.0001"`, `"changeAddress":"`+r.address(3, 0)+`"`)))
	if change, paid, fee := r.split(row, r.address(3, 0)); change != 190_000 || paid != 700_000 || fee != 10_000 || len(r.inputs(row)) != 3 {
		t.Errorf("change %d, paid %d, fee %d of %v", change, paid, fee, r.inputs(row))
	}
	if want := []string{mnemonic, single}; !slices.Equal(slices.Sorted(slices.Values(row.Hashes)), want) || len(row.Signatures) != 2 {
		t.Errorf("hashes %v, signatures %v", row.Hashes, row.Signatures)
	}
	// Outputs that are named: those of a live row are refused, others pay.
	utxo := func(c fund.Coin, id string, index int) string {
		return fmt.Sprintf(`{"txHash":"%s","index":%d,"signatureId":"%s","signatureIdIndex":%d}`, c.Tx.TxHash(), c.Index, id, index)
	}
	spend := func(value, more string, of ...string) string {
		return fmt.Sprintf(`{"fromUTXO":[%s],"to":[{"address":"%s","value":%s}]%s}`, strings.Join(of, ","), to, value, more)
	}
	if _, err := r.make(create.Transaction, spend("0.0029", "", utxo(list[0], mnemonic, 1))); fault(err) != "reservation.conflict" {
		t.Errorf("%v", err)
	}
	r.send(row)
	mine(t, b)
	if _, err := r.make(create.Transaction, spend("0.0029", "", utxo(list[0], mnemonic, 1))); field(err) != "fromUTXO.0.txHash isUnspent" {
		t.Errorf("%v", err)
	}
	list = coin(t, b, 300_000, r.address(1, 0), r.address(2, 1))
	both := []string{utxo(list[0], mnemonic, 1), utxo(list[1], mnemonic, 2)} // not yet in a block: named, they count
	for _, c := range []struct{ value, more, want string }{
		{"0.00599999", "", "fee isDefined"},
		{"0.001", "", "fee isDefined"}, // 500,000 satoshi of fee: below the cap, and far too much for 250 bytes
		{"0.007", "", "create.funds"},
		{"0.006", `,"fee":"0.0001"`, "create.funds"},
		{"0.003", `,"fee":"0.00000001"`, "fee range"},
	} {
		_, err := r.make(create.Transaction, spend(c.value, c.more, both...))
		if got := cmp.Or(field(err), fault(err)); got != c.want {
			t.Errorf("%s%s: %v, want %s", c.value, c.more, err, c.want)
		}
	}
	if _, err := r.make(create.Transaction, spend("0.001", "", utxo(list[0], mnemonic, 2))); field(err) != "fromUTXO.0.signatureId isOwner" {
		t.Errorf("%v", err)
	}
	row = r.must(r.make(create.Transaction, spend("0.0059", "", both...)))
	if _, paid, fee := r.split(row, ""); paid != 590_000 || fee != 10_000 {
		t.Errorf("paid %d, fee %d", paid, fee)
	}
	r.send(row)
}

// TestWithdrawal: the addresses of a wallet pay together, change goes to address 0, and
// the rows say which key each input is of.
func TestWithdrawal(t *testing.T) {
	r, b := bitcoind(t)
	to, _ := fund.NewBitcoinAddress()
	coin(t, b, 300_000, r.address(2, 0), r.address(4, 0), r.address(0, 0))
	mine(t, b)
	body := fmt.Sprintf(`{"senderAccountId":"5e68c66581f2ee32bc354087","address":"%s,%s","amount":"0.008","multipleAmounts":["0.005","0.003"],"signatureId":"%s","xpub":"%s","paymentId":"1234","fee":"0.0005"}`,
		to, to, mnemonic, r.xpub())
	row := r.must(r.make(create.Withdrawal, body))
	if change, paid, fee := r.split(row, r.address(0, 0)); change != 50_000 || paid != 800_000 || fee != 50_000 {
		t.Errorf("change %d, paid %d, fee %d", change, paid, fee)
	}
	for _, want := range []string{`"derivationKey":2`, `"derivationKey":4`, `"derivationKey":0`, `"vIn":"-1"`, `"amount":0.0005,`, `"currency":"BTC"`} {
		if !strings.Contains(row.WithdrawalResponses, want) {
			t.Errorf("no %s in %s", want, row.WithdrawalResponses)
		}
	}
	if w, err := r.store.Withdrawal(t.Context(), "a", row.WithdrawalID); err != nil || w.State() != "open" || len(row.Hashes) != 1 {
		t.Errorf("%v, %v", w, err)
	}
	request, err := intake.Request(row)
	if err != nil || !strings.Contains(request.Note, "1234") {
		t.Errorf("note %q, %v", request.Note, err)
	}
	r.send(row)
}

// TestParallel: creations on one wallet at the same time, by two processes, never share
// an output, and all that can be paid is paid.
func TestParallel(t *testing.T) {
	r, b := bitcoind(t)
	other := &create.Creator{Store: r.Store, Intake: r.Intake, Nodes: r.Nodes, Builders: r.Builders} // has queues of its own, as another process
	to, _ := fund.NewBitcoinAddress()
	const payments = 40
	own := r.address(0, 0)
	coin(t, b, 100_000, slices.Repeat([]string{own}, payments)...)
	mine(t, b)
	rows := make([]*pendingRow, payments)
	began := time.Now()
	var all sync.WaitGroup
	for i := range rows {
		all.Go(func() {
			one := *r
			if i%2 == 0 {
				one.Creator = other
			}
			var err error
			if rows[i], err = one.make(create.Transaction, pays(from(mnemonic, own, 0), to, "0.0005")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d creations in %s", payments, time.Since(began))
	used := map[string]bool{}
	for _, row := range rows {
		for _, in := range r.inputs(row) {
			if used[in] {
				t.Fatalf("%s twice", in)
			}
			used[in] = true
		}
	}
	if _, err := r.make(create.Transaction, pays(from(mnemonic, own, 0), to, "0.0005")); fault(err) != "create.funds" {
		t.Errorf("%v", err)
	}
	for _, row := range rows {
		r.send(row)
	}
}

// BenchmarkCreate is one creation call with a local btcd, by the outputs of the wallet.
func BenchmarkCreate(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r, bank := bitcoind(b)
			to, _ := fund.NewBitcoinAddress()
			own := r.address(0, 0)
			for range n / 100 {
				coin(b, bank, 100_000, slices.Repeat([]string{own}, 100)...)
				mine(b, bank)
			}
			for b.Loop() {
				r.must(r.make(create.Transaction, pays(from(mnemonic, own, 0), to, "0.0005")))
			}
		})
	}
}

// BenchmarkWithdrawal is the same of a wallet, of which 100 addresses are looked at.
func BenchmarkWithdrawal(b *testing.B) {
	r, bank := bitcoind(b)
	to, _ := fund.NewBitcoinAddress()
	for range 100 {
		coin(b, bank, 100_000, r.address(1, 0), r.address(3, 0))
	}
	body := fmt.Sprintf(`{"senderAccountId":"a","address":"%s","amount":"0.0005","signatureId":"%s","xpub":"%s"}`, to, mnemonic, r.xpub())
	for b.Loop() {
		r.must(r.make(create.Withdrawal, body))
	}
}
