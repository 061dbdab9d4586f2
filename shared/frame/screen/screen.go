// Package screen shows QR codes in a terminal: one on its own, or a stream of
// them that a person steers.
//
//	err := screen.Write(os.Stdout, m)
//	p := screen.Player{In: os.Stdin, Out: os.Stdout, ...}
//	err := p.Play(ctx) // until q
//
// A code is drawn in half blocks, two modules to a cell, or as a picture where
// the terminal is known to take pictures.
package screen

import (
	"io"
	"slices"
	"strings"

	"coldsign/shared/fault"
	"coldsign/shared/frame/qr"
)

// least is the smallest version that a stream is shown in: it is the one that an
// old terminal of 80 by 24 cells has room for.
const least = 5

// reset ends what a line has set, so that nothing runs into what follows it.
const reset = "\x1b[0m"

// The colours of a symbol, black on white, are of the fixed part of the 256: themes
// change the first 16 (and may leave no contrast), true colour is garbled by
// terminals that do not know it (macOS before 26, GNU screen before 5). tmux, GNU
// screen and the Linux console turn these two into the nearest that they have.
const colours = "\x1b[0;38;5;16;48;5;231m"

// Write draws a symbol in half blocks, with a quiet zone of four modules.
func Write(w io.Writer, m qr.Matrix) error {
	_, err := w.Write(blocks(nil, m, "\n"))
	return err
}

// blocks draws a symbol, each line ended by end. Each cell has both colours set,
// the background being that of the lower module: a terminal that sets its lines
// apart fills the gap with it. A cell of one colour is a space, since some
// terminals change a foreground that is too like its background.
func blocks(b []byte, m qr.Matrix, end string) []byte {
	for y := -qr.QuietZone; y < m.Size+qr.QuietZone; y += 2 {
		b = append(b, colours...)
		reversed := false
		for x := -qr.QuietZone; x < m.Size+qr.QuietZone; x++ {
			upper, lower := m.At(x, y), m.At(x, y+1)
			switch {
			case lower && !reversed:
				b = append(b, "\x1b[7m"...)
			case reversed && !lower:
				b = append(b, "\x1b[27m"...)
			}
			if reversed = lower; upper == lower {
				b = append(b, ' ')
			} else {
				b = append(b, "\u2580"...)
			}
		}
		b = append(b, reset+end...)
	}
	return b
}

// Cells gives the columns and rows of cells that a symbol of a version takes, with
// a line of text below it.
func Cells(version int) (columns, rows int) {
	side := qr.Size(version) + 2*qr.QuietZone
	return side, (side+1)/2 + 1
}

// Fit gives the largest version from 5 up to most that fits into a terminal.
func Fit(columns, rows, most int) (version int, err error) {
	return fit(columns, rows, most, "")
}

func fit(columns, rows, most int, graphics string) (version int, err error) {
	from := min(least, most)
	for v := most; v >= from; v-- {
		if c, r := need(v, graphics); c <= columns && r <= rows {
			return v, nil
		}
	}
	c, r := need(from, graphics)
	return 0, fault.New("show.terminal", "make the window larger or its font smaller, or use --qr-gif or --qr-dir",
		"a terminal of %d columns and %d rows is too small for a QR code, which needs %d and %d", columns, rows, c, r)
}

// need is Cells for any way of drawing. A picture needs half of the cells each
// way: three pixels a module in cells of 6 by 12, the smallest that people use.
func need(version int, graphics string) (columns, rows int) {
	side, rows := Cells(version)
	if graphics != "" {
		return (side + 1) / 2, (side+3)/4 + 1
	}
	return side, rows
}

// Graphics names what the terminal draws beside cells, as its environment tells:
// "kitty", "sixel", or "" for nothing. A multiplexer hands on the environment of
// the terminal around it but not the pictures, so its name decides.
func Graphics(env func(string) string) string {
	id := strings.ToLower(env("TERM") + " " + env("TERM_PROGRAM"))
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.Contains(id, n) })
	}
	switch {
	case has("tmux", "screen"):
		return ""
	case has("kitty", "ghostty"), env("KITTY_WINDOW_ID") != "":
		return "kitty"
	case has("foot", "mlterm", "contour", "wezterm", "mintty", "iterm"):
		return "sixel"
	}
	return ""
}
