package elfaudit

// resolve finds the number of every system call, from the instructions that
// make it back through the functions that hand it on.
func (a *auditor) resolve() {
	var work []int // functions that were found to take a number
	note := func(s site, v value) {
		if p, ok := a.settle(s, v); ok {
			if a.takers[s.fn] == nil {
				a.takers[s.fn] = map[place]bool{}
			}
			if !a.takers[s.fn][p] {
				a.takers[s.fn][p] = true
				work = append(work, s.fn)
			}
		}
	}
	for _, s := range a.traps {
		note(s, a.graph(s.fn).before(s.pc).regs[a.m.number()])
	}
	for len(work) > 0 {
		fn := work[len(work)-1]
		work = work[:len(work)-1]
		for _, s := range a.crossing[fn] {
			if s.to != a.img.funcs[fn].entry {
				continue // reported by escapes
			}
			before := a.graph(s.fn).before(s.pc)
			for p := range a.takers[fn] {
				note(s, a.argument(before, s, p))
			}
		}
	}
}

func (a *auditor) graph(fn int) *graph {
	if a.graphs[fn] == nil {
		a.graphs[fn] = newGraph(a.m, a.img, a.img.funcs[fn], a.tables[fn], &a.steps)
	}
	return a.graphs[fn]
}

// argument reads what a call or jump passes in a place.
func (a *auditor) argument(s *state, from site, p place) value {
	if !p.slot {
		return s.regs[p.n]
	}
	at := s.sp + p.n
	if from.flow == calls {
		at -= a.m.pushed()
	}
	return s.load(at)
}

// settle judges one site whose number is v. A function that may hand a number
// on gives the place where it takes it.
func (a *auditor) settle(s site, v value) (place, bool) {
	fn := a.img.funcs[s.fn]
	_, hands := handsOn()[fn.name]
	argument, excused := unproven()[fn.name]
	switch {
	case v.kind == constant:
		a.number(s, uint64(v.n))
	case v.kind == inReg && hands:
		return place{false, v.n}, true
	case v.kind == inSlot && hands:
		return place{true, v.n}, true
	case v.kind == inReg, v.kind == inSlot:
		a.add(found(fn.name, s.pc, "makes a system call whose number it is given by its caller"))
	case excused:
		return place{false, 0}, argument
	default:
		a.add(found(fn.name, s.pc, "makes a system call whose number is not a constant"))
	}
	return place{}, false
}

// number enters a call into the inventory and judges it.
func (a *auditor) number(s site, n uint64) {
	fn := a.img.funcs[s.fn]
	if a.calls[n] == nil {
		a.calls[n] = map[uint64]string{}
	}
	a.calls[n][s.pc] = fn.name
	switch c, known := a.table[n]; {
	case !known:
		a.add(found(fn.name, s.pc, "system call %d: unknown number", n))
	case c.why != "":
		a.add(found(fn.name, s.pc, "system call %d, %s: %s", n, c.name, c.why))
	}
}

// escapes reports every way to a function that takes a number, or that holds a
// system-call instruction, other than through its first instruction by a call
// that was resolved.
func (a *auditor) escapes() {
	doors := map[int]bool{}
	for _, s := range a.traps {
		doors[s.fn] = true
	}
	for fn := range a.takers {
		doors[fn] = true
	}
	for fn := range doors {
		f := a.img.funcs[fn]
		for _, s := range a.crossing[fn] {
			if s.to != f.entry {
				a.add(found(a.img.funcs[s.fn].name, s.pc, "leads into the middle of %s", f.name))
			}
		}
		if len(a.takers[fn]) == 0 {
			continue // it makes the same call whoever calls it
		}
		for _, s := range a.refs[fn] {
			a.add(found(a.img.funcs[s.fn].name, s.pc, "takes the address of %s, so a call through it cannot be seen", f.name))
		}
		for _, s := range a.wordRefs[fn] {
			a.add(found("data", s.pc, "holds the address of %s, so a call through it cannot be seen", f.name))
		}
	}
}
