package reader

import (
	"sync"

	"coldsign/shared/frame/qr"
)

// Error correction codewords a block and number of blocks, for levels L, M, Q, H
// and versions 1 to 40 (ISO/IEC 18004:2015, table 9).
var (
	checkWords = [4][40]uint8{
		{7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30},
		{10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28},
		{13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30, 28, 30, 30, 30, 30, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30},
		{17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28, 30, 24, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30},
	}
	blockCounts = [4][40]uint8{
		{1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25},
		{1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49},
		{1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12, 17, 16, 18, 21, 20, 23, 23, 25, 27, 29, 34, 34, 35, 38, 40, 43, 45, 48, 51, 53, 56, 59, 62, 65, 68},
		{1, 1, 2, 4, 4, 4, 5, 6, 8, 8, 11, 11, 16, 16, 18, 16, 19, 21, 25, 25, 25, 34, 30, 32, 35, 37, 40, 42, 45, 48, 51, 54, 57, 60, 63, 66, 70, 74, 77, 81},
	}
)

// margin is how many modules around a symbol are sampled with it: light ones
// that are known.
const margin = 2

// Kinds of modules. What is not data is known beforehand, but for the format.
const (
	data int8 = iota
	dark
	light
	format
)

// layout is where things are in the symbols of one version, as indices into the
// modules row by row with their margin.
type layout struct {
	version, size, stride int
	kind                  []int8
	masks                 []uint8 // bit m: mask m turns the module over
	order                 []int32 // data modules in the order of their bits
	formats               [2][15]int32
	centres               [][2]int // of alignment patterns: column, row
}

var layouts = func() (l [41]func() *layout) {
	for v := range l {
		l[v] = sync.OnceValue(func() *layout { return newLayout(v) })
	}
	return l
}()

func (l *layout) index(x, y int) int32 { return int32((y+margin)*l.stride + x + margin) }

func newLayout(version int) *layout {
	size := qr.Size(version)
	l := &layout{version: version, size: size, stride: size + 2*margin}
	l.kind, l.masks = make([]int8, l.stride*l.stride), make([]uint8, l.stride*l.stride)
	for i := range l.kind {
		l.kind[i] = light
	}
	for y := range size {
		for x := range size {
			at := l.index(x, y)
			l.kind[at] = data
			for m, on := range [8]bool{(x+y)%2 == 0, y%2 == 0, x%3 == 0, (x+y)%3 == 0, (y/2+x/3)%2 == 0,
				x*y%2+x*y%3 == 0, (x*y%2+x*y%3)%2 == 0, ((x+y)%2+x*y%3)%2 == 0} {
				if on {
					l.masks[at] |= 1 << m
				}
			}
		}
	}
	l.patterns()
	up := true
	for x := size - 1; x > 0; x -= 2 {
		if x == 6 { // the timing pattern
			x--
		}
		for i := range size {
			y := i
			if up {
				y = size - 1 - i
			}
			for _, at := range [2]int32{l.index(x, y), l.index(x-1, y)} {
				if l.kind[at] == data {
					l.order = append(l.order, at)
				}
			}
		}
		up = !up
	}
	return l
}

// patterns marks what is not data.
func (l *layout) patterns() {
	n, set := l.size, func(x, y int, isDark bool) {
		if x >= 0 && y >= 0 && x < l.size && y < l.size {
			l.kind[l.index(x, y)] = light
			if isDark {
				l.kind[l.index(x, y)] = dark
			}
		}
	}
	for i := range n {
		set(i, 6, i%2 == 0)
		set(6, i, i%2 == 0)
	}
	square := func(x, y, reach int) {
		for dy := -reach; dy <= reach; dy++ {
			for dx := -reach; dx <= reach; dx++ {
				ring := max(dx, -dx, dy, -dy)
				set(x+dx, y+dy, ring != 4 && ring != 2 && reach == 4 || ring != 1 && reach == 2)
			}
		}
	}
	square(3, 3, 4)
	square(n-4, 3, 4)
	square(3, n-4, 4)
	l.centres = centres(l.version)
	for _, c := range l.centres {
		square(c[0], c[1], 2)
	}
	for i := range 15 {
		x, y := 8, i // the first copy, from the most significant bit: along row 8, up column 8
		switch {
		case i < 6:
			x, y = i, 8
		case i < 8:
			x, y = i+1, 8
		case i == 8:
			y = 7
		default:
			y = 14 - i
		}
		l.formats[0][i] = l.index(x, y)
		x, y = 8, n-1-i
		if i > 6 {
			x, y = n-15+i, 8
		}
		l.formats[1][i] = l.index(x, y)
		l.kind[l.formats[0][i]], l.kind[l.formats[1][i]] = format, format
	}
	set(8, n-8, true)
	if l.version < 7 {
		return
	}
	word := versionWord(l.version)
	for i := range 18 {
		set(i/3, n-11+i%3, word>>i&1 == 1)
		set(n-11+i%3, i/3, word>>i&1 == 1)
	}
}

// centres gives the alignment patterns of a version (ISO/IEC 18004:2015, annex E).
func centres(version int) (all [][2]int) {
	if version == 1 {
		return nil
	}
	last, gaps := 4*version+10, (version/7 + 1)
	step := (last - 6 + gaps*2 - 1) / (gaps * 2) * 2
	if version == 32 {
		step = 26
	}
	places := []int{6}
	for i := gaps - 1; i >= 0; i-- {
		places = append(places, last-i*step)
	}
	for i, y := range places {
		for j, x := range places {
			if !(i == 0 && j == 0 || i == 0 && j == gaps || i == gaps && j == 0) {
				all = append(all, [2]int{x, y})
			}
		}
	}
	return all
}

// versionWord is a version with its BCH check bits.
func versionWord(version int) int {
	rem := version
	for range 12 {
		rem = rem<<1 ^ rem>>11*0x1f25
	}
	return version<<12 | rem
}

// formatWord is the five bits of a format with their BCH check bits, masked.
func formatWord(bits int) int {
	rem := bits
	for range 10 {
		rem = rem<<1 ^ rem>>9*0x537
	}
	return (bits<<10 | rem) ^ 0x5412
}
