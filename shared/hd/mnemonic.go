package hd

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"io"
	"slices"
	"strings"

	"coldsign/shared/fault"

	"github.com/gagliardetto/solana-go/bip39/wordlists"
)

// Mnemonic is the entropy behind 12, 15, 18, 21 or 24 English words of BIP-39.
// The zero value, and what Wipe leaves, is no mnemonic.
type Mnemonic struct {
	entropy [32]byte
	size    int // 16, 20, 24, 28 or 32 bytes of entropy; 0 for none
}

// NewMnemonic takes 16, 20, 24, 28 or 32 bytes. Errors: mnemonic.entropy.
func NewMnemonic(entropy []byte) (*Mnemonic, error) {
	if n := len(entropy); n < 16 || n > 32 || n%4 != 0 {
		return nil, fault.New("mnemonic.entropy", "", "a mnemonic takes 16, 20, 24, 28 or 32 bytes of entropy, not %d", n)
	}
	m := &Mnemonic{size: len(entropy)}
	copy(m.entropy[:], entropy)
	return m, nil
}

// ParseMnemonic reads words in any case, parted by spaces, tabs or new lines,
// and checks the checksum. Errors: mnemonic.length, mnemonic.word with the
// position of the first word that is not on the list, mnemonic.checksum. No
// error shows a word.
func ParseMnemonic(text []byte) (*Mnemonic, error) {
	if len(text) > maxText {
		return nil, fault.New("mnemonic.length", "", "a mnemonic of %d bytes is too long", len(text))
	}
	lower := slices.Clone(text)
	defer clear(lower)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] += 'a' - 'A'
		}
	}
	words := bytes.FieldsFunc(lower, func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) })
	if n := len(words); n < 12 || n > 24 || n%3 != 0 {
		return nil, fault.New("mnemonic.length", "", "a mnemonic has 12, 15, 18, 21 or 24 words, not %d", n)
	}
	var bits [34]byte // entropy, checksum, padding
	defer clear(bits[:])
	for i, word := range words {
		at, ok := slices.BinarySearch(wordlists.English, string(word))
		if !ok {
			return nil, fault.New("mnemonic.word", "only the English words of BIP-39 are known", "word %d is not on the list", i+1)
		}
		for b := range 11 {
			if at>>(10-b)&1 == 1 {
				n := 11*i + b
				bits[n/8] |= 0x80 >> (n % 8)
			}
		}
	}
	size := len(words) / 3 * 4
	if sum := sha256.Sum256(bits[:size]); bits[size] != sum[0]&(0xff<<(8-size/4)) {
		return nil, fault.New("mnemonic.checksum", "check the words and their order", "the mnemonic's checksum is wrong")
	}
	return NewMnemonic(bits[:size])
}

// Words are the words of the mnemonic; nil when m is empty.
func (m *Mnemonic) Words() []string {
	if m.size == 0 {
		return nil
	}
	sum := sha256.Sum256(m.entropy[:m.size])
	bits := append(slices.Clone(m.entropy[:m.size]), sum[0])
	defer clear(bits)
	return Words(bits, m.size*3/4)
}

// Text is the canonical form, lower case and single spaces, for the caller to
// clear; empty when m is empty.
func (m *Mnemonic) Text() []byte {
	b := make([]byte, 0, 24*9) // no word is longer than 8 letters
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

// SeedFromText is BIP-39's PBKDF2 alone: 64 bytes from the exact text, which is
// neither normalized nor checked. It is for wallet files of tools that checked
// nothing; prove the result by its xpub or address. BIP-39 wants NFKD, which
// changes no ASCII, so text and passphrase outside printable ASCII are refused
// with mnemonic.text and mnemonic.passphrase rather than read in another way.
func SeedFromText(text, passphrase []byte) ([]byte, error) {
	if !printable(text) {
		return nil, fault.New("mnemonic.text", "", "a mnemonic is printable ASCII, at most %d bytes", maxText)
	}
	if !printable(passphrase) {
		return nil, fault.New("mnemonic.passphrase", "", "a mnemonic's passphrase is printable ASCII, at most %d bytes", maxText)
	}
	salt := append([]byte("mnemonic"), passphrase...)
	defer clear(salt)
	seed, err := pbkdf2.Key(sha512.New, string(text), salt, 2048, 64)
	if err != nil {
		return nil, fault.New("mnemonic.seed", "", "cannot make a seed: %w", err)
	}
	return seed, nil
}

func printable(b []byte) bool {
	return len(b) <= maxText && !slices.ContainsFunc(b, func(c byte) bool { return c < 0x20 || c > 0x7e })
}

// Wipe clears m.
func (m *Mnemonic) Wipe() { *m = Mnemonic{} }

// Format keeps the words out of every print, whatever the verb.
func (m Mnemonic) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "hd.Mnemonic(redacted)") }

// Words spells the first 11*n bits of a digest, high bit first, as n words of
// BIP-39's English list, for people to compare: six words are 66 bits. It gives
// nil when the digest is too short or n is negative.
func Words(digest []byte, n int) []string {
	if n < 0 || n > len(digest)*8/11 {
		return nil
	}
	words := make([]string, n)
	for i := range words {
		at := 0
		for b := 11 * i; b < 11*(i+1); b++ {
			at = at<<1 | int(digest[b/8]>>(7-b%8)&1)
		}
		words[i] = wordlists.English[at]
	}
	return words
}
