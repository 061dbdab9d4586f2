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

// ATT-70: forms of one passphrase are one; what looks like another one is refused.
func TestATT70Passphrase(t *testing.T) {
	for _, forms := range [][]string{
		{"TREZOR"},
		{"a b"},
		{"a\u00a0b", "a b", "a\u3000b"}, // spaces of other kinds, within
		{"caf\u00e9", "cafe\u0301"},     // NFC, NFD
		{"\u212b", "\u00c5", "A\u030a"}, // angstrom
		{"\ufb01sh", "fish"},            // a ligature
		{"\u30d1\u30b9", "\u30cf\u309a\u30b9", "\uff8a\uff9f\uff7d"}, // half width
		{"\U0001f600"},
	} {
		want, err := Passphrase([]byte(forms[0]))
		if err != nil {
			t.Errorf("%q: %v", forms[0], err)
		}
		m, err := NewMnemonic(make([]byte, 16))
		if err != nil {
			t.Fatal(err)
		}
		seed, err := m.Seed([]byte(forms[0]))
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range forms {
			got, err := Passphrase([]byte(form))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%q: %q, %v", form, got, err)
			}
			if again, err := Passphrase(got); err != nil || !bytes.Equal(again, got) {
				t.Errorf("%q once more: %q, %v", form, again, err)
			}
			for _, p := range [][]byte{[]byte(form), got} {
				if s, err := m.Seed(p); err != nil || !bytes.Equal(s, seed) {
					t.Errorf("%q: another seed, %v", p, err)
				}
			}
		}
	}
	for name, text := range map[string]string{
		"empty": "", "a space": " ", "in front": " a", "behind": "a ", "no-break behind": "a\u00a0", "wide in front": "\u3000a",
		"tab": "a\tb", "tab behind": "a\t", "new line": "a\n", "carriage return": "a\rb", "escape": "\x1b[2J", "delete": "a\x7f", "control": "a\u0085b",
		"zero width": "a\u200bb", "joiner": "a\u200db", "soft hyphen": "a\u00adb", "direction": "a\u202eb", "byte order": "\ufeffa",
		"grapheme joiner": "a\u034fb", "filler": "a\u3164b", "variation": "\u2764\ufe0f", "ogham space": "a\u1680b", "line": "a\u2028b", "private": "\ue000",
		"unassigned": "\u0378", "no UTF-8": "a\xff", "long": strings.Repeat("a", maxText+1), "long in NFKD": strings.Repeat("\ufdfa", maxText/3),
	} {
		if got, err := Passphrase([]byte(text)); got != nil || !fault.Is(err, "mnemonic.passphrase") || len(text) > 3 && strings.Contains(err.Error(), text) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := Passphrase([]byte(strings.Repeat("a", maxText))); err != nil {
		t.Error(err)
	}
}
