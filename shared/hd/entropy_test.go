package hd

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
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
	for _, dice := range []string{"", rolls(50, 1), rolls(99, 2), rolls(1000, 3)} {
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

// TestEntropyEither varies one part with the other fixed, many times.
func TestEntropyEither(t *testing.T) {
	seen := map[string]bool{}
	add := func(b []byte, err error) {
		if err != nil || len(b) != 32 || seen[string(b)] {
			t.Fatalf("%x, %v", b, err)
		}
		seen[string(b)] = true
	}
	for i := range uint64(1000) {
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

func TestDice(t *testing.T) {
	fairRolls := rolls(99, 1)
	loaded := func(n int, faces string) string {
		r, b := mrand.New(mrand.NewPCG(5, 6)), make([]byte, n)
		for i := range b {
			b[i] = faces[r.IntN(len(faces))]
		}
		return string(b)
	}
	at := func(i int, c string) string { return fairRolls[:i] + c + fairRolls[i+1:] }
	for name, c := range map[string]struct{ dice, what string }{
		"49 rolls":     {rolls(49, 1), "not 49"},
		"one roll":     {"1", "not 1"},
		"too many":     {rolls(1001, 1), "not 1001"},
		"zero":         {at(0, "0"), "roll 1 "},
		"seven":        {at(98, "7"), "roll 99 "},
		"space":        {at(50, " "), "roll 51 "},
		"full width":   {at(9, "\uff11"), "roll 10 "},
		"new line":     {fairRolls + "\n", "roll 100 "},
		"all the same": {strings.Repeat("1", 99), "40 %"},
		"one face":     {strings.Repeat("4", 41) + loaded(59, "12356"), "40 %"},
		"three faces":  {loaded(99, "123"), "hardly"},
		"pattern":      {strings.Repeat("123456", 20), "pattern"},
		"long pattern": {strings.Repeat(rolls(50, 9), 2), "pattern"},
	} {
		_, err := Entropy(rand.Reader, c.dice)
		if !fault.Is(err, "entropy.dice") || !strings.Contains(err.Error(), c.what) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// 20 of 50 is 40 %: the most that passes.
	others := strings.Repeat("234563", 5)
	if err := fair(strings.Repeat("1", 20) + others); err != nil {
		t.Errorf("40 %%: %v", err)
	}
	if err := fair(strings.Repeat("1", 21) + others[:29]); !fault.Is(err, "entropy.dice") {
		t.Errorf("42 %%: %v", err)
	}
}

// TestFairDicePass checks that an honest ceremony is hardly ever refused.
func TestFairDicePass(t *testing.T) {
	for n, most := range map[int]int{50: 12, 99: 1, 200: 0} {
		refused := 0
		for i := range uint64(20000) {
			if fair(rolls(n, i)) != nil {
				refused++
			}
		}
		if refused > most {
			t.Errorf("%d of 20000 fair sets of %d rolls were refused", refused, n)
		}
	}
}
