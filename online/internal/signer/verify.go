package signer

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/btcsuite/btcd/wire/v2"
	"github.com/ethereum/go-ethereum/rlp"

	"coldsign/online/internal/courier"
	"coldsign/online/internal/pending"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/solana"
	"coldsign/shared/quote"
)

// Verify seals the row's own payment with the signatures that are in a signed
// transaction. The result must be that transaction byte for byte: then it pays what
// was accepted, to the last field, and all signatures are valid and in the one form
// that the network takes. Of Solana the blockhash alone may be another, since the
// signer puts in a fresh one, and not where it is a durable nonce.
func Verify(codecs Codecs, row *pending.Transaction, raw []byte) (s chain.Sealed, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = chain.Sealed{}, mismatch(row, "it cannot be read: %s", quote.Line(fmt.Sprint(p)))
		}
	}()
	r, err := courier.RequestOf(row)
	if err != nil {
		return s, err
	}
	u, err := r.Unsigned()
	if err != nil {
		return s, err
	}
	c, _, ok := codecs.ByNetwork(row.Network)
	if !ok {
		return s, mismatch(row, "no codec reads its network")
	}
	tx, err := c.Codec.Decode(u)
	if err != nil {
		return s, err
	}
	sigs, message, err := signatures(c.Name, u, tx, raw)
	if err == nil && message != nil {
		u.Payload = message
		tx, err = c.Codec.Decode(u)
	}
	if err != nil {
		return s, mismatch(row, "%s", quote.Line(err.Error()))
	}
	wanted := tx.ToSign()
	if len(sigs) != len(wanted) {
		return s, mismatch(row, "it has %d signatures, and %d are wanted", len(sigs), len(wanted))
	}
	list := make([]chain.Signature, len(wanted))
	for i, w := range wanted {
		list[i] = chain.Signature{Key: w.Key, Scheme: w.Scheme, Bytes: sigs[i]}
	}
	sealed, err := tx.Seal(list)
	if err != nil {
		return s, mismatch(row, "%s", quote.Line(err.Error()))
	}
	if sealed.TxID == "" || !bytes.Equal(sealed.Raw, raw) {
		return s, mismatch(row, "the same payment with the same signatures has other bytes")
	}
	return sealed, nil
}

// signatures takes those out of a signed transaction that the payment wants, in
// order. message is the payload that they are of, where that may be another.
func signatures(name string, u chain.Unsigned, tx chain.Tx, raw []byte) (sigs [][]byte, message []byte, err error) {
	switch u.Network.Namespace() {
	case "bip122":
		if name == "BCH" {
			sigs, err = cash(raw)
		} else {
			sigs, err = bitcoin.Signatures(u, raw)
		}
	case "eip155":
		sigs, err = ethereum(name, raw)
	case "solana":
		return split(u, tx, raw)
	default:
		err = errors.New("no signed form of its chain is known")
	}
	return sigs, nil, err
}

// cash takes the signatures of Bitcoin Cash's P2PKH inputs: the first push, 64 bytes
// of Schnorr and the hash type, which sealing sets again.
func cash(raw []byte) (sigs [][]byte, err error) {
	var tx wire.MsgTx
	if err := tx.DeserializeNoWitness(bytes.NewReader(raw)); err != nil {
		return nil, errors.New("it is no transaction")
	}
	for i, in := range tx.TxIn {
		if len(in.SignatureScript) < 66 || in.SignatureScript[0] != 65 {
			return nil, fmt.Errorf("input %d has no Schnorr signature", i)
		}
		sigs = append(sigs, slices.Clone(in.SignatureScript[1:65]))
	}
	return sigs, nil
}

// ethereum takes the signature: v, r and s are the last items of every form. v is
// the recovery id, or chainId*2 + 35 and more (EIP-155).
func ethereum(name string, raw []byte) ([][]byte, error) {
	bad := errors.New("it is no signed transaction of a known type")
	body := raw
	if raw[0] < 0xc0 { // EIP-2718
		body = raw[1:]
	}
	items := items(body)
	n := len(items)
	if name == "CELO" && raw[0] >= 0xc0 && n == 12 {
		return nil, errors.New("it is of Celo's own legacy type, which its network takes no more")
	}
	if n < 9 || len(items[n-3]) > 32 || len(items[n-2]) > 32 || len(items[n-1]) > 32 {
		return nil, bad
	}
	v := new(big.Int).SetBytes(items[n-3])
	recovery := v.Bit(0)
	if v.Cmp(big.NewInt(35)) >= 0 {
		recovery ^= 1
	}
	sig := make([]byte, 65)
	copy(sig[32-len(items[n-2]):], items[n-2])
	copy(sig[64-len(items[n-1]):64], items[n-1])
	sig[64] = byte(recovery)
	return [][]byte{sig}, nil
}

// items are those of an RLP list that is all of b, at most 20; a list among them is
// empty. nil where there is no such list.
func items(b []byte) (list [][]byte) {
	b, rest, err := rlp.SplitList(b)
	for err == nil && len(rest) == 0 && len(b) > 0 && len(list) < 20 {
		kind, item := rlp.String, []byte(nil)
		if kind, item, b, err = rlp.Split(b); kind == rlp.List {
			item = nil
		}
		list = append(list, item)
	}
	if err != nil || len(rest) > 0 || len(b) > 0 {
		return nil
	}
	return list
}

// split reads a signed Solana transaction: a count below 128, as many
// signatures of 64 bytes, the message.
func split(u chain.Unsigned, tx chain.Tx, raw []byte) (sigs [][]byte, message []byte, err error) {
	n := int(raw[0])
	if n > 127 || len(raw) < 1+64*n {
		return nil, nil, errors.New("it is no signed transaction")
	}
	for i := range n {
		sigs = append(sigs, slices.Clone(raw[1+64*i:65+64*i]))
	}
	message = slices.Clone(raw[1+64*n:])
	if bytes.Equal(message, u.Payload) {
		return sigs, nil, nil
	}
	if tx.Review().Deadline.Kind != chain.ByBlockhash {
		return nil, nil, errors.New("its nonce is another")
	}
	same, err := alike(message, u.Payload)
	if err == nil && !same {
		err = errors.New("more than the blockhash is another")
	}
	return sigs, message, err
}

// alike reports whether two messages differ in the blockhash at most.
func alike(a, b []byte) (bool, error) {
	a, err := solana.WithBlockhash(a, [32]byte{})
	if err != nil {
		return false, err
	}
	b, err = solana.WithBlockhash(b, [32]byte{})
	return bytes.Equal(a, b), err
}
