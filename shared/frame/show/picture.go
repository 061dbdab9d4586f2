// Package show draws streams of QR codes for an eye or a camera: numbered
// pictures, animations, a page for a second screen, sheets of paper. Terminals are
// package screen's.
//
//	p, err := show.ProfileByName("default")
//	l := show.Layout{Columns: p.Columns, Rows: p.Rows}
//	b, err := show.GIF(l, stream.Frame, pictures, p.PerSecond)
//
// Codes are always black on white with their quiet zone, and the same stream gives
// the same bytes.
package show

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"

	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/frame/qr"
)

// Stream gives frame n of a stream, for any n.
type Stream = func(n uint64) (qr.Matrix, error)

// Layout says how symbols stand in one picture. Zero fields are 1, 1 and 6.
type Layout struct {
	Columns, Rows int
	Pixels        int // to a module
}

func (l Layout) fixed() Layout {
	if l.Pixels == 0 {
		l.Pixels = 6
	}
	return Layout{max(l.Columns, 1), max(l.Rows, 1), max(l.Pixels, 1)}
}

// Picture draws symbols in rows of columns, each with its quiet zone, in places as
// large as the largest needs.
func Picture(symbols []qr.Matrix, columns, px int) *image.Paletted {
	side := 0
	for _, m := range symbols {
		side = max(side, (m.Size+2*qr.QuietZone)*px)
	}
	rows := (len(symbols) + columns - 1) / columns
	img := image.NewPaletted(image.Rect(0, 0, side*columns, side*rows), color.Palette{color.White, color.Black})
	for i, m := range symbols {
		left, top := (i%columns)*side, (i/columns)*side
		for y := range m.Size {
			row := img.Pix[(top+(y+qr.QuietZone)*px)*img.Stride+left+qr.QuietZone*px:]
			for x := range m.Size {
				if m.At(x, y) {
					for k := range px {
						row[x*px+k] = 1
					}
				}
			}
			for k := 1; k < px; k++ {
				copy(row[k*img.Stride:][:m.Size*px], row[:m.Size*px])
			}
		}
	}
	return img
}

// Picture draws picture i of a stream: each shows the frames that follow those of
// the one before.
func (l Layout) Picture(frames Stream, i uint64) (*image.Paletted, error) {
	l = l.fixed()
	symbols := make([]qr.Matrix, l.Columns*l.Rows)
	for k := range symbols {
		var err error
		if symbols[k], err = frames(i*uint64(len(symbols)) + uint64(k)); err != nil {
			return nil, err
		}
	}
	return Picture(symbols, l.Columns, l.Pixels), nil
}

// PNG encodes a picture with one bit a pixel.
func PNG(img *image.Paletted) ([]byte, error) {
	var b bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img)
	return b.Bytes(), err
}

// Folder writes pictures as frame-0001.png and so on. It makes the folder, and
// refuses one that has frames already: they would be read too (show.exists).
func Folder(dir string, l Layout, frames Stream, pictures uint64) error {
	if err := bounded(pictures, 0, 0); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fault.New("file.write", "", "cannot make the folder %q: %w", dir, errors.Unwrap(err))
	}
	old, err := os.ReadDir(dir) // not Glob: dir itself may look like a pattern
	if err != nil {
		return fault.New("file.read", "", "cannot read the folder %q: %w", dir, errors.Unwrap(err))
	}
	for _, e := range old {
		if is, _ := filepath.Match("frame-*.png", e.Name()); is {
			return fault.New("show.exists", "name another folder, or empty it", "%q holds frames already", dir)
		}
	}
	for i := range pictures {
		img, err := l.Picture(frames, i)
		if err != nil {
			return err
		}
		b, err := PNG(img)
		if err != nil {
			return err
		}
		if err := durable.Write(filepath.Join(dir, fmt.Sprintf("frame-%04d.png", i+1)), b); err != nil {
			return err
		}
	}
	return nil
}

// Limits on what is drawn into one file.
const (
	maxPictures = 9999
	maxFile     = 256 << 20 // bytes of an animation, which is held in memory
)

// bounded refuses more pictures than one can wait for. Those of a stream are alike:
// what the first ones take tells early what all will.
func bounded(pictures, made uint64, size int) error {
	if pictures > maxPictures || made > 0 && uint64(size)/made*pictures > maxFile {
		return fault.New("show.size", "use --profile dense or fast, or --qr-html", "%d pictures are too many", pictures)
	}
	return nil
}
