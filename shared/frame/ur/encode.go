package ur

import (
	"crypto/subtle"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"coldsign/shared/fault"
)

// Encode writes a message as one UR, in upper case: QR codes then need 5.5 bits
// a letter instead of 8.
func Encode(kind string, message []byte) string {
	return strings.ToUpper("ur:" + kind + "/" + words(message))
}

// Encoder makes the parts of one message.
type Encoder struct {
	id     ID
	pieces [][]byte
}

// NewEncoder cuts a message into pieces of at most maxFragment bytes, no more
// of them than that takes, all of the same length. A message that fits into one
// is no multipart UR: all its parts are what Encode gives.
func NewEncoder(kind string, message []byte, maxFragment int) (*Encoder, error) {
	if !validType.MatchString(kind) {
		return nil, fault.New("frame.size", "", "%q cannot be the type of a UR", kind)
	}
	if len(message) == 0 || len(message) > MaxMessage || maxFragment < MinFragment {
		return nil, fault.New("frame.size", "", "%d bytes cannot be sent in pieces of %d: 1 to %d can, in pieces of at least %d", len(message), maxFragment, MaxMessage, MinFragment)
	}
	n := len(message)
	k := (n + maxFragment - 1) / maxFragment
	size := (n + k - 1) / k
	k = (n + size - 1) / size // fewer, where the rounding up leaves nothing for the last
	if k > MaxParts {
		return nil, fault.New("frame.size", "use larger QR codes", "%d bytes take %d pieces of %d bytes, and %d is the most", n, k, size, MaxParts)
	}
	e := &Encoder{id: ID{kind, k, n, size, crc32.ChecksumIEEE(message)}}
	padded := append(make([]byte, 0, k*size), message...)[:k*size]
	for i := range k {
		e.pieces = append(e.pieces, padded[i*size:][:size])
	}
	return e, nil
}

// ID names the message.
func (e *Encoder) ID() ID { return e.id }

// K is the number of pieces: parts 1 to K hold one each, and all later ones
// hold sums of some.
func (e *Encoder) K() int { return e.id.K }

// Part gives the part of a number, which starts at 1; 0 is taken for 1.
func (e *Encoder) Part(number uint32) string {
	if e.id.K == 1 {
		return Encode(e.id.Type, e.pieces[0])
	}
	number = max(number, 1)
	data := make([]byte, e.id.Fragment)
	for _, i := range mixed(number, e.id.K, e.id.Checksum) {
		subtle.XORBytes(data, data, e.pieces[i])
	}
	p := part{Number: number, K: uint32(e.id.K), Length: uint32(e.id.Length), Checksum: e.id.Checksum, Data: data}
	content, _ := cbor.Marshal(p) // numbers and bytes never fail
	return strings.ToUpper(fmt.Sprintf("ur:%s/%d-%d/%s", e.id.Type, number, e.id.K, words(content)))
}
