package bitcoin

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Sizes of signatures on the wire at most, type byte included.
const (
	ecdsaSize   = 72 // DER with low s
	schnorrSize = 64 // one more with a type byte
)

// Seal verifies one signature for each request, in the same order, and gives the
// transaction with every script and witness filled in; without its bytes while
// signatures of others are missing.
func (t *tx) Seal(sigs []chain.Signature) (chain.Sealed, error) {
	requests := t.ToSign()
	if len(sigs) != len(requests) {
		return chain.Sealed{}, fault.New("seal.count", "", "%d signatures for %d requests", len(sigs), len(requests))
	}
	wire := make([][]byte, len(sigs))
	for n, s := range sigs {
		r := requests[n]
		if s.Key != r.Key || s.Scheme != r.Scheme {
			return chain.Sealed{}, fault.New("seal.key", "", "signature %d is of another key or scheme than was asked", n)
		}
		var ok bool
		if wire[n], ok = t.in[t.owner[n]].wireSignature(r.Key, s.Bytes); !ok {
			return chain.Sealed{}, fault.New("seal.signature", "", "signature %d does not verify", n)
		}
	}
	signed := t.assemble(wire)
	if slices.ContainsFunc(t.in, func(i input) bool { return i.missing > 0 }) {
		return chain.Sealed{TxID: signed.id().String()}, nil
	}
	return chain.Sealed{TxID: signed.id().String(), Raw: signed.encode(true)}, nil
}

// wireSignature verifies a signature and gives its form on the wire.
func (i *input) wireSignature(key chain.PublicKey, sig []byte) ([]byte, bool) {
	if i.kind == p2tr {
		wire := slices.Clone(sig)
		if i.hashType == sighashAll {
			wire = append(wire, sighashAll)
		}
		return wire, verifySchnorr(i.output, i.digest, sig)
	}
	if i.cash() {
		return append(slices.Clone(sig), sighashForkID), VerifySchnorr(key, i.digest[:], sig)
	}
	r, s, ok := verifyCompact(key, i.digest, sig)
	if !ok {
		return nil, false
	}
	return append(ecdsa.NewSignature(&r, &s).Serialize(), sighashAll), true
}

// verifyCompact verifies r, s, v: s low, and v the recovery id that gives the key.
func verifyCompact(key chain.PublicKey, digest Hash, sig []byte) (r, s btcec.ModNScalar, ok bool) {
	if len(sig) != 65 || sig[64] > 1 || r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:64]) ||
		r.IsZero() || s.IsZero() || s.IsOverHalfOrder() {
		return r, s, false
	}
	compact := append([]byte{27 + 4 + sig[64]}, sig[:64]...) // 4: of a compressed key
	recovered, _, err := ecdsa.RecoverCompact(compact, digest[:])
	if err != nil || !bytes.Equal(recovered.SerializeCompressed(), key.Bytes()) {
		return r, s, false
	}
	return r, s, ecdsa.NewSignature(&r, &s).Verify(digest[:], recovered)
}

// verifyDER verifies a signature in strict DER with low s (BIP-66, BIP-146).
func verifyDER(key chain.PublicKey, digest Hash, der []byte) bool {
	sig, err := ecdsa.ParseDERSignature(der)
	if err != nil || !bytes.Equal(sig.Serialize(), der) { // Serialize makes s low
		return false
	}
	pub, err := btcec.ParsePubKey(key.Bytes())
	return err == nil && sig.Verify(digest[:], pub)
}

// verifySchnorr verifies a BIP-340 signature. The ranges are checked here: the
// library's parser takes s of the group order and more.
func verifySchnorr(key [32]byte, digest Hash, sig []byte) bool {
	var r btcec.FieldVal
	var s btcec.ModNScalar
	if len(sig) != schnorrSize || r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:]) {
		return false
	}
	pub, err := schnorr.ParsePubKey(key[:])
	return err == nil && schnorr.NewSignature(&r, &s).Verify(digest[:], pub)
}

// VerifySchnorr verifies a signature of Bitcoin Cash, as its specification of May
// 2019 says: R = sG - eP, whose x is r and whose y is a square.
func VerifySchnorr(key chain.PublicKey, digest, sig []byte) bool {
	var r, root btcec.FieldVal
	var s, e btcec.ModNScalar
	pub, err := btcec.ParsePubKey(key.Bytes())
	if err != nil || len(digest) != 32 || len(sig) != schnorrSize || r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:]) {
		return false
	}
	h := sha256.Sum256(slices.Concat(sig[:32], key.Bytes(), digest))
	e.SetBytes(&h)
	var p, sG, eP, point btcec.JacobianPoint
	pub.AsJacobian(&p)
	btcec.ScalarBaseMultNonConst(&s, &sG)
	btcec.ScalarMultNonConst(e.Negate(), &p, &eP)
	btcec.AddNonConst(&sG, &eP, &point)
	if point.Z.Normalize().IsZero() {
		return false
	}
	point.ToAffine()
	return point.X.Equals(&r) && root.SquareRootVal(&point.Y)
}

// assemble fills scripts and witnesses, with one signature in wire form for each
// request.
func (t *tx) assemble(wire [][]byte) *transaction {
	signed := *t.unsigned
	signed.in = slices.Clone(signed.in)
	for n := range t.in {
		i := &t.in[n]
		var sigs [][]byte
		for _, s := range i.slots {
			if s.sig == nil {
				s.sig, wire = wire[0], wire[1:]
			}
			sigs = append(sigs, s.sig)
		}
		in := &signed.in[n]
		if i.nested != nil {
			in.script = push(nil, i.nested)
		}
		switch i.kind {
		case p2pkh:
			in.script = push(push(nil, sigs[0]), i.slots[0].key.Bytes())
		case p2wpkh:
			in.witness = encodeStack(sigs[0], i.slots[0].key.Bytes())
		case multiSig: // OP_CHECKMULTISIG takes one item too many
			in.witness = encodeStack(slices.Concat([][]byte{nil}, sigs, [][]byte{i.script})...)
		case p2tr:
			in.witness = encodeStack(sigs...)
		}
	}
	return &signed
}

// weight is that of the transaction when fully signed (BIP-141), with every
// signature to come as long as can be: 4 per byte, 1 per byte of witness.
func (t *tx) weight() int {
	wire := make([][]byte, 0, len(t.owner))
	for _, index := range t.owner {
		size := ecdsaSize
		switch i := &t.in[index]; {
		case i.kind == p2tr:
			size = schnorrSize + int(i.hashType)
		case i.cash():
			size = schnorrSize + 1
		}
		wire = append(wire, make([]byte, size))
	}
	signed := t.assemble(wire)
	others := 0
	for n := range t.in {
		others += t.in[n].missing * (1 + ecdsaSize)
	}
	return 3*len(signed.encode(false)) + len(signed.encode(true)) + others
}
