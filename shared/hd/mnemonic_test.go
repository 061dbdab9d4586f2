package hd

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/fault"

	"github.com/gagliardetto/solana-go/bip39"
	"github.com/gagliardetto/solana-go/bip39/wordlists"
	"golang.org/x/text/unicode/norm"
)

const junk = "test test test test test test test test test test test junk"

func TestMnemonicNormalizes(t *testing.T) {
	want, err := ParseMnemonic([]byte(junk))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		strings.ToUpper(junk), "Test" + strings.ToUpper(junk[4:]), "  " + junk + "\r\n", strings.ReplaceAll(junk, " ", "\t\n  "),
		strings.ReplaceAll(junk, " ", "\u3000"), strings.Replace(junk, " ", " \u00a0", 3), strings.Replace(junk, "j", "\uff2a", 1), // NFKD
	} {
		m, err := ParseMnemonic([]byte(text))
		if err != nil || *m != *want || string(m.Text()) != junk {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestMnemonicRefusals(t *testing.T) {
	words := strings.Fields(junk)
	with := func(i int, word string) string {
		w := slices.Clone(words)
		w[i] = word
		return strings.Join(w, " ")
	}
	for _, c := range []struct{ text, code, what string }{
		{"", "mnemonic.length", "not 0"},
		{"test", "mnemonic.length", "not 1"},
		{strings.Join(words[:11], " "), "mnemonic.length", "not 11"},
		{junk + " test", "mnemonic.length", "not 13"},
		{strings.TrimSpace(strings.Repeat("abandon ", 27)), "mnemonic.length", "not 27"},
		{strings.Repeat("a ", 600), "mnemonic.length", "too long"},
		{with(0, "tset"), "mnemonic.word", "word 1 "},
		{with(6, "tes"), "mnemonic.word", "word 7 "},
		{with(6, "testt"), "mnemonic.word", "word 7 "},
		{with(11, "j\u00fcnk"), "mnemonic.word", "word 12 "},
		{with(11, "jun\u043a"), "mnemonic.word", "word 12 "},
		{with(11, "junk\xff"), "mnemonic.word", "word 12 "},
		{with(3, "te\x00st"), "mnemonic.word", "word 4 "},
		{with(3, "\u200btest"), "mnemonic.word", "word 4 "},
		{with(3, "zzzzzzzz"), "mnemonic.word", "word 4 "},
		{with(3, "!"), "mnemonic.word", "word 4 "},
		{with(11, "test"), "mnemonic.checksum", ""},
		{with(0, "junk"), "mnemonic.checksum", ""},
		{strings.TrimSpace(strings.Repeat("abandon ", 12)), "mnemonic.checksum", ""},
		{strings.TrimSpace(strings.Repeat("zoo ", 24)), "mnemonic.checksum", ""},
	} {
		_, err := ParseMnemonic([]byte(c.text))
		if !fault.Is(err, c.code) || !strings.Contains(err.Error(), c.what) {
			t.Errorf("%q: %s: %v", c.text, fault.Code(err), err)
		}
	}
	for n := range 40 {
		_, err := NewMnemonic(make([]byte, n))
		ok := n >= 16 && n <= 32 && n%4 == 0
		if ok != (err == nil) || !ok && !fault.Is(err, "mnemonic.entropy") {
			t.Errorf("entropy of %d bytes: %v", n, err)
		}
	}
}

// TestMnemonicChecksum tries every last word: one in 16 of 12 words, one in 256
// of 24, passes.
func TestMnemonicChecksum(t *testing.T) {
	for n, want := range map[int]int{12: 128, 15: 64, 18: 32, 21: 16, 24: 8} {
		start, got := strings.Repeat("legal ", n-1), 0
		for _, last := range wordlists.English {
			if _, err := ParseMnemonic([]byte(start + last)); err == nil {
				got++
			}
		}
		if got != want {
			t.Errorf("%d words: %d last words pass, not %d", n, got, want)
		}
	}
}

// TestMnemonicDifferential compares with the library whose word list we use.
func TestMnemonicDifferential(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 300 {
		entropy := make([]byte, 16+4*r.IntN(5))
		for j := range entropy {
			entropy[j] = byte(r.Uint32())
		}
		clear(entropy[:i%len(entropy)/2]) // leading zeros too
		m, err := NewMnemonic(entropy)
		if err != nil {
			t.Fatal(err)
		}
		want, err := bip39.NewMnemonic(entropy)
		if err != nil || string(m.Text()) != want {
			t.Fatalf("%x: words differ: %v", entropy, err)
		}
		parsed, err := ParseMnemonic([]byte(want))
		if err != nil || !bytes.Equal(parsed.Entropy(), entropy) {
			t.Fatalf("%x: entropy differs: %v", entropy, err)
		}
		// Broken ones: both must say the same.
		words := strings.Fields(want)
		words[r.IntN(len(words))] = wordlists.English[r.IntN(2048)]
		broken := strings.Join(words, " ")
		if _, err := ParseMnemonic([]byte(broken)); (err == nil) != bip39.IsMnemonicValid(broken) {
			t.Fatalf("%x: %v", entropy, err)
		}
		if i%30 == 0 {
			seed, err := m.Seed([]byte("p w"))
			if err != nil || !bytes.Equal(seed, bip39.NewSeed(want, "p w")) {
				t.Fatalf("%x: seed differs: %v", entropy, err)
			}
		}
	}
}

func TestSeedText(t *testing.T) {
	m, err := ParseMnemonic([]byte(junk))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"tab\t", "\u0085", "\u2028", "\ue000", "\u0378", "e" + strings.Repeat("\u0301", 31), "new line\n", "\x7f", "\xff", strings.Repeat("p", 1025)} {
		if _, err := m.Seed([]byte(bad)); !fault.Is(err, "mnemonic.passphrase") {
			t.Errorf("passphrase %q: %v", bad, err)
		}
		if _, err := SeedFromText([]byte(bad), nil); !fault.Is(err, "mnemonic.text") {
			t.Errorf("text %q: %v", bad, err)
		}
	}
	seen := map[string]string{}
	for _, p := range []string{"", " ", "a", "A", "a ", "a\u034f", "\U0001f468\u200d\U0001f469", "e" + strings.Repeat("\u0301", 30), strings.Repeat("p", 1024)} {
		seed, err := m.Seed([]byte(p))
		if err != nil || len(seed) != 64 || seen[string(seed)] != "" {
			t.Errorf("passphrase %q: %v", p, err)
		}
		seen[string(seed)] = "seen"
	}
	for _, same := range [][]string{{"p\u00e4ss", "pa\u0308ss"}, {"p\u3000w", "p w"}, {"\u0344", "\u0308\u0301"}, {strings.Repeat("\ufdfa", 341)}} {
		for _, p := range same {
			seed, err := m.Seed([]byte(p))
			if err != nil || !bytes.Equal(seed, bip39.NewSeed(junk, norm.NFKD.String(same[0]))) {
				t.Errorf("passphrase %q: %x, %v", p, seed, err)
			}
		}
	}
	// Words not checked: what a careless tool did with the same text.
	seed, err := SeedFromText([]byte("Not  a mnemonic"), nil)
	if err != nil || !bytes.Equal(seed, bip39.NewSeed("Not  a mnemonic", "")) {
		t.Errorf("%x, %v", seed, err)
	}
	m.Wipe()
	if _, err := m.Seed(nil); !fault.Is(err, "mnemonic.empty") || *m != (Mnemonic{}) || m.Words() != nil || len(m.Text()) != 0 || len(m.Entropy()) != 0 {
		t.Errorf("a wiped mnemonic: %v", err)
	}
}
