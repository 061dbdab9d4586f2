package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"coldsign/shared/fault"
)

const testdata = "../../../testdata/frame-picture"

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testdata, name))
	if err != nil || len(b) == 0 {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

// all gives the pictures of a source and the errors of those it lost.
func all(t testing.TB, src Source) (planes []*Plane, losses []error) {
	t.Helper()
	for {
		p, err := src.Next()
		switch {
		case errors.Is(err, io.EOF):
			if _, err := src.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("after the end: %v", err)
			}
			return planes, losses
		case IsLost(err):
			if losses = append(losses, err); len(losses) > 1000 {
				t.Fatalf("no end of losses: %v", err)
			}
		case err != nil:
			t.Fatalf("after %d pictures: %v", len(planes), err)
		default:
			if p.Stride < p.Width || len(p.Pix) < p.Stride*(p.Height-1)+p.Width {
				t.Fatalf("a plane of %d by %d with stride %d and %d bytes", p.Width, p.Height, p.Stride, len(p.Pix))
			}
			planes = append(planes, p)
		}
	}
}

func rows(p *Plane) []byte {
	var b []byte
	for y := range p.Height {
		b = append(b, p.Pix[y*p.Stride:][:p.Width]...)
	}
	return b
}

// same compares pictures to within tolerance grey levels.
func same(t *testing.T, name string, got, want []*Plane, tolerance int) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%s: %d pictures, want %d", name, len(got), len(want))
		return
	}
	for i := range got {
		if got[i].Width != want[i].Width || got[i].Height != want[i].Height {
			t.Errorf("%s: picture %d has %d by %d pixels", name, i, got[i].Width, got[i].Height)
			return
		}
		a, b := rows(got[i]), rows(want[i])
		for j := range a {
			if d := int(a[j]) - int(b[j]); d > tolerance || -d > tolerance {
				t.Errorf("%s: picture %d, pixel %d: %d, want %d", name, i, j, a[j], b[j])
				return
			}
		}
	}
}

// pnms reads binary PGM and PPM pictures, simply, for comparison only.
func pnms(t testing.TB, b []byte) (planes []*Plane) {
	t.Helper()
	for len(b) > 0 {
		var kind string
		var w, h, white int
		if n, err := fmt.Sscan(string(b[:min(40, len(b))]), &kind, &w, &h, &white); n != 4 || white != 255 {
			t.Fatalf("header %q: %v", b[:20], err)
		}
		b = b[len(fmt.Sprintf("%s\n%d %d\n255\n", kind, w, h)):]
		p := blank(w, h)
		for i := range p.Pix {
			if kind == "P5" {
				p.Pix[i] = b[i]
			} else {
				p.Pix[i] = uint8(0.299*float64(b[3*i]) + 0.587*float64(b[3*i+1]) + 0.114*float64(b[3*i+2]) + 0.5)
			}
		}
		b = b[len(p.Pix)*map[string]int{"P5": 1, "P6": 3}[kind]:]
		planes = append(planes, p)
	}
	return planes
}

// Every kind of source gives the same pictures of the same scene, from a file,
// from a pipe that gives a byte at a time, and within a folder.
func TestConformance(t *testing.T) {
	scene, wedge := pnms(t, read(t, "scene.pgms")), pnms(t, read(t, "wedge.pgm"))
	for _, c := range []struct {
		name      string
		want      []*Plane
		tolerance int
	}{
		{"scene.pgms", scene, 0}, {"scene-mono.y4m", scene, 0}, {"scene-420.y4m", scene, 0},
		{"scene-422.y4m", scene, 0}, {"scene-444.y4m", scene, 0}, {"scene.gif", scene, 0},
		{"scene.mjpeg", scene, 12},
		{"layers.gif", pnms(t, read(t, "coalesced.ppms")), 1},
		{"wedge.pgm", wedge, 0}, {"wedge-grey8.png", wedge, 0}, {"wedge-grey16.png", wedge, 0},
		{"wedge-rgb8.png", wedge, 0}, {"wedge-rgb16.png", wedge, 0}, {"wedge-palette.png", wedge, 0},
		{"wedge-rgba8.png", wedge, 0}, {"wedge-rgba16.png", wedge, 0},
		{"wedge-grey.jpg", wedge, 1}, {"wedge-420.jpg", wedge, 1}, {"wedge-progressive.jpg", wedge, 1},
		{"wedge-cmyk.jpg", wedge, 2},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x"), read(t, c.name), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, from := range []string{filepath.Join(testdata, c.name), "-", dir} {
			src, closer, err := Open(from, iotest.OneByteReader(bytes.NewReader(read(t, c.name))))
			if err != nil {
				t.Errorf("%s from %s: %v", c.name, from, err)
				continue
			}
			got, losses := all(t, src)
			if len(losses) > 0 {
				t.Errorf("%s from %s: %v", c.name, from, losses)
			}
			same(t, c.name+" from "+from, got, c.want, c.tolerance)
			if err := closer.Close(); err != nil {
				t.Errorf("close %s: %v", from, err)
			}
		}
	}
}

