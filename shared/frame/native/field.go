package native

import (
	"crypto/subtle"
	"encoding/binary"
)

// Arithmetic in GF(256) with x^8+x^4+x^3+x^2+1, the field of the QR code's own
// Reed-Solomon code. Adding is XOR, and whole rows are XORed at once: the only
// fast operation that needs neither assembly nor tables of products.

func xor(dst, src []byte) { subtle.XORBytes(dst, dst, src) }

func multiply(a, b byte) (p byte) {
	for ; b != 0; b >>= 1 {
		if b&1 != 0 {
			p ^= a
		}
		a = a<<1 ^ a>>7*0x1d
	}
	return p
}

// inverse is a^254, for a^255 is 1.
func inverse(a byte) byte {
	p := a
	for range 6 {
		p = multiply(multiply(p, p), a)
	}
	return multiply(p, p)
}

// double multiplies a row by x, eight bytes at a time.
func double(row []byte) {
	for ; len(row) >= 8; row = row[8:] {
		v := binary.LittleEndian.Uint64(row)
		v = v<<1&0xfefefefefefefefe ^ v>>7&0x0101010101010101*0x1d
		binary.LittleEndian.PutUint64(row, v)
	}
	for i, v := range row {
		row[i] = v<<1 ^ v>>7*0x1d
	}
}

// table has one row for each value of the low half of a byte (0 to 15) and of
// its high half (16 to 31). It serves both ways: as the multiples of one row, of
// which two make any product, and as the sums of the rows that share a half of
// their factor, which become one sum of products. Either way a product costs two
// XORs, and the rest is paid once.
type table [32][]byte

func newTable(width int) (t table) {
	slab := make([]byte, 32*width)
	for i := range t {
		t[i] = slab[i*width:][:width]
	}
	return t
}

// multiplesOf fills the table with the multiples of row.
func (t *table) multiplesOf(row []byte) {
	for bit := range 8 {
		at, v := bit/4*16, 1<<(bit%4)
		copy(t[at+v], row)
		row = t[at+v]
		if bit > 0 {
			double(row)
		}
		for u := 1; u < v; u++ {
			subtle.XORBytes(t[at+v+u], row, t[at+u])
		}
	}
}

// addMultiple adds c times the row of multiplesOf to dst.
func (t *table) addMultiple(dst []byte, c byte) {
	if c&15 != 0 {
		xor(dst, t[c&15])
	}
	if c>>4 != 0 {
		xor(dst, t[16+c>>4])
	}
}

// addProducts adds the sum of all rows, each times its factor, to dst. Rows that
// are nil do not count.
func (t *table) addProducts(dst []byte, rows [][]byte, factors []byte) {
	for _, row := range t {
		clear(row)
	}
	for i, row := range rows {
		if row != nil {
			xor(t[factors[i]&15], row)
			xor(t[16+factors[i]>>4], row)
		}
	}
	sum := t[0] // its factor is zero, so it serves as scratch
	clear(sum)
	for bit := 7; bit >= 0; bit-- {
		double(sum)
		at, v := bit/4*16, 1<<(bit%4)
		for u := range 16 {
			if u&v != 0 {
				xor(sum, t[at+u])
			}
		}
	}
	xor(dst, sum)
}
