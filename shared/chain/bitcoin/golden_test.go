package bitcoin

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// The golden reviews name every outpoint, amount and address as btcd reads them
// from the payload, and the fee that is left.
func TestGoldenAgainstBtcd(t *testing.T) {
	for _, c := range conformanceCases(t) {
		params := &chaincfg.MainNetParams
		if c.Unsigned.Network == regtest {
			params = &chaincfg.RegressionNetParams
		}
		golden, err := os.ReadFile(vectors + "reviews/" + c.Name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		p, err := psbt.NewFromRawBytes(bytes.NewReader(c.Unsigned.Payload), false)
		if err != nil {
			t.Fatal(err)
		}
		want := func(prefix, format string, args ...any) {
			t.Helper()
			text := fmt.Sprintf(format, args...)
			for line := range strings.Lines(string(golden)) {
				if strings.HasPrefix(line, prefix) && strings.Contains(line, text) {
					return
				}
			}
			t.Errorf("%s: no line %q with %q", c.Name, prefix, text)
		}
		paid := func(prefix string, o *wire.TxOut) {
			t.Helper()
			want(prefix, "(%d base units)", o.Value)
			_, addresses, _, err := txscript.ExtractPkScriptAddrs(o.PkScript, params)
			if err != nil || len(addresses) != 1 || !addressed(o.PkScript) {
				want(prefix, "script %x ", o.PkScript)
				return
			}
			want(prefix, " %s", addresses[0].EncodeAddress())
		}
		fee := int64(0)
		for n, in := range p.UnsignedTx.TxIn {
			o := p.Inputs[n].WitnessUtxo
			if prev := p.Inputs[n].NonWitnessUtxo; prev != nil {
				o = prev.TxOut[in.PreviousOutPoint.Index]
			}
			prefix := fmt.Sprintf("detail input %d: ", n)
			want(prefix, "%s,", in.PreviousOutPoint)
			want(prefix, "sequence 0x%08x", in.Sequence)
			paid(prefix, o)
			fee += o.Value
		}
		for _, o := range p.UnsignedTx.TxOut {
			paid("transfer ", o)
			fee -= o.Value
		}
		want("fee ", "(%d base units)", fee)
		want("kind ", "version %d", p.UnsignedTx.Version)
	}
}

// addressed leaves out scripts that btcd has an address for and we do not: bare
// keys, bare multisig, and what anyone can spend.
func addressed(script []byte) bool {
	switch txscript.GetScriptClass(script) {
	case txscript.PubKeyHashTy, txscript.ScriptHashTy, txscript.WitnessV0PubKeyHashTy,
		txscript.WitnessV0ScriptHashTy, txscript.WitnessV1TaprootTy:
		return true
	}
	return false
}
