package hd

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"io"

	"coldsign/shared/fault"
)

// Entropy is Mix of what Draw gives: the 32 bytes behind a new mnemonic.
func Entropy(random io.Reader, dice string) ([]byte, error) {
	if dice != "" { // before anything is drawn
		if err := CheckDice(dice, FewRolls); err != nil {
			return nil, err
		}
	}
	machine, err := Draw(random)
	if err != nil {
		return nil, err
	}
	defer clear(machine)
	return Mix(machine, dice)
}

// Draw takes the machine's part of a seed: two reads of 32 bytes from the source,
// one after the other.
//
// A source that errs, ends early, repeats itself within a read (with a period
// of 1 to 16 bytes) or gives the same read twice is refused with entropy.source;
// a sound one does so less than once in 2^120.
func Draw(random io.Reader) (machine []byte, err error) {
	machine = make([]byte, 2*entropyRead)
	defer func() {
		if err != nil {
			clear(machine)
			machine = nil
		}
	}()
	first, second := machine[:entropyRead], machine[entropyRead:]
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
	return machine, nil
}

// Mix makes the 32 bytes behind a new mnemonic from the machine's part and, when
// dice is not empty, from dice rolls written as digits 1 to 6 (RFC 5869):
//
//	HKDF-SHA256(secret: machine, salt: SHA-256(dice), info: "coldsign seed v1", 32 bytes)
//
// dice enters as its ASCII digits; without dice the salt is empty. Either part
// alone suffices: to who knows the dice, HKDF extracts from the secret randomness
// with a known salt, as RFC 5869 intends; to who knows the randomness, the result
// is HMAC under a key that only the dice give. Dice are refused with entropy.dice
// by CheckDice.
func Mix(machine []byte, dice string) ([]byte, error) {
	var salt []byte
	if dice != "" {
		if err := CheckDice(dice, FewRolls); err != nil {
			return nil, err
		}
		sum := sha256.Sum256([]byte(dice))
		defer clear(sum[:])
		salt = sum[:]
	}
	entropy, err := hkdf.Key(sha256.New, machine, salt, "coldsign seed v1", 32)
	if err != nil {
		return nil, badSource("cannot mix the randomness: %w", err)
	}
	return entropy, nil
}

// DiceAlone makes the 32 bytes behind a new mnemonic from dice and nothing else, as
// Coldcard and SeedSigner do: SHA-256 of the digits. Anyone makes them again by hand:
//
//	printf 46153... | sha256sum
//
// Whoever knows the rolls has the wallet, and the checks of CheckDice cannot tell rolls
// from what a person made up.
func DiceAlone(dice string) ([]byte, error) {
	if err := CheckDice(dice, MinRolls); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(dice))
	defer clear(sum[:])
	return bytes.Clone(sum[:]), nil
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

// CheckDice refuses fewer rolls than least, and dice that no fair die gives. A roll of a
// fair die has log2(6) bits: 99 rolls have 255.9.
//
//   - faces: a chi-square over how often each of the six fell above 40. Of 99
//     honest rolls it is so once in 2,800,000 sets.
//   - steps: the differences, modulo 6, between each roll and the one k before it
//     are themselves throws of a fair die, if the rolls are. For every k up to half
//     the number of rolls their chi-square must not be above 50: "123456123456",
//     "1111222233334444", all that repeats, with mistakes in it too. Of 99 rolls once
//     in 1,900,000 sets, for all k together.
//   - repeats: a roll equals the one before it in one case of six. Fewer than one in
//     49 are what people type who mean to look random. Of 99 rolls once in 2,700,000.
//     It is asked of 99 and more: among fewer an honest set may well have none.
//
// Together an honest set of 99 rolls is refused less than once in 700,000, and a
// longer one less often (exact sums, which a test repeats). What a person invents with
// care passes: only a die makes rolls.
func CheckDice(dice string, least int) error {
	const cure = "roll a fair die again and type every roll"
	n := len(dice)
	if n < least || n > maxRolls {
		return fault.New("entropy.dice", cure, "%d to %d dice rolls are wanted, not %d", least, maxRolls, n)
	}
	var count [6]int
	for i := range n {
		if dice[i] < '1' || dice[i] > '6' {
			return fault.New("entropy.dice", cure, "roll %d is not a digit from 1 to 6", i+1)
		}
		count[dice[i]-'1']++
	}
	if chiSquareAbove(count, maxFaces) {
		return fault.New("entropy.dice", cure, "the dice are biased: some faces fall far too often in %d rolls", n)
	}
	for back := 1; back <= n/2; back++ {
		count = [6]int{}
		for i := back; i < n; i++ {
			count[(dice[i]+6-dice[i-back])%6]++
		}
		if chiSquareAbove(count, maxSteps) {
			return fault.New("entropy.dice", cure, "the dice rolls are a pattern: each follows from the one %d before it", back)
		}
		if back == 1 && n >= MinRolls && count[0]*fewRepeats < n-1 {
			return fault.New("entropy.dice", cure, "the dice rolls are made up: a roll hardly ever equals the one before it")
		}
	}
	return nil
}

// chiSquareAbove tells whether the chi-square of counts of six faces,
// 6*sum(count^2)/n - n, is above a limit.
func chiSquareAbove(count [6]int, limit int) bool {
	n, squares := 0, 0
	for _, c := range count {
		n, squares = n+c, squares+c*c
	}
	return 6*squares-n*n > limit*n
}
