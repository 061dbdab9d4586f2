package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"coldsign/shared/hd"
)

// rolled are 99 throws of a die.
const rolled = "446664544414436215215634353434445115416213135614316661544636542111541464116134255213422214432553442"

var (
	shownWords = regexp.MustCompile(`(?m) *([0-9]+) ([a-z]+)`)
	committed  = regexp.MustCompile(`\r\n([0-9a-f]{64})\r\n`)
	hexParts   = regexp.MustCompile(`  [0-9a-f]{8}`)
	printed    = regexp.MustCompile(`fingerprint ([0-9a-f]{8})\r\n`)
)

// wordList reads 24 words off the screen, up to the question behind them.
func (x *terminal) wordList() []string {
	x.t.Helper()
	x.reads("its 24 words")
	from := x.seen
	x.reads("press Enter: ")
	screen, _, _ := bytes.Cut(x.screen[from:x.seen], []byte("the machine's part"))
	words := make([]string, 24)
	_, list, _ := bytes.Cut(screen, []byte("\r\n\r\n"))
	for i, m := range shownWords.FindAllSubmatch(list, -1) {
		if n := i%3*8 + i/3; n < 24 {
			words[n] = string(m[2])
		}
	}
	if words[23] == "" {
		x.t.Fatalf("no 24 words:\n%s", screen)
	}
	return words
}

