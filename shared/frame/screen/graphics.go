package screen

import (
	"encoding/base64"
	"fmt"

	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/show"
)

const (
	kittyScale = 4    // pixels of a module before the terminal enlarges it, which blurs the edges
	kittyChunk = 4096 // characters of base64 in one command: the most that the protocol allows
	kittyClear = "\x1b_Ga=d,d=I,i=7541,q=2\x1b\\"
)

// kitty draws a symbol as a picture that the terminal scales to a number of rows
// of cells: https://sw.kovidgoyal.net/kitty/graphics-protocol/. The picture keeps
// its number, so the next one takes its place; q=2 forbids an answer, which would
// arrive as keys.
func kitty(b []byte, m qr.Matrix, rows int) ([]byte, error) {
	file, err := show.PNG(show.Picture([]qr.Matrix{m}, 1, kittyScale))
	if err != nil {
		return nil, err
	}
	text := base64.StdEncoding.EncodeToString(file)
	head := fmt.Sprintf("a=T,f=100,i=7541,q=2,C=1,r=%d,", rows)
	for len(text) > 0 {
		chunk, more := text[:min(kittyChunk, len(text))], 0
		if text = text[len(chunk):]; text != "" {
			more = 1
		}
		b = fmt.Appendf(b, "\x1b_G%sm=%d;%s\x1b\\", head, more, chunk)
		head = ""
	}
	return b, nil
}

// sixel draws a symbol as a DEC sixel picture of scale pixels a module: bands of
// six rows, each light throughout and then dark where it must be.
func sixel(b []byte, m qr.Matrix, scale int) []byte {
	side := (m.Size + 2*qr.QuietZone) * scale
	b = fmt.Appendf(b, "\x1bPq\"1;1;%d;%d#0;2;100;100;100#1;2;0;0;0", side, side)
	for top := 0; top < side; top += 6 {
		height := min(6, side-top)
		b = fmt.Appendf(b, "#0!%d%c$#1", side, '?'+1<<height-1)
		for x := range side / scale {
			bits := 0
			for k := range height {
				if m.At(x-qr.QuietZone, (top+k)/scale-qr.QuietZone) {
					bits |= 1 << k
				}
			}
			b = fmt.Appendf(b, "!%d%c", scale, '?'+bits)
		}
		b = append(b, '-')
	}
	return append(b, "\x1b\\"...)
}
