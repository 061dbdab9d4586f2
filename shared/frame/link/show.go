package link

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"

	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/frame"
	"coldsign/shared/frame/qr"
)

func (e *Ends) show(ctx context.Context, s Streams, m frame.Message) error {
	st, err := frame.NewStream(m, frame.Shape{Format: m.Format, Version: 27, Only: e.Only})
	if err != nil {
		return err
	}
	if e.Text != "" {
		return durable.WriteOutput(e.Text, s.Out, textLines(st))
	}
	if e.Dir != "" {
		os.MkdirAll(e.Dir, 0o700)
		for n := range st.Pass {
			m, err := st.Frame(n)
			if err != nil {
				return err
			}
			var b bytes.Buffer
			png.Encode(&b, tempImage(m, 6))
			if err := durable.Write(filepath.Join(e.Dir, fmt.Sprintf("frame-%04d.png", n+1)), b.Bytes()); err != nil {
				return err
			}
		}
		return nil
	}
	return cli.Usagef("not yet")
}

func tempImage(m qr.Matrix, px int) image.Image {
	side := (m.Size + 8) * px
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		for x := range side {
			if m.At(x/px-4, y/px-4) {
				img.Pix[y*side+x] = 1
			}
		}
	}
	return img
}
