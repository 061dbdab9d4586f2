package hd

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"io"

	"coldsign/shared/fault"
)

// Entropy makes the 32 bytes behind a new mnemonic from a random source and,
// when dice is not empty, dice rolls written as digits 1 to 6: at least 50 (129
// bits), 99 or more for full strength (256 bits).
//
//	random = two reads of 32 bytes from the source, one after the other
//	result = HKDF-SHA256(secret: random, salt: SHA-256(dice), info: "coldsign seed v1", 32 bytes)
//
// dice enters as its ASCII digits; without dice the salt is empty. Either part
// alone suffices: to who knows the dice, HKDF extracts from the secret randomness
// with a known salt, as RFC 5869 intends; to who knows the randomness, the result
// is HMAC under a key that only the dice give.
//
// A source that errs, ends early, repeats itself within a read (with a period
// of 1 to 16 bytes) or gives the same read twice is refused with entropy.source;
// a sound one does so less than once in 2^120. Dice are refused with
// entropy.dice by fair.
func Entropy(random io.Reader, dice string) ([]byte, error) {
	var salt []byte
	if dice != "" {
		if err := fair(dice); err != nil {
			return nil, err
		}
		sum := sha256.Sum256([]byte(dice))
		defer clear(sum[:])
		salt = sum[:]
	}
	var secret [2 * entropyRead]byte
	defer clear(secret[:])
	first, second := secret[:entropyRead], secret[entropyRead:]
	for _, b := range [][]byte{first, second} {
		if _, err := io.ReadFull(random, b); err != nil {
			return nil, sourceFailed(err)
		}
		if periodic(b) {
			return nil, badSource("the random source repeats itself")
		}
	}
	if bytes.Equal(first, second) {
		return nil, badSource("the random source is stuck: it gave the same bytes twice")
	}
	entropy, err := hkdf.Key(sha256.New, secret[:], salt, "coldsign seed v1", 32)
	if err != nil {
		return nil, badSource("cannot mix the randomness: %w", err)
	}
	return entropy, nil
}

// sourceFailed keeps what Source says of itself.
func sourceFailed(err error) error {
	if fault.Is(err, "entropy.source") {
		return err
	}
	return badSource("the random source failed: %w", err)
}

func badSource(format string, args ...any) error {
	return fault.New("entropy.source", "do not make keys on this machine", format, args...)
}

// periodic tells whether b repeats with a period of at most half its length.
func periodic(b []byte) bool {
	for p := 1; p <= len(b)/2; p++ {
		if bytes.Equal(b[p:], b[:len(b)-p]) {
			return true
		}
	}
	return false
}

// fair refuses dice that no fair die gives:
//
//   - a face on more than 40 % of the rolls;
//   - a chi-square over six faces above 40, i.e. 6*sum(count^2)/n - n > 40, as
//     when some faces never fall;
//   - rolls that repeat with a period of at most half their number, as typed
//     patterns do ("123456123456").
//
// An honest set of 50 rolls is refused once in 8,000, one of 99 once in 2.8
// million (exact multinomial sums). What a person invents may pass: dice add to
// the random source, they do not replace it.
func fair(dice string) error {
	const cure = "roll a fair die again and type every roll"
	n := len(dice)
	if n < minRolls || n > maxRolls {
		return fault.New("entropy.dice", cure, "%d to %d dice rolls are wanted, not %d", minRolls, maxRolls, n)
	}
	var count [6]int
	for i := range n {
		if dice[i] < '1' || dice[i] > '6' {
			return fault.New("entropy.dice", cure, "roll %d is not a digit from 1 to 6", i+1)
		}
		count[dice[i]-'1']++
	}
	squares := 0
	for _, c := range count {
		if c*5 > n*2 {
			return fault.New("entropy.dice", cure, "the dice are biased: one face has more than 40 %% of %d rolls", n)
		}
		squares += c * c
	}
	if 6*squares-n*n > 40*n {
		return fault.New("entropy.dice", cure, "the dice are biased: some faces hardly fall in %d rolls", n)
	}
	if periodic([]byte(dice)) {
		return fault.New("entropy.dice", cure, "the dice rolls are a repeating pattern")
	}
	return nil
}
