package reader

import (
	"sync"

	"rsc.io/qr/coding"

	"coldsign/shared/frame/qr"
)

// margin is how many modules around a symbol are sampled with it: light ones
// that are known.
const margin = 2

// Kinds of modules: those of data are not known beforehand.
const (
	data int8 = iota
	dark
	light
)

// layout is where things are in the symbols of one version and level, as indices
// into the modules row by row with their margin.
type layout struct {
	version, level, size, stride int
	kind                         []int8
	masks                        []uint8    // bit m: mask m turns the module over
	formats                      [15][]int  // from the least significant bit
	centres                      [][2]int   // of alignment patterns: column, row
	blocks                       [][]uint16 // of codewords, the first of them data
	words                        [][8]int32 // where the bits of each codeword are
	check                        int        // check codewords of each block
}

// layouts are made when they are needed: a millisecond's work each.
var layouts = func() (all [qr.MaxVersion + 1][4]func() *layout) {
	for v := range all {
		for l := range all[v] {
			all[v][l] = sync.OnceValue(func() *layout { return newLayout(v, l) })
		}
	}
	return all
}()

// newLayout takes the layout from the plan that an encoder draws symbols by.
func newLayout(version, level int) *layout {
	plan, err := coding.NewPlan(coding.Version(version), coding.Level(level), 0)
	if err != nil {
		panic(err) // there is one for each version and level
	}
	size := qr.Size(version)
	l := &layout{version: version, level: level, size: size, stride: size + 2*margin, check: plan.CheckBytes / plan.Blocks}
	l.kind, l.masks = make([]int8, l.stride*l.stride), make([]uint8, l.stride*l.stride)
	for i := range l.kind {
		l.kind[i] = light
	}
	l.words = make([][8]int32, plan.DataBytes+plan.CheckBytes)
	alignment := func(x, y int) bool {
		return x >= 0 && y >= 0 && x < size && y < size && plan.Pixel[y][x].Role() == coding.Alignment
	}
	for y, row := range plan.Pixel {
		for x, pixel := range row {
			at := (y+margin)*l.stride + x + margin
			for m := range coding.Mask(8) {
				if m.Invert(y, x) {
					l.masks[at] |= 1 << m
				}
			}
			switch pixel.Role() {
			case coding.Data, coding.Check:
				l.words[pixel.Offset()/8][pixel.Offset()%8] = int32(at)
				l.kind[at] = data
			case coding.Extra:
				l.kind[at] = data
			case coding.Format:
				l.formats[pixel.Offset()] = append(l.formats[pixel.Offset()], at)
				l.kind[at] = data
			default:
				if pixel&coding.Black != 0 {
					l.kind[at] = dark
				}
				if alignment(x-2, y-2) && alignment(x+2, y+2) {
					l.centres = append(l.centres, [2]int{x, y})
				}
			}
		}
	}
	at, longer := 0, plan.DataBytes%plan.Blocks // the last ones have a codeword more
	for b := range plan.Blocks {
		n := plan.DataBytes / plan.Blocks
		if b >= plan.Blocks-longer {
			n++
		}
		var words []uint16
		for i := range n + l.check {
			k := at + i
			if i >= n {
				k = plan.DataBytes + b*l.check + i - n
			}
			words = append(words, uint16(k))
		}
		l.blocks = append(l.blocks, words)
		at += n
	}
	return l
}

// versionWord is a version with its check bits (ISO/IEC 18004:2015, annex D).
func versionWord(version int) int {
	rem := version
	for range 12 {
		rem = rem<<1 ^ rem>>11*0x1f25
	}
	return version<<12 | rem
}

// formatWord is the five bits of a format with their check bits, masked
// (ISO/IEC 18004:2015, annex C).
func formatWord(bits int) int {
	rem := bits
	for range 10 {
		rem = rem<<1 ^ rem>>9*0x537
	}
	return (bits<<10 | rem) ^ 0x5412
}
