package elfaudit

import (
	"debug/elf"
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// words calls f for every aligned 8-byte word of the loaded file that points
// into the code: jump tables, function values, and what hides as one.
//
// Two kinds of words that look like a low address are none. The function table
// is made of 32-bit offsets, and nothing runs what it names. A type's descriptor
// has two 32-bit offsets side by side, the second of which is often zero.
func (img *image) words(f func(addr uint64, target int, value uint64)) {
	low, high := img.text.addr, img.text.addr+uint64(len(img.text.data))
	for _, s := range img.segs {
		for off := -s.addr % 8; off+8 <= uint64(len(s.data)); off += 8 {
			v, addr := binary.LittleEndian.Uint64(s.data[off:]), s.addr+off
			if v < low || v >= high || addr >= img.table.addr && addr-img.table.addr < uint64(len(img.table.data)) {
				continue
			}
			if i := img.find(v); i >= 0 && !img.typeName(s, off) {
				f(addr, i, v)
			}
		}
	}
}

// typeName tells whether the word at off is the name and pointer offset of a
// type's descriptor (abi.Type: size, bytes with pointers, hash and kind, equality
// function, pointer mask, name): the fields before it must be those of one, and
// the name, counted from the start of the read-only data, must be there.
func (img *image) typeName(s segment, off uint64) bool {
	if s.flags&(elf.PF_W|elf.PF_X) != 0 || off < 40 {
		return false
	}
	le := binary.LittleEndian
	size, pointers := le.Uint64(s.data[off-40:]), le.Uint64(s.data[off-32:])
	align, field, kind := s.data[off-19], s.data[off-18], s.data[off-17]&0x1f
	equal, mask := le.Uint64(s.data[off-16:]), le.Uint64(s.data[off-8:])
	power := func(b byte) bool { return b == 1 || b == 2 || b == 4 || b == 8 }
	data := func(a uint64) bool { return a == 0 || img.at(a) != nil && img.find(a) < 0 }
	if pointers > size || !power(align) || !power(field) || kind < 1 || kind > 26 || !data(equal) {
		return false
	}
	if pointers > 0 && mask == 0 {
		return false
	}
	return name(s.data, uint64(le.Uint32(s.data[off:])))
}

// name tells whether a type's name is at off: flags, length, printable text.
func name(data []byte, off uint64) bool {
	if off+3 > uint64(len(data)) || data[off] > 0xf {
		return false
	}
	n, w := binary.Uvarint(data[off+1:])
	if w <= 0 || n == 0 || n > maxName {
		return false
	}
	text := slice(data, off+1+uint64(w), n)
	for len(text) > 0 {
		r, w := utf8.DecodeRune(text)
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return false
		}
		text = text[w:]
	}
	return text != nil
}
