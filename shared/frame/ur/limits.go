package ur

// Limits of what is written and read. Each is checked before memory is set aside
// for what it bounds.
const (
	MaxMessage  = 4 << 20 // bytes of CBOR: as much as a payload of a bundle
	MaxParts    = 8192    // pieces of one message: its matrix has at most 8 MiB
	MaxType     = 40      // letters of a type
	MinFragment = 10      // bytes of a piece that a message is cut into

	maxText = 2*(MaxMessage+64) + MaxType // characters of one UR
)

// Limits bound what a Decoder holds, whatever is shown to it. A field that is
// zero takes its default.
type Limits struct {
	Sessions int // messages of which parts are kept; 16
	Memory   int // bytes of all parts that are kept; 64 MiB
}

func (l Limits) defaults() Limits {
	if l.Sessions <= 0 {
		l.Sessions = 16
	}
	if l.Memory <= 0 {
		l.Memory = 64 << 20
	}
	return l
}
