package elfaudit

import (
	"debug/elf"
	"encoding/binary"
	"testing"
)

// part is one function of a tiny program.
type part struct {
	name string
	code []byte
}

const (
	tinyText = 0x401000
	tinyData = 0x4000000
)

// tiny links a program of a few functions, laid out one after the other on
// 64-byte boundaries, and words of data. It has what the audit reads: headers,
// function table, build information.
func tiny(t testing.TB, machine elf.Machine, data []uint64, parts ...part) []byte {
	t.Helper()
	le := binary.LittleEndian
	var text []byte
	for _, p := range parts {
		text = append(text, p.code...)
		for len(text)%64 != 0 {
			fill := byte(0xcc)
			if machine == elf.EM_AARCH64 {
				fill = 0
			}
			text = append(text, fill)
		}
	}
	table := tinyTable(parts, len(text))
	var words []byte
	for _, w := range data {
		words = le.AppendUint64(words, w)
	}
	names := "\x00.text\x00.gopclntab\x00.go.buildinfo\x00.data\x00.shstrtab\x00"
	contents := [][]byte{nil, text, table, tinyInfo(), words, []byte(names)}
	labels := []uint32{0, 1, 7, 18, 32, 38}
	addrs := []uint64{0, tinyText, 0x5000000, 0x6000000, tinyData, 0}
	flags := []uint64{0, 6, 2, 3, 3, 0}
	progs := []int{1, 2, 3, 4}
	head := 64 + 56*len(progs)
	offs, end := make([]uint64, len(contents)), uint64(head)
	for i, c := range contents {
		end = (end + 15) &^ 15
		offs[i] = end
		end += uint64(len(c))
	}
	end = (end + 7) &^ 7
	out := make([]byte, end)
	copy(out, "\x7fELF\x02\x01\x01")
	le.PutUint16(out[16:], uint16(elf.ET_EXEC))
	le.PutUint16(out[18:], uint16(machine))
	le.PutUint32(out[20:], 1)
	le.PutUint64(out[24:], tinyText)
	le.PutUint64(out[32:], 64)
	le.PutUint64(out[40:], end)
	for i, n := range []uint16{64, 56, uint16(len(progs)), 64, uint16(len(contents)), uint16(len(contents) - 1)} {
		le.PutUint16(out[52+2*i:], n)
	}
	for i, s := range progs {
		p := out[64+56*i:]
		le.PutUint32(p, uint32(elf.PT_LOAD))
		le.PutUint32(p[4:], map[uint64]uint32{6: 5, 2: 4, 3: 6}[flags[s]])
		for j, v := range []uint64{offs[s], addrs[s], addrs[s], uint64(len(contents[s])), uint64(len(contents[s])), 16} {
			le.PutUint64(p[8+8*j:], v)
		}
	}
	for i, c := range contents {
		copy(out[offs[i]:], c)
		kind := uint32(elf.SHT_PROGBITS)
		switch i {
		case 0:
			kind = uint32(elf.SHT_NULL)
		case len(contents) - 1:
			kind = uint32(elf.SHT_STRTAB)
		}
		out = le.AppendUint32(out, labels[i])
		out = le.AppendUint32(out, kind)
		for _, v := range []uint64{flags[i], addrs[i], offs[i], uint64(len(c)), 0, 16, 0} {
			out = le.AppendUint64(out, v)
		}
	}
	return out
}

// tinyInfo writes the build information that debug/buildinfo reads.
func tinyInfo() []byte {
	info := append([]byte("\xff Go buildinf:\x08\x02"), make([]byte, 16)...)
	for _, s := range []string{"go1.26.8", "0123456789abcdef" + "path\tmain\nbuild\tCGO_ENABLED=0\n" + "0123456789abcdef"} {
		info = binary.AppendUvarint(info, uint64(len(s)))
		info = append(info, s...)
	}
	return info
}

// tinyTable writes the function table of parts; see readTable.
func tinyTable(parts []part, size int) []byte {
	le := binary.LittleEndian
	var names, rows, records []byte
	at := 0
	for _, p := range parts {
		rows = le.AppendUint32(rows, uint32(at))
		rows = le.AppendUint32(rows, uint32(8*len(parts)+4+len(records)))
		records = le.AppendUint32(records, uint32(at))
		records = le.AppendUint32(records, uint32(len(names)))
		names = append(append(names, p.name...), 0)
		at += (len(p.code) + 63) &^ 63
	}
	rows = le.AppendUint32(rows, uint32(size))
	table := le.AppendUint32(nil, tableMagic)
	table = append(table, 0, 0, 1, 8)
	const header = 72
	end := uint64(header + len(names))
	for _, v := range []uint64{uint64(len(parts)), 0, 0, header, end, end, end, end} {
		table = le.AppendUint64(table, v)
	}
	return append(append(append(table, names...), rows...), records...)
}

// a64 writes instructions of 32 bits.
func a64(words ...uint32) (code []byte) {
	for _, w := range words {
		code = binary.LittleEndian.AppendUint32(code, w)
	}
	return code
}

// getpid is a clean tiny program for each machine: main calls Syscall6 with 39
// or 172.
func getpid(t testing.TB, machine elf.Machine) []byte {
	if machine == elf.EM_AARCH64 {
		return tiny(t, machine, nil,
			part{"internal/runtime/syscall/linux.Syscall6", a64(0xf94007e8, 0xd4000001, 0xd65f03c0)}, // MOVD 8(RSP), R8; SVC; RET
			part{"main.main", a64(0xd2801580, 0xf90007e0, 0x97ffffee, 0xd65f03c0)})                   // MOVD $172, R0; MOVD R0, 8(RSP); BL; RET
	}
	return tiny(t, machine, nil,
		part{"internal/runtime/syscall/linux.Syscall6", []byte{0x0f, 0x05, 0xc3}},        // SYSCALL; RET
		part{"main.main", []byte{0xb8, 39, 0, 0, 0, 0xe8, 0xb6, 0xff, 0xff, 0xff, 0xc3}}) // MOVL $39, AX; CALL; RET
}
