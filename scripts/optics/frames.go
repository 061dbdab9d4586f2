package optics

import (
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"

	"coldsign/shared/frame/qr"
)

// ReadFrames reads symbols back from the PNG files of a folder, as a program wrote
// them: nothing is blurred there.
func ReadFrames(dir string) (symbols []qr.Matrix, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.png"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no frames in %s: %w", dir, err)
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		img, err := png.Decode(f)
		f.Close()
		if err != nil {
			return nil, err
		}
		m, err := Modules(img)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		symbols = append(symbols, m)
	}
	return symbols, nil
}

// Modules reads one symbol back from a sharp picture of it with its quiet zone.
func Modules(img image.Image) (m qr.Matrix, err error) {
	dark := func(x, y int) bool { r, _, _, _ := img.At(x, y).RGBA(); return r < 0x8000 }
	side, first := img.Bounds().Dx(), 0
	for first < side && !dark(first, first) {
		first++
	}
	px := first / qr.QuietZone
	if px == 0 || side%px != 0 || first%qr.QuietZone != 0 {
		return m, fmt.Errorf("%d pixels with a quiet zone of %d", side, first)
	}
	m.Size = side/px - 2*qr.QuietZone
	for y := range m.Size {
		for x := range m.Size {
			m.Dark = append(m.Dark, dark(first+x*px+px/2, first+y*px+px/2))
		}
	}
	return m, nil
}