// The whole ceremony of one key: dice after the machine has committed itself, a
// passphrase, words that are written down with a slip, the fingerprint.
func TestCeremonyOnTerminal(t *testing.T) {
	t.Parallel()
	dir, _ := prepared(t)
	x := at(t, dir, "wallet", "new", "--chain", "BTC", "--testnet", "--dice", "--confirm-words", "--show-machine", "--bip39-passphrase", "--transcript", "t.txt")
	x.reads("passphrase: ")
	x.types(password + "\n")
	x.reads("0 of 99: ")
	commitment := committed.FindSubmatch(x.screen)
	if commitment == nil {
		t.Fatalf("no commitment before the first roll:\n%s", x.screen)
	}
	x.types(rolled[:50] + "\n")
	x.reads("50 of 99: ")
	x.types("1234567\n")
	x.reads("this line is not taken")
	x.reads("50 of 99: ")
	from := x.seen
	x.types(rolled[50:80] + " " + rolled[80:] + "\n")
	x.reads("BIP-39 passphrase: ")
	x.cleared(from)
	x.types("caff\u00e8 latte\n")
	x.reads("BIP-39 passphrase again: ")
	x.types("caff\u00e8 latte\n")
	words := x.wordList()
	part := bytes.Join(hexParts.FindAll(x.screen, -1), nil)
	machine, err := hex.DecodeString(strings.ReplaceAll(string(part), " ", ""))
	if err != nil || len(machine) != 64 {
		t.Fatalf("the machine's part: %q", part)
	}
	if sum := sha256.Sum256(append([]byte("coldsign ceremony machine\x00"), machine...)); hex.EncodeToString(sum[:]) != string(commitment[1]) {
		t.Error("it is not the one that was committed to")
	}
	entropy, err := hd.Mix(machine, rolled)
	if err != nil {
		t.Fatal(err)
	}
	m, err := hd.NewMnemonic(entropy)
	if err != nil || string(m.Text()) != strings.Join(words, " ") {
		t.Errorf("the words are not made of the machine's part and the rolls: %v", err)
	}

	// What is typed while the words are there is not from the paper.
	x.types("\n" + strings.Join(words, " ") + "\n")
	from = x.seen
	x.reads("word 1 of 24, ")
	x.cleared(from)
	slip := append([]string{}, words...)
	slip[2], slip[23] = "coldsign", words[0]
	x.types(strings.Join(slip[:5], "  ") + "\n")
	x.reads("word 6 of 24, ")
	x.types(strings.Join(slip[5:], " ") + " zoo\n")
	x.reads("not as shown: word 3, 24, 25; compare the paper")
	if again := x.wordListBelow(); strings.Join(again, " ") != strings.Join(words, " ") {
		t.Error("other words are shown")
	}
	x.types("\n")
	for i, w := range words {
		x.reads("of 24, from the paper: ")
		if i == 3 {
			x.types("\n") // nothing is no word
			x.reads("word 4 of 24, from the paper: ")
		}
		x.types(strings.ToUpper(w) + "\n")
	}
	from = x.seen
	x.reads("type the fingerprint to keep this wallet: ")
	x.cleared(from)
	seed, err := m.Seed([]byte("caffe\u0300 latte"))
	if err != nil {
		t.Fatal(err)
	}
	master, err := hd.NewMaster(seed)
	if err != nil {
		t.Fatal(err)
	}
	fp := master.Fingerprint()
	told := printed.FindSubmatch(x.screen[from:])
	if told == nil || string(told[1]) != hex.EncodeToString(fp[:]) {
		t.Fatalf("the fingerprint is not %x:\n%s", fp, x.screen[from:])
	}
	x.types("00000000\n")
	x.reads("type the fingerprint to keep this wallet: ")
	if exists(dir, "t.txt") {
		t.Error("there is a transcript already")
	}
	x.types(strings.ToUpper(string(told[1])) + "\n")
	x.reads("fingerprint " + string(told[1]))
	x.over(0, "")
	raw, err := os.ReadFile(filepath.Join(dir, "t.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"how os+dice", "machine " + string(commitment[1]), "rolls 99", "words confirmed", "passphrase yes", "fingerprint " + string(told[1])} {
		if !bytes.Contains(raw, []byte("\n"+line+"\n")) {
			t.Errorf("the transcript does not say %q:\n%s", line, raw)
		}
	}
	for _, secret := range append(words[:0:0], rolled[:20], "latte", hex.EncodeToString(machine[:8]), words[0]+" ", words[5]+" ") {
		if bytes.Contains(raw, []byte(" "+secret)) {
			t.Errorf("the transcript holds %q", secret)
		}
	}
}

// wordListBelow is wordList for a title that was read already.
func (x *terminal) wordListBelow() []string {
	x.t.Helper()
	for x.seen--; !bytes.HasPrefix(x.screen[x.seen:], []byte("its 24 words")); x.seen-- {
	}
	return x.wordList()
}

// Who cannot type the words back keeps no wallet.
func TestWordsNotConfirmed(t *testing.T) {
	t.Parallel()
	dir, _ := prepared(t)
	before, err := os.ReadFile(filepath.Join(dir, "home/keystore.age"))
	if err != nil {
		t.Fatal(err)
	}
	x := at(t, dir, "wallet", "new", "--chain", "SOL", "--testnet", "--confirm-words", "--transcript", "t.txt")
	x.reads("passphrase: ")
	x.types(password + "\n")
	for range 3 {
		words := x.wordList()
		words[11] = words[12]
		x.types("\n")
		x.reads("word 1 of 24, ")
		x.types(strings.Join(words, " ") + "\n")
	}
	x.over(1, "wallet.unconfirmed")
	after, err := os.ReadFile(filepath.Join(dir, "home/keystore.age"))
	if err != nil || !bytes.Equal(before, after) || exists(dir, "t.txt") {
		t.Errorf("something was kept: %v", err)
	}

	// Words that are only shown are gone after Enter, and the wallet is there.
	x = at(t, dir, "wallet", "new", "--chain", "SOL", "--testnet", "--show-words")
	x.reads("passphrase: ")
	x.types(password + "\n")
	words := x.wordList()
	x.types("\n")
	from := x.seen
	x.reads("fingerprint ")
	x.cleared(from)
	if bytes.Contains(x.screen[from:], []byte(words[3])) {
		t.Error("a word is on the last screen")
	}
	x.over(0, "")
}

// A signal wipes words and dice that are on the screen, and nothing is kept.
func TestWordsWipedBySignal(t *testing.T) {
	for name := range signalled(nil) {
		for _, when := range []string{"dice", "words", "typing"} {
			t.Run(name+", "+when, func(t *testing.T) {
				t.Parallel()
				dir, _ := prepared(t)
				args := []string{"wallet", "new", "--chain", "ETH", "--testnet", "--confirm-words", "--transcript", "t.txt"}
				if when == "dice" {
					args = append(args, "--dice-only")
				}
				x := at(t, dir, args...)
				x.reads("passphrase: ")
				x.types(password + "\n")
				switch when {
				case "dice":
					x.reads("0 of 99: ")
					x.types(rolled[:60] + "\n")
					x.reads("60 of 99: ")
				case "words":
					x.wordList()
				case "typing":
					words := x.wordList()
					x.types("\n")
					x.reads("word 1 of 24, from the paper: ")
					x.types(words[0] + "\n")
					x.reads("word 2 of 24, from the paper: ")
				}
				x.wiped(signalled(x)[name])
				if exists(dir, "t.txt") || exists(dir, "home/keystore.age.previous") {
					t.Error("something was kept")
				}
			})
		}
	}
}

// ATT-70: at the terminal too, a passphrase that is not the same twice, or that nobody
// can read, makes no wallet, and neither does a fingerprint that nobody typed.
func TestATT70OnTerminal(t *testing.T) {
	for name, c := range map[string]struct{ first, second, fingerprint, code string }{
		"typed otherwise":   {"TREZOR", "TREZ0R", "", "keystore.passphrase"},
		"a space behind":    {"TREZOR ", "TREZOR ", "", "mnemonic.passphrase"},
		"a space once":      {"TREZOR", "TREZOR ", "", "keystore.passphrase"},
		"nothing":           {"", "", "", "mnemonic.passphrase"},
		"no fingerprint":    {"TREZOR", "TREZOR", "", "wallet.fingerprint"},
		"the one without":   {"TREZOR", "TREZOR", "73c5da0a", "wallet.fingerprint"},
		"yes":               {"TREZOR", "TREZOR", "yes", "wallet.fingerprint"},
		"as it was printed": {"TREZOR", "TREZOR", "b4e3f5ed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, _ := prepared(t)
			x := at(t, dir, "wallet", "import", "--chain", "ETH", "--testnet", "--bip39-passphrase")
			x.reads("passphrase: ")
			x.types(password + "\n")
			x.reads("mnemonic or private key: ")
			x.types(strings.Repeat("abandon ", 11) + "about\n")
			x.reads("BIP-39 passphrase: ")
			x.types(c.first + "\n")
			x.reads("BIP-39 passphrase again: ")
			x.types(c.second + "\n")
			if c.code == "" || c.code == "wallet.fingerprint" {
				x.reads("fingerprint b4e3f5ed")
				tries := 3
				if c.code == "" {
					tries = 1
				}
				for range tries {
					x.reads("to keep this wallet: ")
					x.types(c.fingerprint + "\n")
				}
			}
			status := 0
			if c.code != "" {
				status = 1
			}
			x.ends(status, c.code)
			if bytes.Contains(x.screen, []byte("TREZ")) || bytes.Contains(x.screen, []byte("abandon")) {
				t.Errorf("a secret was echoed:\n%s", x.screen)
			}
			if kept := exists(dir, "home/keystore.age.previous"); kept != (c.code == "") {
				t.Errorf("saved: %v", kept)
			}
		})
	}
}
