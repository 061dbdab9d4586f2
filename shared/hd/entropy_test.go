package hd

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math"
	mrand "math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"coldsign/shared/fault"
)

// rolls are n throws of a seeded fair die.
func rolls(n int, seed uint64) string {
	r := mrand.New(mrand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = '1' + byte(r.IntN(6))
	}
	return string(b)
}

// steady is a source of known, sound bytes.
func steady(seed byte) io.Reader {
	return bytes.NewReader(append(sum(seed), sum(seed+1)...))
}

func sum(b byte) []byte {
	s := sha256.Sum256([]byte{b})
	return s[:]
}

// byHand is the documented construction from RFC 5869, without crypto/hkdf.
func byHand(random []byte, dice string) []byte {
	salt := make([]byte, 32)
	if dice != "" {
		s := sha256.Sum256([]byte(dice))
		salt = s[:]
	}
	extract := hmac.New(sha256.New, salt)
	extract.Write(random)
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write([]byte("coldsign seed v1\x01"))
	return expand.Sum(nil)
}

func TestEntropyConstruction(t *testing.T) {
	for _, dice := range []string{"", rolls(99, 2), rolls(1000, 3)} {
		got, err := Entropy(steady(1), dice)
		if err != nil || !bytes.Equal(got, byHand(append(sum(1), sum(2)...), dice)) {
			t.Errorf("%d rolls: %x, %v", len(dice), got, err)
		}
		// One byte at a time is no short read.
		if slow, err := Entropy(iotest.OneByteReader(steady(1)), dice); err != nil || !bytes.Equal(slow, got) {
			t.Errorf("%d rolls, slow source: %x, %v", len(dice), slow, err)
		}
	}
}

// ATT-64: one part is fixed, the other varies, 10,000 times: all seeds differ.
func TestATT64EitherPart(t *testing.T) {
	seen := map[string]bool{}
	add := func(b []byte, err error) {
		if err != nil || len(b) != 32 || seen[string(b)] {
			t.Fatalf("%x, %v", b, err)
		}
		seen[string(b)] = true
	}
	for i := range uint64(10_000) {
		add(Entropy(steady(1), rolls(99, i)))
		add(Entropy(rand.Reader, rolls(99, 0)))
		add(Entropy(rand.Reader, ""))
	}
}

func TestEntropySource(t *testing.T) {
	once := append(sum(1), sum(2)...)
	half := bytes.Repeat(sum(3)[:16], 2)
	for name, source := range map[string]io.Reader{
		"empty":             strings.NewReader(""),
		"short":             bytes.NewReader(once[:63]),
		"short first":       bytes.NewReader(once[:31]),
		"failing":           iotest.ErrReader(errors.New("broken")),
		"failing later":     io.MultiReader(bytes.NewReader(once[:40]), iotest.ErrReader(errors.New("broken"))),
		"zeros":             bytes.NewReader(make([]byte, 64)),
		"ones":              bytes.NewReader(bytes.Repeat([]byte{255}, 64)),
		"second read equal": bytes.NewReader(append(sum(1), bytes.Repeat([]byte{9}, 32)...)),
		"stuck":             bytes.NewReader(append(sum(1), sum(1)...)),
		"period 16":         bytes.NewReader(append(half, sum(4)...)),
		"period 3":          bytes.NewReader(append(sum(4), []byte(strings.Repeat("abc", 11))[:32]...)),
	} {
		if b, err := Entropy(source, rolls(99, 1)); !fault.Is(err, "entropy.source") || b != nil {
			t.Errorf("%s: %x, %v", name, b, err)
		}
	}
}

