package elfaudit

import "slices"

// flow is where control goes after an instruction.
type flow uint8

const (
	plain  flow = iota // to the next one
	calls              // to target and back
	jump               // to target
	branch             // to target or to the next one
	away               // to a place that a register or memory names
	stop               // nowhere: a return, or a fault
	trap               // to the kernel and back, by SYSCALL or SVC
	gate               // to the kernel by another door, or out of this mode
	bad                // not an instruction that the audit can read
)

// insn is one decoded instruction, as far as the audit cares.
type insn struct {
	flow   flow
	size   int
	target uint64 // of calls, jump, branch
	ref    uint64 // an address that the instruction forms, or 0
}

// machine is one processor's instruction set.
type machine interface {
	number() int                             // the register of the system call's number
	pushed() int64                           // bytes that a call pushes
	begin()                                  // a new function is decoded
	trim(code []byte) int                    // the length of a function without the filler behind it
	decode(code []byte, pc uint64) insn      // code goes on to the function's end
	effect(code []byte, pc uint64, s *state) // what the instruction does to what is known
}

// block is a run of instructions that is entered only at its start.
type block struct {
	start, end uint64
	in         *state // nil until something is known to reach it
	next       []int  // blocks that may follow
}

// graph is one function, cut into blocks, with what is known at each.
type graph struct {
	m      machine
	img    *image
	fn     function
	blocks []block // sorted by start
	steps  *int    // how many are left

	last   *state // what is known before the instruction at lastPC
	lastPC uint64
}

// newGraph cuts fn into blocks and works out what is known before each. tables
// are the places inside fn that words of the file point at: where its jump
// tables lead.
func newGraph(m machine, img *image, fn function, tables []uint64, steps *int) *graph {
	g := &graph{m: m, img: img, fn: fn, steps: steps}
	g.cut(tables)
	g.run()
	return g
}

// each calls f for every instruction from pc up to end.
func (g *graph) each(pc, end uint64, f func(pc uint64, in insn)) {
	g.m.begin()
	for pc < end {
		in := g.m.decode(g.img.code(g.fn, pc), pc)
		f(pc, in)
		pc += uint64(in.size)
	}
}

func (g *graph) inside(pc uint64) bool { return pc >= g.fn.entry && pc < g.fn.end }

func (g *graph) cut(tables []uint64) {
	starts := map[uint64]bool{g.fn.entry: true}
	bounds := map[uint64]bool{}
	g.each(g.fn.entry, g.fn.end, func(pc uint64, in insn) {
		bounds[pc] = true
		if in.target != 0 && in.flow != calls && g.inside(in.target) {
			starts[in.target] = true
		}
		if in.flow == jump || in.flow == branch || in.flow == away || in.flow == stop {
			starts[pc+uint64(in.size)] = true
		}
	})
	for _, t := range tables {
		starts[t] = true
	}
	var order []uint64
	for pc := range starts {
		if bounds[pc] { // a jump into an instruction is a finding of its own
			order = append(order, pc)
		}
	}
	slices.Sort(order)
	for i, pc := range order {
		end := g.fn.end
		if i+1 < len(order) {
			end = order[i+1]
		}
		g.blocks = append(g.blocks, block{start: pc, end: end})
	}
	var indirect []int
	for _, t := range tables {
		if i := g.block(t); i >= 0 {
			indirect = append(indirect, i)
		}
	}
	for i := range g.blocks {
		g.connect(&g.blocks[i], indirect)
	}
}

// connect finds the blocks that may follow b.
func (g *graph) connect(b *block, indirect []int) {
	var last insn
	g.each(b.start, b.end, func(_ uint64, in insn) { last = in })
	if last.flow == away {
		b.next = indirect
		return
	}
	if last.flow == jump || last.flow == branch {
		if i := g.block(last.target); i >= 0 {
			b.next = append(b.next, i)
		}
	}
	if last.flow != jump && last.flow != stop {
		if i := g.block(b.end); i >= 0 {
			b.next = append(b.next, i)
		}
	}
}

// block gives the index of the block that starts at pc, or -1.
func (g *graph) block(pc uint64) int {
	i, ok := slices.BinarySearchFunc(g.blocks, pc, func(b block, pc uint64) int {
		switch {
		case b.start < pc:
			return -1
		case b.start > pc:
			return 1
		}
		return 0
	})
	if !ok {
		return -1
	}
	return i
}

// run carries what is known along all paths until nothing changes. Blocks that
// nothing is seen to lead to begin with nothing known.
func (g *graph) run() {
	g.blocks[0].in = entered()
	g.settle(0)
	for i := range g.blocks {
		if g.blocks[i].in == nil {
			g.blocks[i].in = nothing()
			g.settle(i)
		}
	}
	if *g.steps <= 0 { // give up: nothing is known at the start of any block
		for i := range g.blocks {
			g.blocks[i].in = nothing()
		}
	}
}

// settle carries what is known at the start of one block on to others.
func (g *graph) settle(first int) {
	work := []int{first}
	for len(work) > 0 && *g.steps > 0 {
		b := &g.blocks[work[len(work)-1]]
		work = work[:len(work)-1]
		out := b.in.clone()
		g.each(b.start, b.end, func(pc uint64, _ insn) {
			*g.steps--
			g.m.effect(g.img.code(g.fn, pc), pc, out)
		})
		for _, n := range b.next {
			*g.steps--
			next := &g.blocks[n]
			if next.in == nil {
				next.in = out.clone()
			} else if !next.in.join(out) {
				continue
			}
			work = append(work, n)
		}
	}
}

// before gives what is known just before the instruction at pc. It is quick when
// asked in order of pc.
func (g *graph) before(pc uint64) *state {
	i, ok := slices.BinarySearchFunc(g.blocks, pc, func(b block, pc uint64) int {
		switch {
		case b.end <= pc:
			return -1
		case b.start > pc:
			return 1
		}
		return 0
	})
	if !ok {
		return nothing()
	}
	from := g.blocks[i].start
	if g.last != nil && g.lastPC >= from && g.lastPC <= pc {
		from = g.lastPC
	} else {
		g.last = g.blocks[i].in.clone()
	}
	g.each(from, pc, func(pc uint64, _ insn) { g.m.effect(g.img.code(g.fn, pc), pc, g.last) })
	g.lastPC = pc
	return g.last
}
