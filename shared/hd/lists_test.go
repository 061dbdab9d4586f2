package hd

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"coldsign/shared/fault"

	"github.com/gagliardetto/solana-go/bip39"
	"github.com/gagliardetto/solana-go/bip39/wordlists"
	"golang.org/x/text/unicode/norm"
)

// TestWordLists pins the lists, in their order, to the files of BIP-39:
// SHA-256 of bip-0039/*.txt, github.com/bitcoin/bips at
// 7fe0b034ec967b52a5a28276419117326df93263.
func TestWordLists(t *testing.T) {
	place := map[string][2]int{} // list and index of each word seen
	shared, longest := map[[2]int]int{}, 0
	for i, want := range []string{
		"2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda", // english
		"5c5942792bd8340cb8b27cd592f1015edf56a8c5b26276ee18a482428e7c5726", // chinese_simplified
		"417b26b3d8500a4ae3d59717d7011952db6fc2fb84b807f3f94ac734e89c1b5f", // chinese_traditional
		"7e80e161c3e93d9554c2efb78d4e3cebf8fc727e9c52e03b83b94406bdcc95fc", // czech
		"ebc3959ab7801a1df6bac4fa7d970652f1df76b683cd2f4003c941c63d517e59", // french
		"d392c49fdb700a24cd1fceb237c1f65dcc128f6b34a8aacb58b59384b5c648c2", // italian
		"2eed0aef492291e061633d7ad8117f1a2b03eb80a29d0e4e3117ac2528d05ffd", // japanese
		"9e95f86c167de88f450f0aaf89e87f6624a57f973c67b516e338e8e8b8897f60", // korean
		"46846a5a0139d1e3cb77293e521c2865f7bcdb82c44e8d0a06a2cd0ecba48c0b", // spanish
	} {
		list := lists()[i]
		sum := sha256.Sum256([]byte(strings.Join(list, "\n") + "\n"))
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("list %d is not that of BIP-39: %s", i, got)
		}
		own := map[string]bool{}
		for at, word := range list {
			if norm.NFKD.String(word) != word || strings.ToLower(word) != word || len(strings.Fields(word)) != 1 || own[word] {
				t.Errorf("list %d, word %d: %+q", i, at, word)
			}
			own[word], longest = true, max(longest, len(word))
			if was, ok := place[word]; ok {
				shared[[2]int{was[0], i}]++
				if i == 2 && was[1] != at {
					t.Errorf("%q is at %d of one Chinese list and at %d of the other", word, was[1], at)
				}
			} else {
				place[word] = [2]int{i, at}
			}
		}
		if len(own) != 2048 {
			t.Errorf("list %d has %d words", i, len(own))
		}
	}
	if len(shared) != 2 || shared[[2]int{1, 2}] != 1275 || shared[[2]int{0, 4}] != 100 {
		t.Errorf("words on two lists: %v", shared)
	}
	if longest != maxWord || 24*(maxWord+1)-1 != 815 || maxText < 815 {
		t.Errorf("the longest word has %d bytes", longest)
	}
	// printable refuses what this version of Unicode does not know.
	if norm.Version != unicode.Version {
		t.Errorf("NFKD of Unicode %s, classes of %s", norm.Version, unicode.Version)
	}
}

func TestBIP39Japanese(t *testing.T) {
	var f []struct {
		Entropy, Mnemonic, Passphrase, Seed string
		Xprv                                string `json:"bip32_xprv"`
	}
	load(t, "hd/bip39-japanese.json", &f)
	for _, v := range f {
		if !strings.Contains(v.Mnemonic, "\u3000") || norm.NFKD.IsNormalString(v.Passphrase) {
			t.Fatal("these vectors test no normalization")
		}
		m, err := ParseMnemonic([]byte(v.Mnemonic))
		if err != nil || !bytes.Equal(m.Entropy(), unhex(t, v.Entropy)) || string(m.Text()) != norm.NFKD.String(v.Mnemonic) {
			t.Fatalf("%s: %v", v.Entropy, err)
		}
		seed, err := m.Seed([]byte(v.Passphrase))
		if err != nil || hex.EncodeToString(seed) != v.Seed || master(t, seed).Encode(false) != v.Xprv {
			t.Errorf("%s: seed differs: %v", v.Entropy, err)
		}
		if seed, err = SeedFromText([]byte(v.Mnemonic), []byte(norm.NFD.String(v.Passphrase))); err != nil || hex.EncodeToString(seed) != v.Seed {
			t.Errorf("%s: seed of the text differs: %v", v.Entropy, err)
		}
	}
	want(t, "mnemonics", len(f), 24)
}

