package native

import (
	"bytes"
	"testing"
)

// FuzzFrame: a frame that parses is the one encoding of what it says, and no
// frame, sound or forged, breaks a decoder or makes it keep more than it may.
func FuzzFrame(f *testing.F) {
	for _, v := range vectors(f) {
		for _, frame := range v.frames {
			f.Add(frame)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		frames := [][]byte{in}
		if len(in) > 4 {
			frames = append(frames, forge(in, func(b []byte) { copy(b, "\xc5\x1d") }))
		}
		d := NewDecoder(Limits{Sessions: 2, Memory: 1 << 16})
		for _, b := range frames {
			if o, number, symbol, err := parse(b); err == nil && !bytes.Equal(o.frame(number, symbol), b) {
				t.Fatalf("%x parses, and is written as %x", b, o.frame(number, symbol))
			}
			p, err := d.Add(b)
			if err == nil && (p.K < 1 || p.Rank > p.K || p.Object != nil && !p.Done) {
				t.Fatalf("%+v", p)
			}
		}
	})
}

// FuzzStream: whatever is done to the frames of an object, and in whatever
// order, a decoder gives this object or none; and it does after a clean pass.
func FuzzStream(f *testing.F) {
	data := noise(1, 120)
	e := encoder(f, data, 16+overhead)
	f.Add([]byte{0, 0, 1, 0, 2, 0, 3, 0, 9, 0})
	f.Add([]byte{0, 1, 1, 2, 2, 3, 3, 4, 9, 200, 200, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		d := NewDecoder(Limits{Sessions: 3, Memory: 4096})
		got := func(frame []byte) bool {
			p, _ := d.Add(frame)
			if p.Object != nil && p.ID == e.ID() && !bytes.Equal(p.Object, data) {
				t.Fatalf("another object: %x", p.Object)
			}
			return p.ID == e.ID() && p.Done
		}
		for len(script) >= 2 {
			got(forge(e.Frame(uint64(script[0])), func(b []byte) { b[int(script[1])%16+4] ^= script[1] / 16 }))
			script = script[2:]
		}
		for n := range 2 * e.Pass() {
			if got(e.Frame(n % e.Pass())) {
				return
			}
		}
		t.Fatal("two clean passes, and no object")
	})
}

// FuzzRestore: a state that is restored is saved as the same state, but for the
// order of its frames.
func FuzzRestore(f *testing.F) {
	d, all := NewDecoder(Limits{}), vectors(f)
	for _, name := range []string{"three", "deflated", "blocks"} { // small ones: a fuzzer gets further with them
		for _, frame := range all[name].frames[:2] {
			if _, err := d.Add(frame); err != nil {
				f.Fatal(err)
			}
		}
	}
	state := d.Save()
	f.Add(state)
	f.Add(state[:len(state)-32])
	f.Add(state[:len(stateMagic)])
	f.Fuzz(func(t *testing.T, in []byte) {
		d := NewDecoder(Limits{})
		_ = d.Restore(in)
		if d.Restore(sealed(in)) == nil {
			again := NewDecoder(Limits{})
			if err := again.Restore(d.Save()); err != nil || !bytes.Equal(again.Save(), d.Save()) {
				t.Fatalf("%v", err)
			}
		}
	})
}

// FuzzRanges: a list that parses names the pieces that it is written with.
func FuzzRanges(f *testing.F) {
	for _, s := range []string{"0", "0-3,7", " 1, 2-39", "3-3,4-5", "1,0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		numbers, err := parseRanges(list, 500)
		if err != nil {
			return
		}
		again, err := parseRanges(ranges(numbers), 500)
		if err != nil || ranges(again) != ranges(numbers) || len(numbers) > 500 {
			t.Fatalf("%q: %v", list, err)
		}
	})
}