func TestTimes(t *testing.T) {
	for name, want := range map[string]time.Duration{
		"scene-mono.y4m": 300 * time.Millisecond, "scene.gif": 300 * time.Millisecond,
		"scene.pgms": 100 * time.Millisecond, "scene.mjpeg": 100 * time.Millisecond,
		"layers.gif": 510 * time.Millisecond,
	} {
		src, err := New(bytes.NewReader(read(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		planes, _ := all(t, src)
		if got := planes[len(planes)-1].Time.Round(time.Millisecond); got != want || planes[0].Time != 0 {
			t.Errorf("%s: from %v to %v, want 0 to %v", name, planes[0].Time, got, want)
		}
	}
}

func TestTransparentIsWhite(t *testing.T) {
	src, err := New(bytes.NewReader(read(t, "alpha.png")))
	if err != nil {
		t.Fatal(err)
	}
	p, err := src.Next()
	if err != nil {
		t.Fatal(err)
	}
	// Only the point in the corner is dark: half of black over white.
	want := bytes.Repeat([]byte{255}, 16)
	want[15] = 127
	if !bytes.Equal(rows(p), want) {
		t.Errorf("%v", rows(p))
	}
}

// Each direct way to grey gives what the general one gives, also for a part of an
// image.
func TestGrey(t *testing.T) {
	r := image.Rect(-3, 5, 60, 40)
	rgba, nrgba, deep := image.NewRGBA(r), image.NewNRGBA(r), image.NewNRGBA64(r)
	palette := image.NewPaletted(r, color.Palette{color.Black, color.White, color.NRGBA{200, 10, 90, 128}, color.Transparent})
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			c := color.NRGBA{uint8(4 * x), uint8(6 * y), uint8(x * y), uint8(255 - (x*y)&1*70)}
			rgba.Set(x, y, c)
			nrgba.Set(x, y, c)
			deep.Set(x, y, c)
			palette.SetColorIndex(x, y, uint8(x*y)&3)
		}
	}
	part := image.Rect(2, 7, 50, 33)
	for _, img := range []interface {
		image.Image
		SubImage(image.Rectangle) image.Image
	}{rgba, nrgba, deep, palette} {
		m := img.SubImage(part)
		p := Grey(m)
		for i, got := range rows(p) {
			r, g, b, a := m.At(part.Min.X+i%p.Width, part.Min.Y+i/p.Width).RGBA()
			want := (0.299*float64(r) + 0.587*float64(g) + 0.114*float64(b) + 65535 - float64(a)) / 257
			if d := float64(got) - want; d > 1.5 || d < -1.5 {
				t.Fatalf("%T: pixel %d is %d, want %.1f", img, i, got, want)
			}
		}
	}
}

// Motion JPEG of a camera comes without its Huffman tables.
func TestJPEGWithoutTables(t *testing.T) {
	whole := read(t, "wedge-420.jpg")
	var std bytes.Buffer
	img, err := jpeg.Decode(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&std, img, nil); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(std.Bytes(), []byte{0xff, 0xc4})
	n := 2 + int(std.Bytes()[at+2])<<8 + int(std.Bytes()[at+3])
	bare := append(bytes.Clone(std.Bytes()[:at]), std.Bytes()[at+n:]...)
	if _, err := jpeg.Decode(bytes.NewReader(bare)); err == nil {
		t.Fatal("the standard library knows the tables now: drop ours")
	}
	want, err := JPEG(std.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	got, err := JPEG(bare)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "without tables", []*Plane{got}, []*Plane{want}, 0)
}

// A preview within a segment is no picture of its own, and what stands between
// two pictures is passed over.
func TestMJPEGSplitting(t *testing.T) {
	a, b := read(t, "wedge-grey.jpg"), read(t, "wedge-420.jpg")
	n := len(b) + 2
	nested := append([]byte{0xff, 0xd8, 0xff, 0xe1, byte(n >> 8), byte(n)}, b...)
	nested = append(nested, a[2:]...)
	for name, c := range map[string]struct {
		in           []byte
		good, losses int
	}{
		"preview":           {nested, 1, 0},
		"boundaries":        {bytes.Join([][]byte{a, b, a}, []byte("\r\n--next\r\nContent-Type: image/jpeg\r\n\r\n\xff")), 3, 0},
		"fill bytes":        {append(append(bytes.Clone(a[:2]), 0xff, 0xff, 0xff), a[2:]...), 1, 0},
		"rubbish after":     {append(bytes.Clone(a), make([]byte, 200<<10)...), 1, 0},
		"cut short":         {append(bytes.Clone(a), b[:len(b)/2]...), 1, 1},
		"end missing":       {append(bytes.Clone(a[:len(a)-2]), b...), 1, 1},
		"damaged":           {bytes.Join([][]byte{a, bytes.Replace(b, []byte{0xff, 0xc0}, []byte{0xff, 0xf3}, 1), a}, nil), 2, 1},
		"start and no more": {append(bytes.Clone(a), 0xff, 0xd8, 0xff), 1, 1},
	} {
		src, err := New(iotest.HalfReader(bytes.NewReader(c.in)))
		if err != nil {
			t.Fatal(err)
		}
		planes, losses := all(t, src)
		if len(planes) != c.good || len(losses) != c.losses {
			t.Errorf("%s: %d pictures and %v", name, len(planes), losses)
		}
		for _, err := range losses {
			if fault.Code(err) != "picture.damaged" {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// A stream that ends within a picture says so, once, after what it held.
func TestCutShort(t *testing.T) {
	for _, name := range []string{"scene.pgms", "scene-mono.y4m", "scene-420.y4m", "scene.gif", "scene.mjpeg"} {
		b := read(t, name)
		for _, drop := range []int{1, 2, 3} {
			if name == "scene.gif" && drop == 1 {
				continue // only the trailer is missing
			}
			src, err := New(bytes.NewReader(b[:len(b)-drop]))
			if err != nil {
				t.Fatal(err)
			}
			planes, losses := all(t, src)
			if len(planes) != 3 || len(losses) != 1 || fault.Code(losses[0]) != "picture.damaged" {
				t.Errorf("%s without its last %d bytes: %d pictures, %v", name, drop, len(planes), losses)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	huge := make([]byte, 13)
	copy(huge, "GIF89a\xff\xff\xff\xff")
	var wide bytes.Buffer
	if err := png.Encode(&wide, image.NewGray(image.Rect(0, 0, 1, MaxPixels/1000+1))); err != nil {
		t.Fatal(err)
	}
	bomb := wide.Bytes()
	copy(bomb[16:], "\x00\x00\x03\xe8") // 1000 wide: the checksum is wrong, but the size is judged first
	for in, code := range map[string]string{
		"":                                            "picture.format",
		"hello, world":                                "picture.format",
		"P6\n1 1\n255\nabc":                           "picture.format",
		"P5":                                          "picture.format",
		"P5\n2 2\n65535\nabcdefgh":                    "picture.format",
		"P5\n99999 99999\n255\n":                      "picture.size",
		"P5\n0 5\n255\n":                              "picture.size",
		"P5\n123456 1\n255\n":                         "picture.format",
		"P5 1 1 255\nxP6 1 1 255\nx":                  "picture.format",
		"YUV4MPEG2 W99999 H99999\n":                   "picture.size",
		"YUV4MPEG2 W9223372036854775807 H2\n":         "picture.size",
		"YUV4MPEG2 W-4 H-4\n":                         "picture.size",
		"YUV4MPEG2 H4\n":                              "picture.size",
		"YUV4MPEG2 \n":                                "picture.size",
		"YUV4MPEG2 W2 H2 C\x1b[2J\n":                  "picture.format",
		"YUV4MPEG2 W2 H2 Cmono16\n":                   "picture.format",
		"YUV4MPEG2 W2 H2 C444alpha\n":                 "picture.format",
		"YUV4MPEG2 W2 H2 Cmono\nFRAM\nabcd":           "picture.damaged",
		"YUV4MPEG2 W2 H2" + strings.Repeat(" ", 2000): "picture.damaged",
		"YUV4MPEG2 W2 H2 C420p10":                     "picture.damaged",
		string(huge):                                  "picture.size",
		"GIF89a\x04\x00\x04\x00\x80":                  "picture.damaged",
		"\x89PNG\r\n\x1a\n":                           "picture.damaged",
		string(read(t, "deep.y4m")):                   "picture.format",
	} {
		src, err := New(strings.NewReader(in))
		for err == nil {
			_, err = src.Next()
		}
		if fault.Code(err) != code || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%.40q: %v, want %s", in, err, code)
		}
	}
	broken := errors.New("broken")
	for _, name := range []string{"scene.pgms", "scene-420.y4m", "scene.gif", "scene.mjpeg", "wedge-grey8.png"} {
		b := read(t, name)
		for _, n := range []int{0, 5, 25, len(b) / 2, len(b)} {
			if name == "scene.gif" && n == len(b) {
				continue // its end is marked: nothing is read after it
			}
			src, err := New(io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(broken)))
			for err == nil || src != nil && IsLost(err) {
				_, err = src.Next()
			}
			code := "file.read"
			if strings.HasSuffix(name, "png") && n >= 10 {
				code = "picture.damaged"
			}
			if name == "wedge-grey8.png" && n == len(b) {
				continue // as above
			}
			if !errors.Is(err, broken) || IsLost(err) || fault.Code(err) != code {
				t.Errorf("%s broken after %d bytes: %v", name, n, err)
			}
		}
	}
}

// A JPEG says in a few bytes how large it is: it is judged before it is decoded.
func TestHugeJPEG(t *testing.T) {
	b := bytes.Clone(read(t, "wedge-grey.jpg"))
	at := bytes.Index(b, []byte{0xff, 0xc0})
	copy(b[at+5:], "\xff\xff\xff\xff")
	if _, err := JPEG(b); fault.Code(err) != "picture.size" || !IsLost(err) {
		t.Errorf("%v", err)
	}
}
