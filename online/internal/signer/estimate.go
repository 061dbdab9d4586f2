package signer

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"

	"coldsign/online/internal/courier"
	"coldsign/online/internal/pending"
	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"
)

// limit answers eth_estimateGas for a pending payment with the gas limit that it
// has. The daemon asks again for XDC and for withdrawals of ETH, and signs with what
// it is told: the node's number would make it another transaction. nil is for what
// is no pending payment.
func (d *Desk) limit(ctx context.Context, tenant, name string, network chain.ID, params []json.RawMessage) (json.RawMessage, error) {
	var call struct{ From, To, Value, Data, Nonce, GasPrice string }
	if len(params) == 0 || json.Unmarshal(params[0], &call) != nil {
		return nil, nil
	}
	rows, err := d.Store.Twins(ctx, tenant, name, maxTwins)
	if err != nil {
		return nil, err
	}
	data, err := hex.DecodeString(strings.TrimPrefix(call.Data, "0x"))
	if err != nil {
		return nil, nil
	}
	for i := range rows {
		if rows[i].Network != network || rows[i].State != pending.Pending {
			continue
		}
		from, tx := legacy(&rows[i])
		if tx == nil || !strings.EqualFold(from, call.From) || !strings.EqualFold("0x"+hex.EncodeToString(tx[3]), call.To) ||
			!same(tx[4], call.Value) || !same(tx[1], call.GasPrice) || !bytes.Equal(tx[5], data) || call.Nonce != "" && !same(tx[0], call.Nonce) {
			continue
		}
		return json.Marshal("0x" + new(big.Int).SetBytes(tx[2]).Text(16))
	}
	return nil, nil
}

// legacy gives the sender and the fields of a row's legacy transaction: nonce, gas
// price, gas, to, value, data, chain id and two empty ones. nil where it is none.
func legacy(row *pending.Transaction) (from string, tx [][]byte) {
	r, err := courier.RequestOf(row)
	if err != nil {
		return "", nil
	}
	u, err := r.Unsigned()
	if err != nil || len(u.Signers) != 1 || len(u.Payload) == 0 || u.Payload[0] < 0xc0 {
		return "", nil
	}
	if tx = items(u.Payload); len(tx) != 9 {
		return "", nil
	}
	return evm.Address(u.Signers[0]), tx
}

// same compares a big-endian number with 0x hex; none is 0.
func same(n []byte, text string) bool {
	digits, ok := strings.CutPrefix(text, "0x")
	b, fine := new(big.Int).SetString(digits, 16)
	return text == "" && len(n) == 0 || ok && fine && new(big.Int).SetBytes(n).Cmp(b) == 0
}
