package native

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"runtime"
	"testing"

	"coldsign/shared/fault"
)

// forge gives a frame changed by edit, with a checksum that fits.
func forge(frame []byte, edit func(b []byte)) []byte {
	b := bytes.Clone(frame)
	edit(b)
	binary.BigEndian.PutUint32(b[len(b)-4:], crc32.ChecksumIEEE(b[:len(b)-4]))
	return b
}

func poison(frame []byte) []byte { return forge(frame, func(b []byte) { b[header] ^= 1 }) }

// ATT-57: what a header can claim.
func TestHostileHeaders(t *testing.T) {
	f := encoder(t, noise(1, 500), 106).Frame(0)
	word := func(w uint32) func([]byte) { return func(b []byte) { binary.BigEndian.PutUint32(b[2:], w) } }
	for _, c := range []struct {
		edit func([]byte)
		code string
	}{
		{word(version << 28), "frame.limit"},
		{word(version<<28 | MaxObject + 1), "frame.limit"},
		{word(version<<28 | (deflated - 1)), "frame.limit"},
		{word(500), "frame.version"},
		{word(2<<28 | 500), "frame.version"},
		{word(math.MaxUint32), "frame.version"},
		{func(b []byte) { b[0] = 'u' }, "frame.foreign"},
	} {
		if _, err := NewDecoder(Limits{}).Add(forge(f, c.edit)); !fault.Is(err, c.code) {
			t.Errorf("%v, and not %s", err, c.code)
		}
	}
	small := encoder(t, noise(1, 500), minFrame).Frame(0)
	if _, err := NewDecoder(Limits{}).Add(forge(small, word(version<<28|8*MaxSymbols+1))); !fault.Is(err, "frame.limit") {
		t.Errorf("too many symbols: %v", err)
	}
	// The highest number, of the largest object: taken, and it costs little.
	huge := forge(f, func(b []byte) {
		word(version<<28 | 82*MaxSymbols)(b)
		binary.BigEndian.PutUint32(b[16:], math.MaxUint32)
	})
	if n := testing.AllocsPerRun(10, func() { NewDecoder(Limits{}).Add(huge) }); n > 30 {
		t.Errorf("one frame of a huge object takes %v allocations", n)
	}
}

// ATT-54: frames of several objects, in any order, give these objects.
func TestInterleaved(t *testing.T) {
	d := NewDecoder(Limits{})
	var encoders []*Encoder
	for i := range 6 {
		encoders = append(encoders, encoder(t, noise(uint64(i%3), 3000+i), 130))
	}
	found := map[int]bool{}
	keep := loss(1, 40)
	for n := uint64(0); len(found) < len(encoders) && n < 200; n++ {
		for i, e := range encoders {
			if !keep(n) {
				continue
			}
			p, err := d.Add(e.Frame(n))
			if err != nil || p.ID != e.ID() {
				t.Fatalf("%+v %v", p, err)
			}
			if p.Object != nil {
				if found[i] || !bytes.Equal(p.Object, noise(uint64(i%3), 3000+i)) {
					t.Fatalf("object %d again, or another", i)
				}
				found[i] = true
			}
			if found[i] && (!p.Done || p.Rank != p.K) {
				t.Fatalf("done, and then %+v", p)
			}
		}
	}
	if len(found) != len(encoders) || len(d.sessions) != 0 {
		t.Errorf("%d objects, %d sessions", len(found), len(d.sessions))
	}
}

// Frames that agree on the id and on nothing else never meet.
func TestSameIDOtherObject(t *testing.T) {
	data := noise(1, 1000)
	e := encoder(t, data, 124)
	d := NewDecoder(Limits{})
	for n := range uint64(e.K()) {
		f := e.Frame(n)
		d.Add(forge(f, func(b []byte) { b[5]++ }))                 // longer
		d.Add(forge(f, func(b []byte) { b[2] ^= deflated >> 24 })) // deflated
		d.Add(forge(append(bytes.Clone(f), 0), func([]byte) {}))   // larger symbols
		if p, err := d.Add(f); err != nil || p.Conflicts != 0 || p.Rank != int(n)+1 {
			t.Fatalf("%+v %v", p, err)
		} else if p.Done && !bytes.Equal(p.Object, data) {
			t.Fatal("another object")
		}
	}
	if len(d.done) != 1 {
		t.Error("the object did not come")
	}
}

