package reader

import (
	"errors"
	"slices"
	"strings"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"rsc.io/qr/coding"

	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/qr"
)

// luminance lets gozxing see a picture: its own adapter asks for each pixel.
type luminance struct {
	gozxing.LuminanceSourceBase
	p *picture.Plane
}

func (l *luminance) GetRow(y int, _ []byte) ([]byte, error) {
	if y < 0 || y >= l.p.Height {
		return nil, errors.New("no such row")
	}
	return l.p.Pix[y*l.p.Stride:][:l.p.Width], nil
}

func (l *luminance) GetMatrix() []byte {
	all := make([]byte, 0, l.p.Width*l.p.Height)
	for y := range l.p.Height {
		all = append(all, l.p.Pix[y*l.p.Stride:][:l.p.Width]...)
	}
	return all
}

func (l *luminance) Invert() gozxing.LuminanceSource { return l }
func (l *luminance) String() string                  { return "" }

// second asks gozxing for one symbol. Its text is a guess, so only the corrected
// codewords are taken. It is known to panic on some pictures.
func second(p *picture.Plane) (s Symbol, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	src := &luminance{gozxing.LuminanceSourceBase{Width: p.Width, Height: p.Height}, p}
	bitmap, err := gozxing.NewBinaryBitmap(gozxing.NewHybridBinarizer(src))
	if err != nil {
		return s, false
	}
	r, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil || len(r.GetResultPoints()) < 3 {
		return s, false
	}
	name, _ := r.GetResultMetadata()[gozxing.ResultMetadataType_ERROR_CORRECTION_LEVEL].(string)
	level := strings.Index("LMQH", name)
	for v := qr.MinVersion; v <= qr.MaxVersion && len(name) == 1; v++ {
		if coding.Version(v).DataBytes(coding.Level(level)) == len(r.GetRawBytes()) {
			s.Version, s.Level, s.Mask = v, name[0], -1
		}
	}
	if s.Version == 0 {
		return s, false
	}
	s.Segments, ok = parse(slices.Clone(r.GetRawBytes()), s.Version)
	var q [3]Point // the middles of the finder patterns: bottom left, top left, top right
	for i := range q {
		q[i] = Point{r.GetResultPoints()[i].GetX(), r.GetResultPoints()[i].GetY()}
	}
	size := float64(qr.Size(s.Version))
	for i, c := range [4][2]float64{{0, 0}, {size, 0}, {size, size}, {0, size}} {
		a, b := (c[0]-3.5)/(size-7), (c[1]-3.5)/(size-7)
		s.Corners[i] = Point{q[1].X + a*(q[2].X-q[1].X) + b*(q[0].X-q[1].X), q[1].Y + a*(q[2].Y-q[1].Y) + b*(q[0].Y-q[1].Y)}
	}
	return s, ok
}
