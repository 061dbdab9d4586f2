package slip39

// Arithmetic in GF(256) with the polynomial x^8+x^4+x^3+x+1. There are no tables and
// no branches: what an instruction reads, and which one comes next, depends on no
// secret.

func mul(a, b byte) (p byte) {
	for range 8 {
		p ^= a & -(b & 1)
		a = a<<1 ^ 0x1b&-(a>>7)
		b >>= 1
	}
	return p
}

// inverse gives a^254, which is 1/a.
func inverse(a byte) byte {
	r := byte(1)
	for range 7 {
		a = mul(a, a)
		r = mul(r, a)
	}
	return r
}

// point is a value of the polynomials, one for each byte, at a public place x.
type point struct {
	x byte
	y []byte
}

// interpolate adds to to, which is all zeros, the values at x of the polynomials of
// least degree through points (Lagrange). The places differ.
func interpolate(to []byte, x byte, points []point) {
	for i, p := range points {
		weight := byte(1)
		for j, q := range points {
			if i != j {
				weight = mul(weight, mul(x^q.x, inverse(p.x^q.x)))
			}
		}
		for k := range to {
			to[k] ^= mul(weight, p.y[k])
		}
	}
}
