package optics

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"coldsign/shared/frame/picture"
)

// What is written is what the sources of shared/frame/picture read back.
func TestWrittenFilmsAreReadBack(t *testing.T) {
	film := small(Film{Count: 8, ShownRate: 15, Rate: 30, Seed: 5})
	film.Scene.Noise = 3
	var want []*picture.Plane
	if err := all(NewCamera(film), func(p *picture.Plane) error { want = append(want, p); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(want) != 16 {
		t.Fatalf("the film has %d pictures", len(want))
	}
	folder := t.TempDir()
	for _, test := range []struct {
		name  string
		most  int // greys that a pixel may be off
		write func(w io.Writer, src picture.Source) error
	}{
		{"film.y4m", 0, func(w io.Writer, src picture.Source) error { return WriteY4M(w, src, 30, false) }},
		{"mono.y4m", 0, func(w io.Writer, src picture.Source) error { return WriteY4M(w, src, 30, true) }},
		{"film.mjpeg", 40, func(w io.Writer, src picture.Source) error { return WriteMJPEG(w, src, 95) }},
		{"film.gif", 3, func(w io.Writer, src picture.Source) error { return WriteGIF(w, src, 3) }},
		{"", 0, func(_ io.Writer, src picture.Source) error { return WriteFolder(folder, src) }},
	} {
		var b bytes.Buffer
		if err := test.write(&b, NewCamera(film)); err != nil {
			t.Fatal(err)
		}
		name := folder
		if test.name != "" {
			name = filepath.Join(t.TempDir(), test.name)
			if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		src, closer, err := picture.Open(name, nil)
		if err != nil {
			t.Fatalf("%q: %v", test.name, err)
		}
		n := 0
		err = all(src, func(p *picture.Plane) error {
			if n < len(want) {
				if off := furthest(p, want[n]); off > test.most {
					t.Errorf("%q: picture %d is %d greys off", test.name, n, off)
				}
			}
			n++
			return nil
		})
		closer.Close()
		if err != nil || n != len(want) {
			t.Errorf("%q: %d pictures, %v", test.name, n, err)
		}
	}
}

// furthest gives the largest difference of two pixels; 256 for another size.
func furthest(a, b *picture.Plane) int {
	if a.Width != b.Width || a.Height != b.Height {
		return 256
	}
	most := 0
	for y := range a.Height {
		for x := range a.Width {
			d := int(a.Pix[y*a.Stride+x]) - int(b.Pix[y*b.Stride+x])
			most = max(most, d, -d)
		}
	}
	return most
}
