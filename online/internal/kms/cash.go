package kms

import (
	"encoding/hex"
	"slices"
	"strings"

	"coldsign/online/internal/strictjson"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"
)

// cashNative reads a record of Bitcoin Cash: the unsigned transaction in hex, and the
// amounts of its inputs as a JSON array. It does not say which key an input is of: the
// KMS gives input i the key i. So do we, and one key gets all of them. Where that is
// wrong the signature is, and no node takes it.
func cashNative(n chain.Network, serialized string, look Lookup) ([]byte, error) {
	digits, list, found := strings.Cut(serialized, ":")
	raw, err := hex.DecodeString(digits)
	if !found || err != nil {
		return nil, malformed("it is not a transaction in hex, a colon and the amounts of its inputs")
	}
	amounts, err := strictjson.Parse([]byte(list))
	if err != nil {
		return nil, malformed("%w", err)
	}
	version, lock, in, out, err := bitcoin.ReadUnsigned(raw)
	if err != nil {
		return nil, malformed("%w", err)
	}
	if len(in) == 0 || len(out) == 0 {
		return nil, malformed("the transaction has %d inputs and %d outputs", len(in), len(out))
	}
	if amounts.Kind != strictjson.Array || len(amounts.Items) != len(in) {
		return nil, mismatch("it must have as many amounts as the transaction has inputs, %d", len(in))
	}
	keys := look.Keys
	if len(keys) == 1 {
		keys = slices.Repeat(keys, len(in))
	}
	if len(keys) != len(in) {
		return nil, mismatch("the record does not say which of the %d keys named each of the %d inputs is of: name one key, or one for each input, or give a PSBT", len(keys), len(in))
	}
	for i := range in {
		amount, ok := amounts.Items[i].Uint(bitcoin.Money(n.ID))
		if !ok {
			return nil, malformed("amount %d is not an integer of satoshi", i)
		}
		script, err := txscript.NewScriptBuilder().AddOp(txscript.OP_DUP).AddOp(txscript.OP_HASH160).
			AddData(address.Hash160(keys[i].Bytes())).AddOp(txscript.OP_EQUALVERIFY).AddOp(txscript.OP_CHECKSIG).Script()
		if err != nil {
			return nil, malformed("input %d: %w", i, err)
		}
		in[i].Claimed, in[i].HashType = &bitcoin.Output{Amount: amount, Script: script}, bitcoin.ForkID
	}
	return bitcoin.BuildPSBT(version, lock, in, out)
}
