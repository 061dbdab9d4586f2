// Package coordinator is what makes multisig wallets and their transactions, and sends
// them to the cosigners: what Sparrow or Bitcoin Core is to people. It is made of btcd
// alone, so that the programs are measured against other people's code.
package coordinator

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/shared/chain/bitcoin/descriptor"
)

// Key is a cosigner's key.
type Key struct {
	Fingerprint [4]byte
	Path        []uint32
	Node        *hdkeychain.ExtendedKey
	text        string
}

// Wallet is a multisig wallet: P2WSH, its keys sorted.
type Wallet struct {
	Threshold int
	Keys      []Key
}

// New makes a wallet of keys as signers print them: "[d34db33f/48h/1h/0h/2h]tpub...".
func New(threshold int, keys ...string) (w Wallet, err error) {
	w.Threshold = threshold
	for _, text := range keys {
		k := Key{text: text}
		origin, xpub, ok := strings.Cut(strings.TrimPrefix(text, "["), "]")
		head, path, _ := strings.Cut(origin, "/")
		fp, err := hex.DecodeString(head)
		if err != nil || len(fp) != 4 || !ok {
			return w, fmt.Errorf("%q is no key with an origin", text)
		}
		k.Fingerprint = [4]byte(fp)
		for _, level := range strings.Split(path, "/") {
			n, err := strconv.ParseUint(strings.TrimSuffix(level, "h"), 10, 31)
			if err != nil {
				return w, err
			}
			if strings.HasSuffix(level, "h") {
				n |= hdkeychain.HardenedKeyStart
			}
			k.Path = append(k.Path, uint32(n))
		}
		if k.Node, err = hdkeychain.NewKeyFromString(xpub); err != nil {
			return w, err
		}
		w.Keys = append(w.Keys, k)
	}
	return w, nil
}

// Stranger gives the key of a cosigner that nobody else knows.
func Stranger(seed byte) (string, error) {
	n, err := hdkeychain.NewMaster(bytes.Repeat([]byte{seed}, 32), &chaincfg.TestNet3Params)
	if err != nil {
		return "", err
	}
	pub, err := n.ECPubKey()
	if err != nil {
		return "", err
	}
	fp := address.Hash160(pub.SerializeCompressed())[:4]
	for _, i := range []uint32{48, 1, 0, 2} {
		if n, err = n.Derive(hdkeychain.HardenedKeyStart + i); err != nil {
			return "", err
		}
	}
	n, err = n.Neuter()
	return fmt.Sprintf("[%x/48h/1h/0h/2h]%s", fp, n), err
}

// Parse reads what Text writes.
func Parse(text string) (Wallet, error) {
	body, _, _ := strings.Cut(text, "#")
	body = strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(body, "wsh(sortedmulti("), "))"), "/<0;1>/*", "")
	parts := strings.Split(body, ",")
	m, err := strconv.Atoi(parts[0])
	if err != nil {
		return Wallet{}, err
	}
	return New(m, parts[1:]...)
}

// Text is the wallet as coordinators export it.
func (w Wallet) Text() (string, error) {
	body := fmt.Sprintf("wsh(sortedmulti(%d", w.Threshold)
	for _, k := range w.Keys {
		body += "," + k.text + "/<0;1>/*"
	}
	body += "))"
	sum, err := descriptor.Checksum(body)
	return body + "#" + sum, err
}

// leaf is a key of one script.
type leaf struct {
	key    []byte
	origin *psbt.Bip32Derivation
}

func (w Wallet) leaves(branch, index uint32) (list []leaf, err error) {
	for _, k := range w.Keys {
		n, err := k.Node.Derive(branch)
		if err == nil {
			n, err = n.Derive(index)
		}
		if err != nil {
			return nil, err
		}
		pub, err := n.ECPubKey()
		if err != nil {
			return nil, err
		}
		list = append(list, leaf{pub.SerializeCompressed(), &psbt.Bip32Derivation{
			PubKey: pub.SerializeCompressed(), Bip32Path: slices.Concat(k.Path, []uint32{branch, index}),
			MasterKeyFingerprint: uint32(k.Fingerprint[0]) | uint32(k.Fingerprint[1])<<8 | uint32(k.Fingerprint[2])<<16 | uint32(k.Fingerprint[3])<<24,
		}})
	}
	slices.SortFunc(list, func(a, b leaf) int { return bytes.Compare(a.key, b.key) })
	return list, nil
}

