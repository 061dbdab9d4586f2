package screen

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"coldsign/shared/fault"
	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/reader"
)

// symbol gives a full code of a version, and what it holds.
func symbol(t testing.TB, version, seed int) (qr.Matrix, []byte) {
	t.Helper()
	data := make([]byte, qr.ByteCapacity(version))
	rand.NewChaCha8([32]byte{byte(version), byte(seed), byte(seed >> 8)}).Read(data)
	var e qr.Encoder
	m, err := e.Bytes(data, version, (version+seed)%qr.Masks)
	if err != nil {
		t.Fatal(err)
	}
	return m, data
}

// reads fails unless our reader finds just data in the picture.
func reads(t *testing.T, img *image.Gray, data []byte, what string) {
	t.Helper()
	found := reader.Acquire(&picture.Plane{Width: img.Rect.Dx(), Height: img.Rect.Dy(), Stride: img.Stride, Pix: img.Pix})
	if len(found) != 1 || !bytes.Equal(found[0].Content(), data) {
		t.Errorf("%s: %d codes read, or others", what, len(found))
	}
}

// zbar reads all pictures at once, since it starts slowly.
func zbar(t *testing.T, pictures []*image.Gray, want []byte) {
	t.Helper()
	if _, err := exec.LookPath("zbarimg"); err != nil {
		t.Fatal("zbarimg is not installed; run scripts/interop/install.sh")
	}
	args := []string{"--raw", "-q", "-Sbinary"}
	for i, img := range pictures {
		name := filepath.Join(t.TempDir(), fmt.Sprintf("%03d.png", i))
		save(t, name, img)
		args = append(args, name)
	}
	got, err := exec.Command("zbarimg", args...).Output()
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("zbar reads %d bytes of %d, or others: %v", len(got), len(want), err)
	}
}

func save(t *testing.T, name string, img image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWrite(t *testing.T) {
	var shots []*image.Gray
	var all []byte
	for version := 1; version <= 40; version++ {
		m, data := symbol(t, version, 0)
		columns, rows := Cells(version)
		v := newVT(t, columns, rows)
		v.newline = true
		var b bytes.Buffer
		if err := Write(&b, m); err != nil {
			t.Fatal(err)
		}
		v.write(b.String())
		if v.scrolled || v.y != rows-1 || v.x != 0 || v.pen != blank {
			t.Errorf("version %d ends in line %d of %d with %v", version, v.y, rows, v.pen)
		}
		for y := range 2 * (rows - 1) {
			for x := range columns {
				c := v.cells[y/2*columns+x]
				colour, want := c.back, 231
				if y%2 == 0 && c.r == '\u2580' {
					colour = c.fore
				}
				if m.At(x-4, y-4) {
					want = 16
				}
				if colour != want || c.fore == blank.fore || c.r != ' ' && c.r != '\u2580' || c.r == '\u2580' && c.fore == c.back {
					t.Fatalf("version %d: the cell %d, %d is %v", version, x, y/2, c)
				}
			}
		}
		if len(b.Bytes()) > 72000 {
			t.Errorf("version %d takes %d bytes", version, b.Len())
		}
		if version > 20 {
			continue
		}
		for i, c := range [][3]int{{8, 16, 0}, {9, 19, 0}, {7, 15, 2}, {8, 16, 3}} {
			img := v.screenshot(c[0], c[1], c[2])
			reads(t, img, data, fmt.Sprintf("version %d in cells of %v", version, c))
			if i == version%4 {
				shots, all = append(shots, img), append(all, data...)
			}
		}
	}
	zbar(t, shots, all)
}

func TestFit(t *testing.T) {
	for _, c := range []struct{ columns, rows, most, want int }{
		{213, 60, 20, 20}, {213, 60, 40, 23}, {80, 24, 40, 5}, {80, 25, 20, 5}, {105, 54, 40, 20},
		{104, 54, 40, 19}, {105, 53, 40, 19}, {185, 94, 40, 40}, {29, 16, 1, 1}, {79, 23, 4, 4},
	} {
		got, err := Fit(c.columns, c.rows, c.most)
		if err != nil || got != c.want {
			t.Errorf("%v: version %d, %v", c, got, err)
		}
	}
	for _, c := range [][3]int{{80, 23, 40}, {44, 24, 40}, {0, 0, 20}, {28, 16, 1}} {
		_, err := Fit(c[0], c[1], c[2])
		if !fault.Is(err, "show.terminal") || !strings.Contains(err.Error(), "--qr-gif") {
			t.Errorf("%v: %v", c, err)
		}
	}
	_, err := Fit(80, 23, 40)
	if !strings.Contains(err.Error(), "needs 45 and 24") {
		t.Error(err)
	}
	for _, g := range []string{"kitty", "sixel"} {
		if got, err := fit(80, 24, 40, g); err != nil || got != 16 {
			t.Errorf("%s: version %d, %v", g, got, err)
		}
	}
}

func TestGraphics(t *testing.T) {
	for env, want := range map[string]string{
		"TERM=xterm-256color": "", "TERM=linux": "", "": "", "TERM=vt100": "", "TERM_PROGRAM=vscode": "",
		"TERM=xterm-256color TERM_PROGRAM=Apple_Terminal": "",
		"TERM=xterm-kitty":                                   "kitty",
		"TERM=xterm-256color KITTY_WINDOW_ID=1":              "kitty",
		"TERM=xterm-ghostty":                                 "kitty",
		"TERM=foot":                                          "sixel",
		"TERM=foot-extra":                                    "sixel",
		"TERM=xterm-256color TERM_PROGRAM=WezTerm":           "sixel",
		"TERM=xterm-256color TERM_PROGRAM=iTerm.app":         "sixel",
		"TERM=xterm TERM_PROGRAM=mintty":                     "sixel",
		"TERM=tmux-256color KITTY_WINDOW_ID=1":               "",
		"TERM=screen.xterm-kitty KITTY_WINDOW_ID=1":          "",
		"TERM=xterm-256color TERM_PROGRAM=tmux":              "",
		"TERM=screen-256color TERM_PROGRAM=WezTerm COLOR=no": "",
	} {
		got := Graphics(func(name string) string {
			for _, pair := range strings.Fields(env) {
				if k, v, _ := strings.Cut(pair, "="); k == name {
					return v
				}
			}
			return ""
		})
		if got != want {
			t.Errorf("%s: %q, want %q", env, got, want)
		}
	}
}
