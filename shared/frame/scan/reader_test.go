package scan

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/reader"
)

// A stream of codes crosses whole and in order, from a folder and as a GIF, through
// our own reader on all cores. Pictures that are none do not stop it.
func TestWithOurReader(t *testing.T) {
	dir := t.TempDir()
	var e qr.Encoder
	var want []string
	var anim gif.GIF
	for i := range 40 {
		content := bytes.Repeat([]byte{byte(i), 0x80, 0xff}, 200)
		m, err := e.Bytes(content, 20, i%8)
		if err != nil {
			t.Fatal(err)
		}
		img := draw(m)
		anim.Image, anim.Delay = append(anim.Image, img), append(anim.Delay, 7)
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("frame%d.png", i)), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		want = append(want, string(content))
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &anim); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "frame5.txt"), []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{dir, "-"} {
		src, closer, err := picture.Open(from, &b)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		stats, err := Run(t.Context(), src, reader.New().Read, false, func(symbols []reader.Symbol) bool {
			for _, s := range symbols {
				got = append(got, string(s.Content()))
			}
			return false
		})
		if lost := map[string]int{dir: 1}[from]; err != nil || !slices.Equal(got, want) || stats.Read != 40 || stats.Lost != lost {
			t.Errorf("from %s: %d contents, %+v, %v", from, len(got), stats, err)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What was asked for is there before the source ends: the source is closed while
// its next picture may be under way.
func TestStopsEarly(t *testing.T) {
	dir := t.TempDir()
	for i := range 30 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte("P5 1 1 255\nx"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		src, closer, err := picture.Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		stats, err := Run(t.Context(), src, reader.New().Read, false, func([]reader.Symbol) bool { n++; return n == 3 })
		if err != nil || n != 3 || stats.Read != 3 {
			t.Errorf("%d handed over, %+v, %v", n, stats, err)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

// draw makes a picture of a code, 4 pixels for each module.
func draw(m qr.Matrix) *image.Paletted {
	const scale = 4
	side := (m.Size + 2*qr.QuietZone) * scale
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for i := range img.Pix {
		if m.At(i%side/scale-qr.QuietZone, i/side/scale-qr.QuietZone) {
			img.Pix[i] = 1
		}
	}
	return img
}
