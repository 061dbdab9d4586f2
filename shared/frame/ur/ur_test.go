package ur

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/fault"
)

func encoder(t testing.TB, data []byte, fragment int) *Encoder {
	t.Helper()
	e, err := NewEncoder("crypto-psbt", data, fragment)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// noise gives n bytes that no other seed gives.
func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// needed counts the parts that d is shown until e's message is there.
func needed(t testing.TB, d *Decoder, e *Encoder, want []byte, from uint32, received func() bool) int {
	t.Helper()
	rank := -1
	for n := 0; n < 20*e.K()+200; n++ {
		if !received() {
			continue
		}
		p, err := d.Add(e.Part(from + uint32(n)))
		if err != nil || p.Rank < rank || rank >= 0 && p.Rank > rank+1 || p.ID != e.ID() {
			t.Fatalf("%+v after rank %d: %v", p, rank, err)
		}
		if rank = p.Rank; p.Message != nil {
			if !bytes.Equal(p.Message, want) || !p.Done || p.Rank != p.K {
				t.Fatalf("another message, %+v", p)
			}
			return n + 1
		} else if missing := d.Missing(p.ID); len(missing) != p.K-p.Rank {
			t.Fatalf("rank %d of %d, and %v are missing", p.Rank, p.K, missing)
		}
	}
	t.Fatal("it does not end")
	return 0
}

func all() bool { return true }

func lossy(seed uint64, percent int) func() bool {
	r := rand.New(rand.NewPCG(seed, 1))
	return func() bool { return r.IntN(100) >= percent }
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{1, 9, 10, 11, 23, 24, 25, 99, 100, 101, 255, 256, 257, 1000, 1023, 5000} {
		for _, fragment := range []int{10, 11, 30, 100, 255, 400, 2000} {
			data := noise(1, n)
			e := encoder(t, data, fragment)
			if got := needed(t, NewDecoder(Limits{}), e, data, 1, all); got != e.K() {
				t.Errorf("%d bytes in %d: %d parts for %d pieces", n, fragment, got, e.K())
			}
			if e.K() < 200 {
				needed(t, NewDecoder(Limits{}), e, data, 3*uint32(e.K()), lossy(uint64(n), 40))
			}
		}
	}
}

// The goal: at 200 pieces and 30 % loss, 99 of 100 scans are done after 0.75
// times the 489 parts that the reference decoder needs (qr.md, section 3).
func TestFewParts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	data := noise(2, 2000)
	e := encoder(t, data, 10)
	var shown []int
	for trial := range 100 {
		shown = append(shown, needed(t, NewDecoder(Limits{}), e, data, 1, lossy(uint64(trial), 30)))
	}
	slices.Sort(shown)
	t.Logf("50/95/99 %%: %d %d %d", shown[50], shown[95], shown[98])
	if e.K() != 200 || shown[98] > 489*3/4 {
		t.Errorf("%d parts", shown[98])
	}
}

// Whatever the missing list names completes the message, wherever it stands.
func TestMissingCompletes(t *testing.T) {
	data := noise(3, 1200)
	e := encoder(t, data, 20)
	for trial := range uint32(20) {
		d := NewDecoder(Limits{})
		for n := range uint32(45) {
			d.Add(e.Part(1000*trial + 2*n + 1))
		}
		var got []byte
		for _, n := range d.Missing(e.ID()) {
			p, err := d.Add(e.Part(n))
			if err != nil || p.Duplicates > 45 {
				t.Fatalf("%+v %v", p, err)
			}
			got = p.Message
		}
		if !bytes.Equal(got, data) {
			t.Fatalf("trial %d: not complete", trial)
		}
	}
}

func TestAnyCase(t *testing.T) {
	data := noise(4, 70)
	e := encoder(t, data, 30)
	d := NewDecoder(Limits{})
	for n := range uint32(e.K()) {
		text := e.Part(n + 1)
		if !Is(text) || text != strings.ToUpper(text) {
			t.Errorf("%s", text)
		}
		if n%2 == 0 {
			text = strings.ToLower(text)
		}
		if p, err := d.Add(text); err != nil || p.Type != "crypto-psbt" || p.Done != (n == uint32(e.K())-1) {
			t.Errorf("%+v %v", p, err)
		}
	}
	if Is("ur:") || Is("urn:x") || Is("") || !Is("uR:x") {
		t.Error("Is")
	}
}

