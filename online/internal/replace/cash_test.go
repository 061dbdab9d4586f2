package replace_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"testing"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/replace"
	"coldsign/shared/chain/bitcoin"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// Nodes of Bitcoin Cash keep what comes first, whatever its sequences say: once it is
// sent nothing takes its place, but before it does.
func TestCashKeepsTheFirst(t *testing.T) {
	const cashTest = "bip122:00000000000e38fef93ed9582a7df438"
	coin := bitcoin.Hash{1}
	url := nodetest.Serve(t, func(method string, params []json.RawMessage) (any, *nodetest.Error) {
		switch method {
		case "getblockhash":
			return map[string]string{"1155876": "00000000000e38fef93ed9582a7df43815d5c2ba9fd37ef70c9a0ea4a285b8f5",
				"1421482": "0000000023e0680a8a062b3cc289a4a341124ce7fcb6340ede207e194d73b60a"}[string(params[0])], nil
		case "getrawtransaction":
			return nil, &nodetest.Error{Code: -5, Message: "No such mempool transaction"}
		case "gettxout":
			if string(params[0]) == `"`+coin.String()+`"` {
				return map[string]int{"confirmations": 7}, nil
			}
			return nil, nil
		}
		var text string
		var tx wire.MsgTx
		ok(t, json.Unmarshal(params[0], &text))
		ok(t, tx.Deserialize(bytes.NewReader(must(hex.DecodeString(text))(t))))
		return tx.TxHash().String(), nil
	})
	w := newWorld(t, cashTest, url, "")
	script := append(append([]byte{0x76, 0xa9, 20}, address.Hash160(w.keys[cashID].Bytes())...), 0x88, 0xac)
	psbt := must(bitcoin.BuildPSBT(2, 0, []bitcoin.Input{{Outpoint: bitcoin.Outpoint{TxID: coin}, Sequence: 0xfffffffd, HashType: bitcoin.ForkID,
		Claimed: &bitcoin.Output{Amount: 1_000_000, Script: script}}}, []bitcoin.Output{{Amount: 500_000, Script: script[:25]}, {Amount: 400_000, Script: script}}))(t)
	id := w.submit("BCH", cashID, text(t, base64.StdEncoding.EncodeToString(psbt), nil))
	w.signed(id)
	w.once()
	w.want(id, pending.Broadcast, "")
	_, err := w.maker.Make(t.Context(), "a", id, replace.Options{})
	code(t, err, "replace.final")
	w.make(id, replace.Options{Force: true})
}
