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

	"github.com/fxamacker/cbor/v2"

	"coldsign/shared/fault"
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

// IsBundle says, as an error, what is not the form of a bundle. It is for NewJoiner.
func IsBundle(m Message) error {
	if m.carriesBundle() {
		return nil
	}
	return fault.New("frame.kind", "show the codes of the other half", "%s is no Coldsign bundle", m)
}

func (m Message) carriesBundle() bool {
	switch m.Format {
	case Native:
		return true
	case UR:
		return m.Type == "bytes"
	case BBQr:
		return m.Type == "C" || m.Type == "B"
	}
	return false
}

// Bundle gives the bundle in a message: of a UR "bytes" what the byte string has.
func (m Message) Bundle() ([]byte, error) {
	if err := IsBundle(m); err != nil {
		return nil, err
	}
	if m.Format != UR {
		return m.Data, nil
	}
	var raw []byte
	if err := cbor.Unmarshal(m.Data, &raw); err != nil {
		return nil, fault.New("frame.kind", "show the codes of the other half", "the UR holds no byte string")
	}
	return raw, nil
}

// PSBT gives the PSBT in a message, if it carries one.
func (m Message) PSBT() ([]byte, bool) {
	raw := m.Data
	if m.Format == UR && (m.Type == "crypto-psbt" || m.Type == "psbt") && cbor.Unmarshal(m.Data, &raw) != nil {
		return nil, false
	}
	return raw, strings.HasPrefix(string(raw), psbtMagic)
}

// As gives a bundle or a PSBT the form that a format carries; any other message
// has no second form.
func (m Message) As(f Format) (Message, error) {
	if m.Format == f {
		return m, nil
	}
	data, kind, letter := m.Data, "bytes", "C"
	if raw, ok := m.PSBT(); ok {
		data, kind, letter = raw, "crypto-psbt", "P"
	}
	switch {
	case m.Format != Native && letter != "P" || f == Native:
	case f == UR:
		b, err := cbor.Marshal(data)
		return Message{Format: UR, Type: kind, Data: b}, err
	case f == BBQr:
		return Message{Format: BBQr, Type: letter, Data: data}, nil
	case (f == Parts || f == Plain) && letter == "P":
		return Message{Format: f, Data: data}, nil
	}
	return m, fault.New("frame.format", "leave --format away, or use native, ur or bbqr for a bundle", "%s has no form %q", m, string(f))
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
