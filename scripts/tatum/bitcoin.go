package tatum

import (
	"bytes"
	"encoding/hex"
	"encoding/json"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// Coin is an output that a record spends.
type Coin struct {
	TxID    string
	Index   uint32
	Satoshi int64
	Script  []byte
}

// Pay is an output of a record.
type Pay struct {
	Satoshi int64
	Script  []byte
}

// Bitcoin writes a record as bitcore's toObject does.
func Bitcoin(coins []Coin, pays []Pay) (string, error) {
	tx := wire.NewMsgTx(2)
	var in, out []map[string]any
	left := int64(0)
	for _, c := range coins {
		hash, err := chainhash.NewHashFromStr(c.TxID)
		if err != nil {
			return "", err
		}
		tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(hash, c.Index), nil, nil))
		in = append(in, map[string]any{"prevTxId": c.TxID, "outputIndex": c.Index, "sequenceNumber": wire.MaxTxInSequenceNum, "script": "", "scriptString": "",
			"output": map[string]any{"satoshis": c.Satoshi, "script": hex.EncodeToString(c.Script)}})
		left += c.Satoshi
	}
	for _, p := range pays {
		tx.AddTxOut(wire.NewTxOut(p.Satoshi, bytes.Clone(p.Script)))
		out = append(out, map[string]any{"satoshis": p.Satoshi, "script": hex.EncodeToString(p.Script)})
		left -= p.Satoshi
	}
	b, err := json.Marshal(map[string]any{"hash": tx.TxHash().String(), "version": 2, "inputs": in, "outputs": out, "nLockTime": 0, "fee": left})
	return string(b), err
}
