package reader

import (
	"cmp"
	"math"
	"slices"
)

// block is one Reed-Solomon block of a symbol.
type block struct {
	places []int // of its codewords among those of the symbol
	words  []uint8
	done   bool
}

// decoder turns the modules of one symbol into its content.
type decoder struct {
	*equaliser
	level, mask int
	check       int
	blocks      []block
}

// decode reads a symbol from its greys. hopeless reports that they do not even
// look like a symbol of that version.
func decode(l *layout, greys []float32) (s Symbol, ok bool) {
	e := newEqualiser(l, greys)
	e.sharpen()
	d := &decoder{equaliser: e}
	if !d.readFormat() {
		return s, false
	}
	d.split()
	ok = d.correct(e.soft, false)
	for round := 0; !ok && round < maxRounds; round++ {
		before := d.left()
		for i := range e.soft {
			e.soft[i] = max(-1, min(1, e.soft[i]))
		}
		for range 2 {
			blur, fine := e.learn()
			if !fine {
				return s, false
			}
			sure := e.relax(blur, 3)
			ok = d.correct(sure, true)
			if ok {
				break
			}
		}
		if d.left() == before && round > 0 {
			break
		}
	}
	if !ok {
		return s, false
	}
	var words []uint8
	for _, b := range d.blocks {
		words = append(words, b.words[:len(b.words)-d.check]...)
	}
	s = Symbol{Version: l.version, Level: "LMQH"[d.level], Mask: d.mask}
	s.Segments, ok = parse(words, l.version)
	return s, ok
}

func (d *decoder) left() (n int) {
	for _, b := range d.blocks {
		if !b.done {
			n++
		}
	}
	return n
}

// readFormat finds the format that agrees best with its two copies.
func (d *decoder) readFormat() bool {
	best, score, most := 0, float32(0), float32(0)
	for bits := range 32 {
		word, sum, all := formatWord(bits), float32(0), float32(0)
		for _, copy := range d.formats {
			for i, at := range copy {
				v := max(-1, min(1, d.soft[at]))
				all += float32(math.Abs(float64(v)))
				if word>>(14-i)&1 == 1 {
					v = -v
				}
				sum += v
			}
		}
		if sum > score {
			best, score = bits, sum
		}
		most = all
	}
	if score < 0.5*most {
		return false
	}
	d.level, d.mask = best>>3^1, best&7
	word := formatWord(best)
	for _, copy := range d.formats {
		for i, at := range copy {
			d.soft[at], d.fixed[at] = float32(1-2*(word>>(14-i)&1)), true
		}
	}
	return true
}

// split finds which codeword belongs to which block (ISO/IEC 18004:2015, 7.6).
func (d *decoder) split() {
	total := len(d.order) / 8
	n := int(blockCounts[d.level][d.version-1])
	d.check = int(checkWords[d.level][d.version-1])
	d.blocks = make([]block, n)
	short := total/n - d.check // data codewords of the shorter blocks
	for k := range total {
		b := k % n
		switch {
		case k >= total-n*d.check:
			b = (k - (total - n*d.check)) % n
		case k >= short*n:
			b = n - total%n + k - short*n
		}
		d.blocks[b].places = append(d.blocks[b].places, k)
	}
}

// spare is how many check codewords are kept for telling a wrong correction
// (ISO/IEC 18004:2015, table 9).
func (d *decoder) spare() int {
	switch {
	case d.version == 1:
		return [4]int{3, 2, 1, 1}[d.level]
	case d.level == 0 && d.version < 4:
		return 4 - d.version
	}
	return 0
}

// correct decides on all modules and corrects the blocks that are not done. A
// block that succeeds settles its modules. With erasures, the codewords that are
// least sure are given up in its stead.
func (d *decoder) correct(sure []float32, erasures bool) bool {
	ok := true
	for i := range d.blocks {
		b := &d.blocks[i]
		if b.done {
			continue
		}
		words, doubts := d.collect(b, sure)
		b.done = correct(words, d.check, nil, d.spare())
		for _, share := range [3]int{3, 5, 7} {
			if erasures && !b.done {
				b.done = correct(words, d.check, doubts[:d.check*share/10], max(2, d.spare()))
			}
		}
		if !b.done {
			ok = false
			continue
		}
		b.words = words
		d.settle(b)
	}
	return ok
}

// collect takes the codewords of a block, and their places with the least sure first.
func (d *decoder) collect(b *block, sure []float32) (words []uint8, doubts []int) {
	words, doubts = make([]uint8, len(b.places)), make([]int, len(b.places))
	least := make([]float32, len(b.places))
	for i, k := range b.places {
		least[i], doubts[i] = math.MaxFloat32, i
		for _, at := range d.order[8*k : 8*k+8] {
			v := sure[at]
			bit := uint8(0)
			if v < 0 {
				bit, v = 1, -v
			}
			words[i] = words[i]<<1 | bit ^ d.masks[at]>>d.mask&1
			least[i] = min(least[i], v)
		}
	}
	slices.SortFunc(doubts, func(i, j int) int { return cmp.Compare(least[i], least[j]) })
	return words, doubts
}

func (d *decoder) settle(b *block) {
	for i, k := range b.places {
		for j, at := range d.order[8*k : 8*k+8] {
			bit := b.words[i]>>(7-j)&1 ^ d.masks[at]>>d.mask&1
			d.soft[at], d.fixed[at] = 1-2*float32(bit), true
		}
	}
}
