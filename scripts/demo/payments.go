package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
)

// What the wallets get, and what leaves them. The batch of 20 pays 8 times in
// coins of Ethereum, 6 times in bitcoins and 6 times in SOL.
const (
	coin       = 20_000_000 // satoshi
	batchEVM   = 8
	batchOther = 6
)

// payment is one payment and how to ask the chain's node for it.
type payment struct {
	chain, amount, to string
	row               halves.Row
	check             func(ctx context.Context, txID string) error
}

func (d *demo) fund(ctx context.Context) (err error) {
	addresses := make([]string, 1+batchOther)
	for i := range addresses {
		addresses[i] = d.key.Address
	}
	if d.coins, err = d.btc.Fund(coin, addresses...); err != nil {
		return err
	}
	fmt.Printf("%d coins of %s to %s\n", len(addresses), units(big.NewInt(coin), 8, "rBTC"), d.key.Address)
	wei := milliether(10_000)
	if err := d.eth.Fund(ctx, wei, d.wallet.eth.Address); err != nil {
		return err
	}
	if d.erc20, err = d.eth.Token(ctx); err != nil {
		return err
	}
	if err := d.eth.FundToken(ctx, d.erc20, d.wallet.eth.Address, big.NewInt(1_000_000_000)); err != nil {
		return err
	}
	fmt.Printf("%s and 1000 of the ERC-20 token %s to %s\n", units(wei, 18, "devETH"), d.erc20, d.wallet.eth.Address)
	if err := d.sol.Fund(ctx, 10_000_000_000, d.wallet.sol.Address); err != nil {
		return err
	}
	if d.mint, err = d.sol.Token(ctx, d.wallet.sol.Address, 1_000_000_000); err != nil {
		return err
	}
	fmt.Printf("10 localSOL and 1000 of the SPL token %s to %s\n", d.mint, d.wallet.sol.Address)
	return nil
}