// Script gives the witness script and the output script of a place.
func (w Wallet) Script(branch, index uint32) (witness, script []byte, err error) {
	list, err := w.leaves(branch, index)
	if err != nil {
		return nil, nil, err
	}
	var keys []*address.AddressPubKey
	for _, l := range list {
		k, err := address.NewAddressPubKey(l.key, &chaincfg.RegressionNetParams)
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, k)
	}
	if witness, err = txscript.MultiSigScript(keys, w.Threshold); err != nil {
		return nil, nil, err
	}
	hash := sha256.Sum256(witness)
	script, err = txscript.NewScriptBuilder().AddOp(txscript.OP_0).AddData(hash[:]).Script()
	return witness, script, err
}

// Output is what a transaction pays: Script, and whose it is said to be.
type Output struct {
	Amount        int64
	Script        []byte
	Claim         *Wallet
	Branch, Index uint32 // of the claim
}

// Spend makes the PSBT that spends an output of a transaction, which the place of the
// wallet guards, with all that a coordinator tells signers.
func (w Wallet) Spend(prev *wire.MsgTx, at, branch, index uint32, out ...Output) (*psbt.Packet, error) {
	witness, script, err := w.Script(branch, index)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(prev.TxOut[at].PkScript, script) {
		return nil, errors.New("the output is not the wallet's")
	}
	tx := wire.NewMsgTx(2)
	hash := prev.TxHash()
	in := wire.NewTxIn(wire.NewOutPoint(&hash, at), nil, nil)
	in.Sequence = 0xfffffffd
	tx.AddTxIn(in)
	for _, o := range out {
		tx.AddTxOut(wire.NewTxOut(o.Amount, o.Script))
	}
	p, err := psbt.NewFromUnsignedTx(tx)
	if err != nil {
		return nil, err
	}
	p.Inputs[0].NonWitnessUtxo, p.Inputs[0].WitnessUtxo, p.Inputs[0].WitnessScript = prev, prev.TxOut[at], witness
	list, err := w.leaves(branch, index)
	for _, l := range list {
		p.Inputs[0].Bip32Derivation = append(p.Inputs[0].Bip32Derivation, l.origin)
	}
	for n, o := range out {
		if o.Claim == nil || err != nil {
			continue
		}
		list, err = o.Claim.leaves(o.Branch, o.Index)
		for _, l := range list {
			p.Outputs[n].Bip32Derivation = append(p.Outputs[n].Bip32Derivation, l.origin)
		}
	}
	return p, err
}

// Fund makes a transaction that pays a script, out of nothing.
func Fund(script []byte, amount int64) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: sha256.Sum256(script), Index: 7}, []byte{0x51}, nil))
	tx.AddTxOut(wire.NewTxOut(amount, script))
	return tx
}

// Combine puts the signatures of several PSBTs of one transaction together, finalizes
// it, and has btcd's script engine run every input.
func Combine(list ...[]byte) (*wire.MsgTx, error) {
	var p *psbt.Packet
	for _, b := range list {
		q, err := psbt.NewFromRawBytes(bytes.NewReader(b), false)
		if err != nil {
			return nil, err
		}
		if p == nil {
			p = q
			continue
		}
		if p.UnsignedTx.TxHash() != q.UnsignedTx.TxHash() {
			return nil, errors.New("PSBTs of different transactions")
		}
		for n, in := range q.Inputs {
			for _, s := range in.PartialSigs {
				if !slices.ContainsFunc(p.Inputs[n].PartialSigs, func(o *psbt.PartialSig) bool { return bytes.Equal(o.PubKey, s.PubKey) }) {
					p.Inputs[n].PartialSigs = append(p.Inputs[n].PartialSigs, s)
				}
			}
		}
	}
	outs := map[wire.OutPoint]*wire.TxOut{}
	for n := range p.Inputs {
		outs[p.UnsignedTx.TxIn[n].PreviousOutPoint] = p.Inputs[n].WitnessUtxo
		p.Inputs[n].NonWitnessUtxo = nil // btcd finalizes by the other
	}
	if err := psbt.MaybeFinalizeAll(p); err != nil {
		return nil, err
	}
	tx, err := psbt.Extract(p)
	if err != nil {
		return nil, err
	}
	fetcher := txscript.NewMultiPrevOutFetcher(outs)
	hashes := txscript.NewTxSigHashes(tx, fetcher)
	for n, in := range tx.TxIn {
		spent := outs[in.PreviousOutPoint]
		e, err := txscript.NewEngine(spent.PkScript, tx, n, txscript.StandardVerifyFlags, nil, hashes, spent.Value, fetcher)
		if err != nil {
			return nil, err
		}
		if err := e.Execute(); err != nil {
			return nil, fmt.Errorf("input %d: %w", n, err)
		}
	}
	return tx, nil
}
