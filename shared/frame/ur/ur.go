// Package ur carries CBOR in QR codes as other wallets do: uniform resources of
// version 2 (BCR-2020-005), in several parts where one code is too small
// (BCR-2024-001).
//
//	text := ur.Encode("crypto-psbt", cbor)      // for one code
//	e, err := ur.NewEncoder("crypto-psbt", cbor, 200)
//	for n := uint32(1); ; n++ {
//		show(e.Part(n))                     // alphanumeric: it is in upper case
//	}
//
//	d := ur.NewDecoder(ur.Limits{})
//	p, err := d.Add(text)                       // p.Rank of p.K; p.Message once
//
// The parts are those of the reference encoder, to the letter. The decoder is
// not the reference reducer: it solves the equations that parts are, so that it
// misses none that follows from others and needs fewer parts. Parts carry no
// more than CRC-32: what arrives is a claim. FORMAT.md says the rest.
package ur

import (
	"fmt"
	"hash/crc32"
	"regexp"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// ID names a message: what all its parts agree on. Parts that differ in any of
// it never meet.
type ID struct {
	Type     string // "crypto-psbt"
	K        int    // pieces
	Length   int    // bytes of the message
	Fragment int    // bytes of a piece; the last is filled up with zeros
	Checksum uint32 // CRC-32 of the message
}

// part is the content of a part, in the order of its CBOR.
type part struct {
	_        struct{} `cbor:",toarray"`
	Number   uint32
	K        uint32
	Length   uint32
	Checksum uint32
	Data     []byte
}

var (
	validType = regexp.MustCompile(fmt.Sprintf(`^[a-z0-9-]{1,%d}$`, MaxType))
	versionV1 = regexp.MustCompile(`^[0-9]+of[0-9]+$`)
)

// Is reports whether a text begins like a UR, sound or not. It is the cheap
// question; Add asks the rest.
func Is(text string) bool { return len(text) > 3 && strings.EqualFold(text[:3], "ur:") }

// parse reads one UR. One that is whole is the only part of its message.
func parse(text string) (id ID, number uint32, data []byte, err error) {
	if !Is(text) {
		return id, 0, nil, fault.New("frame.foreign", "", "this code is no UR")
	}
	if len(text) > maxText {
		return id, 0, nil, fault.New("frame.limit", "", "a UR of %d characters, and %d is the most", len(text), maxText)
	}
	fields := strings.SplitN(strings.ToLower(text[3:]), "/", 5)
	if !validType.MatchString(fields[0]) {
		return id, 0, nil, fault.New("frame.damaged", "", "a UR has no type: it begins with %s", quote.String(text[:min(len(text), 3+MaxType)]))
	}
	if len(fields) == 1 || len(fields) > 4 {
		return id, 0, nil, fault.New("frame.damaged", "", "a UR of type %q has %d fields, where one or two follow the type", fields[0], len(fields))
	}
	body := fields[len(fields)-1]
	if versionV1.MatchString(fields[1]) || len(fields) == 4 || strings.ContainsAny(body, "023456789") {
		return id, 0, nil, fault.New("frame.version", "set the other wallet to UR version 2, or update it",
			"a UR of version 1, which is not supported: %s", quote.String(text[:min(len(text), 40)]))
	}
	if data, err = unwords(body); err != nil {
		return id, 0, nil, err
	}
	if len(fields) == 2 {
		id = ID{fields[0], 1, len(data), len(data), crc32.ChecksumIEEE(data)}
		return id, 1, data, id.check()
	}
	var p part
	if err := cbor.Unmarshal(data, &p); err != nil {
		return id, 0, nil, fault.New("frame.damaged", "", "the content of a UR part is not what it must be: %s", quote.Line(err.Error()))
	}
	if said := fmt.Sprintf("%d-%d", p.Number, p.K); p.Number == 0 || said != fields[1] {
		return id, 0, nil, fault.New("frame.damaged", "", "a UR part is numbered %s, and its content says %s", quote.String(fields[1]), said)
	}
	id = ID{fields[0], int(p.K), int(p.Length), len(p.Data), p.Checksum}
	return id, p.Number, p.Data, id.check()
}

// check finds out whether K pieces are what the message is cut into.
func (id ID) check() error {
	if id.Length < 1 || id.Length > MaxMessage || id.K < 1 || id.K > MaxParts {
		return fault.New("frame.limit", "", "a UR announces %d bytes in %d parts: 1 to %d in %d are possible", uint32(id.Length), uint32(id.K), MaxMessage, MaxParts)
	}
	if f := id.Fragment; f < 1 || f > id.Length || (id.Length+f-1)/f != id.K {
		return fault.New("frame.limit", "", "a UR announces %d bytes in %d parts of %d bytes, which cannot be", id.Length, id.K, f)
	}
	return nil
}
