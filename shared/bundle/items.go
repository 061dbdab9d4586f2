package bundle

import "coldsign/shared/chain"

// ID names a pending transaction: 12 random bytes, shown as 24 lower-case hex
// characters.
type ID [12]byte

// SignatureID names a wallet or a private key of the offline keystore: the 16
// bytes of a UUID.
type SignatureID [16]byte

// KeyRef points at one key of the offline keystore. The online half claims it;
// the offline half derives the key itself and compares.
type KeyRef struct {
	_           struct{}    `cbor:",toarray"`
	SignatureID SignatureID // the wallet
	Path        []uint32    // full BIP-32 path from the master key; empty for a single-key wallet
	Curve       chain.Curve
	Key         []byte // 33 bytes secp256k1, 32 bytes Ed25519
	Sign        bool   // false: the key is only named to prove that an output is ours
}

// Request is one pending transaction as it crosses the gap.
type Request struct {
	ID       ID       `cbor:"1,keyasint"`
	Network  chain.ID `cbor:"2,keyasint"`
	Keys     []KeyRef `cbor:"3,keyasint"` // the signers first, in the order of Unsigned.Signers
	Payload  []byte   `cbor:"4,keyasint"`
	Evidence []byte   `cbor:"5,keyasint,omitempty"`
	Deadline int64    `cbor:"6,keyasint,omitempty"` // Unix seconds after which the online half does not begin to broadcast; 0 none. A claim
	Note     string   `cbor:"7,keyasint,omitempty"` // the requester's words: hostile

	Requester string `cbor:"8,keyasint,omitempty"` // who asked, as the online half knows them: a claim, printable ASCII
}

// Status says what became of a request. The zero value is invalid.
type Status uint8

// The statuses.
const (
	Signed   Status = 1
	Refused  Status = 2
	Deferred Status = 3 // not decided: the online half may ask again
)

// Receipt is the offline answer to one request. It holds signatures, never
// transactions: the online half seals its own stored copy.
type Receipt struct {
	ID         ID       `cbor:"1,keyasint"`
	Digest     [32]byte `cbor:"2,keyasint"` // SHA-256 of the request's CBOR as received
	Status     Status   `cbor:"3,keyasint"`
	Signatures [][]byte `cbor:"4,keyasint,omitempty"` // one for each of Tx.ToSign, in order
	Code       string   `cbor:"5,keyasint,omitempty"` // of a refusal: stable
	Reason     string   `cbor:"6,keyasint,omitempty"` // of a refusal: one printable line
	Waived     Waived   `cbor:"7,keyasint,omitempty"` // what the offline half was told to overlook
	Policy     string   `cbor:"8,keyasint,omitempty"` // policy, its version and the rules that decided: "treasury 4: customers"
}

// Waived is what an offline half was told to overlook when it decided: a set of
// bits, and 0 on a machine as it should be.
type Waived uint8

// The bits.
const (
	WaivedNetwork Waived = 1 // a network interface or a radio was on
	WaivedSwap    Waived = 2 // memory might be written to a disk
	WaivedClock   Waived = 4 // its clock was behind the journal
)

// Words says what was overlooked.
func (w Waived) Words() (words []string) {
	if w&WaivedNetwork != 0 {
		words = append(words, "a network interface was up")
	}
	if w&WaivedSwap != 0 {
		words = append(words, "swap was on")
	}
	if w&WaivedClock != 0 {
		words = append(words, "its clock had been set back")
	}
	return words
}

// Wallet is the public half of one keystore entry.
type Wallet struct {
	SignatureID SignatureID `cbor:"1,keyasint"`
	Chain       string      `cbor:"2,keyasint"` // KMS chain name, "BTC"
	Testnet     bool        `cbor:"3,keyasint"`
	Curve       chain.Curve `cbor:"4,keyasint"`
	Key         []byte      `cbor:"5,keyasint,omitempty"` // the account key, or the single key; none when only Keys are known
	ChainCode   []byte      `cbor:"6,keyasint,omitempty"` // 32 bytes for an account key that derives children
	Fingerprint []byte      `cbor:"7,keyasint,omitempty"` // 4 bytes, of the master key
	Path        []uint32    `cbor:"8,keyasint,omitempty"` // of the account key
	Keys        [][]byte    `cbor:"9,keyasint,omitempty"` // index 0, 1, ...: where children are hardened and cannot be derived from Key
}

// Device is the item of a pairing bundle.
type Device struct {
	Key  [32]byte `cbor:"1,keyasint"` // Ed25519 public key; the bundle is signed with it
	Half string   `cbor:"2,keyasint"` // "online" or "offline"
}

// String names the status.
func (s Status) String() string {
	switch s {
	case Signed:
		return "signed"
	case Refused:
		return "refused"
	case Deferred:
		return "deferred"
	}
	return "invalid"
}
