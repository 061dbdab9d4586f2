package screen

import (
	"fmt"
	"image"
	"image/color"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// cell is what a terminal shows in one place; colours are those of the 256.
type cell struct {
	r          rune
	fore, back int
	reversed   bool
}

// blank is a cell that nothing has written, with the colours of a dark theme.
var blank = cell{' ', 7, 0, false}

// seen gives the cell that a character written with these attributes is.
func (c cell) seen(r rune) cell {
	if c.reversed {
		return cell{r, c.back, c.fore, false}
	}
	return cell{r, c.fore, c.back, false}
}

// vt is a terminal that knows what the package sends, and fails on all else.
type vt struct {
	t             testing.TB
	columns, rows int
	cells         []cell
	x, y          int
	pen           cell
	modes         map[int]bool
	pictures      []string // APC and DCS strings, whole
	scrolled      bool
	newline       bool // a line feed goes to the first column too, as after a shell's stty
}

func newVT(t testing.TB, columns, rows int) *vt {
	v := &vt{t: t, columns: columns, rows: rows, pen: blank, modes: map[int]bool{25: true}}
	v.cells = make([]cell, columns*rows)
	v.erase(0, len(v.cells))
	return v
}

func (v *vt) erase(from, to int) {
	for i := from; i < to; i++ {
		v.cells[i] = cell{' ', 7, v.pen.back, false}
	}
}

func (v *vt) write(s string) {
	v.t.Helper()
	for len(s) > 0 {
		if strings.HasPrefix(s, "\x1b_") || strings.HasPrefix(s, "\x1bP") {
			body, rest, ok := strings.Cut(s, "\x1b\\")
			if !ok {
				v.t.Fatalf("a string without an end: %.30q", s)
			}
			v.pictures, s = append(v.pictures, body[1:]), rest
			continue
		}
		if strings.HasPrefix(s, "\x1b[") {
			end := strings.IndexFunc(s[2:], func(r rune) bool { return r >= '@' })
			if end < 0 {
				v.t.Fatalf("a sequence without an end: %.30q", s)
			}
			v.csi(s[2:2+end], s[2+end])
			s = s[3+end:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		switch {
		case r == '\r':
			v.x = 0
		case r == '\n':
			if v.newline {
				v.x = 0
			}
			if v.y++; v.y == v.rows {
				copy(v.cells, v.cells[v.columns:])
				v.erase(len(v.cells)-v.columns, len(v.cells))
				v.y, v.scrolled = v.y-1, true
			}
		case r < ' ' || r == 0x7f || r == utf8.RuneError:
			v.t.Fatalf("character %q", r)
		default:
			if v.x == v.columns {
				v.x = 0
				v.y++
			}
			if v.y >= v.rows {
				v.t.Fatalf("%q is written below the last line", r)
			}
			v.cells[v.y*v.columns+v.x] = v.pen.seen(r)
			v.x++
		}
	}
}

func (v *vt) csi(text string, final byte) {
	v.t.Helper()
	var args []int
	for _, a := range strings.Split(strings.TrimPrefix(text, "?"), ";") {
		n, _ := strconv.Atoi(a)
		args = append(args, n)
	}
	switch {
	case strings.HasPrefix(text, "?") && (final == 'h' || final == 'l'):
		v.modes[args[0]] = final == 'h'
		if args[0] == 1049 {
			v.pen = blank
			v.erase(0, len(v.cells))
			v.x, v.y = 0, 0
		}
	case final == 'H':
		v.x, v.y = 0, max(args[0], 1)-1
		if v.y >= v.rows {
			v.t.Fatalf("line %d of %d", v.y+1, v.rows)
		}
	case final == 'J' && args[0] == 2:
		v.erase(0, len(v.cells))
	case final == 'K' && args[0] == 0:
		v.erase(v.y*v.columns+min(v.x, v.columns-1), (v.y+1)*v.columns)
	case final == 'm':
		for i := 0; i < len(args); i++ {
			switch {
			case args[i] == 0:
				v.pen = blank
			case args[i] == 38 && i+2 < len(args) && args[i+1] == 5:
				v.pen.fore = args[i+2]
				i += 2
			case args[i] == 48 && i+2 < len(args) && args[i+1] == 5:
				v.pen.back = args[i+2]
				i += 2
			case args[i] == 7 || args[i] == 27:
				v.pen.reversed = args[i] == 7
			case args[i] == 39:
				v.pen.fore = blank.fore
			case args[i] == 49:
				v.pen.back = blank.back
			default:
				v.t.Fatalf("attribute %q", text)
			}
		}
	default:
		v.t.Fatalf("sequence %q", text+string(final))
	}
}

// line gives the characters of a line.
func (v *vt) line(y int) string {
	s := ""
	for _, c := range v.cells[y*v.columns:][:v.columns] {
		s += string(c.r)
	}
	return strings.TrimRight(s, " ")
}

// screenshot paints the cells, each width by height pixels, with gap rows of pixels
// below each line, which a terminal paints in the background of the line. Text is
// bars: it must only not be taken for a code.
func (v *vt) screenshot(width, height, gap int) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, v.columns*width, v.rows*(height+gap)))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			c := v.cells[y/(height+gap)*v.columns+x/width]
			shade := grey(c.back)
			dy := y % (height + gap)
			if c.r == '\u2580' && dy < height/2 || c.r > ' ' && c.r < 0x7f && dy > height/3 && dy < height*2/3 && x%width > width/4 {
				shade = grey(c.fore)
			}
			img.SetGray(x, y, color.Gray{Y: shade})
		}
	}
	return img
}

func grey(colour int) uint8 {
	switch colour {
	case 16:
		return 0
	case 231:
		return 255
	case blank.fore:
		return 190
	case blank.back:
		return 20
	}
	panic(fmt.Sprintf("colour %d", colour))
}
