package hd

import (
	"bytes"
	"io"
	"math/bits"
)

// What CheckSource takes and where it draws the line.
const (
	checkBytes = 1024
	window     = 512 // bytes of one adaptive proportion test
	maxRun     = 8   // equal bytes in a row
	maxSame    = 22  // bytes of a window that equal its first, itself included
	maxLean    = 340 // set bits more or fewer than half of all
)

// CheckSource tries a random source on 1,024 bytes before keys are made with it,
// as NIST SP 800-90B section 4.4 tries a noise source. It refuses with
// entropy.source:
//
//   - repetition count (4.4.1): 8 equal bytes in a row, which a sound source gives
//     once in 2^46 checks;
//   - adaptive proportion (4.4.2), of either half: its first byte 22 times in 512,
//     once in 2^46;
//   - bias: 340 set bits more or fewer than half of the 8,192, once in 2^43;
//   - a period of up to 512 bytes, once in 2^4000.
//
// Together a sound source is refused less than once in 2^42 checks. These tests
// see a generator that is broken, not one that somebody can predict.
func CheckSource(random io.Reader) error {
	b := make([]byte, checkBytes)
	defer clear(b)
	if _, err := io.ReadFull(random, b); err != nil {
		return sourceFailed(err)
	}
	ones := 0
	for _, v := range b {
		ones += bits.OnesCount8(v)
	}
	lean := ones - 8*checkBytes/2
	switch {
	case longestRun(b) >= maxRun, periodic(b):
		return badSource("the random source repeats itself")
	case proportion(b[:window]) >= maxSame, proportion(b[window:]) >= maxSame:
		return badSource("the random source gives one byte far too often")
	case lean >= maxLean, lean <= -maxLean:
		return badSource("the random source is biased: %d of %d bits are set", ones, 8*checkBytes)
	}
	return nil
}

// longestRun counts the most equal bytes in a row.
func longestRun(b []byte) (longest int) {
	run := 0
	for i, v := range b {
		if i > 0 && v != b[i-1] {
			run = 0
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// proportion counts the bytes that equal the first.
func proportion(b []byte) int { return bytes.Count(b, b[:1]) }