// ATT-55: a poisoned frame at each place, of a number that comes again and of
// one that does not. One clean pass later the object is there.
func TestPoison(t *testing.T) {
	data := noise(5, 30*40)
	e := encoder(t, data, 40+overhead)
	pass := e.Pass()
	for at := range pass {
		for _, number := range []uint64{at, (at + 7) % pass, pass + at} {
			d := NewDecoder(Limits{})
			var object []byte
			resets, rank := 0, 0
			add := func(f []byte) {
				if object != nil {
					return
				}
				p, err := d.Add(f)
				if err != nil && !fault.Is(err, "frame.poisoned") || p.Resets != resets+len(errorsOf(err)) || p.Rank < rank && err == nil {
					t.Fatalf("rank %d, resets %d: %+v %v", rank, resets, p, err)
				}
				object, resets, rank = p.Object, p.Resets, p.Rank
			}
			for n := range at {
				add(e.Frame(n))
			}
			add(poison(e.Frame(number)))
			for n := range 2 * pass { // the rest of this pass, and one more
				add(e.Frame((at + n) % pass))
			}
			if !bytes.Equal(object, data) {
				t.Fatalf("poison of %d at %d: %d bytes after %d resets", number, at, len(object), resets)
			}
		}
	}
}

// With several blocks the poison is in one that has long been solved.
func TestPoisonInOneOfThreeBlocks(t *testing.T) {
	data := noise(6, 8003*MinSymbol)
	e := encoder(t, data, minFrame)
	d := NewDecoder(Limits{})
	d.Add(poison(e.Frame(e.Pass() + 1)))
	resets := 0
	for n := range 2 * e.Pass() {
		p, err := d.Add(e.Frame(n % e.Pass()))
		if err != nil {
			if resets++; !fault.Is(err, "frame.poisoned") || p.Resets != 1 || p.Rank != 0 || p.Done {
				t.Fatalf("%+v %v", p, err)
			}
		}
		if p.Object != nil {
			if !bytes.Equal(p.Object, data) || resets != 1 {
				t.Fatalf("another object, or %d resets", resets)
			}
			return
		}
	}
	t.Fatal("no object")
}

func errorsOf(err error) []error {
	if err == nil {
		return nil
	}
	return []error{err}
}

// A number that comes with other data is noticed, and the later one counts.
func TestConflict(t *testing.T) {
	data := noise(6, 400)
	e := encoder(t, data, 124)
	d := NewDecoder(Limits{})
	d.Add(poison(e.Frame(0)))
	d.Add(e.Frame(0))
	p, err := d.Add(e.Frame(0))
	if err != nil || p.Conflicts != 1 || p.Duplicates != 1 || p.Frames != 3 || p.Rank != 1 {
		t.Errorf("%+v %v", p, err)
	}
	if got, _ := feed(t, d, e, 1, all); !bytes.Equal(got, data) {
		t.Error("another object")
	}
}

// ATT-56: a second object of the same length and of frames with the same CRCs
// as the first is another object all the same.
func TestSameChecksum(t *testing.T) {
	a, b := encoder(t, noise(1, 300), 124), encoder(t, noise(2, 300), 124)
	if a.ID() == b.ID() || a.length() != b.length() {
		t.Fatal("same id")
	}
	d := NewDecoder(Limits{})
	for n := range uint64(2) {
		d.Add(a.Frame(n))
		forged := forge(b.Frame(n), func(f []byte) { copy(f[6:16], a.id[:]) }) // b's content under a's name
		d.Add(forged)
	}
	var err error
	for n := uint64(2); err == nil && n < 9; n++ {
		var p Progress
		if p, err = d.Add(a.Frame(n)); p.Object != nil {
			t.Fatal("a mixture was given out")
		}
	}
	if !fault.Is(err, "frame.poisoned") {
		t.Errorf("%v", err)
	}
}

