// Package qr makes QR code symbols (ISO/IEC 18004:2015) as grids of modules.
//
//	var e qr.Encoder
//	m, err := e.Bytes(frame, 27, mask)    // a frame of a stream
//	m, err := e.Text("UR:BYTES/...", 0)   // for another wallet, or a person
package qr

// The sizes of a symbol.
const (
	MinVersion = 1
	MaxVersion = 40
	Masks      = 8 // patterns that may be laid over the data, 0 to 7
	QuietZone  = 4 // modules of light around a symbol that readers count on
)

// Size gives the modules on each side of a symbol: 21 for version 1, 177 for 40.
func Size(version int) int { return 17 + 4*version }

// Matrix is the modules of one symbol, without its quiet zone.
type Matrix struct {
	Size int    // modules on each side
	Dark []bool // row by row, Size*Size of them
}

// At reports whether the module in column x of row y is dark. Outside the symbol
// is the quiet zone: light.
func (m Matrix) At(x, y int) bool {
	return x >= 0 && y >= 0 && x < m.Size && y < m.Size && m.Dark[y*m.Size+x]
}
