// Package native carries one object across the air gap as a stream of frames,
// each the content of one QR code, of which any sufficient set will do.
//
//	e, err := native.NewEncoder(bundle, 1465) // what a version 27-L code holds
//	for n := uint64(0); ; n++ {
//		show(e.Frame(n), e.Mask(n))
//	}
//
//	d := native.NewDecoder(native.Limits{})
//	p, err := d.Add(frame) // p.Rank of p.K pieces; p.Object once it is complete
//
// A lost frame costs one more frame, whichever it was: the code is a systematic
// random linear code over GF(256). FORMAT.md says how. It protects against
// damage and mixing, not against forgery: what arrives is a claim until its
// signature has been checked.
package native

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/crc32"

	"coldsign/shared/fault"
)

const (
	magic    = 0xc51d // no UTF-8 text begins so: no URL, UR or BBQr is taken for a frame
	version  = 1
	deflated = 1 << 27 // flag in the word beside version and length
	header   = 20
	overhead = header + 4 // with the CRC-32 at the end
	minFrame = overhead + MinSymbol
)

// ID names an object: the first 80 bits of a SHA-256 that covers all that its
// frames must agree on.
type ID [10]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// object is what every frame of one object says alike. It is the key of a
// session, so that frames which disagree never meet.
type object struct {
	id   ID
	word uint32 // version, flag and length, as on the wire
	size int    // bytes of a symbol
}

func (o object) length() int       { return int(o.word & (deflated - 1)) }
func (o object) symbols() int      { return (o.length() + o.size - 1) / o.size }
func (o object) blocks() int       { return (o.symbols() + maxBlock - 1) / maxBlock }
func (o object) inBlock(b int) int { return (o.symbols() - b + o.blocks() - 1) / o.blocks() }

// block gives the block of a symbol. Neighbours are in different ones, so that a
// burst of losses is shared.
func (o object) block(number uint32) int {
	if k := uint32(o.symbols()); number >= k {
		number -= k
	}
	return int(number) % o.blocks()
}

// digest starts the hash whose first bytes are the id; the carried bytes follow.
func (o object) digest() hash.Hash {
	h := sha256.New()
	b := binary.BigEndian.AppendUint32([]byte("coldsign frame v1"), o.word)
	h.Write(binary.BigEndian.AppendUint16(b, uint16(o.size)))
	return h
}

// stream is SplitMix64, seeded for one symbol and one purpose.
type stream uint64

func (o object) stream(purpose byte, number uint32) stream {
	b := append([]byte{purpose}, o.id[:]...)
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(b, number))
	return stream(binary.BigEndian.Uint64(sum[:]))
}

// fill writes the next bytes of the stream. It is called once for a stream.
func (s stream) fill(b []byte) {
	var out [8]byte
	for len(b) > 0 {
		s += 0x9e3779b97f4a7c15
		z := uint64(s)
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		binary.BigEndian.PutUint64(out[:], z^z>>31)
		b = b[copy(b, out[:]):]
	}
}

// coefficients gives what each source symbol of the block is multiplied with in
// a coded symbol. None is zero: then two symbols that hold the same pieces never
// leave one of them out.
func (o object) coefficients(number uint32) []byte {
	c := make([]byte, o.inBlock(o.block(number)))
	o.stream('c', number).fill(c)
	for i := range c {
		c[i] = max(c[i], 1)
	}
	return c
}

// whiten makes a payload look random, or plain again, in place. Long runs in a
// QR code are what weak readers fail on.
func (o object) whiten(number uint32, payload []byte) {
	noise := make([]byte, len(payload))
	o.stream('w', number).fill(noise)
	xor(payload, noise)
}

// frame puts one symbol on the wire.
func (o object) frame(number uint32, symbol []byte) []byte {
	b := make([]byte, 0, overhead+len(symbol))
	b = binary.BigEndian.AppendUint16(b, magic)
	b = binary.BigEndian.AppendUint32(b, o.word)
	b = append(b, o.id[:]...)
	b = binary.BigEndian.AppendUint32(b, number)
	b = append(b, symbol...)
	o.whiten(number, b[header:])
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// IsFrame reports whether b begins like a native frame, sound or not. It is the
// cheap question; Add asks the rest.
func IsFrame(b []byte) bool {
	return len(b) >= 2 && binary.BigEndian.Uint16(b) == magic
}

// parse reads a frame. The symbol that it gives is a copy.
func parse(b []byte) (o object, number uint32, symbol []byte, err error) {
	if !IsFrame(b) {
		return o, 0, nil, fault.New("frame.foreign", "", "this code is no frame of coldsign")
	}
	if len(b) < minFrame || len(b) > MaxFrame {
		return o, 0, nil, fault.New("frame.damaged", "", "a frame has %d bytes, and %d to %d are possible", len(b), minFrame, MaxFrame)
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return o, 0, nil, fault.New("frame.damaged", "", "a frame was read with errors: its checksum is wrong")
	}
	o = object{ID(b[6:16]), binary.BigEndian.Uint32(b[2:]), len(body) - header}
	if v := o.word >> 28; v != version {
		return o, 0, nil, fault.New("frame.version", "use the same version of coldsign on both machines", "a frame of format version %d, and this is version %d", v, version)
	}
	if n, k := o.length(), o.symbols(); n == 0 || n > MaxObject || k > MaxSymbols {
		return o, 0, nil, fault.New("frame.limit", "", "a frame announces %d bytes in %d pieces, and %d in %d are the most", n, k, MaxObject, MaxSymbols)
	}
	number, symbol = binary.BigEndian.Uint32(b[16:]), bytes.Clone(body[header:])
	o.whiten(number, symbol)
	return o, number, symbol, nil
}
