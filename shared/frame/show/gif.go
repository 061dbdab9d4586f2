package show

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
)

// The parts of a GIF89a of two colours.
const (
	gifColours = "\x80\x00\x00" + "\xff\xff\xff" + "\x00\x00\x00"                  // for all pictures: white, black
	gifForEver = "\x21\xff\x0b" + "NETSCAPE2.0" + "\x03\x01" + "\x00\x00" + "\x00" // 0 repeats
	gifBits    = 2                                                                 // of a pixel in LZW: the least that the format knows
)

// GIF makes an animation that repeats for ever. perSecond is rounded to the
// hundredths of a second that the format has. image/gif would hold all pictures
// with a byte for each pixel; this holds one, and the file.
func GIF(l Layout, frames Stream, pictures uint64, perSecond float64) ([]byte, error) {
	var b []byte
	delay := uint16(max(int(100/perSecond+0.5), 2)) // browsers slow down what is faster
	for i := range pictures {
		if err := bounded(pictures, i, len(b)); err != nil {
			return nil, err
		}
		img, err := l.Picture(frames, i)
		if err != nil {
			return nil, err
		}
		width, height := uint16(img.Rect.Dx()), uint16(img.Rect.Dy())
		if i == 0 {
			b = append(shorts([]byte("GIF89a"), width, height), gifColours+gifForEver...)
		}
		b = append(shorts(append(b, "\x21\xf9\x04\x00"...), delay), 0, 0)    // graphic control
		b = append(shorts(append(b, 0x2c), 0, 0, width, height), 0, gifBits) // the picture
		var packed bytes.Buffer
		w := lzw.NewWriter(&packed, lzw.LSB, gifBits)
		w.Write(img.Pix) // neither fails on a Buffer and pixels of 0 and 1
		w.Close()
		for packed.Len() > 0 {
			block := packed.Next(255)
			b = append(append(b, byte(len(block))), block...)
		}
		b = append(b, 0)
	}
	return append(b, 0x3b), nil
}

func shorts(b []byte, values ...uint16) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}
