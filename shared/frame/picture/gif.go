package picture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"image/gif"
	"io"
	"slices"
	"strings"
	"time"

	"coldsign/shared/fault"
)

// What a GIF is made of (GIF89a, sections 17 to 27).
const (
	gifExtension = 0x21
	gifImage     = 0x2c
	gifTrailer   = 0x3b
	gifTable     = 0x80 // flag: a table of 2<<(flags&7) colours follows
)

// animation gives the pictures of a GIF as they are seen. image/gif would hold
// them all at once: here each is cut out, made a GIF of its own, and drawn.
type animation struct {
	r    *bufio.Reader
	head []byte // header, screen and colours: what every picture starts from
	next Plane  // what the next picture is drawn over
	buf  []byte
}

func newGIF(r *bufio.Reader) (Source, error) {
	a := &animation{r: r}
	if err := a.take(13); err != nil {
		return nil, cutShort(r, "GIF", err)
	}
	w, h := binary.LittleEndian.Uint16(a.buf[6:]), binary.LittleEndian.Uint16(a.buf[8:])
	if err := bounded(int(w), int(h)); err != nil {
		return nil, err
	}
	if err := a.table(a.buf[10]); err != nil {
		return nil, cutShort(r, "GIF", err)
	}
	a.head, a.next = slices.Clone(a.buf), *blank(int(w), int(h))
	a.next.Pix = bytes.Repeat([]byte{255}, len(a.next.Pix))
	return a, nil
}

func (a *animation) Next() (*Plane, error) {
	if _, err := a.r.Peek(1); err != nil {
		return nil, ended(err)
	}
	for a.buf = append(a.buf[:0], a.head...); ; {
		if err := a.take(1); err != nil {
			return nil, cutShort(a.r, "GIF", err)
		}
		switch kind := a.buf[len(a.buf)-1]; kind {
		case gifTrailer:
			a.r.Reset(strings.NewReader(""))
			return nil, io.EOF
		case gifExtension:
			err := a.take(1)
			if err == nil {
				err = a.blocks()
			}
			if err != nil {
				return nil, cutShort(a.r, "GIF", err)
			}
		case gifImage:
			if err := a.image(); err != nil {
				return nil, cutShort(a.r, "GIF", err)
			}
			return a.draw()
		default:
			a.r.Reset(strings.NewReader(""))
			return nil, damaged("a GIF is damaged: block of unknown type %#x", kind)
		}
	}
}

// draw decodes the picture in a.buf over the ones before.
func (a *animation) draw() (*Plane, error) {
	g, err := gif.DecodeAll(bytes.NewReader(append(a.buf, gifTrailer)))
	if err != nil {
		return nil, damaged("a picture of a GIF is damaged: %w", err)
	}
	p, m := a.next, g.Image[0]
	p.Pix = slices.Clone(p.Pix)
	grey, clear := shades(m.Palette)
	for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
		row := p.Pix[y*p.Stride+m.Rect.Min.X:][:m.Rect.Dx()]
		for x, i := range m.Pix[m.PixOffset(m.Rect.Min.X, y):][:len(row)] {
			if !clear[i] {
				row[x] = grey[i]
			}
		}
		// What stays when the picture goes.
		switch left := a.next.Pix[y*p.Stride+m.Rect.Min.X:]; g.Disposal[0] {
		case gif.DisposalPrevious:
		case gif.DisposalBackground:
			copy(left, bytes.Repeat([]byte{255}, len(row)))
		default:
			copy(left, row)
		}
	}
	a.next.Time += time.Duration(g.Delay[0]) * 10 * time.Millisecond
	return &p, nil
}

// image takes a picture: descriptor, colours, size of the first codes, data.
func (a *animation) image() error {
	if err := a.take(9); err != nil {
		return err
	}
	if err := a.table(a.buf[len(a.buf)-1]); err != nil {
		return err
	}
	if err := a.take(1); err != nil {
		return err
	}
	return a.blocks()
}

// table takes the colours that flags promise.
func (a *animation) table(flags byte) error {
	if flags&gifTable == 0 {
		return nil
	}
	return a.take(6 << (flags & 7))
}

// blocks takes sub-blocks, each behind its length, up to the empty one.
func (a *animation) blocks() error {
	for {
		if err := a.take(1); err != nil {
			return err
		}
		n := int(a.buf[len(a.buf)-1])
		if err := a.take(n); err != nil || n == 0 {
			return err
		}
	}
}

// take appends the next n bytes to a.buf.
func (a *animation) take(n int) error {
	if len(a.buf)+n > MaxFile {
		return fault.New("picture.size", "", "a picture of a GIF has more than the %d bytes allowed", MaxFile)
	}
	a.buf = append(a.buf, make([]byte, n)...)
	_, err := io.ReadFull(a.r, a.buf[len(a.buf)-n:])
	return err
}
