package main

import (
	"math/bits"
	"os"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"coldsign/scripts/optics/codes"
	"coldsign/shared/frame/ur"
)

func needed(quick bool) error {
	trials := 400
	if quick {
		trials = 40
	}
	u, err := newUnits()
	if err != nil {
		return err
	}
	codes.Table(os.Stdout, trials, urCode{u}, reducer{u})
	return nil
}

// units are messages for which a part of a UR tells the pieces that it is the
// sum of: piece i has bit i set and no other.
type units struct {
	letters  map[string]byte // bytewords, of two letters
	encoders map[int]*ur.Encoder
	parts    map[[2]int]*urPart
}

type urPart struct {
	text string
	set  set
}

func newUnits() (*units, error) {
	u := &units{letters: map[string]byte{}, encoders: map[int]*ur.Encoder{}, parts: map[[2]int]*urPart{}}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	text, err := cbor.Marshal(all)
	if err != nil {
		return nil, err
	}
	body := strings.TrimPrefix(ur.Encode("bytes", text), "UR:BYTES/")
	for i := range all {
		at := 2 * (len(text) - len(all) + i)
		u.letters[body[at:at+2]] = byte(i)
	}
	return u, nil
}

// part gives part number n of the message of k pieces.
func (u *units) part(k, n int) *urPart {
	if p := u.parts[[2]int{k, n}]; p != nil {
		return p
	}
	size := max(ur.MinFragment, (k+7)/8)
	e := u.encoders[k]
	if e == nil {
		message := make([]byte, k*size)
		for i := range k {
			message[i*size+i/8] = 1 << (i % 8)
		}
		var err error
		if e, err = ur.NewEncoder("bytes", message, size); err != nil {
			panic(err) // no message here is too large
		}
		u.encoders[k] = e
	}
	p := &urPart{text: e.Part(uint32(n)), set: make(set, (k+63)/64)}
	u.parts[[2]int{k, n}] = p
	body := p.text[strings.LastIndexByte(p.text, '/')+1:]
	raw := make([]byte, len(body)/2-4) // the checksum aside
	for i := range raw {
		raw[i] = u.letters[body[2*i:2*i+2]]
	}
	var fields struct {
		_                                struct{} `cbor:",toarray"`
		Number, Pieces, Length, Checksum uint32
		Sum                              []byte
	}
	if err := cbor.Unmarshal(raw, &fields); err != nil {
		panic(err)
	}
	for i := range k {
		if fields.Sum[i/8]>>(i%8)&1 == 1 {
			p.set[i/64] |= 1 << (i % 64)
		}
	}
	return p
}

// urCode is shared/frame/ur reading a UR.
type urCode struct{ *units }

func (urCode) Name() string { return "UR, ours" }

func (c urCode) Needed(k int, received func(int) bool, start int) int {
	d := ur.NewDecoder(ur.Limits{})
	for i := 0; ; i++ {
		if !received(i) {
			continue
		}
		p, err := d.Add(c.part(k, start+i+1).text)
		if err != nil {
			panic(err) // the encoder made it
		}
		if p.Done {
			return i + 1
		}
	}
}

// reducer reads the same parts as the reference library does: a part is reduced
// by others whose pieces are all among its own, and no further.
type reducer struct{ *units }

func (reducer) Name() string { return "UR, reducer" }

func (c reducer) Needed(k int, received func(int) bool, start int) int {
	pieces, have := make([]bool, k), 0
	var mixed []set
	for i := 0; ; i++ {
		if !received(i) {
			continue
		}
		queue := []set{c.part(k, start+i+1).set.clone()}
		for len(queue) > 0 {
			p := queue[0]
			queue = queue[1:]
			for j, known := range pieces {
				if known && p.count() > 1 {
					p[j/64] &^= 1 << (j % 64)
				}
			}
			for _, m := range mixed {
				p.reduce(m)
			}
			if only := p.only(); only >= 0 {
				if pieces[only] {
					continue
				}
				pieces[only] = true
				if have++; have == k {
					return i + 1
				}
			} else if p.count() == 0 || contains(mixed, p) {
				continue
			}
			rest := mixed[:0]
			for _, m := range mixed {
				m.reduce(p)
				if m.only() >= 0 {
					queue = append(queue, m)
				} else {
					rest = append(rest, m)
				}
			}
			if mixed = rest; p.only() < 0 {
				mixed = append(mixed, p)
			}
		}
	}
}

// set is a set of pieces.
type set []uint64

func (s set) clone() set { return append(set(nil), s...) }

func (s set) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// only is the piece of a set of one, or -1.
func (s set) only() int {
	if s.count() != 1 {
		return -1
	}
	for i, w := range s {
		if w != 0 {
			return 64*i + bits.TrailingZeros64(w)
		}
	}
	return -1
}

// reduce takes from s what m holds, if s holds all of that and more.
func (s set) reduce(m set) {
	same := true
	for i := range s {
		if m[i]&^s[i] != 0 {
			return
		}
		same = same && m[i] == s[i]
	}
	for i := range s {
		if !same {
			s[i] &^= m[i]
		}
	}
}

func contains(all []set, s set) bool {
	for _, m := range all {
		equal := true
		for i := range s {
			equal = equal && m[i] == s[i]
		}
		if equal {
			return true
		}
	}
	return false
}
