// Package kms translates the record forms of the KMS API, the text of
// serializedTransaction, to the native payloads that cross the gap. The offline
// half reads native payloads only, so that no JSON is near a key.
//
//	BTC  a bitcore Transaction as JSON       -> a PSBT; so for LTC and DOGE
//	BCH  "<transaction in hex>:[<amounts>]"  -> a PSBT
//	ETH  a web3 transaction as JSON          -> an unsigned EIP-155, 2930 or 1559 transaction; so for its kin
//	SOL  {"txData":"<message in hex>"}       -> the message
//
// The hot daemon fills in what a record leaves out by asking the network. Here
// a record is complete or refused: between two guesses lies a double payment.
package kms

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"

	"coldsign/online/internal/strictjson"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Lookup is what a translation needs beside the record.
type Lookup struct {
	Keys      []chain.PublicKey // those that may sign, in order: Bitcoin's redeem scripts and Bitcoin Cash's inputs come from them, Ethereum's "from" is checked against them
	Blockhash *[32]byte         // a recent Solana blockhash, put in place of the records' dummy; nil if there is none
}

// Native translates a record for the network. The payload is decoded by nobody
// yet: that is the codec's part. Errors: kms.record (malformed),
// kms.incomplete (names the fields that are missing), kms.mismatch (the record
// contradicts itself, its network or its keys), kms.private-key (the record
// holds a private key), kms.chain.
func Native(n chain.Network, serialized string, look Lookup) ([]byte, error) {
	if len(serialized) > maxRecord {
		return nil, malformed("it has %d bytes, at most %d are read", len(serialized), maxRecord)
	}
	translate, ok := map[string]func(chain.Network, record, Lookup) ([]byte, error){
		"bip122": bitcoinNative, "eip155": ethereumNative, "solana": solanaNative,
	}[n.ID.Namespace()]
	if !ok {
		return nil, fault.New("kms.chain", "", "no record form is known for chain %s", quote.Line(n.Chain))
	}
	if n.Chain == "BCH" {
		return cashNative(n, serialized, look)
	}
	v, err := strictjson.Parse([]byte(serialized))
	if err != nil {
		return nil, malformed("%w", err)
	}
	if v.Kind != strictjson.Object {
		return nil, malformed("it is not a JSON object")
	}
	return translate(n, record{v}, look)
}

// Web3 is a web3 transaction that came as an object, not as text.
func Web3(n chain.Network, object strictjson.Value, look Lookup) ([]byte, error) {
	return ethereumNative(n, record{object}, look)
}

// ReadBack is what a KMS client reads as serializedTransaction of a payload
// that was submitted in native form: for Solana the record form, for the others
// the form that it was submitted in, base64 of a PSBT or 0x and hex. No daemon
// signs those by mistake, with values it makes up.
func ReadBack(network chain.ID, payload []byte) string {
	switch network.Namespace() {
	case "solana":
		b, _ := json.Marshal(map[string]string{"txData": hex.EncodeToString(payload)}) // strings always marshal
		return string(b)
	case "eip155":
		return "0x" + hex.EncodeToString(payload)
	}
	return base64.StdEncoding.EncodeToString(payload)
}

// record is one JSON object of a record.
type record struct{ strictjson.Value }

// fields gives the members, all of which must be known.
func (r record) fields(known ...string) (strictjson.Fields, error) {
	f, unknown := r.Object(known...)
	if len(unknown) > 0 {
		return nil, malformed("it has a field that is not known here: %s", quote.Line(unknown[0]))
	}
	return f, nil
}

// want names the fields that are missing.
func want(f strictjson.Fields, names ...string) error {
	var missing []string
	for _, name := range names {
		if f[name].Kind == strictjson.Absent {
			missing = append(missing, name)
		}
	}
	return incomplete(missing...)
}

func incomplete(missing ...string) error {
	if len(missing) == 0 {
		return nil
	}
	return fault.New("kms.incomplete", "fill in every field: nothing is asked of the network later",
		"the record lacks %s", strings.Join(missing, ", "))
}

func malformed(format string, args ...any) error {
	return fault.New("kms.record", "", "the record cannot be read: "+format, args...)
}

func mismatch(format string, args ...any) error {
	return fault.New("kms.mismatch", "", format, args...)
}

// hexBytes reads hex digits without 0x.
func hexBytes(v strictjson.Value) ([]byte, bool) {
	b, err := hex.DecodeString(v.Text)
	return b, err == nil && v.Kind == strictjson.String
}
