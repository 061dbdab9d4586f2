package e2e

import (
	"encoding/json"
	"math/big"
	"strconv"
	"testing"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
)

// payment is one that was submitted.
type payment struct {
	row    halves.Row
	to     string
	amount string // base units
}

func text(t *testing.T, s string, err error) json.RawMessage {
	t.Helper()
	ok(t, err)
	return must(json.Marshal(s))(t)
}

// payBitcoin submits a payment of a new coin, and gives what it was built of.
func payBitcoin(t *testing.T, change func(*fund.Spend)) (payment, fund.Spend) {
	t.Helper()
	const coin = 20_000_000
	s := fund.Spend{Coins: must(w.btc.Fund(coin, w.key.Address))(t), From: w.key, Change: w.back, Amount: 1_000_000}
	s.To = must(fund.NewBitcoinAddress())(t)
	if change != nil {
		change(&s)
	}
	psbt, err := s.PSBT()
	id := w.wallet.btc.SignatureID
	row := w.post(t, halves.Submission{Chain: "BTC", Network: "regtest", Hashes: []string{id},
		Signatures: []halves.KeyIndex{{ID: id, Index: 1}}, Transaction: text(t, psbt, err)})
	return payment{row, s.To, big.NewInt(s.Amount).String()}, s
}

// payEVM submits a payment with the next nonce and as many more.
func payEVM(t *testing.T, more uint64, wei int64) payment {
	t.Helper()
	ctx := deadline(t)
	nonce := must(w.eth.Nonce(ctx, w.wallet.eth.Address))(t) + more
	to := must(fund.NewEVMAddress())(t)
	call := must(w.eth.Pay(ctx, w.wallet.eth.Address, to, nonce, big.NewInt(wei)))(t)
	return payment{callEVM(t, call), to, big.NewInt(wei).String()}
}

func callEVM(t *testing.T, call *fund.Call) halves.Row {
	t.Helper()
	hex, err := call.Hex()
	return w.post(t, halves.Submission{Chain: "ETH", Network: evmNetwork, Hashes: []string{w.wallet.eth.SignatureID}, Transaction: text(t, hex, err)})
}

func paySolana(t *testing.T, x *fund.Transfer) payment {
	t.Helper()
	x.From, x.To = w.wallet.sol.Address, fund.NewSolanaAddress()
	message, err := w.sol.Message(deadline(t), *x)
	row := w.post(t, halves.Submission{Chain: "SOL", Network: "localnet", Hashes: []string{w.wallet.sol.SignatureID}, Transaction: text(t, message, err)})
	return payment{row, x.To, new(big.Int).SetUint64(x.Amount).String()}
}

// shown wants the review to allow the payment and to say that it pays this
// amount to this recipient, and nothing to anybody else who is not us.
func shown(t *testing.T, r halves.Review, p payment) {
	t.Helper()
	for _, item := range r.Items {
		if item.ID != p.row.ID {
			continue
		}
		if !item.Verdict.Allow {
			t.Errorf("%s is refused: %s", item.Chain, item.Verdict.Code)
		}
		paid := 0
		for _, e := range item.Effects {
			switch {
			case (e.To == p.to || e.Owner == p.to) && e.Amount == p.amount:
				paid++
			case e.Change == "":
				t.Errorf("%s: the review shows %+v", item.Chain, e)
			}
		}
		if paid != 1 {
			t.Errorf("%s: the review shows the payment %d times", item.Chain, paid)
		}
		return
	}
	t.Errorf("the review does not show %s", p.row.ID)
}

// paidEVM wants exactly the amount to have arrived, which an account of nobody's
// can only have from us.
func paidEVM(t *testing.T, p payment, txID string) {
	t.Helper()
	amount, _ := new(big.Int).SetString(p.amount, 10)
	if n := must(w.eth.Paid(deadline(t), txID, "", p.to, amount))(t); n < depth {
		t.Errorf("%s has %d confirmations", txID, n)
	}
	if have := must(w.eth.Balance(deadline(t), p.to))(t); have.Cmp(amount) != 0 {
		t.Errorf("%s has %s, not %s", p.to, have, amount)
	}
}

func paidBitcoin(t *testing.T, p payment, s fund.Spend, txID string) {
	t.Helper()
	if n := must(w.btc.Paid(txID, s.To, s.Amount))(t); n < depth {
		t.Errorf("%s has %d confirmations", txID, n)
	}
	if n := must(w.btc.Payments(p.to))(t); n != 1 {
		t.Errorf("%d transactions pay %s", n, p.to)
	}
}

