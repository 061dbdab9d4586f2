package hd

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"coldsign/shared/fault"
)

// sound is a kernel that works.
func sound(b []byte) (int, error) { return rand.Read(b) }

// after is a kernel that works n times and then does as f.
func after(n int, f func(b []byte) (int, error)) func([]byte) (int, error) {
	return func(b []byte) (int, error) {
		if n--; n >= 0 {
			return sound(b)
		}
		return f(b)
	}
}

// filled is a kernel that gives whatever is cut from r.
func filled(r io.Reader) func([]byte) (int, error) {
	return func(b []byte) (int, error) { return io.ReadFull(r, b) }
}

// circle repeats a block for ever.
type circle struct {
	block []byte
	at    int
}

func (c *circle) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = c.block[c.at]
		c.at = (c.at + 1) % len(c.block)
	}
	return len(b), nil
}

// random gives n bytes that look alive.
func random(n int) []byte {
	b := make([]byte, n)
	r := mrand.NewChaCha8([32]byte{byte(n)})
	_, _ = r.Read(b)
	return b
}

// broken are kernels, each of which must be refused within 6 KiB.
func broken() map[string]func([]byte) (int, error) {
	fails := func(err error) func([]byte) (int, error) {
		return func([]byte) (int, error) { return 0, err }
	}
	short := func(n int) func([]byte) (int, error) {
		return func(b []byte) (int, error) { m, err := sound(b); return m + n, err }
	}
	last := random(32)
	m := map[string]func([]byte) (int, error){
		"not there":         fails(syscall.ENOSYS),
		"forbidden":         fails(syscall.EPERM),
		"would block":       fails(syscall.EAGAIN),
		"interrupted":       fails(syscall.EINTR),
		"interrupted later": after(9, fails(syscall.EINTR)),
		"failing later":     after(100, fails(errors.New("broken"))),
		"nothing":           func([]byte) (int, error) { return 0, nil },
		"short by one":      short(-1),
		"long":              short(1),
		"short later":       after(40, short(-16)),
		"writes nothing":    func(b []byte) (int, error) { return len(b), nil },
		"writes half":       func(b []byte) (int, error) { _, err := sound(b[:len(b)/2]); return len(b), err },
		"zeros":             filled(&circle{block: []byte{0}}),
		"ones":              filled(&circle{block: []byte{0xff}}),
		"stuck at once":     filled(&circle{block: last}),
		"stuck after 1":     after(1, filled(&circle{block: last})),
		"stuck after 100":   after(100, filled(&circle{block: last})),
		"zeros after 100":   after(100, filled(&circle{block: []byte{0}})),
	}
	for _, n := range []int{2, 3, 7, 16, 17, 31, 32, 33, 48, 63, 64, 256, 1024, 2048} {
		m["circle of "+big.NewInt(int64(n)).String()] = filled(&circle{block: random(n)})
	}
	return m
}

// ATT-63: whatever the kernel does but work ends in a refusal, and nothing that
// it gave is handed on.
func TestATT63SourceRefuses(t *testing.T) {
	for name, fill := range broken() {
		s := &Source{fill: fill}
		var err error
		taken := 0
		for taken < 6<<10 && err == nil {
			b := bytes.Repeat([]byte{0xaa}, 96)
			var n int
			if n, err = s.Read(b); err == nil {
				taken += n
			} else if n != 0 || !bytes.Equal(b, make([]byte, len(b))) {
				t.Errorf("%s: %d bytes with an error, left %x", name, n, b)
			}
		}
		if !fault.Is(err, "entropy.source") {
			t.Errorf("%s: %d bytes taken, %v", name, taken, err)
		}
		// It never recovers.
		s.fill = sound
		if n, err := s.Read(make([]byte, 8)); n != 0 || !fault.Is(err, "entropy.source") {
			t.Errorf("%s: it works again: %d, %v", name, n, err)
		}
		if b, err := Entropy(s, rolls(99, 1)); b != nil || !fault.Is(err, "entropy.source") {
			t.Errorf("%s: a seed: %v", name, err)
		}
	}
}

func TestSourceInterrupted(t *testing.T) {
	calls := 0
	s := &Source{fill: func(b []byte) (int, error) {
		if calls++; calls < maxInterrupts {
			return 0, syscall.EINTR
		}
		return sound(b)
	}}
	if n, err := s.Read(make([]byte, 32)); n != 32 || err != nil || calls != maxInterrupts {
		t.Errorf("%d bytes after %d calls: %v", n, calls, err)
	}
	calls = -1
	if n, err := s.Read(make([]byte, 32)); n != 0 || !fault.Is(err, "entropy.source") || calls != maxInterrupts-1 {
		t.Errorf("%d bytes after %d calls: %v", n, calls, err)
	}
}

