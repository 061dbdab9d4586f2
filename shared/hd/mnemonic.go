package hd

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"io"
	"slices"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"coldsign/shared/fault"

	"github.com/gagliardetto/solana-go/bip39/wordlists"
	"golang.org/x/text/unicode/norm"
)

// Mnemonic is the entropy behind 12, 15, 18, 21 or 24 words of BIP-39 and the
// list they are on. The zero value, and what Wipe leaves, is no mnemonic.
type Mnemonic struct {
	entropy [32]byte
	size    int // 16, 20, 24, 28 or 32 bytes of entropy; 0 for none
	list    int // index in lists; 0 is English
}

// lists gives the lists of BIP-39, each 2048 words in lower case and NFKD.
// English comes first: it is the list of new mnemonics. A word may be on two
// lists: 1275 are on both Chinese ones, at the same places; 100 are both English
// and French.
func lists() [9][]string {
	return [...][]string{
		wordlists.English, wordlists.ChineseSimplified, wordlists.ChineseTraditional, wordlists.Czech, wordlists.French,
		wordlists.Italian, wordlists.Japanese, wordlists.Korean, wordlists.Spanish,
	}
}

// NewMnemonic takes 16, 20, 24, 28 or 32 bytes, for English words. Errors:
// mnemonic.entropy.
func NewMnemonic(entropy []byte) (*Mnemonic, error) {
	if n := len(entropy); n < 16 || n > 32 || n%4 != 0 {
		return nil, fault.New("mnemonic.entropy", "", "a mnemonic takes 16, 20, 24, 28 or 32 bytes of entropy, not %d", n)
	}
	m := &Mnemonic{size: len(entropy)}
	copy(m.entropy[:], entropy)
	return m, nil
}

// ParseMnemonic reads words in any case and any Unicode form, parted by white
// space, U+3000 of Japanese included, and checks the checksum. One list must hold
// them all. Should they be a mnemonic on two, the first of lists is taken: the
// text is the same, and the seed depends on nothing else.
//
// Errors: mnemonic.length, mnemonic.word with the position of the first word
// that is not on the list holding most of the words, mnemonic.checksum. No error
// shows a word.
func ParseMnemonic(text []byte) (*Mnemonic, error) {
	if len(text) > maxText {
		return nil, fault.New("mnemonic.length", "", "a mnemonic of %d bytes is too long", len(text))
	}
	plain := nfkd(text)
	defer clear(plain)
	lower := bytes.ToLower(plain)
	defer clear(lower)
	words := bytes.Fields(lower)
	if n := len(words); n < 12 || n > 24 || n%3 != 0 {
		return nil, fault.New("mnemonic.length", "", "a mnemonic has 12, 15, 18, 21 or 24 words, not %d", n)
	}
	var bits [34]byte // entropy, checksum, padding
	defer clear(bits[:])
	most, position := -1, 0
	for i, list := range lists() {
		held, bad := pack(&bits, words, list)
		if held == len(words) {
			size := held / 3 * 4
			if sum := sha256.Sum256(bits[:size]); bits[size] == sum[0]&(0xff<<(8-size/4)) {
				m := &Mnemonic{size: size, list: i}
				copy(m.entropy[:], bits[:size])
				return m, nil
			}
		}
		if held > most {
			most, position = held, bad+1
		}
	}
	if most == len(words) {
		return nil, fault.New("mnemonic.checksum", "check the words and their order", "the mnemonic's checksum is wrong")
	}
	return nil, fault.New("mnemonic.word", "all words must be on one list of BIP-39: English, Chinese, Czech, French, Italian, Japanese, Korean or Spanish", "word %d is not on the list", position)
}

// pack sets bits to the places of words on list, 11 bits each, high bit first.
// It gives the number of words that the list holds and the index of the first
// that it does not.
func pack(bits *[34]byte, words [][]byte, list []string) (held, bad int) {
	clear(bits[:])
	for i, word := range words {
		at := slices.IndexFunc(list, func(s string) bool { return s == string(word) })
		if at < 0 {
			if held == i {
				bad = i
			}
			continue
		}
		held++
		for b := range 11 {
			if at>>(10-b)&1 == 1 {
				n := 11*i + b
				bits[n/8] |= 0x80 >> (n % 8)
			}
		}
	}
	return held, bad
}

// Words are the words of the mnemonic; nil when m is empty.
func (m *Mnemonic) Words() []string {
	if m.size == 0 {
		return nil
	}
	sum := sha256.Sum256(m.entropy[:m.size])
	bits := append(slices.Clone(m.entropy[:m.size]), sum[0])
	defer clear(bits)
	return spell(lists()[m.list], bits, m.size*3/4)
}

// Text is the canonical form, which the seed is made of: lower case, NFKD, single
// ASCII spaces (for Japanese too, where U+3000 is for display only), at most 815
// bytes. The caller clears it. It is empty when m is empty.
func (m *Mnemonic) Text() []byte {
	b := make([]byte, 0, 24*(maxWord+1))
	for _, word := range m.Words() {
		b = append(append(b, word...), ' ')
	}
	return bytes.TrimSuffix(b, []byte(" "))
}

