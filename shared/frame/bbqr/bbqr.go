// Package bbqr reads and writes BBQr, the numbered QR codes of Coldcard and others
// (github.com/coinkite/BBQr, BBQr.md).
//
//	s, err := bbqr.Split(psbt, bbqr.PSBT, bbqr.Options{MaxVersion: 27})
//	m, err := encoder.Text(s.Parts[0], s.Version) // of package qr
//
//	var d bbqr.Decoder
//	p, err := d.Add(text) // p.Data is set once all parts are there
//
// BBQr has neither redundancy nor a checksum: every part must be seen, and who uses
// the data must check it.
package bbqr

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"coldsign/shared/fault"
	"coldsign/shared/frame/parts"
	"coldsign/shared/frame/qr"
)

// Types of data. Others, from A to Z, are given out as they come.
const (
	PSBT        = 'P'
	Transaction = 'T' // of Bitcoin, ready to send
	JSON        = 'J'
	CBOR        = 'C'
	Text        = 'U' // UTF-8
	Binary      = 'B'
	Executable  = 'X'
)

// Encodings.
const (
	Hex     = 'H'
	Base32  = '2' // RFC 4648 without padding
	Deflate = 'Z' // raw deflate with a window of 1 KiB, then Base32
)

const (
	magic  = "B$"
	header = 8 // characters: B$, encoding, type, total, number
)

var base = base32.StdEncoding.WithPadding(base32.NoPadding)

// Options of Split. A field that is zero takes its default.
type Options struct {
	Encoding               byte // Deflate, and Base32 if that makes it smaller
	MinVersion, MaxVersion int  // of the QR codes; 5 and 40
	MinParts, MaxParts     int  // 1 and 1295
}

// Series is data as it is shown. All codes have the same version.
type Series struct {
	Version  int
	Encoding byte
	Parts    []string
}

// Split cuts data into the fewest codes that the options allow, of these into the
// smallest, as the reference does: so that equal data gives equal codes.
func Split(data []byte, kind byte, o Options) (Series, error) {
	if kind < 'A' || kind > 'Z' {
		return Series{}, fault.New("bbqr.type", "", "BBQr has no type of data %q", kind)
	}
	if len(data) == 0 || len(data) > MaxData {
		return Series{}, fault.New("bbqr.size", "", "%d bytes are none, or more than the %d that one object may have", len(data), MaxData)
	}
	s := Series{Encoding: o.Encoding}
	if s.Encoding == 0 || s.Encoding == Deflate {
		s.Encoding = Base32
		if z := deflate(data); len(z) < len(data) {
			s.Encoding, data = Deflate, z
		}
	}
	text, unit := "", 8 // characters, of which so many stand for whole bytes
	switch s.Encoding {
	case Hex:
		text, unit = strings.ToUpper(hex.EncodeToString(data)), 2
	case Base32, Deflate:
		text = base.EncodeToString(data)
	default:
		return Series{}, fault.New("bbqr.encoding", "use H, 2 or Z", "BBQr has no encoding %q", s.Encoding)
	}
	highest := cmp.Or(o.MaxVersion, qr.MaxVersion)
	count, each := 0, 0
	for v := min(cmp.Or(o.MinVersion, 5), highest); v <= highest; v++ {
		room := (qr.TextCapacity(v) - header) / unit * unit
		if room <= 0 {
			continue
		}
		n := (len(text) + room - 1) / room
		if n >= o.MinParts && n <= cmp.Or(o.MaxParts, MaxParts) && n <= MaxParts && (count == 0 || n < count) {
			count, each, s.Version = n, room, v
		}
	}
	if count == 0 {
		return Series{}, fault.New("bbqr.size", "allow more or larger codes", "%d bytes do not fit into the codes allowed", len(data))
	}
	for i := range count {
		part := text[i*each : min((i+1)*each, len(text))]
		s.Parts = append(s.Parts, fmt.Sprintf("%s%c%c%s%s%s", magic, s.Encoding, kind, digits(count), digits(i), part))
	}
	return s, nil
}

// digits writes a number below 1296 in base 36.
func digits(n int) string {
	return strings.ToUpper(strconv.FormatInt(int64(36*36+n), 36))[1:]
}

// IsPart reports whether the text of a code is meant as BBQr.
func IsPart(text string) bool { return strings.HasPrefix(text, magic) }

// Decoder puts series together, several at once if need be. The zero value is ready;
// it is for one goroutine at a time. Missing, Save and Restore are those of
// parts.Collector.
type Decoder struct{ parts.Collector }

// Progress says how far the series of one code is.
type Progress struct {
	parts.Progress
	Kind     byte // of data
	Encoding byte
	Data     []byte // once, when all parts are there
}

// Add takes the text of one code. An error is about this code or its series, and
// whoever scans goes on: bbqr.part, parts.conflict or bbqr.data (the series starts
// again).
func (d *Decoder) Add(text string) (Progress, error) {
	part, err := parse(text)
	if err != nil {
		return Progress{}, err
	}
	out := Progress{Kind: text[3], Encoding: text[2]}
	if out.Progress, err = d.Collector.Add(part); out.Parts == nil {
		return out, err
	}
	out.Data = bytes.Join(out.Parts, nil)
	if out.Encoding == Deflate {
		if out.Data = inflate(out.Data); out.Data == nil {
			d.Forget(part.Series)
			return Progress{}, fault.New("bbqr.data", "the scan starts again by itself: keep on",
				"all %d parts are there, but they do not inflate, or to more than %d bytes", part.Total, MaxData)
		}
	}
	return out, nil
}

// parse reads one code, strictly: what it accepts has no other form.
func parse(text string) (parts.Part, error) {
	bad := fault.New("bbqr.part", "", "no sound part of a BBQr")
	if !IsPart(text) || len(text) <= header || text[3] < 'A' || text[3] > 'Z' {
		return parts.Part{}, bad
	}
	body, again := text[header:], ""
	var data []byte
	switch text[2] {
	case Hex:
		data, _ = hex.DecodeString(body)
		again = strings.ToUpper(hex.EncodeToString(data))
	case Base32, Deflate:
		data, _ = base.DecodeString(body)
		again = base.EncodeToString(data)
	}
	total, _ := strconv.ParseUint(text[4:6], 36, 16)
	index, _ := strconv.ParseUint(text[6:8], 36, 16)
	if again != body || digits(int(total))+digits(int(index)) != text[4:header] {
		return parts.Part{}, bad
	}
	return parts.Part{Series: text[:6], Index: int(index), Total: int(total), Data: data}, nil
}

// inflate gives what data was before, or nil: all of it is used, none is too large.
func inflate(data []byte) []byte {
	r := bytes.NewReader(data)
	out, err := io.ReadAll(io.LimitReader(flate.NewReader(r), MaxData+1))
	if err != nil || len(out) == 0 || len(out) > MaxData || r.Len() > 0 {
		return nil
	}
	return out
}
