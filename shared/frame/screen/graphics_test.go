package screen

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"coldsign/shared/frame/qr"
)

// matrix takes a picture of a code apart again: any pixel that has not the colour
// of its module fails.
func matrix(t *testing.T, img image.Image, m qr.Matrix) {
	t.Helper()
	modules := m.Size + 2*qr.QuietZone
	scale := img.Bounds().Dx() / modules
	if scale < 1 || img.Bounds() != image.Rect(0, 0, scale*modules, scale*modules) {
		t.Fatalf("a picture of %v for %d modules", img.Bounds(), modules)
	}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			want := uint8(255)
			if m.At(x/scale-4, y/scale-4) {
				want = 0
			}
			if got := color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y; got != want {
				t.Fatalf("pixel %d, %d is %d, want %d", x, y, got, want)
			}
		}
	}
}

// unkitty gives the picture in the commands of one frame, and its keys.
func unkitty(t *testing.T, commands []string) (image.Image, string) {
	t.Helper()
	keys, text := "", ""
	for i, c := range commands {
		head, payload, ok := strings.Cut(strings.TrimPrefix(c, "_G"), ";")
		if !ok || len(payload) > 4096 || len(payload) == 0 {
			t.Fatalf("command %d: %.60q has %d characters", i, c, len(payload))
		}
		more := "m=1"
		if i == len(commands)-1 {
			more = "m=0"
		} else if len(payload)%4 != 0 {
			t.Fatalf("command %d has %d characters", i, len(payload))
		}
		if !strings.HasSuffix(head, more) || i > 0 && head != more {
			t.Fatalf("command %d of %d has the keys %q", i, len(commands), head)
		}
		if i == 0 {
			keys = strings.TrimSuffix(head, ","+more)
		}
		text += payload
	}
	file, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return img, keys
}

// unsixel draws a sixel picture. A pixel that nothing paints is grey.
func unsixel(t *testing.T, s string) *image.Gray {
	t.Helper()
	head := regexp.MustCompile(`^Pq"1;1;(\d+);(\d+)#0;2;100;100;100#1;2;0;0;0`).FindStringSubmatch(s)
	if head == nil {
		t.Fatalf("starts %.60q", s)
	}
	width, _ := strconv.Atoi(head[1])
	height, _ := strconv.Atoi(head[2])
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = 128
	}
	x, y, count, shade := 0, 0, 1, uint8(0)
	for s = s[len(head[0]):]; s != ""; {
		number := func() (n int) {
			i := 1
			for i < len(s) && s[i] >= '0' && s[i] <= '9' {
				i++
			}
			n, _ = strconv.Atoi(s[1:i])
			s = s[i:]
			return n
		}
		switch c := s[0]; {
		case c == '#':
			shade = []uint8{255, 0}[number()]
		case c == '!':
			count = number()
		case c == '$' || c == '-':
			if x != width {
				t.Fatalf("a line of %d pixels, not %d", x, width)
			}
			x, s = 0, s[1:]
			if c == '-' {
				y += 6
			}
		case c >= '?' && c <= '~':
			for range count {
				for k := range 6 {
					if (c-'?')>>k&1 == 0 {
						continue
					}
					if x >= width || y+k >= height {
						t.Fatalf("pixel %d, %d is outside", x, y+k)
					}
					img.SetGray(x, y+k, color.Gray{Y: shade})
				}
				x++
			}
			s, count = s[1:], 1
		default:
			t.Fatalf("character %q", c)
		}
	}
	return img
}

func TestPictures(t *testing.T) {
	for _, version := range []int{1, 2, 10, 19, 20, 27, 40} {
		m, data := symbol(t, version, 1)
		v := newVT(t, 10, 10)
		b, err := kitty(nil, m, 33)
		if err != nil {
			t.Fatal(err)
		}
		v.write(string(b))
		img, keys := unkitty(t, v.pictures)
		matrix(t, img, m)
		if keys != "a=T,f=100,i=7541,q=2,C=1,r=33" {
			t.Errorf("keys %q", keys)
		}
		if version == 40 && (len(b) > 20_000 || len(v.pictures) < 2) {
			t.Errorf("%d bytes in %d commands", len(b), len(v.pictures))
		}
		for _, scale := range []int{1, 3, 4, 7} {
			v.pictures = nil
			b := sixel(nil, m, scale)
			v.write(string(b))
			if len(v.pictures) != 1 || v.cells[0] != blank {
				t.Fatalf("%d pictures", len(v.pictures))
			}
			img := unsixel(t, v.pictures[0])
			matrix(t, img, m)
			if version <= 20 && scale == 3 {
				reads(t, img, data, "sixel")
			}
			if version == 40 && scale == 4 && len(b) > 100_000 {
				t.Errorf("sixel of %d bytes", len(b))
			}
		}
	}
}
