package reader

import (
	"slices"

	"rsc.io/qr/coding"
)

// Reed-Solomon over GF(256) with the polynomial x^8+x^4+x^3+x^2+1 and the roots
// 2^0, 2^1, ... (ISO/IEC 18004:2015, 7.5.2).

func mul(a, b uint8) uint8 { return coding.Field.Mul(a, b) }
func exp(n int) uint8      { return coding.Field.Exp(n) } // of 0 and more

// times gives the products of each root with everything.
var times = func() (t [30][256]uint8) {
	for i := range t {
		for x := range t[i] {
			t[i][x] = mul(uint8(x), exp(i))
		}
	}
	return t
}()

// correct corrects a block of which the last check codewords are redundant and
// those at erased are doubtful. It keeps spare check codewords for telling a
// wrong correction: they are not used up. A block that it cannot correct is left
// as it is.
func correct(block []uint8, check int, erased []int, spare int) bool {
	syndromes, clean := make([]uint8, check), true
	for i := range syndromes {
		var s uint8
		t := &times[i]
		for _, c := range block {
			s = t[s] ^ c
		}
		syndromes[i], clean = s, clean && s == 0
	}
	if clean {
		return true
	}
	n := len(block)
	locator := make([]uint8, check+2) // ascending powers
	locator[0] = 1
	for k, at := range erased {
		for j := k + 1; j > 0; j-- {
			locator[j] ^= mul(locator[j-1], exp(n-1-at))
		}
	}
	degree := len(erased)
	locator, degree = massey(locator, degree, syndromes)
	if 2*degree-len(erased) > check-spare {
		return false
	}
	// The evaluator: syndromes times locator, modulo x^check.
	evaluator := make([]uint8, check)
	for i := range evaluator {
		for j := 0; j <= min(i, degree); j++ {
			evaluator[i] ^= mul(locator[j], syndromes[i-j])
		}
	}
	fixed, found := slices.Clone(block), 0
	for at := range n {
		x := exp(255 - (n - 1 - at)) // the inverse of the place's locator
		var value, slope, size uint8
		for j := degree; j >= 0; j-- { // Horner
			value = mul(value, x) ^ locator[j]
			if j&1 == 1 {
				slope = mul(mul(slope, x), x) ^ locator[j]
			}
		}
		if value != 0 {
			continue
		}
		for j := check - 1; j >= 0; j-- {
			size = mul(size, x) ^ evaluator[j]
		}
		if slope == 0 {
			return false
		}
		fixed[at] ^= mul(size, coding.Field.Inv(mul(slope, x)))
		found++
	}
	if found != degree {
		return false
	}
	copy(block, fixed)
	return true
}

// massey is the algorithm of Berlekamp and Massey, from the locator of what is
// erased. It gives the locator of all errors and its degree.
func massey(locator []uint8, erased int, syndromes []uint8) ([]uint8, int) {
	degree := erased
	shadow := slices.Clone(locator)
	for r := erased; r < len(syndromes); r++ {
		var gap uint8
		for j := 0; j <= min(r, degree); j++ {
			gap ^= mul(locator[j], syndromes[r-j])
		}
		copy(shadow[1:], shadow)
		shadow[0] = 0
		if gap == 0 {
			continue
		}
		next := slices.Clone(locator)
		for j := range next {
			next[j] ^= mul(gap, shadow[j])
		}
		if 2*degree <= r+erased {
			inverse := coding.Field.Inv(gap)
			for j, c := range locator {
				shadow[j] = mul(c, inverse)
			}
			degree = r + 1 + erased - degree
		}
		locator = next
	}
	return locator, degree
}
