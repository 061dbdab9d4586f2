package native

import (
	"math"

	"coldsign/shared/fault"
)

// Encoder makes the frames of one object.
type Encoder struct {
	object
	blocks [][][]byte // the source symbols of each block
	only   []uint32   // if set, the symbols to show, and no other
	sums   table
}

// NewEncoder makes an encoder whose frames have at most frameSize bytes: what
// the QR codes hold that are to show them. All frames have the same length.
func NewEncoder(data []byte, frameSize int) (*Encoder, error) {
	if len(data) == 0 || len(data) > MaxObject {
		return nil, fault.New("frame.size", "", "%d bytes cannot be sent as frames: 1 to %d can", len(data), MaxObject)
	}
	carried, flag := deflate(data), uint32(deflated)
	if len(carried) >= len(data) {
		carried, flag = data, 0
	}
	return newEncoder(carried, flag, frameSize)
}

func newEncoder(carried []byte, flag uint32, frameSize int) (*Encoder, error) {
	most := min(frameSize, MaxFrame) - overhead
	if most < MinSymbol {
		return nil, fault.New("frame.size", "use a larger QR code", "a frame of %d bytes is too small: it needs %d", frameSize, minFrame)
	}
	k := (len(carried) + most - 1) / most
	if k > MaxSymbols {
		return nil, fault.New("frame.size", "use a larger QR code", "%d bytes take %d frames of %d bytes, and %d is the most", len(carried), k, frameSize, MaxSymbols)
	}
	// As many symbols as must be, and no larger than so many need.
	size := max((len(carried)+k-1)/k, MinSymbol)
	o := object{word: version<<28 | flag | uint32(len(carried)), size: size}
	h := o.digest()
	h.Write(carried)
	o.id = ID(h.Sum(nil))
	padded := append(make([]byte, 0, k*size), carried...)[:k*size]
	e := &Encoder{object: o, blocks: make([][][]byte, o.blocks()), sums: newTable(size)}
	for i := range k {
		b := &e.blocks[i%len(e.blocks)]
		*b = append(*b, padded[i*size:][:size])
	}
	return e, nil
}

// ID names the object.
func (e *Encoder) ID() ID { return e.id }

// K is the number of source symbols: no fewer frames than that carry the object.
func (e *Encoder) K() int { return e.symbols() }

// FrameSize is the length of every frame.
func (e *Encoder) FrameSize() int { return overhead + e.size }

// Pass is the number of frames after which every source symbol has been shown.
func (e *Encoder) Pass() uint64 {
	if e.only != nil {
		return uint64(len(e.only))
	}
	return uint64(e.K() + e.K()/5)
}

// Number gives the number of the symbol that is shown as frame n: of the source
// symbols one after the other, with a coded symbol after every five, and after
// the first pass of coded symbols that have not been shown before.
func (e *Encoder) Number(n uint64) uint32 {
	k := uint64(e.K())
	coded := n - k
	switch {
	case e.only != nil:
		return e.only[n%uint64(len(e.only))]
	case n < e.Pass() && n%6 < 5:
		return uint32(n/6*5 + n%6)
	case n < e.Pass():
		coded = n / 6
	}
	return uint32(k + coded%(math.MaxUint32+1-k))
}

// Mask gives the QR mask pattern, 0 to 7, for frame n. In each pass a frame gets
// another one, so that a code that a reader cannot read looks different next time.
func (e *Encoder) Mask(n uint64) int { return int((n/e.Pass() + n%e.Pass()) % 8) }

// Frame gives frame n, for any n from 0 on.
func (e *Encoder) Frame(n uint64) []byte { return e.byNumber(e.Number(n)) }

func (e *Encoder) byNumber(number uint32) []byte {
	rows := e.blocks[e.block(number)]
	if number < uint32(e.K()) {
		return e.frame(number, rows[int(number)/len(e.blocks)])
	}
	symbol := make([]byte, e.size)
	e.sums.addProducts(symbol, rows, e.coefficients(number))
	return e.frame(number, symbol)
}

// Only gives an encoder that shows no symbols but those of a list such as
// Decoder.Missing gives, over and over.
func (e *Encoder) Only(list string) (*Encoder, error) {
	only, err := parseRanges(list, e.K())
	if err != nil {
		return nil, err
	}
	return &Encoder{e.object, e.blocks, only, newTable(e.size)}, nil
}
