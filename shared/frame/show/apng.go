package show

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
)

// APNG makes an animation as GIF does, with one bit a pixel: a PNG whose further
// pictures stand in fdAT chunks (the APNG chapter of PNG, third edition).
func APNG(l Layout, frames Stream, pictures uint64, perSecond float64) ([]byte, error) {
	var out []byte
	sequence := uint32(0)
	for i := range pictures {
		if err := bounded(pictures, i, len(out)); err != nil {
			return nil, err
		}
		img, err := l.Picture(frames, i)
		if err != nil {
			return nil, err
		}
		b, err := PNG(img)
		if err != nil {
			return nil, err
		}
		head, data := split(b)
		if i == 0 {
			out = append(out, head...) // signature, IHDR and PLTE
			out = chunk(out, "acTL", binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(pictures)), 0))
		}
		out = chunk(out, "fcTL", control(sequence, img.Bounds(), perSecond))
		sequence++
		for _, d := range data {
			if i == 0 {
				out = chunk(out, "IDAT", d)
				continue
			}
			out = chunk(out, "fdAT", append(binary.BigEndian.AppendUint32(nil, sequence), d...))
			sequence++
		}
	}
	return chunk(out, "IEND", nil), nil
}

// control is an fcTL: the whole picture, shown for 100 of perSecond*100 parts of
// a second, replacing the one before.
func control(sequence uint32, r image.Rectangle, perSecond float64) []byte {
	var b []byte
	for _, n := range []uint32{sequence, uint32(r.Dx()), uint32(r.Dy()), 0, 0} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	b = binary.BigEndian.AppendUint16(b, 100)
	b = binary.BigEndian.AppendUint16(b, uint16(perSecond*100+0.5))
	return append(b, 0, 0)
}

// split takes a PNG of our encoder apart: all up to its data, and the data.
func split(b []byte) (head []byte, data [][]byte) {
	at := 8
	for at < len(b) {
		n := int(binary.BigEndian.Uint32(b[at:]))
		if bytes.Equal(b[at+4:at+8], []byte("IDAT")) {
			if data == nil {
				head = b[:at]
			}
			data = append(data, b[at+8:at+8+n])
		}
		at += 12 + n
	}
	return head, data
}

func chunk(b []byte, kind string, data []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	body := append([]byte(kind), data...)
	b = append(b, body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(body))
}
