package urtypes

import (
	"github.com/fxamacker/cbor/v2"
)

// KeyPath is a derivation path (BCR-2020-007, "keypath"). It is not a type of UR.
type KeyPath struct {
	Steps       []Step
	Fingerprint uint32 // of the key that it starts from; 0 is none
	Depth       *uint8 // of what it leads to, if the steps do not say
}

// Form is the form of a step. The zero value is a plain index.
type Form uint8

// The forms of steps.
const (
	Index    Form = iota // one child: Low
	Wildcard             // any child
	Range                // the children Low to High
	Pair                 // the children Low and High, as in "<0;1>"
)

// Step is one step of a path. Indexes are below 2^31, and hardened says the rest.
type Step struct {
	Form         Form
	Low, High    uint32
	Hardened     bool
	HighHardened bool // of a Pair: whether High is
}

const hardened = 1 << 31

// PathOf gives the path of BIP-32 indexes, which are hardened from 2^31 on.
func PathOf(fingerprint uint32, indexes []uint32) KeyPath {
	p := KeyPath{Fingerprint: fingerprint}
	for _, i := range indexes {
		p.Steps = append(p.Steps, Step{Low: i &^ hardened, Hardened: i >= hardened})
	}
	return p
}

// Indexes gives a path as BIP-32 indexes, if it leads to one key.
func (p KeyPath) Indexes() ([]uint32, bool) {
	var indexes []uint32
	for _, s := range p.Steps {
		if s.Form != Index {
			return nil, false
		}
		i := s.Low
		if s.Hardened {
			i |= hardened
		}
		indexes = append(indexes, i)
	}
	return indexes, true
}

func (p KeyPath) tree(v version) any {
	steps := []any{}
	for _, s := range p.Steps {
		switch s.Form {
		case Index:
			steps = append(steps, s.Low, s.Hardened)
		case Wildcard:
			steps = append(steps, []any{}, s.Hardened)
		case Range:
			steps = append(steps, []any{s.Low, s.High}, s.Hardened)
		case Pair:
			steps = append(steps, []any{s.Low, s.Hardened, s.High, s.HighHardened})
		}
	}
	return record{1: steps}.set(2, p.Fingerprint).set(3, p.Depth)
}

// tagged writes a path with its tag.
func (p KeyPath) tagged(v version) any {
	return cbor.Tag{Number: uint64(v) + tagPath, Content: p.tree(v)}
}

func (r *reader) taggedPath(node any) KeyPath {
	return r.path(r.untag("key path", node, tagPath))
}

func (r *reader) path(node any) (p KeyPath) {
	f := r.fields("key path", node)
	flat := take[[]any](f, 1)
	for len(flat) > 0 && len(p.Steps) < MaxSteps && r.err == nil {
		var s Step
		if s, flat = r.step(flat); r.err == nil {
			p.Steps = append(p.Steps, s)
		}
	}
	if len(flat) > 0 {
		r.fail("a key path has more than %d steps", MaxSteps)
	}
	p.Fingerprint = uint32(f.number(2, 0, 1<<32-1))
	if _, ok := f.rest[uint64(3)]; ok {
		p.Depth = new(uint8(f.number(3, 0, 255)))
	}
	f.end()
	return p
}

// step reads the first step of a flat list, and gives what follows it.
func (r *reader) step(flat []any) (s Step, rest []any) {
	parts, many := flat[0].([]any)
	switch {
	case !many:
		s.Low = r.index(flat[0])
	case len(parts) == 0:
		s.Form = Wildcard
	case len(parts) == 2:
		s = Step{Form: Range, Low: r.index(parts[0]), High: r.index(parts[1])}
	case len(parts) == 4:
		s = Step{Pair, r.index(parts[0]), r.index(parts[2]), r.hardened(parts, 1), r.hardened(parts, 3)}
		return s, flat[1:]
	default:
		r.fail("a step of a key path has %d parts", len(parts))
	}
	s.Hardened = r.hardened(flat, 1)
	return s, flat[min(2, len(flat)):]
}

func (r *reader) index(node any) uint32 {
	i, ok := node.(uint64)
	if !ok || i >= hardened {
		r.fail("an index of a key path is no number below 2^31")
	}
	return uint32(i)
}

func (r *reader) hardened(flat []any, at int) (b bool) {
	ok := at < len(flat)
	if ok {
		b, ok = flat[at].(bool)
	}
	if !ok {
		r.fail("a step of a key path does not say whether it is hardened")
	}
	return b
}
