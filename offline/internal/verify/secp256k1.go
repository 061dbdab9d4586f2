package verify

import (
	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"coldsign/shared/chain"
)

// term is one ECDSA equation, u1*G + u2*Q = R, before s is inverted.
type term struct {
	r, s, e secp256k1.ModNScalar
	point   secp256k1.JacobianPoint // R, affine
	key     chain.PublicKey
}

// read takes an equation from the 65 bytes r, s, v.
func (t *term) read(p Pair) bool {
	b := p.Signature.Bytes
	if len(b) != 65 || b[64] > 1 || len(p.Request.Message) != 32 || p.Request.Key.Curve() != chain.Secp256k1 {
		return false
	}
	t.key = p.Request.Key
	if t.r.SetByteSlice(b[:32]) || t.s.SetByteSlice(b[32:64]) || t.r.IsZero() || t.s.IsZero() || t.s.IsOverHalfOrder() {
		return false
	}
	t.e.SetByteSlice(p.Request.Message)
	t.point.X.SetByteSlice(b[:32])
	t.point.Z.SetInt(1)
	return secp256k1.DecompressY(&t.point.X, b[64] == 1, &t.point.Y)
}

// ecdsaAll checks that the sum of a*(u1*G + u2*Q - R) vanishes. Equations of
// one key share one multiplication.
func ecdsaAll(pairs []Pair) bool {
	if len(pairs) == 0 {
		return true
	}
	a, err := factors(len(pairs))
	if err != nil {
		return false
	}
	terms := make([]term, len(pairs))
	for i, p := range pairs {
		if !terms[i].read(p) {
			return false
		}
	}
	invert(terms)
	var base secp256k1.ModNScalar
	perKey := map[chain.PublicKey]*secp256k1.ModNScalar{}
	for i := range terms {
		t := &terms[i]
		var f, u1, u2 secp256k1.ModNScalar
		setUint64(&f, a[i])
		f.Mul(&t.s) // s holds its inverse
		u1.Mul2(&f, &t.e)
		u2.Mul2(&f, &t.r)
		base.Add(&u1)
		if perKey[t.key] == nil {
			perKey[t.key] = new(secp256k1.ModNScalar)
		}
		perKey[t.key].Add(&u2)
	}
	var left secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(&base, &left)
	if !addKeys(&left, perKey) {
		return false
	}
	right := sum(8, len(terms), func(i int) *secp256k1.JacobianPoint { return &terms[i].point },
		func(i, digit int) byte { return byte(a[i] >> (8 * digit)) })
	left.ToAffine()
	right.ToAffine()
	return left.X.Equals(&right.X) && left.Y.Equals(&right.Y) && left.Z.Equals(&right.Z)
}

// addKeys adds the sum of scalar*Q over all keys to p.
func addKeys(p *secp256k1.JacobianPoint, perKey map[chain.PublicKey]*secp256k1.ModNScalar) bool {
	keys := make([]secp256k1.JacobianPoint, 0, len(perKey))
	scalars := make([][32]byte, 0, len(perKey))
	for key, scalar := range perKey {
		pub, err := secp256k1.ParsePubKey(key.Bytes())
		if err != nil {
			return false
		}
		var q, product secp256k1.JacobianPoint
		pub.AsJacobian(&q)
		if len(perKey) < 64 { // too few for buckets to pay
			secp256k1.ScalarMultNonConst(scalar, &q, &product)
			add(p, &product)
			continue
		}
		keys, scalars = append(keys, q), append(scalars, scalar.Bytes())
	}
	all := sum(32, len(keys), func(i int) *secp256k1.JacobianPoint { return &keys[i] },
		func(i, digit int) byte { return scalars[i][31-digit] })
	add(p, &all)
	return true
}

func add(p, q *secp256k1.JacobianPoint) {
	var r secp256k1.JacobianPoint
	secp256k1.AddNonConst(p, q, &r)
	p.Set(&r)
}

func setUint64(s *secp256k1.ModNScalar, v uint64) {
	var b [32]byte
	for i := range 8 {
		b[31-i] = byte(v >> (8 * i))
	}
	s.SetBytes(&b)
}

// invert puts 1/s in the place of every s, with one inversion for all
// (Montgomery's trick). No s is zero.
func invert(terms []term) {
	prefix := make([]secp256k1.ModNScalar, len(terms))
	var acc secp256k1.ModNScalar
	acc.SetInt(1)
	for i := range terms {
		prefix[i] = acc
		acc.Mul(&terms[i].s)
	}
	acc.InverseNonConst()
	for i := len(terms) - 1; i >= 0; i-- {
		var inv secp256k1.ModNScalar
		inv.Mul2(&acc, &prefix[i])
		acc.Mul(&terms[i].s)
		terms[i].s = inv
	}
}

// sum is the sum of n points, each times a number of so many base-256 digits,
// by Pippenger's buckets: one bucket for each value of a digit.
func sum(digits, n int, point func(i int) *secp256k1.JacobianPoint, digit func(i, digit int) byte) secp256k1.JacobianPoint {
	var total secp256k1.JacobianPoint
	if n == 0 {
		return total
	}
	for at := digits - 1; at >= 0; at-- {
		for range 8 {
			var d secp256k1.JacobianPoint
			secp256k1.DoubleNonConst(&total, &d)
			total.Set(&d)
		}
		var buckets [256]secp256k1.JacobianPoint
		for i := range n {
			add(&buckets[digit(i, at)], point(i))
		}
		// running sums give 1*b[1] + 2*b[2] + ... with two additions each
		var running, window secp256k1.JacobianPoint
		for v := 255; v > 0; v-- {
			add(&running, &buckets[v])
			add(&window, &running)
		}
		add(&total, &window)
	}
	return total
}
