package picture

import (
	"image"
	"image/color"
)

// Grey makes a grey picture of any other; what is transparent is white. The
// pixels of a grey or YCbCr image are taken over, not copied.
//
// The types that pictures of codes come in are read directly: At().RGBA() for
// each pixel costs more than reading the code does.
func Grey(img image.Image) *Plane {
	b := img.Bounds()
	switch m := img.(type) {
	case *image.Gray:
		return &Plane{Width: b.Dx(), Height: b.Dy(), Stride: m.Stride, Pix: m.Pix[m.PixOffset(b.Min.X, b.Min.Y):]}
	case *image.YCbCr:
		return &Plane{Width: b.Dx(), Height: b.Dy(), Stride: m.YStride, Pix: m.Y[m.YOffset(b.Min.X, b.Min.Y):]}
	}
	p := blank(b.Dx(), b.Dy())
	for y := range p.Height {
		row, at := p.Pix[y*p.Stride:][:p.Width], b.Min.Y+y
		switch m := img.(type) {
		case *image.Paletted:
			grey, _ := shades(m.Palette)
			for x, i := range m.Pix[m.PixOffset(b.Min.X, at):][:p.Width] {
				row[x] = grey[i]
			}
		case *image.RGBA:
			shadeRow(row, m.Pix[m.PixOffset(b.Min.X, at):], true)
		case *image.NRGBA:
			shadeRow(row, m.Pix[m.PixOffset(b.Min.X, at):], false)
		default:
			for x := range row {
				row[x] = shadeOf(img.At(b.Min.X+x, at))
			}
		}
	}
	return p
}

func shadeRow(row, pix []byte, premultiplied bool) {
	for x := range row {
		q := pix[4*x:][:4]
		row[x] = shade(q[0], q[1], q[2], q[3], premultiplied)
	}
}

// shade is the luma of ITU-R BT.601 over white.
func shade(r, g, b, a uint8, premultiplied bool) uint8 {
	l := (19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16
	switch {
	case a == 255:
		return uint8(l)
	case premultiplied:
		return uint8(l + 255 - uint32(a))
	}
	return uint8((l*uint32(a) + 255*(255-uint32(a)) + 127) / 255)
}

func shadeOf(c color.Color) uint8 {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return shade(n.R, n.G, n.B, n.A, false)
}

// shades gives the grey of each colour of a palette, and which are transparent.
// An index past its end is white.
func shades(p color.Palette) (grey [256]uint8, clear [256]bool) {
	for i := range grey {
		grey[i] = 255
		if i < len(p) {
			_, _, _, a := p[i].RGBA()
			grey[i], clear[i] = shadeOf(p[i]), a == 0
		}
	}
	return grey, clear
}
