package elfaudit

import (
	"bytes"
	"debug/elf"
	"slices"
)

// site is an instruction that leads to the kernel or to a function.
type site struct {
	fn   int // index of the function that holds it
	pc   uint64
	flow flow
	to   uint64
}

// place is where a function takes a system call's number: a register, or a slot
// of its caller's frame.
type place struct {
	slot bool
	n    int64 // the register, or bytes above the stack pointer at entry
}

type auditor struct {
	img   *image
	m     machine
	table map[uint64]call

	traps    []site           // SYSCALL and SVC
	crossing map[int][]site   // by function led to: calls and jumps from others, and calls from itself
	refs     map[int][]site   // by function: instructions that form an address inside it
	wordRefs map[int][]site   // by function: words that point inside it; pc is the word's address
	tables   map[int][]uint64 // by function: where its jump tables lead
	away     map[int]bool     // functions with an indirect jump
	graphs   map[int]*graph
	takers   map[int]map[place]bool       // functions that take a number
	calls    map[uint64]map[uint64]string // by number: functions by site

	steps   int // left; see maxSteps
	finds   []Finding
	dropped int
	stray   int
}

func newAuditor(img *image) *auditor {
	a := &auditor{img: img, table: table(img.arch), m: amd64{}, steps: maxSteps}
	if img.arch == "arm64" {
		a.m = &arm64{}
	}
	a.crossing, a.refs, a.wordRefs = map[int][]site{}, map[int][]site{}, map[int][]site{}
	a.tables, a.away, a.graphs = map[int][]uint64{}, map[int]bool{}, map[int]*graph{}
	a.takers, a.calls = map[int]map[place]bool{}, map[uint64]map[uint64]string{}
	return a
}

// packages reports those that must not be in the file. One that exists only
// inlined into others has no address.
func (a *auditor) packages() {
	entry := map[string]uint64{}
	for _, f := range a.img.funcs {
		entry[f.name] = f.entry
	}
	for path, name := range a.img.pkgs {
		if why := bannedPackage(path); why != "" {
			a.add(found(name, entry[name], "package %s is in the file: %s", path, why))
		}
	}
}

// decode goes over all the code once and notes what leads anywhere.
func (a *auditor) decode() {
	for i, fn := range a.img.funcs {
		a.decodeFunction(i, fn)
	}
	a.outsideFunctions()
}

func (a *auditor) decodeFunction(i int, fn function) {
	a.m.begin()
	bounds := map[uint64]bool{}
	var own []site // branches inside the function
	traps := 0
	end := fn.entry + uint64(a.m.trim(a.img.code(fn, fn.entry)))
	for pc := fn.entry; pc < end; {
		in := a.m.decode(a.img.code(fn, pc), pc)
		bounds[pc] = true
		switch in.flow {
		case bad:
			a.add(found(fn.name, pc, "bytes that are no known instruction"))
			return
		case gate:
			a.add(found(fn.name, pc, "another door into the kernel than the system call (INT, SYSENTER or the like)"))
		case trap:
			traps++
			a.traps = append(a.traps, site{i, pc, in.flow, 0})
			if !slices.Contains(enters(), fn.name) {
				a.add(found(fn.name, pc, "a system-call instruction in a function that is not known to have one"))
			}
		case away:
			a.away[i] = true
		case calls, jump, branch:
			s := site{i, pc, in.flow, in.target}
			if in.flow != calls && in.target >= fn.entry && in.target < fn.end && in.target != fn.entry {
				own = append(own, s)
				break
			}
			a.lead(s)
		}
		if in.ref != 0 {
			if to := a.img.find(in.ref); to >= 0 {
				a.refs[to] = append(a.refs[to], site{i, pc, in.flow, in.ref})
			}
		}
		pc += uint64(in.size)
	}
	for _, s := range own {
		if !bounds[s.to] {
			a.add(found(fn.name, s.pc, "a jump into the middle of an instruction"))
		}
	}
	a.stray += a.doors(a.img.code(fn, fn.entry)) - traps
}

// lead notes a call or jump from one function to another.
func (a *auditor) lead(s site) {
	to := a.img.find(s.to)
	if to < 0 {
		a.add(found(a.img.funcs[s.fn].name, s.pc, "leads to %#x, where no function is", s.to))
		return
	}
	a.crossing[to] = append(a.crossing[to], s)
}

// doors counts the places in code that would enter the kernel if run.
func (a *auditor) doors(code []byte) (n int) {
	if a.img.arch == "amd64" {
		return bytes.Count(code, []byte{0x0f, 0x05}) + bytes.Count(code, []byte{0x0f, 0x34}) + bytes.Count(code, []byte{0xcd, 0x80})
	}
	for ; len(code) >= 4; code = code[4:] {
		if code[0] == 1 && code[1]&0x1f == 0 && code[2]&0xe0 == 0 && code[3] == 0xd4 {
			n++
		}
	}
	return n
}

// outsideFunctions looks for ways into the kernel in code that the function
// table does not cover.
func (a *auditor) outsideFunctions() {
	check := func(addr uint64, code []byte) {
		if n := a.doors(code); n > 0 {
			a.add(found("no function", addr, "%d system-call instructions in %d bytes of code that no function owns", n, len(code)))
		}
	}
	for _, s := range a.img.segs {
		if s.flags&elf.PF_X == 0 {
			continue
		}
		at, end := s.addr, s.addr+uint64(len(s.data))
		for _, fn := range a.img.funcs {
			if fn.entry >= at && fn.end <= end {
				check(at, s.data[at-s.addr:fn.entry-s.addr])
				at = fn.end
			}
		}
		check(at, s.data[at-s.addr:])
	}
}

// indirect notes the words that point into code: where jump tables lead, and
// function values.
func (a *auditor) indirect() {
	a.img.words(func(addr uint64, to int, v uint64) {
		if a.img.arch == "arm64" && v%4 != 0 {
			return // no instruction is there: a jump to it faults (Arm ARM, PC alignment checking)
		}
		a.wordRefs[to] = append(a.wordRefs[to], site{-1, addr, away, v})
		if a.away[to] && v != a.img.funcs[to].entry {
			a.tables[to] = append(a.tables[to], v)
		}
	})
}
