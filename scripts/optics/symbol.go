package optics

import (
	"rsc.io/qr/coding"

	"coldsign/shared/frame/qr"
)

// Capacity gives the bytes that a symbol of the version holds at level L in one
// byte segment.
func Capacity(version int) int {
	v := coding.Version(version)
	return v.DataBytes(coding.L) - (coding.String("").Bits(v)+7)/8
}

// Symbol makes a symbol at level L with an encoder that is not ours.
func Symbol(version, mask int, payload []byte) qr.Matrix {
	plan, err := coding.NewPlan(coding.Version(version), coding.L, coding.Mask(mask))
	if err != nil {
		panic(err)
	}
	code, err := plan.Encode(coding.String(payload))
	if err != nil {
		panic(err)
	}
	m := qr.Matrix{Size: code.Size, Dark: make([]bool, code.Size*code.Size)}
	for i := range m.Dark {
		m.Dark[i] = code.Black(i%code.Size, i/code.Size)
	}
	return m
}

// Random gives n bytes of a seed.
func Random(n int, seed uint64) []byte {
	r := source(seed, 'p')
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
