package interop

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/show"
)

// zbar reads what we show, each code of every picture: as files, as an animation,
// one and six to a picture. (zbarimg takes an animation apart itself.)
func TestShow(t *testing.T) {
	var e qr.Encoder
	content := func(n uint64) []byte { return noise(byte(n), qr.ByteCapacity(20)) }
	frames := func(n uint64) (qr.Matrix, error) { return e.Bytes(content(n), 20, int(n%qr.Masks)) }
	grid := show.Layout{Columns: 3, Rows: 2, Pixels: 3}
	const pictures = 3
	file := func(make func(show.Layout, show.Stream, uint64, float64) ([]byte, error)) func(string, show.Layout) error {
		return func(name string, l show.Layout) error {
			b, err := make(l, frames, pictures, 12)
			return errors.Join(err, os.WriteFile(name, b, 0o600))
		}
	}
	for _, try := range []struct {
		name, files string
		layout      show.Layout
		codes       uint64
		write       func(name string, l show.Layout) error
	}{
		{"pictures", "frame-*.png", show.Layout{}, pictures, func(name string, l show.Layout) error { return show.Folder(name, l, frames, pictures) }},
		{"grids", "frame-*.png", grid, 6 * pictures, func(name string, l show.Layout) error { return show.Folder(name, l, frames, pictures) }},
		{"one.gif", "", show.Layout{}, pictures, file(show.GIF)},
		{"grid.gif", "", grid, 6 * pictures, file(show.GIF)},
		{"grid.png", "", grid, 6, file(show.APNG)}, // zbarimg knows the first picture only
	} {
		name := filepath.Join(t.TempDir(), try.name)
		if err := try.write(name, try.layout); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(name, try.files))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files: %v", try.name, err)
		}
		got, err := exec.Command("zbarimg", append([]string{"--nodbus", "-q", "--raw", "-Sbinary", "-Sdisable", "-Sqrcode.enable"}, files...)...).Output()
		if err != nil {
			t.Errorf("%s: %v", try.name, err)
		}
		size := 0
		for n := range try.codes {
			want := content(n)
			if size += len(want); !bytes.Contains(got, want) {
				t.Errorf("%s: zbar does not read code %d", try.name, n)
			}
		}
		if len(got) != size {
			t.Errorf("%s: zbar reads %d bytes, not %d", try.name, len(got), size)
		}
	}
}
