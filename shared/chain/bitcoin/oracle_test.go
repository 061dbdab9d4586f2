package bitcoin

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/shared/chain"
)

// Random transactions of every kind of input: our digests are those of btcd's
// txscript, our sealed bytes those of btcd's finalizer, and its script engine
// accepts every input under the flags of standard transactions.
func TestAgainstBtcd(t *testing.T) {
	rnd := rand.New(rand.NewChaCha8([32]byte{1}))
	seen := map[string]int{}
	for range 150 {
		payload, ks := random(t, rnd)
		x := decode(t, payload, ks...)
		sigs := signAll(x)
		sealed, err := x.Seal(sigs)
		if err != nil {
			t.Fatal(err)
		}
		theirs := finalize(t, x, payload, sigs)
		if !bytes.Equal(sealed.Raw, theirs) {
			t.Fatalf("sealed\n%x, btcd makes\n%x", sealed.Raw, theirs)
		}
		for _, i := range x.in {
			seen[i.describe()]++
		}
		verify(t, x, sealed)
	}
	if len(seen) != 6 {
		t.Errorf("not every kind of input was tried: %v", seen)
	}
}

// finalize lets btcd make the digests, compares them, and assembles.
func finalize(t *testing.T, x *tx, payload []byte, sigs []chain.Signature) []byte {
	t.Helper()
	p, err := psbt.NewFromRawBytes(bytes.NewReader(payload), false)
	if err != nil {
		t.Fatalf("btcd does not parse our PSBT: %v", err)
	}
	fetcher := fetch(x)
	hashes := txscript.NewTxSigHashes(p.UnsignedTx, fetcher)
	for n, s := range sigs {
		index := x.owner[n]
		in, i := &p.Inputs[index], x.in[index]
		var digest []byte
		switch {
		case i.kind == p2tr:
			digest, err = txscript.CalcTaprootSignatureHash(hashes, txscript.SigHashDefault, p.UnsignedTx, index, fetcher)
		case i.kind == p2pkh:
			digest, err = txscript.CalcSignatureHash(i.spent.Script, txscript.SigHashAll, p.UnsignedTx, index)
		default:
			script := i.script
			if i.kind == p2wpkh {
				script = witnessScript(0, i.keyHash)
			}
			digest, err = txscript.CalcWitnessSigHash(script, hashes, txscript.SigHashAll, p.UnsignedTx, index, int64(i.spent.Amount))
		}
		if err != nil || !bytes.Equal(digest, x.ToSign()[n].Message) {
			t.Fatalf("%s: btcd's digest is %x, ours %x: %v", i.describe(), digest, x.ToSign()[n].Message, err)
		}
		wireSig, ok := i.wireSignature(s.Key, s.Bytes)
		if !ok {
			t.Fatal("signature does not verify")
		}
		if i.kind != p2pkh {
			in.WitnessUtxo = wire.NewTxOut(int64(i.spent.Amount), i.spent.Script)
			in.NonWitnessUtxo = nil
		}
		if i.kind == p2tr {
			in.TaprootKeySpendSig = wireSig
		} else {
			in.PartialSigs = append(in.PartialSigs, &psbt.PartialSig{PubKey: s.Key.Bytes(), Signature: wireSig})
		}
	}
	if err := psbt.MaybeFinalizeAll(p); err != nil {
		t.Fatalf("btcd does not finalize: %v", err)
	}
	final, err := psbt.Extract(p)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := final.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func fetch(x *tx) *txscript.MultiPrevOutFetcher {
	outs := map[wire.OutPoint]*wire.TxOut{}
	for _, i := range x.in {
		outs[wire.OutPoint{Hash: [32]byte(i.TxID), Index: i.Index}] = wire.NewTxOut(int64(i.spent.Amount), i.spent.Script)
	}
	return txscript.NewMultiPrevOutFetcher(outs)
}

// verify runs btcd's script engine, and checks id and estimated size.
func verify(t *testing.T, x *tx, sealed chain.Sealed) {
	t.Helper()
	var m wire.MsgTx
	if err := m.Deserialize(bytes.NewReader(sealed.Raw)); err != nil {
		t.Fatal(err)
	}
	if m.TxHash().String() != sealed.TxID {
		t.Errorf("id %s, btcd says %s", sealed.TxID, m.TxHash())
	}
	fetcher := fetch(x)
	hashes := txscript.NewTxSigHashes(&m, fetcher)
	for n, i := range x.in {
		e, err := txscript.NewEngine(i.spent.Script, &m, n, txscript.StandardVerifyFlags, nil, hashes, int64(i.spent.Amount), fetcher)
		if err == nil {
			err = e.Execute()
		}
		if err != nil {
			t.Fatalf("btcd refuses input %d, %s: %v", n, i.describe(), err)
		}
	}
	weight := 3*m.SerializeSizeStripped() + m.SerializeSize()
	if est := x.weight(); est < weight || est > weight+len(x.in)*16 {
		t.Errorf("estimated weight %d, it is %d", est, weight)
	}
}

// A Taproot input may ask for ALL: its signature then has a type byte.
func TestSighashAllTaproot(t *testing.T) {
	in := taproot(3, 5000, 9, nil)
	payload := withField(t, build(t, 2, 0, []Input{in}, []Output{pay(4000)}), 0, inSighash, []byte{1, 0, 0, 0})
	x := decode(t, payload, 9)
	sealed, err := x.Seal(signAll(x))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, x, sealed)
	if w := x.assemble([][]byte{make([]byte, 65)}).in[0].witness; len(w) != 67 || w[0] != 1 || w[1] != 65 {
		t.Error("witness is not one signature of 65 bytes")
	}
}
