package dialects

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// params are those of testnet 3, which is taken where no network is named.
var params = &chaincfg.TestNet3Params

// branch is an account as somebody who watches it sees it, by btcd.
type branch struct {
	*hdkeychain.ExtendedKey // of the account
	path                    []uint32
	fingerprint             [4]byte // of the master key
}

// watch makes a branch of what the reference has read.
func watch(t *testing.T, k hdKey) branch {
	t.Helper()
	if k.Origin == nil {
		t.Fatal("a key without an origin is told")
	}
	b := branch{path: k.Origin.indexes(t), fingerprint: [4]byte(unhex(t, k.Origin.Fingerprint))}
	b.ExtendedKey = hdkeychain.NewExtendedKey(params.HDPublicKeyID[:], unhex(t, k.Key), unhex(t, k.ChainCode), make([]byte, 4), uint8(len(b.path)), b.path[len(b.path)-1], false)
	return b
}

// key gives the key below the account, and its full path.
func (b branch) key(t *testing.T, tail ...uint32) (*btcec.PublicKey, []uint32) {
	t.Helper()
	k := b.ExtendedKey
	for _, i := range tail {
		k = must(k.Derive(i))(t)
	}
	return must(k.ECPubKey())(t), append(slices.Clone(b.path), tail...)
}

// coin is a key's output in the form that the purpose of its path means, made up:
// no chain has it.
type coin struct {
	branch
	tail []uint32
	prev *wire.MsgTx
}

func (b branch) coin(t *testing.T, amount int64, tail ...uint32) coin {
	t.Helper()
	prev := wire.NewMsgTx(2)
	prev.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: tail[len(tail)-1]}, []byte{0x51}, nil))
	prev.AddTxOut(wire.NewTxOut(amount, script(t, b.address(t, tail...))))
	return coin{b, tail, prev}
}

func script(t *testing.T, a address.Address) []byte {
	t.Helper()
	return must(txscript.PayToAddrScript(a))(t)
}

// address is that of a key in the form that the purpose of its path means.
func (b branch) address(t *testing.T, tail ...uint32) address.Address {
	t.Helper()
	key, path := b.key(t, tail...)
	hash := address.Hash160(key.SerializeCompressed())
	switch path[0] &^ hard {
	case 84:
		return must(address.NewAddressWitnessPubKeyHash(hash, params))(t)
	case 86:
		return must(address.NewAddressTaproot(schnorr.SerializePubKey(txscript.ComputeTaprootKeyNoScript(key)), params))(t)
	case 49:
		return must(address.NewAddressScriptHash(append([]byte{0, 20}, hash...), params))(t)
	}
	return must(address.NewAddressPubKeyHash(hash, params))(t)
}

// describe writes what BIP-174 and BIP-371 want said of the input.
func (c coin) describe(t *testing.T, in *psbt.PInput, unproven bool) {
	t.Helper()
	key, path := c.key(t, c.tail...)
	fp := binary.LittleEndian.Uint32(c.fingerprint[:])
	raw := key.SerializeCompressed()
	if purpose := path[0] &^ hard; purpose != 44 {
		in.WitnessUtxo = c.prev.TxOut[0]
		if purpose == 49 {
			in.RedeemScript = append([]byte{0, 20}, address.Hash160(raw)...)
		}
		if purpose == 86 {
			in.TaprootInternalKey = raw[1:]
			in.TaprootBip32Derivation = []*psbt.TaprootBip32Derivation{{XOnlyPubKey: raw[1:], MasterKeyFingerprint: fp, Bip32Path: path}}
			return
		}
	}
	if !unproven {
		in.NonWitnessUtxo = c.prev
	}
	in.Bip32Derivation = []*psbt.Bip32Derivation{{PubKey: raw, MasterKeyFingerprint: fp, Bip32Path: path}}
}

// spend pays amount to a script, and the rest but for the fee back to a key of the
// first coin's account.
type spend struct {
	coins    []coin
	to       []byte
	amount   int64
	fee      int64
	back     *branch // nil: all of the rest is fee
	unproven bool
}

func (s spend) psbt(t *testing.T) []byte {
	t.Helper()
	tx := wire.NewMsgTx(2)
	left := -s.amount - s.fee
	for _, c := range s.coins {
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: c.prev.TxHash()}, Sequence: 0xfffffffd})
		left += c.prev.TxOut[0].Value
	}
	tx.AddTxOut(wire.NewTxOut(s.amount, s.to))
	if s.back != nil {
		tx.AddTxOut(wire.NewTxOut(left, script(t, s.back.address(t, 1, 0))))
	}
	p := must(psbt.NewFromUnsignedTx(tx))(t)
	for i, c := range s.coins {
		c.describe(t, &p.Inputs[i], s.unproven)
	}
	if s.back != nil {
		key, path := s.back.key(t, 1, 0)
		p.Outputs[1].Bip32Derivation = []*psbt.Bip32Derivation{{PubKey: key.SerializeCompressed(), MasterKeyFingerprint: binary.LittleEndian.Uint32(s.back.fingerprint[:]), Bip32Path: path}}
	}
	return serialized(t, p)
}

func serialized(t *testing.T, p *psbt.Packet) []byte {
	t.Helper()
	var b bytes.Buffer
	ok(t, p.Serialize(&b))
	return b.Bytes()
}

func parsed(t *testing.T, raw []byte) *psbt.Packet {
	t.Helper()
	return must(psbt.NewFromRawBytes(bytes.NewReader(raw), false))(t)
}

// outputs are what a transaction spends, for btcd.
func outputs(coins []coin) *txscript.MultiPrevOutFetcher {
	f := txscript.NewMultiPrevOutFetcher(nil)
	for _, c := range coins {
		f.AddPrevOut(wire.OutPoint{Hash: c.prev.TxHash()}, c.prev.TxOut[0])
	}
	return f
}

// valid has btcd finalize a signed PSBT and run every script.
func valid(t *testing.T, raw []byte, s spend) *wire.MsgTx {
	t.Helper()
	p := parsed(t, raw)
	ok(t, psbt.MaybeFinalizeAll(p))
	tx := must(psbt.Extract(p))(t)
	run(t, tx, s)
	return tx
}

func run(t *testing.T, tx *wire.MsgTx, s spend) {
	t.Helper()
	spent := outputs(s.coins)
	hashes := txscript.NewTxSigHashes(tx, spent)
	for i, c := range s.coins {
		out := c.prev.TxOut[0]
		e := must(txscript.NewEngine(out.PkScript, tx, i, txscript.StandardVerifyFlags, nil, hashes, out.Value, spent))(t)
		if err := e.Execute(); err != nil {
			t.Errorf("input %d, %s: %v", i, hex.EncodeToString(out.PkScript), err)
		}
	}
}

// hash20 is a P2WPKH script of nobody's.
func nobody(salt byte) []byte { return append([]byte{0, 20}, bytes.Repeat([]byte{salt}, 20)...) }
