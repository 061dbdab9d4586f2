// Package dialect asks other wallets (a Keystone, a SeedSigner, a Sparrow) for
// signatures in the forms that they read, and reads their answers and their public
// keys.
//
//	wallets, err := dialect.Wallets(message, testnet) // what they show when they pair
//	message, err := dialect.Ask(request, wallets)     // what they scan
//	answers, err := dialect.Answers(message)          // what they show when they have signed
//
// Nothing that is read is believed: package courier seals its own copy with
// signatures that it has verified.
package dialect

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"strconv"
	"strings"

	"coldsign/online/internal/courier"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/urtypes"
)

// uuidTail fills the 12 bytes of a transaction's id up to a UUID.
const uuidTail = "\x00cs1"

func uuidOf(id bundle.ID) (u urtypes.UUID) {
	copy(u[:], string(id[:])+uuidTail)
	return u
}

func idOf(u urtypes.UUID) (bundle.ID, bool) {
	return bundle.ID(u[:12]), string(u[12:]) == uuidTail
}

// Request is a stored request, and what the form of another wallet needs beside it.
type Request struct {
	bundle.Request
	Chain       string // KMS chain name
	Fingerprint []byte // of the master key of the wallet that signs
}

// Ask writes requests for another wallet: one, or several of Ethereum.
func Ask(list []Request) (frame.Message, error) {
	if len(list) == 1 {
		return ask(list[0])
	}
	var batch urtypes.EthBatchSignRequest
	for _, r := range list {
		if !bytes.Equal(r.Fingerprint, list[0].Fingerprint) {
			return frame.Message{}, fault.New("foreign.batch", "export them apart", "the transactions are for different devices")
		}
		if r.Chain == "BTC" || r.Chain == "SOL" {
			return frame.Message{}, fault.New("foreign.batch", "export them one at a time", "other wallets take one %s transaction at a time", r.Chain)
		}
		q, err := ethereumAsk(r)
		if err != nil {
			return frame.Message{}, err
		}
		batch = append(batch, q)
	}
	return message("eth-batch-sign-request", batch)
}

func ask(r Request) (frame.Message, error) {
	switch r.Chain {
	case "BTC":
		psbt, err := withOrigins(r)
		if err != nil {
			return frame.Message{}, err
		}
		return message("crypto-psbt", urtypes.PSBT(psbt))
	case "SOL":
		path, err := pathOf(r)
		if err != nil {
			return frame.Message{}, err
		}
		return message("sol-sign-request", urtypes.SolSignRequest{
			ID: uuidOf(r.ID), Data: r.Payload, Path: path, Address: r.Keys[0].Key, Origin: "coldsign", Type: urtypes.SolTransaction,
		})
	}
	q, err := ethereumAsk(r)
	if err != nil {
		return frame.Message{}, err
	}
	return message("eth-sign-request", q)
}

// withOrigins tells the device where its keys are, which a PSBT made of a KMS
// record does not. What it signs stays the same.
func withOrigins(r Request) ([]byte, error) {
	u, err := r.Unsigned()
	if err != nil || len(r.Fingerprint) != 4 {
		return r.Payload, err
	}
	var origins []chain.Origin
	for i, key := range u.Signers { // the signers stand first in Keys, in this order
		if path := r.Keys[i].Path; len(path) > 0 {
			origins = append(origins, chain.Origin{Key: key, Fingerprint: [4]byte(r.Fingerprint), Path: path})
		}
	}
	return bitcoin.WithOrigins(u, origins)
}

// pathOf gives the path of the one key that signs.
func pathOf(r Request) (urtypes.KeyPath, error) {
	if len(r.Keys) == 0 || !r.Keys[0].Sign || len(r.Keys) > 1 && r.Keys[1].Sign {
		return urtypes.KeyPath{}, fault.New("foreign.signers", "use wallets that one device holds, one key at a time", "transaction %s wants several signatures, which this form cannot ask for", r.ID)
	}
	var fp uint32
	if len(r.Fingerprint) == 4 {
		fp = binary.BigEndian.Uint32(r.Fingerprint)
	}
	return urtypes.PathOf(fp, r.Keys[0].Path), nil
}

