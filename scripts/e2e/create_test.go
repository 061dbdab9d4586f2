package e2e

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"sync"
	"testing"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
)

// create makes a creation call that pays from the ETH wallet.
func (w *world) create(t *testing.T, path string, body map[string]any) payment {
	t.Helper()
	if body["signatureId"] == nil {
		body["signatureId"] = w.wallet.eth.SignatureID
	}
	w.posts++
	id := must(w.Create(deadline(t), path, fmt.Sprintf("e2e-%d", w.posts), body))(t)
	row := w.state(t, id)
	if row.State != "pending" || row.Chain != "ETH" {
		t.Fatalf("created %+v", row)
	}
	return payment{row: row}
}

// TestCreateAcrossTheGap: coins, a token and a withdrawal, of which the application
// says no more than whom they pay. The online half finds nonces, gas and fees.
func TestCreateAcrossTheGap(t *testing.T) {
	ctx := deadline(t)
	token := must(w.eth.Token(ctx))(t)
	ok(t, w.eth.FundToken(ctx, token, w.wallet.eth.Address, big.NewInt(5_000_000)))
	pays := func(path, amount string, body map[string]any) payment {
		t.Helper()
		to := must(fund.NewEVMAddress())(t)
		name := "to"
		if path == "/v3/offchain/ethereum/transfer" {
			name = "address"
		}
		body[name] = to
		p := w.create(t, path, body)
		p.to, p.amount = to, amount
		return p
	}
	coins := pays("/v3/ethereum/transaction", "2500000000000000", map[string]any{"currency": "ETH", "amount": "0.0025"})
	old := pays("/v3/ethereum/transaction", "100000000000000001", map[string]any{"currency": "ETH", "amount": "0.100000000000000001", "fee": map[string]any{"gasLimit": "21000", "gasPrice": "20"}})
	tokens := pays("/v3/blockchain/token/transaction", "1250000", map[string]any{"chain": "ETH", "contractAddress": token, "digits": 6, "amount": "1.25"})
	withdrawal := pays("/v3/offchain/ethereum/transfer", "30000000000000000", map[string]any{"senderAccountId": "5e68c66581f2ee32bc354087", "amount": "0.03", "senderNote": "weekly"})
	all := []payment{coins, old, tokens, withdrawal}

	_, answers, review := w.cross(t, len(all))
	var ids []string
	for _, p := range all {
		shown(t, review, p)
		ids = append(ids, p.row.ID)
	}
	noted(t, review, withdrawal.row.ID, "senderAccountId 5e68c66581f2ee32bc354087, senderNote weekly")
	must(w.Import(ctx, answers))(t)
	rows := w.settle(t, ids...)
	for _, p := range []payment{coins, old, withdrawal} {
		paidEVM(t, p, rows[p.row.ID].TxID)
	}
	if n := must(w.eth.Paid(ctx, rows[tokens.row.ID].TxID, token, tokens.to, big.NewInt(1_250_000)))(t); n < depth {
		t.Errorf("the tokens have %d confirmations", n)
	}
}

// TestKilledWhileCreating: the server is killed again and again while applications
// create payments from one account, each of which asks again with the same key until it
// has an answer. Every payment is there once, and their nonces have neither gap nor
// double: the node takes them all.
func TestKilledWhileCreating(t *testing.T) {
	ctx := deadline(t)
	const clients, each, kills = 4, 8, 4
	var (
		mu   sync.Mutex
		made = map[string]payment{}
		all  sync.WaitGroup
		up   sync.RWMutex // written to while the server is down
	)
	for c := range clients {
		all.Go(func() {
			for i := range each {
				to, err := fund.NewEVMAddress()
				if err != nil {
					t.Error(err)
					return
				}
				body := map[string]any{"to": to, "currency": "ETH", "amount": "0.001", "signatureId": w.wallet.eth.SignatureID}
				id := ""
				for id == "" && ctx.Err() == nil { // its answer may be lost
					up.RLock()
					id, _ = w.Create(ctx, "/v3/ethereum/transaction", fmt.Sprintf("killed-%d-%d", c, i), body)
					up.RUnlock()
				}
				mu.Lock()
				made[id] = payment{row: halves.Row{ID: id}, to: to, amount: "1000000000000000"}
				mu.Unlock()
			}
		})
	}
	for range kills {
		mu.Lock()
		before := len(made)
		mu.Unlock()
		ok(t, fund.Wait(ctx, "some more to be created", func() (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			return len(made) >= min(before+3, clients*each), nil
		}))
		w.Striker()()
		up.Lock()
		w.Kill()
		err := w.Serve(ctx)
		up.Unlock()
		ok(t, err)
	}
	all.Wait()
	if len(made) != clients*each {
		t.Fatalf("%d payments of %d", len(made), clients*each)
	}
	_, answers, review := w.cross(t, len(made))
	for _, p := range made {
		shown(t, review, p)
	}
	must(w.Import(ctx, answers))(t)
	for id, row := range w.settle(t, slices.Collect(maps.Keys(made))...) {
		paidEVM(t, made[id], row.TxID)
	}
}
