// Package chain says what every chain family offers to both halves: one strict
// reader of unsigned transactions that yields, from a single parse, the review
// that a person reads and the messages that a key signs. Since there is no
// second parse, there is none to disagree.
//
//	tx, err := codec.Decode(unsigned) // refuses what it cannot read exactly
//	show(tx.Review())                 // what signing would do
//	for _, r := range tx.ToSign() {}  // what the keys sign
//	sealed, err := tx.Seal(sigs)      // checks every signature, then assembles
//
// Codecs are pure: no clock, no I/O, no randomness. The offline half uses them
// to explain and sign; the online half uses the same ones to refuse what nobody
// could review and to seal its own stored copy.
package chain

import (
	"encoding/hex"

	"coldsign/shared/fault"
)

// ID names a network by CAIP-2, e.g. "eip155:1". A Solana message does not name
// its own network, so every request carries it.
type ID string

// Curve is the curve of a public key. The zero value is invalid.
type Curve uint8

// The curves.
const (
	Secp256k1 Curve = 1 // SEC 1 compressed points, 33 bytes
	Ed25519   Curve = 2 // RFC 8032 points, 32 bytes
)

// Scheme is a signature scheme. The zero value is invalid.
type Scheme uint8

// The schemes, with the form of their signatures.
const (
	// ECDSA is secp256k1 with RFC 6979 nonces: 65 bytes r, s, v; s low, v 0 or 1
	// the recovery id, so that each signature has exactly one encoding. The
	// message is the 32-byte digest.
	ECDSA Scheme = 1
	// Taproot is BIP-340 with the key tweaked as BIP-341 says: 64 bytes. The
	// message is the 32-byte digest. Auxiliary randomness is 32 zero bytes, so
	// that signing is deterministic.
	Taproot Scheme = 2
	// EdDSA is Ed25519 (RFC 8032): 64 bytes. The message is the whole message.
	EdDSA Scheme = 3
	// Schnorr is Bitcoin Cash's of May 2019, on secp256k1: 64 bytes r, s. The message
	// is the 32-byte digest. Nonces are those of RFC 6979 with additional data, so
	// that none is ever that of an ECDSA signature.
	Schnorr Scheme = 4
)

// PublicKey is a public key in its curve's one canonical encoding. It is
// comparable. The zero value is no key.
type PublicKey struct {
	curve Curve
	b     [33]byte
}

// NewPublicKey takes a 33-byte compressed secp256k1 point or a 32-byte Ed25519
// point. It checks length and prefix, not that the point is on the curve: that
// is found where the key is used.
func NewPublicKey(c Curve, b []byte) (PublicKey, error) {
	k := PublicKey{curve: c}
	switch {
	case c == Secp256k1 && len(b) == 33 && (b[0] == 2 || b[0] == 3):
	case c == Ed25519 && len(b) == 32:
	default:
		return PublicKey{}, fault.New("key.public", "", "not a public key of curve %d: %d bytes", c, len(b))
	}
	copy(k.b[:], b)
	return k, nil
}

// XOnly makes the secp256k1 key with the given 32-byte x coordinate and even y,
// as BIP-340 lifts it.
func XOnly(x [32]byte) PublicKey {
	k := PublicKey{curve: Secp256k1}
	k.b[0] = 2
	copy(k.b[1:], x[:])
	return k
}

// Even is the key with even y: what a Taproot key is compared by.
func (k PublicKey) Even() PublicKey {
	if k.curve == Secp256k1 {
		k.b[0] = 2
	}
	return k
}

// Curve gives the key's curve; zero for the zero key.
func (k PublicKey) Curve() Curve { return k.curve }

// Bytes gives a copy of the encoding: 33 bytes for secp256k1, 32 for Ed25519.
func (k PublicKey) Bytes() []byte {
	n := 33
	if k.curve == Ed25519 {
		n = 32
	}
	return append([]byte(nil), k.b[:n]...)
}

// String gives the encoding in hex.
func (k PublicKey) String() string { return hex.EncodeToString(k.Bytes()) }

// Unsigned is a transaction as it crosses the gap.
type Unsigned struct {
	Network  ID
	Signers  []PublicKey // whose signatures are wanted: an EVM payload does not name its own
	Payload  []byte      // the chain's own unsigned form: PSBT, unsigned RLP, message bytes
	Evidence []byte      // what proves facts the payload only claims; codec-defined, may be empty

	// Partial says that others sign after us: of what several keys control together,
	// fewer signatures may be wanted than it takes. Seal then only verifies.
	Partial bool
}

// Codec reads the unsigned transactions of one chain family.
type Codec interface {
	Networks() []ID
	// Decode is strict: unknown, trailing or non-canonical bytes are errors, and
	// so is a network that the codec does not list.
	Decode(Unsigned) (Tx, error)
}

// Tx is one decoded unsigned transaction. It never changes.
type Tx interface {
	Review() Review
	ToSign() []SignRequest // in wire order
	// Seal takes one signature for each SignRequest, in the same order, verifies
	// every one, and assembles the transaction.
	Seal([]Signature) (Sealed, error)
}

// SignRequest is one message for one key.
type SignRequest struct {
	Key     PublicKey // for Taproot the untweaked internal key, even y
	Scheme  Scheme
	Message []byte // 32-byte digest, or the whole message for Ed25519
	Tweak   []byte // BIP-341 merkle root: empty for a key-path-only output
}

// Signature answers one SignRequest.
type Signature struct {
	Key    PublicKey
	Scheme Scheme
	Bytes  []byte
}

// Sealed is a transaction that is ready to broadcast.
type Sealed struct {
	TxID string // as the chain's own tools print it
	Raw  []byte // the bytes that go to a node; nil while signatures of others are missing
}

// Origin is a claim that a key derives from a master key (BIP-32 key origin).
type Origin struct {
	Key         PublicKey
	Fingerprint [4]byte
	Path        []uint32
}

// Sharer is a Tx that can spend what several keys control together. Whose the other
// keys are no codec can know: who signs proves it.
type Sharer interface {
	// Shared gives, for each of ToSign's requests, the address that it spends from
	// together with other keys; "" where its key alone is enough.
	Shared() []string
}
