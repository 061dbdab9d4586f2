package keystore

import (
	"bytes"
	"crypto/sha256"
	"math/big"
)

// secp is secp256k1 written from SEC 1 (section 4.1) and BIP-340 with math/big: slow,
// and sharing nothing with the library that signs.
type secp struct {
	p, n *big.Int
	g    point
}

// point is x = X/Z^2, y = Y/Z^3; Z of zero is the point at infinity.
type point struct{ x, y, z *big.Int }

func newSecp() *secp {
	hex := func(s string) *big.Int { v, _ := new(big.Int).SetString(s, 16); return v }
	return &secp{
		p: hex("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"),
		n: hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"),
		g: point{hex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
			hex("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"), big.NewInt(1)},
	}
}

func (c *secp) mul(a, b *big.Int) *big.Int { v := new(big.Int).Mul(a, b); return v.Mod(v, c.p) }
func (c *secp) sub(a, b *big.Int) *big.Int { v := new(big.Int).Sub(a, b); return v.Mod(v, c.p) }

// double is 2a: the curve's a is zero.
func (c *secp) double(a point) point {
	yy := c.mul(a.y, a.y)
	s := c.mul(big.NewInt(4), c.mul(a.x, yy))
	m := c.mul(big.NewInt(3), c.mul(a.x, a.x))
	x := c.sub(c.mul(m, m), c.mul(big.NewInt(2), s))
	return point{x, c.sub(c.mul(m, c.sub(s, x)), c.mul(big.NewInt(8), c.mul(yy, yy))), c.mul(big.NewInt(2), c.mul(a.y, a.z))}
}

func (c *secp) add(a, b point) point {
	if a.z.Sign() == 0 {
		return b
	}
	if b.z.Sign() == 0 {
		return a
	}
	aa, bb := c.mul(a.z, a.z), c.mul(b.z, b.z)
	u1, u2 := c.mul(a.x, bb), c.mul(b.x, aa)
	s1, s2 := c.mul(a.y, c.mul(b.z, bb)), c.mul(b.y, c.mul(a.z, aa))
	h, r := c.sub(u2, u1), c.sub(s2, s1)
	if h.Sign() == 0 {
		if r.Sign() == 0 {
			return c.double(a)
		}
		return point{big.NewInt(1), big.NewInt(1), new(big.Int)}
	}
	hh := c.mul(h, h)
	hhh, v := c.mul(h, hh), c.mul(u1, hh)
	x := c.sub(c.sub(c.mul(r, r), hhh), c.mul(big.NewInt(2), v))
	return point{x, c.sub(c.mul(r, c.sub(v, x)), c.mul(s1, hhh)), c.mul(h, c.mul(a.z, b.z))}
}

// both is u*G + v*q, and whether that is a point with coordinates.
func (c *secp) both(u, v *big.Int, q point) (x, y *big.Int, ok bool) {
	at, sum := point{big.NewInt(1), big.NewInt(1), new(big.Int)}, c.add(c.g, q)
	for i := 255; i >= 0; i-- {
		at = c.double(at)
		switch u.Bit(i) + 2*v.Bit(i) {
		case 1:
			at = c.add(at, c.g)
		case 2:
			at = c.add(at, q)
		case 3:
			at = c.add(at, sum)
		}
	}
	if at.z.Sign() == 0 {
		return nil, nil, false
	}
	z := new(big.Int).ModInverse(at.z, c.p)
	zz := c.mul(z, z)
	return c.mul(at.x, zz), c.mul(at.y, c.mul(z, zz)), true
}

// lift is the point of a 33-byte compressed key.
func (c *secp) lift(key []byte) (point, bool) {
	x := new(big.Int).SetBytes(key[1:])
	yy := c.mul(x, c.mul(x, x))
	yy.Mod(yy.Add(yy, big.NewInt(7)), c.p)
	y := new(big.Int).Exp(yy, new(big.Int).Rsh(new(big.Int).Add(c.p, big.NewInt(1)), 2), c.p)
	if x.Cmp(c.p) >= 0 || c.mul(y, y).Cmp(yy) != 0 {
		return point{}, false
	}
	if y.Bit(0) != uint(key[0]&1) {
		y.Sub(c.p, y)
	}
	return point{x, y, big.NewInt(1)}, true
}

// ecdsa verifies r, s, v as SEC 1 section 4.1.4 and 4.1.6 say, s low.
func (c *secp) ecdsa(key, digest, sig []byte) bool {
	q, ok := c.lift(key)
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:64])
	if !ok || r.Sign() == 0 || s.Sign() == 0 || r.Cmp(c.n) >= 0 || s.Cmp(new(big.Int).Rsh(c.n, 1)) > 0 {
		return false
	}
	e := new(big.Int).SetBytes(digest)
	w := new(big.Int).ModInverse(s, c.n)
	u1, u2 := new(big.Int).Mul(e, w), new(big.Int).Mul(r, w)
	x, y, ok := c.both(u1.Mod(u1, c.n), u2.Mod(u2, c.n), q)
	return ok && x.Cmp(r) == 0 && y.Bit(0) == uint(sig[64]) // x beyond n would need v 2 or 3
}

// tagged is BIP-340's tagged hash, as a number.
func (c *secp) tagged(tag string, parts ...[]byte) *big.Int {
	t := sha256.Sum256([]byte(tag))
	h := sha256.Sum256(append(append(t[:], t[:]...), bytes.Join(parts, nil)...))
	v := new(big.Int).SetBytes(h[:])
	return v.Mod(v, c.n)
}

// output is the x of BIP-341's output key, of an internal key and a merkle root.
func (c *secp) output(internal, root []byte) []byte {
	p, ok := c.lift(append([]byte{2}, internal...))
	if !ok {
		return nil
	}
	x, _, ok := c.both(c.tagged("TapTweak", internal, root), big.NewInt(1), p)
	if !ok {
		return nil
	}
	return x.FillBytes(make([]byte, 32))
}

// schnorr verifies as BIP-340 says.
func (c *secp) schnorr(key, digest, sig []byte) bool {
	p, ok := c.lift(append([]byte{2}, key...))
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	if !ok || r.Cmp(c.p) >= 0 || s.Cmp(c.n) >= 0 {
		return false
	}
	e := c.tagged("BIP0340/challenge", sig[:32], key, digest)
	x, y, ok := c.both(s, e.Sub(c.n, e), p)
	return ok && y.Bit(0) == 0 && x.Cmp(r) == 0
}
