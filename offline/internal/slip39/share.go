// Package slip39 splits a secret into shares of words, any sufficient set of which
// gives it back (SLIP-0039).
//
//	plan, err := slip39.ParsePlan("2of3")
//	shares, err := slip39.Split(arena, random, secret, plan, nil)
//	text, err := shares[0].Words(arena)     // 33 words for 32 bytes
//	share, err := slip39.Parse(arena, text)
//	secret, err := slip39.Combine(arena, shares, nil)
//
// What is secret goes into the caller's arena, and the arithmetic on it reads no
// table at a secret place. No error shows a word.
package slip39

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"io"

	"coldsign/offline/internal/memory"
	"coldsign/shared/fault"
)

// Share is one share. It prints without its value.
type Share struct {
	ID         uint16 // 15 bits, the same in all shares of a set
	Extendable bool   // further shares of the secret may have another ID
	Exponent   int    // 10000 << Exponent iterations of PBKDF2

	Group, GroupThreshold, Groups int // Group from 0
	Member, Threshold             int // Member from 0
	value                         []byte
}

// Set names the set that the share is of.
func (s Share) Set() string { return fmt.Sprintf("%04x", s.ID) }

// Place says which share of the set it is.
func (s Share) Place() string {
	if s.Groups == 1 {
		return fmt.Sprintf("share %d", s.Member+1)
	}
	return fmt.Sprintf("group %d, share %d", s.Group+1, s.Member+1)
}

// Format prints what is no secret, whatever the verb.
func (s Share) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "set "+s.Set()+" "+s.Place()) }

const (
	radix    = 10 // bits of a word
	header   = 4  // words
	checksum = 3
)

