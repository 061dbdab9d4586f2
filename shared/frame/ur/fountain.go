package ur

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// xoshiro is xoshiro256**, as BCR-2024-001 seeds it: with one SHA-256.
type xoshiro [4]uint64

func newXoshiro(seed []byte) *xoshiro {
	sum := sha256.Sum256(seed)
	var s xoshiro
	for i := range s {
		s[i] = binary.BigEndian.Uint64(sum[8*i:])
	}
	return &s
}

func (s *xoshiro) next() uint64 {
	out := bits.RotateLeft64(s[1]*5, 7) * 9
	t := s[1] << 17
	s[2] ^= s[0]
	s[3] ^= s[1]
	s[1] ^= s[2]
	s[0] ^= s[3]
	s[2] ^= t
	s[3] = bits.RotateLeft64(s[3], 45)
	return out
}

// double gives a number of [0, 1]: the largest values round up to 1.
func (s *xoshiro) double() float64 { return float64(s.next()) / (1 << 64) }

// below gives a number below n.
func (s *xoshiro) below(n int) int { return min(int(s.double()*float64(n)), n-1) }

// sampler draws i with a probability in proportion to 1/(i+1), by the alias
// method. The order of every sum and list is that of BCR-2024-001: sender and
// reader must draw the same numbers. A product is converted before anything is
// added to it, so that no processor fuses the two and rounds once.
type sampler struct {
	keep  []float64 // how likely i stays i
	alias []int
}

func newSampler(n int) sampler {
	sum := 0.0
	for i := range n {
		sum += 1 / float64(i+1)
	}
	p, t := make([]float64, n), sampler{make([]float64, n), make([]int, n)}
	var small, large []int
	sort := func(i int) {
		if p[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for i := n - 1; i >= 0; i-- {
		p[i] = float64(1/float64(i+1)*float64(n)) / sum
		sort(i)
	}
	for len(small) > 0 && len(large) > 0 {
		a, g := small[len(small)-1], large[len(large)-1]
		small, large = small[:len(small)-1], large[:len(large)-1]
		t.keep[a], t.alias[a] = p[a], g
		p[g] += p[a] - 1
		sort(g)
	}
	for _, i := range append(small, large...) {
		t.keep[i] = 1
	}
	return t
}

func (t sampler) draw(r *xoshiro) int {
	i := r.below(len(t.keep))
	if r.double() < t.keep[i] {
		return i
	}
	return t.alias[i]
}

// mixed gives which of n pieces are added up in a part. The first n parts are
// the pieces themselves.
func mixed(number uint32, n int, checksum uint32) []int {
	if uint64(number) <= uint64(n) {
		return []int{int(number) - 1}
	}
	r := newXoshiro(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, number), checksum))
	degree := newSampler(n).draw(r) + 1
	rest := make([]int, n)
	for i := range rest {
		rest[i] = i
	}
	chosen := make([]int, degree)
	for i := range chosen {
		at := r.below(len(rest))
		chosen[i] = rest[at]
		rest = append(rest[:at], rest[at+1:]...)
	}
	return chosen
}
