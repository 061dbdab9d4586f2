package kms

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/online/internal/strictjson"
	"coldsign/shared/fault"
)

// Record writes a PSBT of ours, each input of which has the transaction that it spends,
// as clients of the KMS API read it: bitcore's JSON, or of Bitcoin Cash the unsigned
// transaction and its amounts. Native reads it again as the same transaction.
func Record(chainName string, payload []byte) (string, error) {
	p, err := psbt.NewFromRawBytes(bytes.NewReader(payload), false)
	if err != nil {
		return "", fault.New("kms.form", "", "the PSBT cannot be read: %w", err)
	}
	tx := p.UnsignedTx
	spent := make([]*wire.TxOut, len(tx.TxIn))
	for i, in := range tx.TxIn {
		from, at := p.Inputs[i].NonWitnessUtxo, in.PreviousOutPoint
		if from == nil || from.TxHash() != at.Hash || uint64(at.Index) >= uint64(len(from.TxOut)) {
			return "", fault.New("kms.form", "", "input %d of the PSBT does not have the transaction that it spends", i)
		}
		spent[i] = from.TxOut[at.Index]
	}
	if chainName == "BCH" {
		var raw bytes.Buffer
		if err := tx.SerializeNoWitness(&raw); err != nil {
			return "", fault.New("kms.form", "", "the transaction cannot be written: %w", err)
		}
		amounts := []byte{'['}
		for i, o := range spent {
			if i > 0 {
				amounts = append(amounts, ',')
			}
			amounts = strconv.AppendInt(amounts, o.Value, 10)
		}
		return hex.EncodeToString(raw.Bytes()) + ":" + string(amounts) + "]", nil
	}
	output := func(b []byte, o *wire.TxOut) []byte {
		return fmt.Appendf(b, `{"satoshis":%d,"script":"%x"}`, o.Value, o.PkScript)
	}
	b := fmt.Appendf(nil, `{"hash":"%s","version":%d,"inputs":[`, tx.TxHash(), tx.Version)
	for i, in := range tx.TxIn {
		b = fmt.Appendf(comma(b, i), `{"prevTxId":"%s","outputIndex":%d,"sequenceNumber":%d,"script":"","scriptString":"","output":`,
			in.PreviousOutPoint.Hash, in.PreviousOutPoint.Index, in.Sequence)
		b = append(output(b, spent[i]), '}')
	}
	b = append(b, `],"outputs":[`...)
	for i, o := range tx.TxOut {
		b = output(comma(b, i), o)
	}
	b = fmt.Appendf(b, `],"nLockTime":%d}`, tx.LockTime)
	if v, err := strictjson.Parse(b); err != nil || v.Kind != strictjson.Object {
		return "", fault.New("kms.form", "", "the record is no JSON: %v", err)
	}
	return string(b), nil
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}