// TestMnemonicLists compares every list with the library they come from.
func TestMnemonicLists(t *testing.T) {
	t.Cleanup(func() { bip39.SetWordList(wordlists.English) })
	r := rand.New(rand.NewPCG(5, 6))
	for i, list := range lists() {
		bip39.SetWordList(list)
		for round := range 25 {
			entropy := make([]byte, 16+round%5*4)
			for j := range entropy {
				entropy[j] = byte(r.Uint32())
			}
			want, err := bip39.NewMnemonic(entropy)
			if err != nil {
				t.Fatal(err)
			}
			for form, text := range []string{
				want, norm.NFC.String(want), norm.NFD.String(want), norm.NFKC.String(want),
				norm.NFC.String(strings.ToUpper(want)), strings.ToUpper(norm.NFC.String(want)),
				strings.ReplaceAll(want, " ", "\u3000"), " " + strings.ReplaceAll(norm.NFC.String(want), " ", "\r\n") + "\u3000",
			} {
				m, err := ParseMnemonic([]byte(text))
				if err != nil || !bytes.Equal(m.Entropy(), entropy) || string(m.Text()) != want || strings.Join(m.Words(), " ") != want {
					t.Fatalf("list %d, %x, form %d: %v", i, entropy, form, err)
				}
				if round != 0 {
					continue
				}
				seed, err := m.Seed([]byte("p\u00e4ss"))
				if err != nil || !bytes.Equal(seed, bip39.NewSeed(want, "pa\u0308ss")) {
					t.Fatalf("list %d, %x, form %d: seed differs: %v", i, entropy, form, err)
				}
			}
			// Another word of the list: both must say the same.
			words := strings.Fields(want)
			at := r.IntN(len(words))
			words[at] = list[r.IntN(2048)]
			_, err = ParseMnemonic([]byte(strings.Join(words, " ")))
			if ok := bip39.IsMnemonicValid(strings.Join(words, " ")); ok != (err == nil) || !ok && !fault.Is(err, "mnemonic.checksum") {
				t.Errorf("list %d, %x: %v", i, entropy, err)
			}
			// A word of another list.
			for words[at] = list[0]; slices.Contains(list, words[at]); {
				words[at] = lists()[(i+1+r.IntN(8))%9][r.IntN(2048)]
			}
			_, err = ParseMnemonic([]byte(norm.NFC.String(strings.Join(words, " "))))
			if !fault.Is(err, "mnemonic.word") || !strings.Contains(err.Error(), fmt.Sprintf("word %d is not on the list", at+1)) {
				t.Errorf("list %d, %x, word %d: %v", i, entropy, at+1, err)
			}
		}
	}
}

// TestMnemonicOnTwoLists takes words that are both English and French.
func TestMnemonicOnTwoLists(t *testing.T) {
	t.Cleanup(func() { bip39.SetWordList(wordlists.English) })
	var both []string
	for _, word := range wordlists.French {
		if slices.Contains(wordlists.English, word) {
			both = append(both, word)
		}
	}
	r := rand.New(rand.NewPCG(7, 8))
	seen := map[[2]bool]int{}
	for range 1500 {
		words := make([]string, 12)
		for i := range words {
			words[i] = both[r.IntN(len(both))]
		}
		text := strings.Join(words, " ")
		bip39.SetWordList(wordlists.French)
		french, ferr := bip39.EntropyFromMnemonic(text)
		bip39.SetWordList(wordlists.English)
		english, eerr := bip39.EntropyFromMnemonic(text)
		seen[[2]bool{eerr == nil, ferr == nil}]++
		m, err := ParseMnemonic([]byte(text))
		switch {
		case eerr != nil && ferr != nil:
			if !fault.Is(err, "mnemonic.checksum") {
				t.Fatalf("%s: %v", text, err)
			}
		case err != nil || string(m.Text()) != text:
			t.Fatalf("%s: %v", text, err)
		case eerr == nil && !bytes.Equal(m.Entropy(), english), eerr != nil && !bytes.Equal(m.Entropy(), french):
			t.Fatalf("%s: entropy differs", text)
		}
	}
	if len(seen) != 4 {
		t.Errorf("not every case was met: %v", seen)
	}
}
