package native

// Limits of the format. Each is checked before memory is set aside for what it
// bounds.
const (
	MaxObject  = 64 << 20 // bytes of one object
	MaxFrame   = 2953     // bytes of a frame: what a QR code of version 40, level L holds
	MinSymbol  = 8        // bytes of a symbol
	MaxSymbols = 1 << 18  // symbols of one object: 64 MiB at version 10

	maxBlock   = 4000 // symbols of one block: its matrix has at most 16 MB
	maxInflate = 1032 // bytes that one byte of deflate can stand for (RFC 1951: 258 bytes in two bits)
	maxList    = 2 << 20
)

// Limits bound what a Decoder holds, whatever is shown to it. A field that is
// zero takes its default.
type Limits struct {
	Sessions int // objects of which frames are kept; 64
	Memory   int // bytes of all frames that are kept; 256 MiB
}

func (l Limits) defaults() Limits {
	if l.Sessions <= 0 {
		l.Sessions = 64
	}
	if l.Memory <= 0 {
		l.Memory = 256 << 20
	}
	return l
}
