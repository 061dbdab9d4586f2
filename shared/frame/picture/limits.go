package picture

import "time"

// Limits on what is read. Each is checked before memory is set aside for what it
// bounds.
const (
	MaxPixels = 25_000_000 // of one picture: a telephone's 24 megapixels, three times a 4K frame
	MaxFile   = 32 << 20   // bytes of one PNG, JPEG or picture of a GIF, and between two JPEGs
	MaxFiles  = 100_000    // entries of a folder

	maxHeader = 1024             // bytes of a Y4M, frame or PGM header
	interval  = time.Second / 30 // between pictures that carry no time
)