// Entropy is a copy of the 16 to 32 bytes behind the words.
func (m *Mnemonic) Entropy() []byte { return slices.Clone(m.entropy[:m.size]) }

// Seed is the 64-byte seed of the mnemonic and a passphrase, which may be
// empty. Errors: mnemonic.empty, mnemonic.passphrase. A mistyped passphrase
// opens another, valid wallet: compare the fingerprint.
func (m *Mnemonic) Seed(passphrase []byte) ([]byte, error) {
	if m.size == 0 {
		return nil, fault.New("mnemonic.empty", "", "the mnemonic is empty or was wiped")
	}
	text := m.Text()
	defer clear(text[:cap(text)])
	return SeedFromText(text, passphrase)
}

// SeedFromText is BIP-39's PBKDF2 alone: 64 bytes from the NFKD of text, whose
// words are not checked. It is for wallet files of tools that checked nothing;
// prove the result by its xpub or address. Errors: mnemonic.text and
// mnemonic.passphrase, for what printable refuses.
func SeedFromText(text, passphrase []byte) ([]byte, error) {
	password, ok := printable(text)
	if !ok {
		return nil, fault.New("mnemonic.text", "", "a mnemonic is printable UTF-8, at most %d bytes", maxText)
	}
	defer clear(password)
	extra, ok := printable(passphrase)
	if !ok {
		return nil, fault.New("mnemonic.passphrase", "", "a mnemonic's passphrase is printable UTF-8, at most %d bytes", maxText)
	}
	defer clear(extra)
	salt := append([]byte("mnemonic"), extra...)
	defer clear(salt)
	seed, err := pbkdf2.Key(sha512.New, unsafe.String(unsafe.SliceData(password), len(password)), salt, 2048, 64)
	if err != nil {
		return nil, fault.New("mnemonic.seed", "", "cannot make a seed: %w", err)
	}
	return seed, nil
}

// Passphrase gives a passphrase of BIP-39 as a person typed it in the form that it
// enters the seed in: NFKD, so that it is one passphrase whichever keyboard composed
// its accents. A passphrase that one cannot tell from another by looking at it is
// refused with mnemonic.passphrase: an empty one, one with white space at an end, and
// one with characters that do not show. No error shows it.
func Passphrase(typed []byte) ([]byte, error) {
	refused := func(what string) ([]byte, error) {
		return nil, fault.New("mnemonic.passphrase", "type it as it stands on the paper", "%s", what)
	}
	plain, ok := printable(typed)
	unseen := func(r rune) bool {
		return !unicode.IsPrint(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
	}
	switch {
	case !ok || bytes.ContainsFunc(plain, unseen):
		clear(plain)
		return refused(fmt.Sprintf("the mnemonic's passphrase is to be printable text of at most %d bytes", maxText))
	case len(plain) == 0:
		return refused("the mnemonic's passphrase is empty")
	case plain[0] == ' ' || plain[len(plain)-1] == ' ':
		clear(plain)
		return refused("the mnemonic's passphrase begins or ends with a space")
	case len(plain) > maxText:
		clear(plain)
		return refused("the mnemonic's passphrase is too long")
	}
	return plain, nil
}

// printable gives the NFKD of at most maxText bytes of UTF-8. It refuses control,
// private and unassigned characters: the last have no NFKD that is sure to stay.
// It also refuses a run of over 30 combining marks, which the library, unlike
// BIP-39, parts with a U+034F.
func printable(b []byte) ([]byte, bool) {
	odd := func(r rune) bool { return !unicode.IsGraphic(r) && !unicode.Is(unicode.Cf, r) }
	if len(b) > maxText || !utf8.Valid(b) || bytes.ContainsFunc(b, odd) {
		return nil, false
	}
	plain, joiner := nfkd(b), []byte(norm.GraphemeJoiner)
	return plain, bytes.Count(plain, joiner) == bytes.Count(b, joiner)
}

// nfkd gives a copy in Unicode's Normalization Form KD (UAX 15). No word of a
// list grows by more than three times.
func nfkd(b []byte) []byte { return norm.NFKD.Append(make([]byte, 0, 3*len(b)), b...) }

// Wipe clears m.
func (m *Mnemonic) Wipe() { *m = Mnemonic{} }

// Format keeps the words out of every print, whatever the verb.
func (m Mnemonic) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "hd.Mnemonic(redacted)") }

// Words spells the first 11*n bits of a digest, high bit first, as n words of
// BIP-39's English list, for people to compare: six words are 66 bits. It gives
// nil when the digest is too short or n is negative.
func Words(digest []byte, n int) []string { return spell(wordlists.English, digest, n) }

func spell(list []string, digest []byte, n int) []string {
	if n < 0 || n > len(digest)*8/11 {
		return nil
	}
	words := make([]string, n)
	for i := range words {
		at := 0
		for b := 11 * i; b < 11*(i+1); b++ {
			at = at<<1 | int(digest[b/8]>>(7-b%8)&1)
		}
		words[i] = list[at]
	}
	return words
}