func (d *demo) submit(ctx context.Context) error {
	if err := d.payBitcoin(ctx, 0, 5_000_000, "rent"); err != nil {
		return err
	}
	if err := d.payEVM(ctx, 0, milliether(250), "hosting"); err != nil {
		return err
	}
	if err := d.payERC20(ctx, 1, 12_500_000); err != nil {
		return err
	}
	if err := d.paySolana(ctx, fund.Transfer{Amount: 1_500_000_000}, "travel"); err != nil {
		return err
	}
	if err := d.paySolana(ctx, fund.Transfer{Amount: 7_250_000, Mint: d.mint}, "token grant"); err != nil {
		return err
	}
	batch := 0
	note := func() string { batch++; return fmt.Sprintf("payroll %d of %d", batch, batchEVM+2*batchOther) }
	for i := range int64(batchEVM) {
		if err := d.payEVM(ctx, uint64(2+i), milliether(100+i), note()); err != nil {
			return err
		}
	}
	for i := range int64(batchOther) {
		if err := d.payBitcoin(ctx, int(1+i), 1_000_000+i*1000, note()); err != nil {
			return err
		}
		if err := d.paySolana(ctx, fund.Transfer{Amount: uint64(100_000_000 + i*1_000_000)}, note()); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) payBitcoin(ctx context.Context, n int, amount int64, note string) error {
	to, err := fund.NewBitcoinAddress()
	if err != nil {
		return err
	}
	text, err := fund.Spend{Coins: d.coins[n : n+1], From: d.key, To: to, Amount: amount, Change: d.back}.PSBT()
	if err != nil {
		return err
	}
	p := payment{chain: "BTC", amount: units(big.NewInt(amount), 8, "rBTC"), to: to}
	p.check = func(_ context.Context, txID string) error {
		deep, err := d.btc.Paid(txID, to, amount)
		return enough(txID, deep, bitcoinDepth, err)
	}
	id := d.wallet.btc.SignatureID
	s := submission("BTC", "regtest", id, text, note)
	s.Signatures = []halves.KeyIndex{{ID: id, Index: 1}} // gets the change
	return d.post(ctx, p, s)
}

func (d *demo) payEVM(ctx context.Context, nonce uint64, wei *big.Int, note string) error {
	to, err := fund.NewEVMAddress()
	if err != nil {
		return err
	}
	call, err := d.eth.Pay(ctx, d.wallet.eth.Address, to, nonce, wei)
	if err != nil {
		return err
	}
	text, err := call.Hex()
	if err != nil {
		return err
	}
	s := submission("ETH", "local", d.wallet.eth.SignatureID, text, note)
	if nonce == 0 { // one of them as web3 libraries write it
		if s.Transaction, err = call.JSON(); err != nil {
			return err
		}
	}
	p := payment{chain: "ETH", amount: units(wei, 18, "devETH"), to: to}
	p.check = func(ctx context.Context, txID string) error {
		deep, err := d.eth.Paid(ctx, txID, "", to, wei)
		return enough(txID, deep, evmDepth, err)
	}
	return d.post(ctx, p, s)
}

func (d *demo) payERC20(ctx context.Context, nonce uint64, amount int64) error {
	to, err := fund.NewEVMAddress()
	if err != nil {
		return err
	}
	call, err := d.eth.PayToken(ctx, d.wallet.eth.Address, d.erc20, to, nonce, big.NewInt(amount))
	if err != nil {
		return err
	}
	text, err := call.Hex()
	if err != nil {
		return err
	}
	p := payment{chain: "ETH", amount: units(big.NewInt(amount), 6, "ERC-20"), to: to}
	p.check = func(ctx context.Context, txID string) error {
		deep, err := d.eth.Paid(ctx, txID, d.erc20, to, big.NewInt(amount))
		return enough(txID, deep, evmDepth, err)
	}
	return d.post(ctx, p, submission("ETH", "local", d.wallet.eth.SignatureID, text, "ERC-20 invoice"))
}

func (d *demo) paySolana(ctx context.Context, t fund.Transfer, note string) error {
	t.From, t.To = d.wallet.sol.Address, fund.NewSolanaAddress()
	text, err := d.sol.Message(ctx, t)
	if err != nil {
		return err
	}
	p := payment{chain: "SOL", amount: units(new(big.Int).SetUint64(t.Amount), 9, "localSOL"), to: t.To}
	if t.Mint != "" {
		p.amount = units(new(big.Int).SetUint64(t.Amount), 6, "SPL")
	}
	p.check = func(ctx context.Context, txID string) error { return d.sol.Paid(ctx, txID, t) }
	return d.post(ctx, p, submission("SOL", "localnet", d.wallet.sol.SignatureID, text, note))
}

// submission asks for a transaction that its builder gives as text.
func submission(chain, network, id, transaction, note string) halves.Submission {
	text, _ := json.Marshal(transaction) // a string always goes
	return halves.Submission{Chain: chain, Network: network, Hashes: []string{id}, Transaction: text, Note: note}
}

// post creates the pending transaction.
func (d *demo) post(ctx context.Context, p payment, s halves.Submission) (err error) {
	if p.row, err = d.h.Submit(ctx, fmt.Sprintf("demo-%d", len(d.payments)), s); err != nil {
		return err
	}
	fmt.Printf("POST /v1/transactions  %s  %s to %s (%s): %s %s\n", p.chain, p.amount, p.to, s.Note, p.row.ID, p.row.State)
	d.payments = append(d.payments, p)
	return nil
}

func enough(txID string, have, want uint64, err error) error {
	if err == nil && have < want {
		err = fmt.Errorf("%s has %d confirmations, not %d", txID, have, want)
	}
	return err
}

// milliether is in wei.
func milliether(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), big.NewInt(1e15)) }

// units writes base units as a decimal number and a name.
func units(n *big.Int, decimals int, name string) string {
	digits := fmt.Sprintf("%0*s", decimals+1, n)
	cut := len(digits) - decimals
	return strings.TrimRight(strings.TrimRight(digits[:cut]+"."+digits[cut:], "0"), ".") + " " + name
}