// Reads of every size are full, differ, and take whole blocks from the kernel.
func TestSource(t *testing.T) {
	asked := 0
	s := NewSource()
	kernel := s.fill
	s.fill = func(b []byte) (int, error) {
		if asked++; len(b) != entropyRead {
			t.Errorf("asked for %d bytes", len(b))
		}
		return kernel(b)
	}
	if n, err := s.Read(nil); n != 0 || err != nil || asked != 0 {
		t.Errorf("nothing: %d, %v", n, err)
	}
	for _, size := range []int{1, 15, 16, 31, 32, 33, 64, 100, 1024, 4096} {
		a, b := make([]byte, size), make([]byte, size)
		asked = 0
		for _, c := range [][]byte{a, b} {
			if n, err := s.Read(c); n != size || err != nil {
				t.Fatalf("%d bytes: %d, %v", size, n, err)
			}
		}
		if want := 2 * ((size + 31) / 32); asked != want {
			t.Errorf("%d bytes: %d calls, want %d", size, asked, want)
		}
		if size > 15 && (bytes.Equal(a, b) || bytes.Equal(a[size-8:], make([]byte, 8))) {
			t.Errorf("%d bytes: %x", size, a)
		}
		if size > 100 && (longestRun(a) > maxRun || periodic(a)) {
			t.Errorf("%d bytes look dead", size)
		}
	}
	if s.blocks < 300 {
		t.Fatalf("%d blocks seen", s.blocks)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if _, err := s.Read(make([]byte, 40)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// ATT-64: 10,000 seeds, their words and the randomness of as many ids all differ.
func TestATT64TenThousandSeeds(t *testing.T) {
	s, seen := NewSource(), map[string]bool{}
	add := func(b []byte) {
		if seen[string(b)] {
			t.Fatalf("%x came twice", b)
		}
		seen[string(b)] = true
	}
	for range 10_000 {
		e, err := Entropy(s, "")
		if err != nil {
			t.Fatal(err)
		}
		add(e)
		m, err := NewMnemonic(e)
		if err != nil {
			t.Fatal(err)
		}
		add(m.Text())
		id := make([]byte, 16)
		if _, err := s.Read(id); err != nil {
			t.Fatal(err)
		}
		add(id)
	}
	if len(seen) != 30_000 {
		t.Fatalf("%d values", len(seen))
	}
}

// biased makes bytes whose bits are set with a chance of p percent.
func biased(p int) io.Reader {
	r := mrand.New(mrand.NewPCG(uint64(p), 3))
	return readerFunc(func(b []byte) (int, error) {
		for i := range b {
			b[i] = 0
			for j := range 8 {
				if r.IntN(100) < p {
					b[i] |= 1 << j
				}
			}
		}
		return len(b), nil
	})
}

type readerFunc func(b []byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestCheckSource(t *testing.T) {
	alive := random(checkBytes)
	edit := func(f func(b []byte)) io.Reader {
		b := bytes.Clone(alive)
		f(b)
		return bytes.NewReader(b)
	}
	favourite := mrand.New(mrand.NewPCG(1, 2))
	for name, source := range map[string]io.Reader{
		"empty":         bytes.NewReader(nil),
		"short":         bytes.NewReader(alive[:checkBytes-1]),
		"failing":       iotest.ErrReader(errors.New("broken")),
		"failing later": io.MultiReader(bytes.NewReader(alive[:1000]), iotest.ErrReader(errors.New("broken"))),
		"zeros":         &circle{block: []byte{0}},
		"constant":      &circle{block: []byte{0x5a}},
		"period 2":      &circle{block: []byte{0x5a, 0xa5}},
		"period 511":    &circle{block: random(511)},
		"period 512":    &circle{block: random(512)},
		"stuck later":   io.MultiReader(bytes.NewReader(alive[:900]), &circle{block: []byte{9}}),
		"run at start":  edit(func(b []byte) { copy(b, make([]byte, maxRun)) }),
		"run at end":    edit(func(b []byte) { copy(b[checkBytes-maxRun:], make([]byte, maxRun)) }),
		"one byte often in the first half": edit(func(b []byte) {
			for i := range maxSame {
				b[20*i] = b[0]
			}
		}),
		"one byte often in the second half": edit(func(b []byte) {
			for i := range maxSame {
				b[window+20*i] = b[window]
			}
		}),
		"a favourite byte": readerFunc(func(b []byte) (int, error) {
			for i := range b {
				if b[i] = byte(favourite.Uint32()); favourite.IntN(4) == 0 {
					b[i] = 0x55
				}
			}
			b[0] = 0x55
			return len(b), nil
		}),
		"one bit stuck":  edit(func(b []byte) { each(b, func(v byte) byte { return v | 0x10 }) }),
		"seven bits":     edit(func(b []byte) { each(b, func(v byte) byte { return v & 0x7f }) }),
		"40 % ones":      biased(40),
		"60 % ones":      biased(60),
		"ASCII":          edit(func(b []byte) { each(b, func(v byte) byte { return "0123456789abcdef"[v&15] }) }),
		"counter":        counter(1),
		"64-bit counter": counter(8),
		"a failed one":   &Source{fill: filled(&circle{block: []byte{0}})},
	} {
		if err := CheckSource(source); !fault.Is(err, "entropy.source") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Just below each line.
	if err := CheckSource(edit(func(b []byte) {
		copy(b[100:], bytes.Repeat([]byte{b[100]}, maxRun-1))
		for i := range maxSame - 4 {
			b[20*i] = b[0]
		}
	})); err != nil {
		t.Error(err)
	}
	for range 2000 {
		if err := CheckSource(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	if err := CheckSource(NewSource()); err != nil {
		t.Fatal(err)
	}
}

func each(b []byte, f func(byte) byte) {
	for i := range b {
		b[i] = f(b[i])
	}
}

// counter counts in numbers of so many bytes.
func counter(size int) io.Reader {
	n := uint64(0)
	return readerFunc(func(b []byte) (int, error) {
		for i := range b {
			var word [8]byte
			binary.LittleEndian.PutUint64(word[:], n/uint64(size))
			b[i] = word[n%uint64(size)]
			n++
		}
		return len(b), nil
	})
}

// tail is the chance that of n trials with a chance of 1 in of each k or more
// succeed, exactly.
func tail(n, of, k int64) *big.Rat {
	sum := new(big.Int)
	term := new(big.Int).Binomial(n, k)
	term.Mul(term, new(big.Int).Exp(big.NewInt(of-1), big.NewInt(n-k), nil))
	for i := k; i <= n; i++ { // each term from the one before it; both divisions are exact
		sum.Add(sum, term)
		term.Quo(term.Mul(term, big.NewInt(n-i)), big.NewInt((i+1)*(of-1)))
	}
	return new(big.Rat).SetFrac(sum, new(big.Int).Exp(big.NewInt(of), big.NewInt(n), nil))
}

// below tells whether the chance p is less than 1 in 2^n.
func below(p *big.Rat, n uint) bool {
	return p.Cmp(new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), n))) < 0
}

// The documented rates of false alarms, to the last digit.
func TestFalseAlarms(t *testing.T) {
	times := func(n int64, p *big.Rat) *big.Rat { return new(big.Rat).Mul(big.NewRat(n, 1), p) }
	power := func(bits int) *big.Rat {
		return new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), uint(bits)))
	}
	run := times(checkBytes-maxRun+1, power(8*(maxRun-1)))
	same := times(2, tail(window-1, 256, maxSame-1))
	lean := times(2, tail(8*checkBytes, 2, 8*checkBytes/2+maxLean))
	all := new(big.Rat).Add(run, new(big.Rat).Add(same, lean))
	for name, c := range map[string]struct {
		p    *big.Rat
		bits uint
	}{
		"run": {run, 46}, "proportion": {same, 46}, "bias": {lean, 43}, "all": {all, 42},
		"run in a block": {times(entropyRead-maxRunBlock+1, power(8*(maxRunBlock-1))), 83},
	} {
		f, _ := c.p.Float64()
		t.Logf("%s: %.3g", name, f)
		if !below(c.p, c.bits) || below(c.p, c.bits+3) {
			t.Errorf("%s: a chance of %.3g, documented as 2^-%d", name, f, c.bits)
		}
	}
}

// What is remembered of the blocks is no part of them.
func TestSourceRemembersHashes(t *testing.T) {
	s := &Source{fill: filled(bytes.NewReader(random(64)))}
	if _, err := s.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	if s.seen[0] != sha256.Sum256(random(64)[:32]) || s.seen[1] != sha256.Sum256(random(64)[32:]) {
		t.Error("something else is remembered")
	}
}
