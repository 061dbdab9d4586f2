package urtypes

import "github.com/fxamacker/cbor/v2"

// EthData says what an Ethereum request asks to sign. The zero value is invalid.
type EthData uint8

// What can be asked for.
const (
	EthTransaction      EthData = 1 // RLP, as before EIP-2718
	EthTypedData        EthData = 2 // JSON of EIP-712
	EthMessage          EthData = 3 // EIP-191 "personal" message
	EthTypedTransaction EthData = 4 // EIP-2718: type and payload
)

// EthSignRequest is type "eth-sign-request" (ERC-4527).
type EthSignRequest struct {
	ID      UUID
	Data    []byte
	Type    EthData
	ChainID uint64 // 0 is none
	Path    KeyPath
	Address [20]byte // zero is none
	Origin  string   // the wallet that asks, as it calls itself
}

func (q EthSignRequest) tree(version) any {
	m := record{2: q.Data, 3: uint64(q.Type), 5: q.Path.tagged(v1)}.requestID(q.ID).set(4, q.ChainID)
	if q.Address != [20]byte{} {
		m[6] = q.Address[:]
	}
	return m.set(7, q.Origin)
}

// ethSignRequest takes both what ERC-4527 says of fields 3 and 5, a tagged type
// and a bare path, and what all signers write, a bare type and a tagged path.
func (r *reader) ethSignRequest(node any) (q EthSignRequest) {
	f := r.fields("request", node)
	q.ID, q.Data = f.requestID(), f.sized(2, 1, MaxItem)
	if t, ok := f.rest[uint64(3)].(cbor.Tag); ok && t.Number == tagEthReq {
		f.rest[uint64(3)] = t.Content
	}
	q.Type, q.ChainID = EthData(f.number(3, 1, 4)), f.number(4, 0, 1<<64-1)
	q.Path = f.pathOf(5)
	f.fixed(6, q.Address[:])
	q.Origin = f.text(7, MaxText)
	f.end()
	return q
}

// pathOf reads a path that must be there, with its tag or without.
func (f fields) pathOf(key uint64) KeyPath {
	node := take[any](f, key)
	if _, ok := node.(cbor.Tag); ok {
		node = f.untag("key path", node, tagPath)
	}
	return f.path(node)
}

// EthSignature is type "eth-signature". The signature is r, s and v; of v only
// the bytes that it needs, big-endian, which is more than one for a chain id
// above 110 (EIP-155).
type EthSignature struct {
	ID        UUID
	Signature []byte // 65 to 72 bytes
	Origin    string // the device, as it calls itself
}

func (s EthSignature) tree(version) any {
	return record{2: s.Signature}.requestID(s.ID).set(3, s.Origin)
}

func (r *reader) ethSignature(node any) (s EthSignature) {
	f := r.fields("signature", node)
	s = EthSignature{f.requestID(), f.sized(2, 65, 72), f.text(3, MaxText)}
	f.end()
	return s
}

// EthBatchSignRequest is type "eth-batch-sign-request".
type EthBatchSignRequest []EthSignRequest

func (b EthBatchSignRequest) tree(v version) any { return record{1: trees(v, tagEthReq, b)} }

func (r *reader) ethBatchSignRequest(node any) EthBatchSignRequest {
	f := r.fields("batch of requests", node)
	defer f.end()
	return list(r, "the requests of a batch", take[any](f, 1), func(n any) EthSignRequest {
		return r.ethSignRequest(r.untag("request", n, tagEthReq))
	})
}

// EthBatchSignature is type "eth-batch-signature".
type EthBatchSignature []EthSignature

func (b EthBatchSignature) tree(v version) any { return record{1: trees(v, tagEthSig, b)} }

func (r *reader) ethBatchSignature(node any) EthBatchSignature {
	f := r.fields("batch of signatures", node)
	defer f.end()
	return list(r, "the signatures of a batch", take[any](f, 1), func(n any) EthSignature {
		return r.ethSignature(r.untag("signature", n, tagEthSig))
	})
}

// SolData says what a Solana request asks to sign. The zero value is invalid.
type SolData uint8

// What can be asked for.
const (
	SolTransaction SolData = 1
	SolMessage     SolData = 2
)

// SolSignRequest is type "sol-sign-request".
type SolSignRequest struct {
	ID      UUID
	Data    []byte // the message of a transaction, without signatures
	Path    KeyPath
	Address []byte // what wallets write here is not always an address
	Origin  string // the wallet that asks, as it calls itself
	Type    SolData
}

func (q SolSignRequest) tree(version) any {
	m := record{2: q.Data, 3: q.Path.tagged(v1), 6: uint64(q.Type)}.requestID(q.ID)
	if len(q.Address) > 0 {
		m[4] = q.Address
	}
	return m.set(5, q.Origin)
}

func (r *reader) solSignRequest(node any) (q SolSignRequest) {
	f := r.fields("request", node)
	q.ID, q.Data, q.Path = f.requestID(), f.sized(2, 1, MaxItem), f.pathOf(3)
	if b := f.sized(4, 0, 64); len(b) > 0 {
		q.Address = b
	}
	q.Origin, q.Type = f.text(5, MaxText), SolTransaction // early requests had no type
	if _, ok := f.rest[uint64(6)]; ok {
		q.Type = SolData(f.number(6, 1, 2))
	}
	f.end()
	return q
}

// SolSignature is type "sol-signature".
type SolSignature struct {
	ID        UUID
	Signature [64]byte
}

func (s SolSignature) tree(version) any { return record{2: s.Signature[:]}.requestID(s.ID) }

func (r *reader) solSignature(node any) (s SolSignature) {
	f := r.fields("signature", node)
	s.ID = f.requestID()
	copy(s.Signature[:], f.sized(2, 64, 64))
	f.end()
	return s
}
