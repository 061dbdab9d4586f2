package elfaudit

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"debug/elf"
	"slices"

	"coldsign/shared/fault"
)

// segment is one loaded part of the file.
type segment struct {
	addr  uint64
	data  []byte // what the file holds; memory beyond it is zero
	flags elf.ProgFlag
}

// function is one row of the file's own function table, which stays in a
// stripped binary because tracebacks and the garbage collector need it.
type function struct {
	name       string
	entry, end uint64
}

// image is a Go program as the audit reads it.
type image struct {
	arch  string // "amd64" or "arm64"
	segs  []segment
	text  segment           // the .text section
	table segment           // the .gopclntab section
	funcs []function        // sorted by entry, none overlap
	pkgs  map[string]string // packages in the function table, each with one name of its
}

// open reads what the audit needs of a file and says what is wrong with its
// outside. The error is for files that cannot be audited at all.
func open(file []byte) (*image, []Finding, error) {
	const cure = "give a Linux binary for amd64 or arm64 that Go built"
	if len(file) > MaxFile {
		return nil, nil, fault.New("audit.size", cure, "the file has %d bytes, more than %d", len(file), MaxFile)
	}
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		return nil, nil, fault.New("audit.elf", cure, "not an ELF file that can be read: %w", err)
	}
	img := &image{}
	switch {
	case f.Class == elf.ELFCLASS64 && f.Data == elf.ELFDATA2LSB && f.Machine == elf.EM_X86_64:
		img.arch = "amd64"
	case f.Class == elf.ELFCLASS64 && f.Data == elf.ELFDATA2LSB && f.Machine == elf.EM_AARCH64:
		img.arch = "arm64"
	default:
		return nil, nil, fault.New("audit.machine", cure, "an ELF file for another machine: %v, %v, %v", f.Machine, f.Class, f.Data)
	}
	finds := outside(f)
	if err := img.load(f, file); err != nil {
		return nil, finds, err
	}
	more, err := provenance(file)
	finds = append(finds, more...)
	if err != nil {
		return nil, finds, err
	}
	if err := img.functions(f, file); err != nil {
		return nil, finds, err
	}
	if i := img.find(f.Entry); i < 0 || img.funcs[i].entry != f.Entry {
		finds = append(finds, found("file header", f.Entry, "the program begins where no function does"))
	}
	return img, finds, nil
}

// outside checks the headers: a static file, in which nothing that can be
// written can be run.
func outside(f *elf.File) (finds []Finding) {
	add := func(addr uint64, format string, args ...any) {
		finds = append(finds, found("file header", addr, format, args...))
	}
	var loaded []*elf.Prog
	if f.Type != elf.ET_EXEC {
		add(0, "the file is %v, not a fixed executable", f.Type)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			loaded = append(loaded, p)
		}
		switch {
		case p.Type == elf.PT_INTERP:
			add(p.Vaddr, "PT_INTERP: the file asks for a dynamic loader")
		case p.Type == elf.PT_DYNAMIC:
			add(p.Vaddr, "PT_DYNAMIC: the file is linked dynamically")
		case p.Type == elf.PT_LOAD && p.Flags&elf.PF_W != 0 && p.Flags&elf.PF_X != 0:
			add(p.Vaddr, "a segment is writable and executable")
		case p.Type == elf.PT_GNU_STACK && p.Flags&elf.PF_X != 0:
			add(p.Vaddr, "the stack is executable")
		}
	}
	slices.SortFunc(loaded, func(a, b *elf.Prog) int { return cmp.Compare(a.Vaddr, b.Vaddr) })
	for i, p := range loaded[:max(len(loaded), 1)-1] {
		if next := loaded[i+1].Vaddr; next-p.Vaddr < max(p.Memsz, p.Filesz) {
			add(next, "two segments lie over each other, so what is loaded there is not certain")
		}
	}
	if libs, err := f.ImportedLibraries(); err == nil {
		for _, l := range libs {
			add(0, "needs the library %q", l)
		}
	}
	return finds
}

// provenance checks how the file says that it was built.
func provenance(file []byte) ([]Finding, error) {
	info, err := buildinfo.Read(bytes.NewReader(file))
	if err != nil {
		return nil, fault.New("audit.go", "give a binary that Go built", "no Go build information: %w", err)
	}
	for _, s := range info.Settings {
		if s.Key == "CGO_ENABLED" && s.Value == "0" {
			return nil, nil
		}
	}
	return []Finding{found("build information", 0, "does not say CGO_ENABLED=0")}, nil
}

// slice gives file[off:off+n], or nil where the file does not hold it.
func slice(file []byte, off, n uint64) []byte {
	if off > uint64(len(file)) || n > uint64(len(file))-off {
		return nil
	}
	return file[off : off+n : off+n]
}

func (img *image) load(f *elf.File, file []byte) error {
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD || p.Filesz == 0 {
			continue
		}
		data := slice(file, p.Off, p.Filesz)
		if data == nil || p.Vaddr+p.Filesz < p.Vaddr {
			return fault.New("audit.elf", "fetch the file again", "the file ends before the segment at %#x does", p.Vaddr)
		}
		img.segs = append(img.segs, segment{p.Vaddr, data, p.Flags})
		if len(img.segs) > maxSegments {
			return fault.New("audit.elf", "", "more than %d segments", maxSegments)
		}
	}
	return nil
}

// functions reads the function table that the runtime itself uses.
func (img *image) functions(f *elf.File, file []byte) error {
	const cure = "give a binary that Go 1.20 or later built, with its section headers"
	text, table := f.Section(".text"), f.Section(".gopclntab")
	if text == nil || table == nil {
		return fault.New("audit.go", cure, "no .text or .gopclntab section")
	}
	code, tab := slice(file, text.Offset, text.FileSize), slice(file, table.Offset, table.FileSize)
	if code == nil || tab == nil || text.Type == elf.SHT_NOBITS || text.Addr+text.FileSize < text.Addr {
		return fault.New("audit.elf", "fetch the file again", "the file ends before its .text or .gopclntab section does")
	}
	img.text, img.table = segment{addr: text.Addr, data: code}, segment{addr: table.Addr, data: tab}
	// What the processor runs is what the segment says, not the section.
	if seg := img.at(text.Addr); seg == nil || !bytes.HasPrefix(seg, code) {
		return fault.New("audit.elf", cure, "the .text section is not what is loaded at %#x", text.Addr)
	}
	var err error
	if img.funcs, img.pkgs, err = readTable(tab, text.Addr, uint64(len(code))); err != nil {
		return fault.New("audit.go", cure, "the function table cannot be read: %w", err)
	}
	return nil
}

// at gives the loaded bytes from addr to the end of its segment.
func (img *image) at(addr uint64) []byte {
	for _, s := range img.segs {
		if addr >= s.addr && addr-s.addr < uint64(len(s.data)) {
			return s.data[addr-s.addr:]
		}
	}
	return nil
}

// code gives the bytes of a function from pc to its end.
func (img *image) code(fn function, pc uint64) []byte {
	return img.text.data[pc-img.text.addr : fn.end-img.text.addr]
}

// find gives the index of the function that holds addr, or -1.
func (img *image) find(addr uint64) int {
	i, exact := slices.BinarySearchFunc(img.funcs, addr, func(f function, a uint64) int { return cmp.Compare(f.entry, a) })
	if !exact {
		i--
	}
	if i < 0 || addr >= img.funcs[i].end {
		return -1
	}
	return i
}
