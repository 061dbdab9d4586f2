package elfaudit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// tableMagic begins the function table of Go 1.20 and later.
const tableMagic = 0xfffffff1

// readTable reads the functions out of a pclntab whose code lies at text. It
// does what debug/gosym does, with every length checked before use: a flipped
// bit in a count must not ask for all the memory there is.
//
// The table begins with a header of 8-byte words: magic, padding, instruction
// size and pointer size in the first; then counts of functions and files, an
// unused word, and offsets of the name, unit, file, value and function tables.
// The function table is pairs of 32-bit offsets: of the code, from text, and of
// the function's record, from the function table, which begins with the code's
// offset again and the name's offset. One more code offset ends it.
func readTable(tab []byte, text, size uint64) ([]function, map[string]string, error) {
	const header = 9 * 8
	le := binary.LittleEndian
	if len(tab) < header || le.Uint32(tab) != tableMagic || tab[7] != 8 {
		return nil, nil, errors.New("not the table of Go 1.20 or later for a 64-bit machine")
	}
	count, nameOff, unitOff, funcOff := le.Uint64(tab[8:]), le.Uint64(tab[32:]), le.Uint64(tab[40:]), le.Uint64(tab[64:])
	if nameOff > unitOff || unitOff > uint64(len(tab)) || funcOff > uint64(len(tab)) {
		return nil, nil, errors.New("it names a place behind its end")
	}
	names, rows := tab[nameOff:unitOff], tab[funcOff:]
	if count == 0 || count > maxFunctions || count*8+4 > uint64(len(rows)) {
		return nil, nil, fmt.Errorf("it claims %d functions", count)
	}
	funcs := make([]function, 0, count)
	for i := range count {
		entry, record, end := le.Uint32(rows[i*8:]), le.Uint32(rows[i*8+4:]), le.Uint32(rows[i*8+8:])
		if entry >= end || uint64(end) > size {
			return nil, nil, fmt.Errorf("function %d lies at %#x to %#x", i, entry, end)
		}
		if uint64(record)+8 > uint64(len(rows)) || le.Uint32(rows[record:]) != entry {
			return nil, nil, fmt.Errorf("function %d has no record of its own", i)
		}
		name, err := nameAt(names, le.Uint32(rows[record+4:]))
		if err != nil {
			return nil, nil, fmt.Errorf("function %d: %w", i, err)
		}
		funcs = append(funcs, function{name, text + uint64(entry), text + uint64(end)})
	}
	return funcs, packages(names), nil
}

// packages gives, for every package that has a name in the table, the first
// such name. Functions that exist only inlined into others have names there too.
func packages(names []byte) map[string]string {
	first := map[string]string{}
	for name := range bytes.SplitSeq(names, []byte{0}) {
		path := packageOf(name[:min(len(name), maxName)])
		if _, ok := first[string(path)]; !ok && len(path) > 0 {
			first[string(path)] = string(name[:min(len(name), maxName)])
		}
	}
	return first
}

// packageOf cuts the package's path from a linker name like
// "net/http.(*Client).Do" or "slices.Sort[go.shape.[]net.IP]". The last part of
// a path has its own dots written as %2e.
func packageOf(name []byte) []byte {
	name = bytes.TrimPrefix(name, []byte("type:.eq."))
	name = bytes.TrimPrefix(name, []byte("type:.hash."))
	if i := bytes.IndexAny(name, "[("); i >= 0 {
		name = name[:i]
	}
	slash := bytes.LastIndexByte(name, '/') + 1
	dot := bytes.IndexByte(name[slash:], '.')
	if dot < 0 {
		return nil
	}
	return name[:slash+dot]
}

func nameAt(names []byte, off uint32) (string, error) {
	if uint64(off) >= uint64(len(names)) {
		return "", errors.New("its name lies outside the table")
	}
	rest := names[off:]
	n := bytes.IndexByte(rest[:min(len(rest), maxName)], 0)
	if n < 0 {
		return "", errors.New("its name has no end")
	}
	return string(rest[:n]), nil
}