func TestPaymentAcrossTheGap(t *testing.T) {
	t.Run("BTC", func(t *testing.T) {
		p, spend := payBitcoin(t, nil)
		_, answers, review := w.cross(t, 1)
		shown(t, review, p)
		if e := review.Items[0].Effects; len(e) != 2 || e[1].To != w.back.Address || e[1].Change == "" {
			t.Errorf("the change is not shown as ours: %+v", e)
		}
		must(w.Import(deadline(t), answers))(t)
		row := w.settle(t, p.row.ID)[p.row.ID]
		paidBitcoin(t, p, spend, row.TxID)
		reconciled(t, row, p)
		_, err := w.btc.Paid(row.TxID, p.to, spend.Amount+1)
		notPaid(t, err)
	})
	t.Run("ETH", func(t *testing.T) {
		ctx, amount := deadline(t), big.NewInt(2_500_000)
		coins := payEVM(t, 0, 1e15)
		token := must(w.eth.Token(ctx))(t)
		ok(t, w.eth.FundToken(ctx, token, w.wallet.eth.Address, big.NewInt(5_000_000)))
		to := must(fund.NewEVMAddress())(t)
		nonce := must(w.eth.Nonce(ctx, w.wallet.eth.Address))(t) + 1
		call := must(w.eth.PayToken(ctx, w.wallet.eth.Address, token, to, nonce, amount))(t)
		tokens := payment{callEVM(t, call), to, amount.String()}
		_, answers, review := w.cross(t, 2)
		shown(t, review, coins)
		shown(t, review, tokens)
		must(w.Import(ctx, answers))(t)
		rows := w.settle(t, coins.row.ID, tokens.row.ID)
		paidEVM(t, coins, rows[coins.row.ID].TxID)
		if n := must(w.eth.Paid(ctx, rows[tokens.row.ID].TxID, token, to, amount))(t); n < depth {
			t.Errorf("the tokens have %d confirmations", n)
		}
		_, err := w.eth.Paid(ctx, rows[tokens.row.ID].TxID, token, to, big.NewInt(1))
		notPaid(t, err)
		_, err = w.eth.Paid(ctx, rows[coins.row.ID].TxID, "", coins.to, amount)
		notPaid(t, err)
	})
	t.Run("SOL", func(t *testing.T) {
		ctx := deadline(t)
		mint := must(w.sol.Token(ctx, w.wallet.sol.Address, 5_000_000))(t)
		account, nonce, err := w.sol.NonceAccount(ctx, w.wallet.sol.Address)
		ok(t, err)
		transfers := []*fund.Transfer{{Amount: 50_000_000}, {Amount: 1_250_000, Mint: mint}, {Amount: 60_000_000, NonceAccount: account, Nonce: nonce}}
		payments, ids := make([]payment, len(transfers)), make([]string, len(transfers))
		for i, x := range transfers {
			payments[i] = paySolana(t, x)
			ids[i] = payments[i].row.ID
		}
		_, answers, review := w.cross(t, len(payments))
		for _, p := range payments {
			shown(t, review, p)
		}
		must(w.Import(ctx, answers))(t)
		rows := w.settle(t, ids...)
		for i, x := range transfers {
			ok(t, w.sol.Paid(ctx, rows[ids[i]].TxID, *x))
			x.Amount++
			notPaid(t, w.sol.Paid(ctx, rows[ids[i]].TxID, *x))
		}
	})
}

// reconciled wants the report of the row's ceremony to have asked the node, and to
// count the payment, without its change, as paid.
func reconciled(t *testing.T, row halves.Row, p payment) {
	t.Helper()
	var r struct {
		Compared, Disagrees int
		Transactions        []struct {
			ID, Outcome, OnChain string
			Payments             []struct{ Amount, To string }
		}
		Totals []struct{ ByOutcome map[string]string }
	}
	ok(t, halves.Read(&r)(w.Online(deadline(t), "report", "--bundle", strconv.FormatUint(row.Bundle, 10), "--json")))
	if r.Compared != 1 || r.Disagrees != 0 || len(r.Transactions) != 1 || len(r.Totals) != 1 || r.Totals[0].ByOutcome["paid"] != p.amount {
		t.Fatalf("report %+v", r)
	}
	if l := r.Transactions[0]; l.ID != row.ID || l.Outcome != "paid" || l.OnChain != "seen" || len(l.Payments) != 1 || l.Payments[0].To != p.to || l.Payments[0].Amount != p.amount {
		t.Errorf("report %+v", l)
	}
}

// notPaid wants a node's answer to be an error where another amount was paid:
// what the demo relies on.
func notPaid(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Error("a payment that was never made is found")
	}
}

// TestBatch has more payments than the shortest CBOR heads can count.
func TestBatch(t *testing.T) {
	const n = 30
	transfers, ids := make([]fund.Transfer, n), make([]string, n)
	for i := range transfers {
		transfers[i].Amount = uint64(10_000_000 + i)
		ids[i] = paySolana(t, &transfers[i]).row.ID
	}
	_, answers, review := w.cross(t, n)
	if review.Signable != n {
		t.Errorf("%d of %d can be signed", review.Signable, n)
	}
	if r := must(w.Import(deadline(t), answers))(t); r.Signed != n {
		t.Errorf("imported %+v", r)
	}
	rows := w.settle(t, ids...)
	for i, x := range transfers {
		ok(t, w.sol.Paid(deadline(t), rows[ids[i]].TxID, x))
	}
}
