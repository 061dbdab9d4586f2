package kms

import (
	"bytes"
	"math"
	"slices"

	"coldsign/online/internal/strictjson"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// bitcoinNative reads what bitcore's toObject writes. Its amounts become
// claimed outputs: the record proves none, and the review says so.
func bitcoinNative(n chain.Network, r record, look Lookup) ([]byte, error) {
	f, err := r.fields("hash", "version", "inputs", "outputs", "nLockTime", "changeScript", "changeIndex", "fee")
	if err != nil {
		return nil, err
	}
	if err := want(f, "version", "inputs", "outputs", "nLockTime"); err != nil {
		return nil, err
	}
	tx := bitcore{money: bitcoin.Money(n.ID)}
	version, ok := f["version"].Uint(math.MaxInt32)
	lock, ok2 := f["nLockTime"].Uint(math.MaxUint32)
	if !ok || !ok2 {
		return nil, malformed("version or nLockTime is not an integer in range")
	}
	if len(f["inputs"].Items) > maxInputs || len(f["outputs"].Items) > maxOutputs {
		return nil, malformed("it has more than %d inputs or %d outputs", maxInputs, maxOutputs)
	}
	for i, v := range f["inputs"].Items {
		if err := tx.input(record{v}, look.Keys); err != nil {
			return nil, malformed("input %d: %w", i, err)
		}
	}
	for i, v := range f["outputs"].Items {
		o, err := tx.output(record{v})
		if err != nil {
			return nil, malformed("output %d: %w", i, err)
		}
		tx.out = append(tx.out, o)
	}
	if f["inputs"].Kind != strictjson.Array || f["outputs"].Kind != strictjson.Array || len(tx.in) == 0 || len(tx.out) == 0 {
		return nil, malformed("inputs and outputs must be arrays with at least one entry each")
	}
	if err := tx.agrees(uint32(version), uint32(lock), f); err != nil {
		return nil, err
	}
	return bitcoin.BuildPSBT(uint32(version), uint32(lock), tx.in, tx.out)
}

// bitcore is a record as it is read.
type bitcore struct {
	in      []bitcoin.Input
	out     []bitcoin.Output
	claimed uint64 // satoshi of all inputs
	money   uint64 // the most there can be of the coin
}

// input reads one input. A script in it would be a signature already made.
func (t *bitcore) input(r record, keys []chain.PublicKey) error {
	f, err := r.fields("prevTxId", "outputIndex", "sequenceNumber", "script", "scriptString", "output")
	if err != nil {
		return err
	}
	if err := want(f, "prevTxId", "outputIndex", "sequenceNumber", "output"); err != nil {
		return err
	}
	txid, err := bitcoin.ParseHash(f["prevTxId"].Text)
	index, ok := f["outputIndex"].Uint(math.MaxUint32)
	sequence, ok2 := f["sequenceNumber"].Uint(math.MaxUint32)
	if err != nil || !ok || !ok2 || f["prevTxId"].Kind != strictjson.String {
		return malformed("prevTxId, outputIndex or sequenceNumber is malformed")
	}
	for _, name := range []string{"script", "scriptString"} {
		if v := f[name]; v.Kind > strictjson.Null && (v.Kind != strictjson.String || v.Text != "") {
			return mismatch("it is signed already: %s is not empty", name)
		}
	}
	o, err := t.output(record{f["output"]})
	if err != nil {
		return err
	}
	t.claimed += o.Amount
	t.in = append(t.in, bitcoin.Input{
		Outpoint: bitcoin.Outpoint{TxID: txid, Index: uint32(index)}, Sequence: uint32(sequence),
		Claimed: &o, RedeemScript: redeem(o.Script, keys),
	})
	return nil
}

// redeem gives the P2WPKH script that a P2SH script of one of the keys hides,
// nil for every other script.
func redeem(script []byte, keys []chain.PublicKey) []byte {
	for _, k := range keys {
		program := append([]byte{0, 20}, address.Hash160(k.Bytes())...)
		p2sh := append(append([]byte{0xa9, 20}, address.Hash160(program)...), 0x87)
		if bytes.Equal(p2sh, script) {
			return program
		}
	}
	return nil
}

func (t *bitcore) output(r record) (bitcoin.Output, error) {
	f, err := r.fields("satoshis", "script")
	if err != nil {
		return bitcoin.Output{}, err
	}
	if err := want(f, "satoshis", "script"); err != nil {
		return bitcoin.Output{}, err
	}
	amount, ok := f["satoshis"].Uint(t.money)
	script, ok2 := hexBytes(f["script"])
	if !ok || !ok2 {
		return bitcoin.Output{}, malformed("satoshis is not an integer of satoshi, or script is not hex")
	}
	return bitcoin.Output{Amount: amount, Script: script}, nil
}

// agrees checks what the record says of itself: hash is the id of the unsigned
// transaction, fee what its amounts leave, changeIndex one of its outputs.
// changeScript repeats a script in words and is not read.
func (t *bitcore) agrees(version, lock uint32, f strictjson.Fields) error {
	if v := f["hash"]; v.Kind != strictjson.Absent {
		named, err := bitcoin.ParseHash(v.Text)
		if err != nil || v.Kind != strictjson.String {
			return malformed("hash is not a transaction id")
		}
		if id := t.id(version, lock); named != id {
			return mismatch("hash does not match: the record says %s, its content has %s", named, id)
		}
	}
	if v := f["changeScript"]; v.Kind != strictjson.Absent && v.Kind != strictjson.String {
		return malformed("changeScript is not a string")
	}
	if v := f["changeIndex"]; v.Kind != strictjson.Absent {
		if _, ok := v.Uint(uint64(len(t.out) - 1)); !ok {
			return mismatch("changeIndex names no output")
		}
	}
	var paid uint64
	for _, o := range t.out {
		paid += o.Amount
	}
	if paid > t.claimed {
		return mismatch("its outputs pay %d satoshi, its inputs bring %d", paid, t.claimed)
	}
	if v := f["fee"]; v.Kind != strictjson.Absent {
		if fee, ok := v.Uint(t.money); !ok || fee != t.claimed-paid {
			return mismatch("fee is not the %d satoshi that inputs and outputs leave", t.claimed-paid)
		}
	}
	return nil
}

// id is the id of the unsigned transaction.
func (t *bitcore) id(version, lock uint32) bitcoin.Hash {
	m := wire.MsgTx{Version: int32(version), LockTime: lock}
	for _, i := range t.in {
		m.AddTxIn(&wire.TxIn{Sequence: i.Sequence, PreviousOutPoint: wire.OutPoint{
			Hash: chainhash.Hash(i.Outpoint.TxID), Index: i.Outpoint.Index}})
	}
	for _, o := range t.out {
		m.AddTxOut(&wire.TxOut{Value: int64(o.Amount), PkScript: slices.Clone(o.Script)})
	}
	return bitcoin.Hash(m.TxHash())
}
