// Package frame puts the formats of QR codes behind one door: what crosses is a
// Message, whatever wrote the codes.
//
//	s, err := frame.NewStream(message, profile)     // the side that shows
//	for n := uint64(0); ; n++ { show(s.Frame(n)) }
//
//	j := frame.NewJoiner(wanted)                    // the side that reads
//	e := j.Add(content)                             // e.Message once it is whole
//
// Native frames carry bundles between the halves; UR (BCR-2020-005), BBQr, parts
// such as "p1of3" and bare text are what other wallets read and show. Whatever
// arrives is a claim: who uses it checks signatures.
package frame

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// Format is how codes carry a message. The zero value is invalid.
type Format string

// The formats.
const (
	Native Format = "native" // shared/frame/native: bundles between the halves
	UR     Format = "ur"     // BCR-2020-005, BCR-2024-001
	BBQr   Format = "bbqr"
	Parts  Format = "parts" // "p1of3 ...", as Krux and Specter write
	Plain  Format = "plain" // the whole message as text in one code
)

// Message is what crosses, whole.
type Message struct {
	Format Format
	Type   string // of a UR, "crypto-psbt"; of a BBQr, its file type letter; "" for the others
	Data   []byte // native: the bundle; UR: CBOR; BBQr: the file; parts and plain: the PSBT or the text
}

// String names a message for people.
func (m Message) String() string {
	switch m.Format {
	case Native:
		return "a Coldsign bundle"
	case UR:
		return "a UR of type " + m.Type
	case BBQr:
		return "a BBQr of type " + m.Type
	case Parts:
		return "a message in numbered parts"
	}
	return "a plain text"
}

// psbtMagic opens every PSBT (BIP-174).
const psbtMagic = "psbt\xff"

// unwrap gives the PSBT that a text is the base64 or hex of, else the text.
func unwrap(text []byte) []byte {
	s := strings.TrimSpace(string(text))
	if b, err := base64.StdEncoding.DecodeString(s); err == nil && strings.HasPrefix(string(b), psbtMagic) {
		return b
	}
	if b, err := hex.DecodeString(s); err == nil && len(b) > 0 {
		return b
	}
	return []byte(s)
}

// asText is the reverse of unwrap: a PSBT in base64, a text as it is.
func asText(data []byte) string {
	if strings.HasPrefix(string(data), psbtMagic) {
		return base64.StdEncoding.EncodeToString(data)
	}
	return string(data)
}

// isPSBT reports whether a text begins as a PSBT does in base64 or hex.
func isPSBT(text string) bool {
	return strings.HasPrefix(text, "cHNidP") || strings.HasPrefix(strings.ToLower(text), hex.EncodeToString([]byte(psbtMagic)))
}