// A message is given once, and its parts are known afterwards.
func TestOnce(t *testing.T) {
	for _, fragment := range []int{20, 200} {
		d, e := NewDecoder(Limits{}), encoder(t, noise(5, 100), fragment)
		needed(t, d, e, noise(5, 100), 1, all)
		if p, err := d.Add(e.Part(7)); err != nil || !p.Done || p.Message != nil || p.Rank != p.K || len(d.sessions) != 0 || d.Missing(p.ID) != nil {
			t.Errorf("%+v %v", p, err)
		}
	}
}

func TestEncoderRefuses(t *testing.T) {
	for _, c := range []struct {
		kind            string
		bytes, fragment int
	}{
		{"bytes", 0, 100}, {"bytes", 100, 9}, {"bytes", MaxMessage + 1, 2000}, {"bytes", 100, -1},
		{"bytes", MaxParts*10 + 1, 10}, {"", 10, 10}, {"Bytes", 10, 10}, {"a/b", 10, 10}, {strings.Repeat("a", MaxType+1), 10, 10},
	} {
		if _, err := NewEncoder(c.kind, make([]byte, c.bytes), c.fragment); !fault.Is(err, "frame.size") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if e := encoder(t, noise(1, 100), 20); e.Part(0) != e.Part(1) {
		t.Error("part 0")
	}
}

// The largest message, in the most pieces, stays within its memory.
func TestLargest(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	data := noise(6, MaxParts*64)
	e := encoder(t, data, 64)
	if e.K() != MaxParts {
		t.Fatal(e.K())
	}
	d := NewDecoder(Limits{})
	received := lossy(1, 10)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var got []byte
	for n := uint32(1); got == nil && n < 2*MaxParts; n++ {
		if !received() {
			continue
		}
		p, err := d.Add(e.Part(n))
		if err != nil {
			t.Fatal(err)
		}
		if got = p.Message; p.Rank == MaxParts*9/10 && after.HeapAlloc == 0 {
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
	}
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); !bytes.Equal(got, data) || used > 16<<20 {
		t.Errorf("%d bytes of message, %d bytes of memory", len(got), used)
	}
}

func TestRestore(t *testing.T) {
	a, b := encoder(t, noise(7, 2000), 40), encoder(t, noise(8, 1500), 30)
	d := NewDecoder(Limits{})
	for n := range uint32(35) {
		d.Add(a.Part(2*n + 1))
		d.Add(b.Part(50 + 3*n))
	}
	state := d.Save()
	again := NewDecoder(Limits{})
	if err := again.Restore(state); err != nil || !bytes.Equal(again.Save(), state) {
		t.Fatalf("%v", err)
	}
	for _, e := range []*Encoder{a, b} {
		if len(d.Missing(e.ID())) == 0 || !slices.Equal(d.Missing(e.ID()), again.Missing(e.ID())) {
			t.Errorf("%v, and restored %v", d.Missing(e.ID()), again.Missing(e.ID()))
		}
	}
	for n := uint32(500); n < 600; n++ {
		p, err := d.Add(a.Part(n))
		q, err2 := again.Add(a.Part(n))
		if err != nil || err2 != nil || p.Rank != q.Rank || !bytes.Equal(p.Message, q.Message) {
			t.Fatalf("%+v %v, restored %+v %v", p, err, q, err2)
		}
	}
	if !slices.Equal(d.Missing(b.ID()), again.Missing(b.ID())) {
		t.Error("the other session")
	}
	if err := NewDecoder(Limits{}).Restore(nil); err != nil {
		t.Errorf("nothing held: %v", err)
	}
	kept := again.Save()
	for _, bad := range []string{string(state[:len(state)-3]), "x\n" + string(state), string(state) + "\n", fmt.Sprintf("%s\n", Encode("bytes", []byte("abc")))} {
		if err := again.Restore([]byte(bad)); !fault.Is(err, "frame.state") || !bytes.Equal(again.Save(), kept) {
			t.Errorf("%v", err)
		}
	}
	if small := NewDecoder(Limits{Sessions: 1}); small.Restore(state) != nil || len(small.sessions) != 1 {
		t.Errorf("%d sessions within a limit of one", len(small.sessions))
	}
}
