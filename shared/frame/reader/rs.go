package reader

// Reed-Solomon over GF(256) with the polynomial x^8+x^4+x^3+x^2+1 and the roots
// 2^0, 2^1, ... (ISO/IEC 18004:2015, 7.5.2).

var exps, logs = func() (e [512]uint8, l [256]int) {
	x := 1
	for i := range 255 {
		e[i], e[i+255], l[x] = uint8(x), uint8(x), i
		if x <<= 1; x > 255 {
			x ^= 0x11d
		}
	}
	e[510] = 1
	return e, l
}()

// times gives the products of each root with everything.
var times = func() (t [30][256]uint8) {
	for i := range t {
		for x := 1; x < 256; x++ {
			t[i][x] = exps[logs[x]+i]
		}
	}
	return t
}()

func mul(a, b uint8) uint8 {
	if a == 0 || b == 0 {
		return 0
	}
	return exps[logs[a]+logs[b]]
}

func div(a, b uint8) uint8 {
	if a == 0 {
		return 0
	}
	return exps[logs[a]+255-logs[b]]
}

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
			locator[j] ^= mul(locator[j-1], exps[n-1-at])
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
	fixed := make([]uint8, n)
	copy(fixed, block)
	found := 0
	for at := range n {
		inverse := 255 - (n - 1 - at) // exponent of the inverse of the place's locator
		var value, slope uint8
		for j := 0; j <= degree; j++ {
			if locator[j] == 0 {
				continue
			}
			term := exps[(logs[locator[j]]+j*inverse)%255]
			value ^= term
			if j&1 == 1 {
				slope ^= term
			}
		}
		if value != 0 {
			continue
		}
		found++
		var size uint8
		for j, c := range evaluator {
			if c != 0 {
				size ^= exps[(logs[c]+j*inverse)%255]
			}
		}
		if slope == 0 {
			return false
		}
		fixed[at] ^= div(size, slope)
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
	shadow := append([]uint8(nil), locator...)
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
		next := append([]uint8(nil), locator...)
		for j := range next {
			next[j] ^= mul(gap, shadow[j])
		}
		if 2*degree <= r+erased {
			for j, c := range locator {
				shadow[j] = div(c, gap)
			}
			degree = r + 1 + erased - degree
		}
		locator = next
	}
	return locator, degree
}