// head gives the 40 bits before the value.
func (s Share) head() (h uint64) {
	for _, f := range []struct{ bits, value int }{
		{15, int(s.ID)}, {1, one(s.Extendable)}, {4, s.Exponent}, {4, s.Group}, {4, s.GroupThreshold - 1}, {4, s.Groups - 1}, {4, s.Member}, {4, s.Threshold - 1},
	} {
		h = h<<f.bits | uint64(f.value)
	}
	return h
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// setHead is the reverse of head.
func (s *Share) setHead(h uint64) {
	take := func(bits int) int {
		v := int(h & (1<<bits - 1))
		h >>= bits
		return v
	}
	s.Threshold, s.Member = take(4)+1, take(4)
	s.Groups, s.GroupThreshold, s.Group = take(4)+1, take(4)+1, take(4)
	s.Exponent, s.Extendable, s.ID = take(4), take(1) == 1, uint16(take(15))
}

// Words gives the share as words with a space between each two, in a.
func (s Share) Words(a *memory.Arena) (text []byte, err error) {
	values, err := a.Bytes(2 * maxWords)
	if err != nil {
		return nil, err
	}
	defer clear(values)
	if text, err = a.Bytes(maxWords * (maxWord + 1)); err != nil {
		return nil, err
	}
	text = text[:0]
	memory.Do(func() {
		n := s.pack(values)
		all := list()
		for i := range n {
			if i > 0 {
				text = append(text, ' ')
			}
			text = append(text, all[value(values, i)]...)
		}
	})
	return text, nil
}

// value and setValue read and write a word's value.
func value(values []byte, i int) uint16       { return uint16(values[2*i])<<8 | uint16(values[2*i+1]) }
func setValue(values []byte, i int, v uint16) { values[2*i], values[2*i+1] = byte(v>>8), byte(v) }

// pack writes the values of the share's words and tells how many there are.
func (s Share) pack(values []byte) int {
	h := s.head()
	for i := range header {
		setValue(values, i, uint16(h>>(radix*(header-1-i)))&1023)
	}
	n := header + (8*len(s.value)+radix-1)/radix
	// The value is one number, with zeros before it up to whole words.
	acc, bits := uint32(0), radix*(n-header)-8*len(s.value)
	i := header
	for _, b := range s.value {
		acc, bits = acc<<8|uint32(b), bits+8
		for ; bits >= radix; i++ {
			bits -= radix
			setValue(values, i, uint16(acc>>bits)&1023)
		}
	}
	clear(values[2*n : 2*(n+checksum)])
	sum := s.polymod(values[:2*(n+checksum)]) ^ 1
	for i := range checksum {
		setValue(values, n+i, uint16(sum>>(radix*(checksum-1-i)))&1023)
	}
	return n + checksum
}

// polymod is the remainder of the Reed-Solomon code over GF(1024) (RS1024): 1 for
// words with a right checksum.
func (s Share) polymod(values []byte) uint32 {
	generator := [...]uint32{0xe0e040, 0x1c1c080, 0x3838100, 0x7070200, 0xe0e0009, 0x1c0c2412, 0x38086c24, 0x3090fc48, 0x21b1f890, 0x3f3f120}
	sum := uint32(1)
	step := func(v uint16) {
		top := sum >> 20
		sum = sum&0xfffff<<10 ^ uint32(v)
		for i, g := range generator {
			sum ^= g & -(top >> i & 1)
		}
	}
	domain := "shamir"
	if s.Extendable {
		domain = "shamir_extendable"
	}
	for _, c := range []byte(domain) {
		step(uint16(c))
	}
	for i := range len(values) / 2 {
		step(value(values, i))
	}
	return sum
}

// Parse reads the words of a share in any case, parted by white space. Its value is
// in a. Errors: share.length, share.word with the place of the first word that is
// not on the list, share.checksum, share.format.
func Parse(a *memory.Arena, text []byte) (s Share, err error) {
	if len(text) > maxText {
		return s, fault.New("share.length", "", "a share of %d bytes is too long", len(text))
	}
	values, err := a.Bytes(2 * maxWords)
	if err != nil {
		return s, err
	}
	defer clear(values)
	if s.value, err = a.Bytes(maxSecret); err != nil {
		return s, err
	}
	memory.Do(func() { err = s.parse(values, text) })
	return s, err
}

func (s *Share) parse(values, text []byte) error {
	words := bytes.Fields(text)
	n := len(words)
	if n < minWords || n > maxWords {
		return fault.New("share.length", "type all words of the share", "a share has %d to %d words, not %d", minWords, maxWords, n)
	}
	all := list()
	for i, w := range words {
		v, ok := find(all, w)
		if !ok {
			return fault.New("share.word", "compare it with the paper", "word %d is not on the list of SLIP-39", i+1)
		}
		setValue(values, i, v)
	}
	values = values[:2*n]
	var h uint64
	for i := range header {
		h = h<<radix | uint64(value(values, i))
	}
	s.setHead(h)
	if s.polymod(values) != 1 {
		return fault.New("share.checksum", "compare each word with the paper", "a word of the share is wrong, or two have changed places")
	}
	bits := radix * (n - header - checksum)
	pad := bits % 16
	if pad > 8 || s.GroupThreshold > s.Groups {
		return fault.New("share.format", "", "the words are no share of SLIP-39")
	}
	s.value = s.value[:(bits-pad)/8]
	return s.unpack(values[2*header:2*(n-checksum)], pad)
}

// unpack reads the value behind pad zero bits.
func (s *Share) unpack(values []byte, pad int) error {
	acc, have, at := uint32(0), -pad, 0
	for i := range len(values) / 2 {
		acc, have = acc<<radix|uint32(value(values, i)), have+radix
		if i == 0 && acc>>(radix-pad) != 0 {
			return fault.New("share.format", "", "the words are no share of SLIP-39: its padding is not zero")
		}
		for ; have >= 8; at++ {
			have -= 8
			s.value[at] = byte(acc >> have)
		}
	}
	return nil
}

// find gives a word's place. It compares with all words, whichever it is.
func find(all []string, word []byte) (place uint16, ok bool) {
	var padded, other [maxWord]byte
	if len(word) > maxWord {
		return 0, false
	}
	copy(padded[:], word)
	for i, c := range padded {
		if 'A' <= c && c <= 'Z' {
			padded[i] = c + 'a' - 'A'
		}
	}
	found := 0
	for i, w := range all {
		clear(other[:])
		copy(other[:], w)
		same := subtle.ConstantTimeCompare(padded[:], other[:])
		place |= uint16(i) & -uint16(same)
		found |= same
	}
	return place, found == 1
}
