package optics

import (
	"bufio"
	"image"
	"image/png"
	"os"

	"coldsign/shared/frame/picture"
)

// Gray is the picture as the standard library knows it.
func Gray(p *picture.Plane) *image.Gray {
	return &image.Gray{Pix: p.Pix, Stride: p.Stride, Rect: image.Rect(0, 0, p.Width, p.Height)}
}

// WritePNG writes one picture, hardly compressed: these are many and short-lived.
func WritePNG(path string, p *picture.Plane) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	e := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := e.Encode(w, Gray(p)); err != nil {
		f.Close()
		return err
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

