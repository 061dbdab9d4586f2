package verify

import (
	"bytes"
	"math/big"
	"slices"
	"testing"

	"coldsign/shared/chain"
)

// order is that of the group of a scheme.
func order(t *testing.T, scheme chain.Scheme) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(map[chain.Scheme]string{
		chain.ECDSA: "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
		chain.EdDSA: "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed",
	}[scheme], 16)
	if !ok {
		t.Fatal("no order")
	}
	return n
}

// number reads 32 bytes as the scheme orders them; written writes them.
func number(scheme chain.Scheme, b []byte) *big.Int {
	b = bytes.Clone(b)
	if scheme == chain.EdDSA {
		slices.Reverse(b)
	}
	return new(big.Int).SetBytes(b)
}

func written(scheme chain.Scheme, v *big.Int) []byte {
	b := v.FillBytes(make([]byte, 32))
	if scheme == chain.EdDSA {
		slices.Reverse(b)
	}
	return b
}

// copied is a deep copy of pairs.
func copied(pairs []Pair) []Pair {
	list := slices.Clone(pairs)
	for i := range list {
		list[i].Signature.Bytes = bytes.Clone(list[i].Signature.Bytes)
		list[i].Request.Message = bytes.Clone(list[i].Request.Message)
	}
	return list
}

// plain is what a sum of the equations without factors depends on: all s for
// Ed25519, all e/s for ECDSA.
func plain(t *testing.T, scheme chain.Scheme, pairs []Pair) *big.Int {
	n, sum := order(t, scheme), new(big.Int)
	for _, p := range pairs {
		v := number(scheme, p.Signature.Bytes[32:64])
		if scheme == chain.ECDSA {
			v.Mul(v.ModInverse(v, n), number(scheme, p.Request.Message))
		}
		sum.Add(sum, v)
	}
	return sum.Mod(sum, n)
}

// Faults that cancel in a plain sum of the equations do not in ours: each equation
// has a factor of its own. For Ed25519 one s grows by what the other loses; for
// ECDSA two digests move so that e1/s1 + e2/s2 stays.
func TestFaultsDoNotCancel(t *testing.T) {
	for _, scheme := range []chain.Scheme{chain.ECDSA, chain.EdDSA} {
		good, n := made(t, scheme, 8, 1), order(t, scheme)
		for x := range int64(40) {
			bad, d := copied(good), big.NewInt(x*x+1)
			shift := func(i int, by *big.Int) {
				s := bad[i].Signature.Bytes[32:64]
				if scheme == chain.EdDSA {
					v := new(big.Int).Add(number(scheme, s), by)
					copy(s, written(scheme, v.Mod(v, n)))
					return
				}
				m := bad[i].Request.Message
				v := new(big.Int).Mul(by, number(scheme, s))
				v.Add(v, number(scheme, m))
				copy(m, written(scheme, v.Mod(v, n)))
			}
			shift(0, d)
			shift(1, new(big.Int).Neg(d))
			if plain(t, scheme, bad).Cmp(plain(t, scheme, good)) != 0 {
				t.Fatal("the faults would not cancel")
			}
			if All(bad) || All(bad[:2]) {
				t.Fatalf("scheme %d: two faults cancel", scheme)
			}
		}
		if !All(good) {
			t.Fatalf("scheme %d: right and refused", scheme)
		}
	}
}

// A signature has one form: numbers beyond the order, zeros, high s and another v
// are refused, alone and among others.
func TestForms(t *testing.T) {
	for _, scheme := range []chain.Scheme{chain.ECDSA, chain.EdDSA} {
		good, n := made(t, scheme, 3, 3), order(t, scheme)
		forms := map[string]func(s []byte) []byte{
			"empty":      func([]byte) []byte { return nil },
			"short":      func(s []byte) []byte { return s[:len(s)-1] },
			"long":       func(s []byte) []byte { return append(s, 0) },
			"zeros":      func(s []byte) []byte { return make([]byte, len(s)) },
			"ones":       func(s []byte) []byte { return bytes.Repeat([]byte{0xff}, len(s)) },
			"r of zero":  func(s []byte) []byte { clear(s[:32]); return s },
			"s of zero":  func(s []byte) []byte { clear(s[32:64]); return s },
			"s of order": func(s []byte) []byte { copy(s[32:], written(scheme, n)); return s },
			"r of order": func(s []byte) []byte { copy(s, written(scheme, n)); return s },
			"-s": func(s []byte) []byte {
				copy(s[32:], written(scheme, new(big.Int).Sub(n, number(scheme, s[32:64]))))
				return s
			},
		}
		if scheme == chain.ECDSA {
			forms["v+2"] = func(s []byte) []byte { s[64] += 2; return s }
			forms["other v"] = func(s []byte) []byte { s[64] ^= 1; return s }
			forms["-s and other v"] = func(s []byte) []byte {
				s[64] ^= 1
				return forms["-s"](s)
			}
		} else {
			forms["s+order"] = func(s []byte) []byte {
				copy(s[32:], written(scheme, new(big.Int).Add(n, number(scheme, s[32:64]))))
				return s
			}
		}
		for name, form := range forms {
			bad := copied(good)
			bad[1].Signature.Bytes = form(bad[1].Signature.Bytes)
			if All(bad) || All(bad[1:2]) {
				t.Errorf("scheme %d: %s passes", scheme, name)
			}
		}
		for name, spoil := range map[string]func(p *Pair){
			"no key":          func(p *Pair) { p.Request.Key = chain.PublicKey{} },
			"another curve":   func(p *Pair) { p.Request.Key = made(t, scheme^chain.ECDSA^chain.EdDSA, 1, 1)[0].Request.Key },
			"another scheme":  func(p *Pair) { p.Request.Scheme = scheme ^ chain.ECDSA ^ chain.EdDSA },
			"another message": func(p *Pair) { p.Request.Message = append(p.Request.Message, 0) },
			"no message":      func(p *Pair) { p.Request.Message = nil },
			"Taproot":         func(p *Pair) { p.Request.Scheme = chain.Taproot },
		} {
			bad := copied(good)
			spoil(&bad[2])
			if All(bad) || All(bad[2:]) {
				t.Errorf("scheme %d: %s passes", scheme, name)
			}
		}
	}
}
