package optics

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"

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
	err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, Gray(p))
	return errors.Join(err, w.Flush(), f.Close())
}

// WriteFolder writes all pictures of a source as PNG files whose names sort in
// their order.
func WriteFolder(dir string, src picture.Source) error {
	n := 0
	return all(src, func(p *picture.Plane) error {
		n++
		return WritePNG(filepath.Join(dir, fmt.Sprintf("%06d.png", n)), p)
	})
}

// WriteY4M writes a YUV4MPEG2 stream: with grey chroma, as programs expect it,
// or mono.
func WriteY4M(w io.Writer, src picture.Source, rate int, mono bool) error {
	b := bufio.NewWriter(w)
	var chroma []byte
	started := false
	err := all(src, func(p *picture.Plane) error {
		if !started {
			started = true
			space := "Cmono"
			if !mono {
				space = "C420jpeg"
				chroma = make([]byte, 2*((p.Width+1)/2)*((p.Height+1)/2))
				for i := range chroma {
					chroma[i] = 128
				}
			}
			fmt.Fprintf(b, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 %s XCOLORRANGE=FULL\n", p.Width, p.Height, rate, space)
		}
		b.WriteString("FRAME\n")
		for y := range p.Height {
			b.Write(p.Pix[y*p.Stride : y*p.Stride+p.Width])
		}
		_, err := b.Write(chroma)
		return err
	})
	return errors.Join(err, b.Flush())
}

// WriteMJPEG writes JPEGs one after the other.
func WriteMJPEG(w io.Writer, src picture.Source, quality int) error {
	return all(src, func(p *picture.Plane) error {
		return jpeg.Encode(w, Gray(p), &jpeg.Options{Quality: quality})
	})
}

// WriteGIF writes an animation of 64 greys; delay is in hundredths of a second.
func WriteGIF(w io.Writer, src picture.Source, delay int) error {
	var g gif.GIF
	palette := make(color.Palette, 64)
	for i := range palette {
		palette[i] = color.Gray{uint8(i * 255 / 63)}
	}
	err := all(src, func(p *picture.Plane) error {
		img := image.NewPaletted(image.Rect(0, 0, p.Width, p.Height), palette)
		for y := range p.Height {
			for x, v := range p.Pix[y*p.Stride : y*p.Stride+p.Width] {
				img.Pix[y*img.Stride+x] = uint8((int(v)*63 + 127) / 255)
			}
		}
		g.Image, g.Delay = append(g.Image, img), append(g.Delay, delay)
		return nil
	})
	if err != nil {
		return err
	}
	return gif.EncodeAll(w, &g)
}

// all gives the pictures of a source to f.
func all(src picture.Source, f func(*picture.Plane) error) error {
	for {
		p, err := src.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(p); err != nil {
			return err
		}
	}
}