func ethereumAsk(r Request) (q urtypes.EthSignRequest, err error) {
	path, err := pathOf(r)
	if err != nil {
		return q, err
	}
	id, err := strconv.ParseUint(strings.TrimPrefix(string(r.Network), "eip155:"), 10, 64)
	if err != nil {
		return q, fault.New("foreign.network", "", "network %s has no chain id", r.Network)
	}
	kind := urtypes.EthTransaction
	if r.Payload[0] < 0xc0 { // EIP-2718
		kind = urtypes.EthTypedTransaction
	}
	return urtypes.EthSignRequest{ID: uuidOf(r.ID), Data: r.Payload, Type: kind, ChainID: id, Path: path, Origin: "coldsign"}, nil
}

func message(kind string, item urtypes.Item) (frame.Message, error) {
	b, err := urtypes.Encode(kind, item)
	return frame.Message{Format: frame.UR, Type: kind, Data: b}, err
}

// IsAnswer says, as an error, what has not the form of an answer.
func IsAnswer(m frame.Message) error {
	const types = " crypto-psbt psbt eth-signature eth-batch-signature sol-signature "
	switch {
	case m.Format == frame.UR && strings.Contains(types, " "+m.Type+" "),
		m.Format == frame.BBQr && (m.Type == "P" || m.Type == "T"), m.Format == frame.Parts, m.Format == frame.Plain:
		return nil
	}
	return fault.New("frame.kind", "show the codes of the wallet that signed", "%s holds no signature", m)
}

// Answers reads what another wallet gave back.
func Answers(m frame.Message) ([]courier.ForeignAnswer, error) {
	if err := IsAnswer(m); err != nil {
		return nil, err
	}
	if m.Format != frame.UR {
		return []courier.ForeignAnswer{{PSBT: m.Data}}, nil
	}
	item, err := urtypes.Decode(m.Type, m.Data)
	if err != nil {
		return nil, err
	}
	switch v := item.(type) {
	case urtypes.PSBT:
		return []courier.ForeignAnswer{{PSBT: v}}, nil
	case urtypes.EthSignature:
		return ethereum(v)
	case urtypes.EthBatchSignature:
		return ethereum(v...)
	case urtypes.SolSignature:
		id, err := named(v.ID)
		return []courier.ForeignAnswer{{ID: id, Signatures: [][]byte{v.Signature[:]}}}, err
	}
	return nil, IsAnswer(frame.Message{})
}

func named(u urtypes.UUID) (bundle.ID, error) {
	id, ok := idOf(u)
	if !ok {
		return id, fault.New("import.foreign", "show the answer to a request of this half", "the signature answers no request that was made here")
	}
	return id, nil
}

func ethereum(list ...urtypes.EthSignature) (answers []courier.ForeignAnswer, err error) {
	for _, s := range list {
		id, err := named(s.ID)
		if err != nil {
			return nil, err
		}
		sig, err := compact(s.Signature)
		if err != nil {
			return nil, err
		}
		answers = append(answers, courier.ForeignAnswer{ID: id, Signatures: [][]byte{sig}})
	}
	return answers, nil
}

// compact gives r, s and the recovery id of a signature whose v is 0 or 1, 27 or
// 28, or that of EIP-155. Which chain v is for is of no account: the signature is
// verified over our own copy, which names its chain.
func compact(sig []byte) ([]byte, error) {
	if len(sig) < 65 || len(sig) > 72 {
		return nil, fault.New("foreign.signature", "", "the signature has %d bytes, not 65 to 72", len(sig))
	}
	v := new(big.Int).SetBytes(sig[64:])
	recovery := v.Bit(0)
	switch {
	case v.IsUint64() && v.Uint64() < 2:
	case v.IsUint64() && (v.Uint64() == 27 || v.Uint64() == 28), v.Cmp(big.NewInt(35)) >= 0:
		recovery = 1 - recovery // 27 and 35 are for 0
	default:
		return nil, fault.New("foreign.signature", "", "the signature's v is %s", v)
	}
	return append(append(make([]byte, 0, 65), sig[:64]...), byte(recovery)), nil
}
