package picture

import (
	"bufio"
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"time"

	"coldsign/shared/fault"
)

// The markers of a JPEG that matter here (ITU-T T.81, table B.1).
const (
	markTEM = 0x01
	markDHT = 0xc4
	markRST = 0xd0 // to markSOI-1
	markSOI = 0xd8
	markEOI = 0xd9
	markSOS = 0xda
)

// JPEG decodes one JPEG to its luma. Cameras leave the Huffman tables out of
// Motion JPEG: then those of ITU-T T.81 annex K are meant.
func JPEG(data []byte) (*Plane, error) {
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, damaged("a JPEG is damaged: %w", err)
	}
	if err := bounded(c.Width, c.Height); err != nil {
		return nil, Lost(err)
	}
	if !bytes.Contains(data, []byte{0xff, markDHT}) {
		var b bytes.Buffer // the encoder of the standard library writes exactly these tables
		if err := jpeg.Encode(&b, image.NewYCbCr(image.Rect(0, 0, 1, 1), image.YCbCrSubsampleRatio420), nil); err != nil {
			return nil, err
		}
		_, tables, _ := bytes.Cut(b.Bytes(), []byte{0xff, markDHT})
		tables, _, _ = bytes.Cut(tables, []byte{0xff, markSOS})
		data = bytes.Join([][]byte{{0xff, markSOI, 0xff, markDHT}, tables, data[2:]}, nil)
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, damaged("a JPEG is damaged: %w", err)
	}
	return Grey(img), nil
}

// mjpeg gives the pictures of JPEGs that follow one another, with or without
// something in between. A JPEG file is one with a single picture.
type mjpeg struct {
	s     *bufio.Scanner
	at    int // next marker to look for in the picture that is being read
	shown int
}

func newMJPEG(r io.Reader) *mjpeg {
	m := &mjpeg{s: bufio.NewScanner(r)}
	m.s.Buffer(nil, MaxFile)
	m.s.Split(m.split)
	return m
}

func (m *mjpeg) Next() (*Plane, error) {
	if !m.s.Scan() {
		if errors.Is(m.s.Err(), bufio.ErrTooLong) {
			return nil, fault.New("picture.size", "", "a JPEG has more than the %d bytes allowed", MaxFile)
		}
		return nil, ended(m.s.Err())
	}
	m.at = 0
	p, err := JPEG(m.s.Bytes())
	if err != nil {
		return nil, err
	}
	p.Time = time.Duration(m.shown) * interval
	m.shown++
	return p, nil
}

// split is a bufio.SplitFunc. It goes from marker to marker, so that a small
// picture within a segment is no picture of the stream; what is damaged is left
// to the decoder to refuse.
func (m *mjpeg) split(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if m.at == 0 {
		i := bytes.Index(data, []byte{0xff, markSOI, 0xff})
		switch {
		case i < 0 && atEOF:
			return len(data), nil, nil
		case i < 0:
			return max(0, len(data)-2), nil, nil
		case i > 0:
			n, token, err := m.split(data[i:], atEOF)
			return i + n, token, err
		}
		m.at = 2
	}
	for m.at < len(data) {
		i := bytes.IndexByte(data[m.at:], 0xff)
		if i < 0 {
			m.at = len(data)
			break
		}
		if m.at += i; m.at+4 > len(data) && !atEOF || m.at+2 > len(data) {
			break
		}
		switch kind := data[m.at+1]; {
		case kind == markEOI:
			return m.at + 2, data[:m.at+2], nil
		case kind == markSOI: // the end is missing: the next begins here
			return m.at, data[:m.at], nil
		case kind == 0xff: // fill
			m.at++
		case kind == 0 || kind == markTEM || kind >= markRST && kind < markSOI:
			m.at += 2
		case m.at+4 > len(data):
			m.at = len(data)
		default:
			m.at += 2 + int(data[m.at+2])<<8 + int(data[m.at+3])
		}
	}
	if atEOF {
		return len(data), data, nil
	}
	return 0, nil, nil
}
