package reader

import (
	"cmp"
	"math"
	"slices"
)

// decoder turns the modules of one symbol into its content.
type decoder struct {
	*equaliser
	mask int
	done [][]uint8 // the blocks that were corrected
}

// decode reads a symbol from its greys.
func decode(version int, greys []float32) (s Symbol, ok bool) {
	d := &decoder{equaliser: newEqualiser(layouts[version][0](), greys)}
	d.sharpen()
	if !d.readFormat() {
		return s, false
	}
	d.done = make([][]uint8, len(d.blocks))
	left := d.correct(d.soft, 0)
	// Blocks that were corrected make the others easier. When all of many fail, two
	// symbols are mixed in the picture: that must not take long.
	for round, before := 0, len(d.done); left > 0 && (round < minRounds || left < before && round < maxRounds); round++ {
		if round == 1 && left == len(d.done) && left > 4 {
			break
		}
		before = left
		sure, ok := d.relax()
		if !ok {
			break
		}
		left = d.correct(sure, 0, 3, 5, 7)
	}
	if left > 0 {
		return s, false
	}
	var words []uint8
	for _, b := range d.done {
		words = append(words, b[:len(b)-d.check]...)
	}
	s = Symbol{Version: version, Level: "LMQH"[d.level], Mask: d.mask}
	s.Segments, ok = parse(words, version)
	return s, ok
}

// readFormat finds the format that agrees best with its two copies.
func (d *decoder) readFormat() bool {
	best, score := 0, float32(0)
	for bits := range 32 {
		word, sum := formatWord(bits), float32(0)
		for i, copies := range d.formats {
			for _, at := range copies {
				sum += max(-1, min(1, d.soft[at])) * sign(word>>i)
			}
		}
		if sum > score {
			best, score = bits, sum
		}
	}
	if score < 15 { // of 30
		return false
	}
	d.layout, d.mask = layouts[d.version][best>>3^1](), best&7
	word := formatWord(best)
	for i, copies := range d.formats {
		for _, at := range copies {
			d.soft[at], d.fixed[at] = sign(word>>i), true
		}
	}
	return true
}

// sign is what a module is that holds the last bit of v: -1 dark, 1 light.
func sign(v int) float32 { return float32(1 - 2*(v&1)) }

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

// correct decides on all modules, corrects the blocks that were not, and gives
// how many are left. Each of shares says how many tenths of the check codewords
// are spent on giving up the codewords that are least sure.
func (d *decoder) correct(sure []float32, shares ...int) (left int) {
	for i, places := range d.blocks {
		if d.done[i] != nil {
			continue
		}
		words, doubts := d.collect(places, sure)
		left++
		for _, share := range shares {
			spare := d.spare()
			if share > 0 {
				spare = max(2, spare)
			}
			if correct(words, d.check, doubts[:d.check*share/10], spare) {
				d.done[i] = words
				d.settle(places, words)
				left--
				break
			}
		}
	}
	return left
}

// collect takes the codewords of a block, and their places with the least sure first.
func (d *decoder) collect(places []uint16, sure []float32) (words []uint8, doubts []int) {
	words, doubts = make([]uint8, len(places)), make([]int, len(places))
	least := make([]float32, len(places))
	for i, k := range places {
		least[i], doubts[i] = math.MaxFloat32, i
		for _, at := range d.words[k] {
			v, bit := sure[at], d.masks[at]>>d.mask&1
			if v < 0 {
				bit, v = bit^1, -v
			}
			words[i] = words[i]<<1 | bit
			least[i] = min(least[i], v)
		}
	}
	slices.SortFunc(doubts, func(i, j int) int { return cmp.Compare(least[i], least[j]) })
	return words, doubts
}

// settle takes the modules of a corrected block for certain.
func (d *decoder) settle(places []uint16, words []uint8) {
	for i, k := range places {
		for j, at := range d.words[k] {
			d.soft[at], d.fixed[at] = sign(int(words[i]>>(7-j)^d.masks[at]>>d.mask)), true
		}
	}
}