// ATT-57: a flood of ids neither takes memory nor pushes out a scan.
func TestFloodOfIDs(t *testing.T) {
	data := noise(7, 50_000)
	e := encoder(t, data, 520)
	flood := encoder(t, noise(8, 100_000), 520)
	d := NewDecoder(Limits{Sessions: 8, Memory: 1 << 20})
	frame := flood.Frame(0)
	count := uint32(0)
	foreign := func() {
		count++
		f := forge(frame, func(b []byte) { binary.BigEndian.PutUint32(b[6:], count) })
		if _, err := d.Add(f); err != nil {
			t.Fatal(err)
		}
		if len(d.sessions) > 8 {
			t.Fatalf("%d sessions", len(d.sessions))
		}
	}
	before := heap()
	for n := range uint64(e.K() - 1) {
		if _, err := d.Add(e.Frame(n)); err != nil {
			t.Fatal(err)
		}
		for range 1 + n*n { // few while the scan is young, 10^6 in the end
			if n < 4 && count%6 == 0 {
				count++
				break
			}
			if foreign(); count > 1_000_000 {
				break
			}
		}
	}
	if count < 300_000 {
		t.Fatalf("only %d ids", count)
	}
	if grown := heap() - before; grown > 2<<20 {
		t.Errorf("%d bytes more after %d ids", grown, count)
	}
	p, err := d.Add(e.Frame(uint64(e.K() - 1)))
	if err != nil || !bytes.Equal(p.Object, data) {
		t.Errorf("the scan was pushed out: %+v %v", p, err)
	}
}

func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestMemoryLimit(t *testing.T) {
	e := encoder(t, noise(9, 100_000), 1024)
	d := NewDecoder(Limits{Memory: 50_000})
	var err error
	n := uint64(0)
	for ; err == nil && n < 200; n++ {
		_, err = d.Add(e.Frame(n))
	}
	if !fault.Is(err, "frame.limit") || n < 40 || n > 50 {
		t.Errorf("after %d frames: %v", n, err)
	}
	// A second object, less far than the first, has to give way.
	d = NewDecoder(Limits{Memory: 50_000})
	other := encoder(t, noise(10, 20_000), 1024)
	for n := range uint64(30) {
		d.Add(e.Frame(n))
		if n < 5 {
			d.Add(other.Frame(n))
		}
	}
	if len(d.sessions) != 2 {
		t.Fatalf("%d sessions", len(d.sessions))
	}
	for n := range uint64(20) {
		d.Add(e.Frame(30 + n))
	}
	if len(d.sessions) != 1 || d.sessions[0].id != e.ID() {
		t.Errorf("%d sessions", len(d.sessions))
	}
}

// Deflated data that is not what it says.
func TestHostileDeflate(t *testing.T) {
	good := deflate(bytes.Repeat([]byte("coldsign"), 1000))
	announce := func(n uint32) []byte {
		return append(binary.BigEndian.AppendUint32(nil, n), good[4:]...)
	}
	for name, c := range map[string][]byte{
		"empty": {1, 2, 3}, "none": good[:4], "zero": announce(0), "shorter": announce(7999), "longer": announce(8001),
		"bomb": announce(MaxObject), "4 GiB": announce(math.MaxUint32),
		"cut": good[:len(good)-1], "rest": append(bytes.Clone(good), 0), "noise": noise(1, 100),
	} {
		e, err := newEncoder(c, deflated, 200)
		if err != nil {
			t.Fatal(err)
		}
		d := NewDecoder(Limits{})
		p, err := d.Add(e.Frame(0))
		if !fault.Is(err, "frame.object") || p.Object != nil {
			t.Errorf("%s: %+v %v", name, p, err)
		}
		if len(d.sessions) != 0 {
			t.Errorf("%s: the session stays", name)
		}
	}
	if got, err := inflate(good); err != nil || len(got) != 8000 {
		t.Errorf("%d bytes: %v", len(got), errors.Unwrap(err))
	}
}
