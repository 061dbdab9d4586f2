package kms_test

import (
	"bytes"
	"strings"
	"testing"

	"coldsign/online/internal/kms"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/chaintest"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// TestRecord: what we write as a record is read as the same transaction, of each chain.
func TestRecord(t *testing.T) {
	key := chaintest.Secp256k1Key(bytes.Repeat([]byte{1}, 32))
	script := append(append([]byte{0x76, 0xa9, 20}, address.Hash160(key.Bytes())...), 0x88, 0xac)
	previous := wire.NewMsgTx(2)
	previous.AddTxIn(&wire.TxIn{})
	previous.AddTxOut(wire.NewTxOut(5, []byte{0x51}))
	previous.AddTxOut(wire.NewTxOut(70_000, script))
	var raw bytes.Buffer
	if err := previous.Serialize(&raw); err != nil {
		t.Fatal(err)
	}
	for _, c := range bitcoin.Chains() {
		in := bitcoin.Input{Outpoint: bitcoin.Outpoint{TxID: bitcoin.Hash(previous.TxHash()), Index: 1}, Sequence: 0xfffffffd, Previous: raw.Bytes()}
		if c.Name == "BCH" {
			in.HashType = bitcoin.ForkID
		}
		out := []bitcoin.Output{{Amount: 1_000, Script: script}, {Amount: 60_000, Script: append([]byte{0xa9, 20}, append(make([]byte, 20), 0x87)...)}}
		psbt, err := bitcoin.BuildPSBT(2, 0, []bitcoin.Input{in}, out)
		if err != nil {
			t.Fatal(err)
		}
		record, err := kms.Record(c.Name, psbt)
		if err != nil {
			t.Fatal(err)
		}
		again, err := kms.Native(c.Networks[1], record, kms.Lookup{Keys: []chain.PublicKey{key}})
		if err != nil {
			t.Fatalf("%s: %v\n%s", c.Name, err, record)
		}
		in.Claimed, in.Previous = &bitcoin.Output{Amount: 70_000, Script: script}, nil
		if want, err := bitcoin.BuildPSBT(2, 0, []bitcoin.Input{in}, out); err != nil || !bytes.Equal(again, want) {
			t.Errorf("%s: %x, want %x, %v", c.Name, again, want, err)
		}
		if _, err := kms.Record(c.Name, again); err == nil || !strings.Contains(err.Error(), "does not have the transaction") {
			t.Errorf("%s: without the previous transaction: %v", c.Name, err)
		}
	}
}