// ATT-64: dice that no fair die gives are refused, whatever the machine adds.
func TestATT64BiasedDice(t *testing.T) {
	fairRolls := rolls(99, 1)
	loaded := func(n int, faces string) string {
		r, b := mrand.New(mrand.NewPCG(5, 6)), make([]byte, n)
		for i := range b {
			b[i] = faces[r.IntN(len(faces))]
		}
		return string(b)
	}
	wrong := func(dice string) string { // with a slip at every tenth roll
		b := []byte(dice)
		for i := 9; i < len(b); i += 10 {
			b[i] = '1' + (b[i]-'0')%6
		}
		return string(b)
	}
	differ := func(n int) string { // as people do: never twice the same
		r, b := mrand.New(mrand.NewPCG(7, 8)), []byte("3")
		for len(b) < n {
			b = append(b, '1'+(b[len(b)-1]-'1'+1+byte(r.IntN(5)))%6)
		}
		return string(b)
	}
	at := func(i int, c string) string { return fairRolls[:i] + c + fairRolls[i+1:] }
	for name, c := range map[string]struct{ dice, what string }{
		"49 rolls":              {rolls(49, 1), "not 49"},
		"one roll":              {"1", "not 1"},
		"too many":              {rolls(1001, 1), "not 1001"},
		"zero":                  {at(0, "0"), "roll 1 "},
		"seven":                 {at(98, "7"), "roll 99 "},
		"space":                 {at(50, " "), "roll 51 "},
		"full width":            {at(9, "\uff11"), "roll 10 "},
		"new line":              {fairRolls + "\n", "roll 100 "},
		"all the same":          {strings.Repeat("1", 99), "biased"},
		"all the same, long":    {strings.Repeat("6", 1000), "biased"},
		"one face":              {strings.Repeat("4", 50) + loaded(69, "12356"), "biased"},
		"three faces":           {loaded(99, "123"), "biased"},
		"counting":              {strings.Repeat("123456", 20), "pattern"},
		"counting, with slips":  {wrong(strings.Repeat("123456", 20)), "pattern"},
		"up and down":           {strings.Repeat("1234565432", 12), "pattern"},
		"groups":                {strings.Repeat("1111222233334444555566663333", 4), "pattern"},
		"half, twice":           {strings.Repeat(rolls(50, 9), 2), "pattern"},
		"half, twice, slips":    {rolls(50, 9) + wrong(rolls(50, 9)), "pattern"},
		"half, a step up":       {rolls(60, 9) + strings.Map(func(r rune) rune { return '1' + (r-'0')%6 }, rolls(60, 9)), "pattern"},
		"in order":              {strings.Repeat("1", 17) + strings.Repeat("2", 17) + strings.Repeat("3", 17) + strings.Repeat("4", 17) + strings.Repeat("5", 17) + strings.Repeat("6", 17), "pattern"},
		"no roll twice in line": {differ(99), "made up"},
	} {
		for what, make := range map[string]func(string) ([]byte, error){
			"mixed": func(d string) ([]byte, error) { return Entropy(rand.Reader, d) },
			"alone": DiceAlone,
			"mix":   func(d string) ([]byte, error) { return Mix(append(sum(1), sum(2)...), d) },
		} {
			b, err := make(c.dice)
			if !fault.Is(err, "entropy.dice") || !strings.Contains(err.Error(), c.what) || b != nil {
				t.Errorf("%s, %s: %x, %v", name, what, b, err)
			}
		}
	}
	if _, err := DiceAlone(rolls(98, 1)); !fault.Is(err, "entropy.dice") {
		t.Errorf("98 rolls alone: %v", err)
	}
	for _, n := range []int{50, 98} {
		if _, err := Entropy(rand.Reader, rolls(n, 1)); err != nil {
			t.Errorf("%d rolls beside the machine's part: %v", n, err)
		}
	}
	if _, err := DiceAlone(""); !fault.Is(err, "entropy.dice") {
		t.Errorf("no dice alone: %v", err)
	}
	// The smallest legal neighbours.
	twice := differ(97)
	twice += strings.Repeat(twice[96:], 2) // two repeats in 99 rolls
	for _, good := range []string{fairRolls, rolls(1000, 1), twice} {
		if err := CheckDice(good, MinRolls); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// TestDiceLimits draws the line of each check at the roll where it is.
func TestDiceLimits(t *testing.T) {
	for _, c := range []struct {
		count [6]int
		above bool // 40
	}{
		{[6]int{17, 17, 17, 16, 16, 16}, false},
		{[6]int{39, 12, 12, 12, 12, 12}, false}, // 36.8
		{[6]int{41, 12, 12, 12, 11, 11}, true},  // 44.3
		{[6]int{40, 12, 12, 12, 12, 12}, false}, // 39.2
		{[6]int{30, 30, 0, 0, 0, 0}, true},
		{[6]int{10, 0, 0, 0, 0, 0}, true}, // 50
		{[6]int{8, 0, 0, 0, 0, 0}, false}, // 40
	} {
		if got := chiSquareAbove(c.count, maxFaces); got != c.above {
			t.Errorf("%v: above is %v", c.count, got)
		}
	}
}

// TestFairDicePass checks that an honest ceremony is hardly ever refused.
func TestFairDicePass(t *testing.T) {
	for _, n := range []int{99, 100, 200} {
		for i := range uint64(20000) {
			if err := CheckDice(rolls(n, i<<8), MinRolls); err != nil {
				t.Errorf("fair set %d of %d rolls: %v", i, n, err)
			}
		}
	}
}

// TestDiceFalseAlarms repeats the sums behind what CheckDice says of honest rolls.
func TestDiceFalseAlarms(t *testing.T) {
	const n = 99
	faces := chiSquareTail(n, maxFaces)
	steps, repeats := 0.0, 0.0
	for back := 1; back <= n/2; back++ {
		steps += chiSquareTail(n-back, maxSteps)
	}
	for k, p := 0, math.Pow(5./6, n-1); k*fewRepeats < n-1; k++ { // binomial of n-1 and 1/6
		repeats += p
		p *= float64(n-1-k) / float64(k+1) / 5
	}
	t.Logf("once in %.0f, %.0f, %.0f", 1/faces, 1/steps, 1/repeats)
	for what, c := range map[string]struct{ p, said float64 }{
		"faces": {faces, 2_800_000}, "steps": {steps, 1_900_000}, "repeats": {repeats, 2_700_000}, "together": {faces + steps + repeats, 700_000},
	} {
		if 1/c.p < c.said || 1/c.p > 1.2*c.said {
			t.Errorf("%s: once in %.0f sets, said is %.0f", what, 1/c.p, c.said)
		}
	}
}

// chiSquareTail is the chance that n fair throws have a chi-square above a limit: a
// sum over the multinomial distribution, face by face.
func chiSquareTail(n, limit int) float64 {
	at := []map[int]float64{{0: 1}} // of each number of throws so far, by sum of squares
	for range 6 {
		next := make([]map[int]float64, n+1)
		for i := range next {
			next[i] = map[int]float64{}
		}
		for k, sums := range at {
			w := 1.0 // (k+c choose c) / 6^c
			for c := 0; k+c <= n; c++ {
				for s, p := range sums {
					next[k+c][s+c*c] += p * w
				}
				w *= float64(k+c+1) / float64(c+1) / 6
			}
		}
		at = next
	}
	tail := 0.0
	for s, p := range at[n] {
		if 6*s-n*n > limit*n {
			tail += p
		}
	}
	return tail
}

// ATT-64: dice alone are SHA-256 of the digits, which any tool makes again. The sums
// are of printf and sha256sum.
func TestATT64DiceByHand(t *testing.T) {
	const dice = "446664544414436215215634353434445115416213135614316661544636542111541464116134255213422214432553442"
	for d, want := range map[string]string{
		dice:       "64179b7a4c75b2f0871b1b94d4c900b72e75bf5e955654994c781b9c691e4de0",
		dice + "6": "a4f3b65311d46c789f1f61fb5f9aa8c5c902a3fec96d5c1951380bfe0a8b223b",
	} {
		b, err := DiceAlone(d)
		if err != nil || hex.EncodeToString(b) != want {
			t.Errorf("%d rolls: %x, %v", len(d), b, err)
		}
	}
}
