// Package bundle reads and writes the signed files that cross the air gap.
//
//	raw, err := bundle.Seal(header, items, signer)  // one half
//	b, err := bundle.Open(raw, pairedKey)           // the other half
//	err = b.For(bundle.Requests, me)                // is it meant for us
//	verdict, err := channel.Judge(b.Header, b.Digest(), known)
//	for i := range b.Len() { request, digest, err := b.Request(i) }
//
// One file is one COSE_Sign1 message (RFC 9052) over deterministic CBOR (RFC
// 8949 section 4.2.1). Every bundle has exactly one encoding, and Open accepts
// no other, so the SHA-256 of a file names what it says. FORMAT.md beside this
// file is the specification.
package bundle

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"

	"filippo.io/edwards25519"

	"coldsign/shared/fault"
)

// Kind says what the items of a bundle are. The zero value is invalid.
type Kind uint8

// The kinds of bundle.
const (
	Pairing  Kind = 1 // one Device: the sender's key, signed by itself
	Keys     Kind = 2 // Wallets, from the offline half
	Requests Kind = 3 // Requests, from the online half
	Receipts Kind = 4 // Receipts, from the offline half
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case Pairing:
		return "pairing"
	case Keys:
		return "keys"
	case Requests:
		return "requests"
	case Receipts:
		return "receipts"
	}
	return "invalid"
}

// DeviceID names a device: the first 16 bytes of the SHA-256 of its Ed25519
// public key. It is the COSE key id of what the device signs.
type DeviceID [16]byte

// IDOf names the device with the given public key.
func IDOf(pub ed25519.PublicKey) DeviceID {
	sum := sha256.Sum256(pub)
	return DeviceID(sum[:16])
}

// String gives 32 lower-case hex characters.
func (d DeviceID) String() string { return hex.EncodeToString(d[:]) }

// Header is what a bundle says of itself.
type Header struct {
	Kind      Kind
	Sender    DeviceID
	Recipient DeviceID // zero for a pairing
	Sequence  uint64   // from 1 up in each direction; 0 for a pairing
	Previous  [32]byte // SHA-256 of the file before it in this direction; zero for the first
	Created   int64    // Unix seconds by the sender's clock: a claim
	Expires   int64    // Unix seconds after which it must not be used; 0 never
	Answers   [32]byte // Receipts only: SHA-256 of the requests file that they answer
	Head      Head     // of the offline half's journal; zero when nothing is said of it
	Rehearsal bool     // a rehearsal made it: it is of no use where keys are real
}

// Head is a place in the offline half's journal. What comes from that half tells
// the entry before the one that releases the bundle; what goes to it, the last one
// that the online half was told. So each half notices when the journal went back.
type Head struct {
	_      struct{} `cbor:",toarray"`
	Number uint64   // of the entry
	Hash   [32]byte // SHA-256 of its body
}

func (h Head) sound() bool {
	return (h.Number == 0) == (h.Hash == [32]byte{}) && h.Number <= MaxSequence
}

// check refuses a header that contradicts itself.
func (h Header) check() error {
	var zero [32]byte
	first := h.Sequence <= 1
	switch {
	case h.Kind < Pairing || h.Kind > Receipts:
		return fault.New("bundle.kind", "this file may need a newer version of this program", "unknown kind of bundle %d", h.Kind)
	case h.Sender == DeviceID{}:
		return malformed("the sender is missing")
	case h.Kind == Pairing && (h.Recipient != DeviceID{} || h.Sequence != 0):
		return malformed("a pairing names a recipient or a sequence number")
	case h.Kind != Pairing && (h.Recipient == DeviceID{} || h.Recipient == h.Sender):
		return malformed("the recipient is missing or is the sender")
	case h.Kind != Pairing && (h.Sequence == 0 || h.Sequence > MaxSequence):
		return malformed("the sequence number is out of range")
	case first != (h.Previous == zero):
		return malformed("the digest of the previous bundle does not fit the sequence number")
	case h.Created < 0 || h.Created > MaxTime || h.Expires < 0 || h.Expires > MaxTime:
		return malformed("a time is out of range")
	case h.Expires != 0 && h.Expires <= h.Created:
		return malformed("it expires before it was made")
	case (h.Kind == Receipts) == (h.Answers == zero):
		return malformed("the digest of the answered requests is missing or out of place")
	case !h.Head.sound() || h.Kind == Pairing && h.Head != Head{}:
		return malformed("the head of the journal is out of range or out of place")
	}
	return nil
}

// For refuses a bundle of another kind or for another device: codes bundle.kind
// and bundle.recipient.
func (h Header) For(kind Kind, recipient DeviceID) error {
	if h.Kind != kind {
		return fault.New("bundle.kind", "", "this is a %s bundle, not a %s bundle", h.Kind, kind)
	}
	if h.Recipient != recipient {
		return fault.New("bundle.recipient", "if it was meant for this device, pair again and export it again",
			"this bundle is for device %s, and this is device %s", h.Recipient, recipient)
	}
	return nil
}

// Mark refuses a rehearsal's bundle to a real half, and a real one to a rehearsal:
// code rehearsal.mark.
func (h Header) Mark(rehearsal bool) error {
	switch {
	case h.Rehearsal && !rehearsal:
		return fault.New("rehearsal.mark", "rehearse with halves that were made with --rehearsal; a rehearsal's device never becomes a real one", "this %s bundle is of a rehearsal, and this half is not", h.Kind)
	case !h.Rehearsal && rehearsal:
		return fault.New("rehearsal.mark", "give the other half --rehearsal too, in a home of its own", "this half is a rehearsal, and this %s bundle is not of one", h.Kind)
	}
	return nil
}

// Signer holds a device key, which may live elsewhere.
type Signer interface {
	Public() ed25519.PublicKey
	Sign(message []byte) ([]byte, error) // Ed25519 over the whole message: 64 bytes
}

// Bundle is an opened bundle: its signature and its encoding have been checked,
// its items have not. It never changes.
type Bundle struct {
	Header
	items  [][]byte
	digest [32]byte
}

// Len gives the number of items, at least 1.
func (b *Bundle) Len() int { return len(b.items) }

// Item gives the bytes of item i, whose SHA-256 is the item's digest. They are
// part of the file as it was read: do not change them.
func (b *Bundle) Item(i int) []byte { return b.items[i] }

// Digest gives the SHA-256 of the file.
func (b *Bundle) Digest() [32]byte { return b.digest }

// checkKey refuses what is not the one encoding of an Ed25519 point of large
// order. Under a key of small order anyone can sign (RFC 8032 section 8.9).
func checkKey(pub ed25519.PublicKey) error {
	point, err := new(edwards25519.Point).SetBytes(pub)
	if err != nil || string(point.Bytes()) != string(pub) ||
		new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return fault.New("bundle.sender", "pair the two devices again", "the sender's key is not a sound Ed25519 public key")
	}
	return nil
}

func malformed(what string) error {
	return fault.New("bundle.format", "copy the file again, and if that fails too, export it again", "not a valid bundle: %s", what)
}
