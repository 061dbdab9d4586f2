package e2e

import (
	"fmt"
	"math/big"
	"testing"

	"coldsign/scripts/fund"
)

// TestCreateBitcoinAcrossTheGap: payments of which the application says no more than
// whom they pay and from which address. The second one spends the change of the first.
func TestCreateBitcoinAcrossTheGap(t *testing.T) {
	ctx := deadline(t)
	id := w.wallet.btc.SignatureID
	own := must(w.BitcoinKey(ctx, id, "7"))(t) // of no other test
	must(w.btc.Fund(3_000_000, own.Address))(t)
	for range 2 {
		p := payment{to: must(fund.NewBitcoinAddress())(t), amount: big.NewInt(1_000_000).String()}
		w.posts++
		row := must(w.Create(ctx, "/v3/bitcoin/transaction", fmt.Sprintf("e2e-%d", w.posts), map[string]any{
			"fromAddress": []any{map[string]any{"address": own.Address, "signatureId": id, "signatureIdIndex": 7}},
			"to":          []any{map[string]any{"address": p.to, "value": 0.01}},
		}))(t)
		p.row = w.state(t, row)
		_, answers, review := w.cross(t, 1)
		shown(t, review, p)
		must(w.Import(ctx, answers))(t)
		rows := w.settle(t, row)
		if n := must(w.btc.Paid(rows[row].TxID, p.to, 1_000_000))(t); n < depth {
			t.Errorf("%s has %d confirmations", rows[row].TxID, n)
		}
	}
}
