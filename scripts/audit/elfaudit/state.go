package elfaudit

import "math"

// A value is what the audit knows of a register or a stack slot.
type value struct {
	kind kind
	n    int64
}

type kind uint8

const (
	unknown  kind = iota
	constant      // n
	inReg         // what register n held when the function was entered
	inSlot        // what lay n bytes above the stack pointer when it was entered
	onStack       // the address n bytes above the stack pointer at entry
)

// state is what is known before one instruction. Stack places are counted in
// bytes from the stack pointer at entry. It errs on the side of not knowing:
// after a call only the slots in which the caller passes arguments, and where a
// callee may spill them, are still known, and those only while nobody holds
// their address.
type state struct {
	regs   [32]value
	sp     int64           // the stack pointer, from where it was at entry
	framed bool            // sp counts from entry; else from some unknown place
	slots  map[int64]value // 8-byte slots written since entry
	args   bool            // slots of the caller's frame that are not in slots are untouched
	leaked int64           // lowest stack place whose address is held by something
}

// entered is the state at a function's first instruction.
func entered() *state {
	s := &state{framed: true, args: true, leaked: math.MaxInt64, slots: map[int64]value{}}
	for r := range s.regs {
		s.regs[r] = value{inReg, int64(r)}
	}
	return s
}

// nothing is the state of which nothing is known.
func nothing() *state {
	return &state{leaked: math.MinInt64, slots: map[int64]value{}}
}

func (s *state) clone() *state {
	c := *s
	c.slots = make(map[int64]value, len(s.slots))
	for k, v := range s.slots {
		c.slots[k] = v
	}
	return &c
}

// join makes s hold only what holds in t too, and tells if s changed.
func (s *state) join(t *state) (changed bool) {
	if s.framed != t.framed || s.sp != t.sp {
		if s.framed || s.sp != 0 || len(s.slots) > 0 {
			s.lose()
			s.sp, changed = 0, true
		}
	}
	for r := range s.regs {
		if s.regs[r] != t.regs[r] && s.regs[r].kind != unknown {
			s.regs[r], changed = value{}, true
		}
	}
	if t.leaked < s.leaked {
		s.leaked, changed = t.leaked, true
	}
	if s.args && !t.args {
		s.args, changed = false, true
	}
	for k, v := range s.slots {
		if v.kind != unknown && t.load(k) != v {
			s.slots[k], changed = value{}, true
		}
	}
	for k := range t.slots { // written there, untouched here
		if v := s.load(k); v.kind != unknown && v != t.slots[k] {
			s.slots[k], changed = value{}, true
		}
	}
	return changed
}

// lose forgets where the stack pointer is, and with it all of the stack.
func (s *state) lose() {
	s.framed, s.args, s.leaked, s.sp = false, false, math.MinInt64, 0
	clear(s.slots)
	for r, v := range s.regs {
		if v.kind == onStack {
			s.regs[r] = value{}
		}
	}
}

// load reads the 8 bytes at a stack place.
func (s *state) load(at int64) value {
	if v, ok := s.slots[at]; ok {
		return v
	}
	if s.args && at >= 8 && at%8 == 0 {
		return value{inSlot, at}
	}
	return value{}
}

// store writes size bytes at a stack place; v counts only if they are 8.
func (s *state) store(at, size int64, v value) {
	for k := range s.slots {
		if k < at+size && at < k+8 {
			s.slots[k] = value{}
		}
	}
	for k := at &^ 7; k < at+size; k += 8 {
		if _, ok := s.slots[k]; !ok && k >= 8 {
			s.slots[k] = value{}
		}
	}
	if size == 8 && v.kind != unknown {
		s.slots[at] = v
	}
}

// leak notes that a stack address is in a register or in memory, from where
// somebody may write at it and above it. What lies below the stack pointer is
// no object: such an address is the frame pointer or a stack bound.
func (s *state) leak(at int64) {
	if !s.framed || at >= s.sp {
		s.leaked = min(s.leaked, at)
	}
}

// scribble is a write through a pointer that could be any leaked one.
func (s *state) scribble() {
	if s.leaked == math.MaxInt64 {
		return
	}
	s.args = false
	for k := range s.slots {
		if !s.framed || k+8 > s.leaked {
			delete(s.slots, k)
		}
	}
}

// smear is a write at an unknown place of the stack.
func (s *state) smear() {
	s.args = false
	clear(s.slots)
}

// called is what a call leaves: no register, and none of this function's own
// frame, part of which belongs to the callee.
func (s *state) called() {
	s.forget()
	s.scribble()
	for k := range s.slots {
		if !s.framed || k < 8 {
			delete(s.slots, k)
		}
	}
}

// forget drops all registers.
func (s *state) forget() { clear(s.regs[:]) }

// place gives the stack place that base+disp names, if base is known to point
// into the stack.
func (s *state) place(base value, disp int64) (int64, bool) {
	return base.n + disp, base.kind == onStack
}

// pointer is the value of the stack pointer.
func (s *state) pointer() value { return value{onStack, s.sp} }

// move sets the stack pointer.
func (s *state) move(v value) {
	if v.kind != onStack {
		s.lose()
		return
	}
	s.sp = v.n
}
