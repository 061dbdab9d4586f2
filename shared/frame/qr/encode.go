package qr

import (
	"github.com/skip2/go-qrcode"
	"rsc.io/qr/coding"

	"coldsign/shared/fault"
)

// Encoder makes symbols. It keeps the layout of each version and mask that it has
// drawn, a tenth of a second's work for all: a stream uses one Encoder. The zero
// value is ready; it is for one goroutine at a time.
type Encoder struct {
	plans [MaxVersion + 1][Masks]*coding.Plan
}

// Bytes makes a symbol at level L of exactly one segment in byte mode. Caller and
// stream choose version and mask, so that all frames have one size and each pass
// looks different to a reader that failed on the last.
func (e *Encoder) Bytes(data []byte, version, mask int) (Matrix, error) {
	if version < MinVersion || version > MaxVersion || mask < 0 || mask >= Masks {
		return Matrix{}, fault.New("qr.version", "", "there is no QR version %d with mask %d", version, mask)
	}
	if len(data) > ByteCapacity(version) {
		return Matrix{}, tooLong(len(data), "bytes", version)
	}
	p := e.plans[version][mask]
	if p == nil {
		var err error
		if p, err = coding.NewPlan(coding.Version(version), coding.L, coding.Mask(mask)); err != nil {
			return Matrix{}, err
		}
		e.plans[version][mask] = p
	}
	code, err := p.Encode(coding.String(data))
	if err != nil {
		return Matrix{}, err
	}
	m := Matrix{Size: code.Size, Dark: make([]bool, code.Size*code.Size)}
	for y := range m.Size {
		row := code.Bitmap[y*code.Stride:]
		for x := range m.Size {
			m.Dark[y*m.Size+x] = row[x/8]>>(7-x%8)&1 != 0
		}
	}
	return m, nil
}

// Text makes a symbol at level L of text that a person or another wallet reads.
// Digits and capitals (UR, BBQr) take the denser modes. Version 0 is the smallest
// that fits; a series names one, so that its symbols have one size.
func (e *Encoder) Text(s string, version int) (Matrix, error) {
	code, err := qrcode.New(s, qrcode.Low)
	if version != 0 {
		code, err = qrcode.NewWithForcedVersion(s, version, qrcode.Low)
	}
	if err != nil {
		return Matrix{}, tooLong(len(s), "characters", version)
	}
	code.DisableBorder = true
	rows := code.Bitmap()
	m := Matrix{Size: len(rows)}
	for _, row := range rows {
		m.Dark = append(m.Dark, row...)
	}
	return m, nil
}

func tooLong(n int, unit string, version int) error {
	if version == 0 {
		version = MaxVersion
	}
	return fault.New("qr.capacity", "", "%d %s do not fit into a QR code of version %d", n, unit, version)
}

// ByteCapacity gives the bytes that one segment of a version carries at level L.
func ByteCapacity(version int) int { return room(version, coding.String("")) / 8 }

// TextCapacity gives the characters that a version carries at level L if they are
// all digits, capitals, space or one of $%*+-./: (alphanumeric mode).
func TextCapacity(version int) int { return room(version, coding.Alpha("")) * 2 / 11 }

// room gives the bits that a version leaves behind the head of a segment.
func room(version int, empty coding.Encoding) int {
	if version < MinVersion || version > MaxVersion {
		return 0
	}
	v := coding.Version(version)
	return 8*v.DataBytes(coding.L) - empty.Bits(v)
}
