package native

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"coldsign/shared/fault"
)

// noise gives n bytes that do not deflate.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	stream(seed).fill(b)
	return b
}

func encoder(t testing.TB, data []byte, frameSize int) *Encoder {
	t.Helper()
	e, err := NewEncoder(data, frameSize)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// feed adds frames from n on, as long as keep lets them through, until the
// object is there. It gives the object and the number of frames that it took.
func feed(t testing.TB, d *Decoder, e *Encoder, n uint64, keep func(n uint64) bool) ([]byte, int) {
	t.Helper()
	rank := 0
	for added := 1; added < 3*e.K()+50; n++ {
		if !keep(n) {
			continue
		}
		p, err := d.Add(e.Frame(n))
		if err != nil {
			t.Fatal(err)
		}
		if p.ID != e.ID() || p.K != e.K() || p.Rank < rank || p.Rank > p.K || p.Done != (p.Rank == p.K) {
			t.Fatalf("after rank %d: %+v", rank, p)
		}
		if rank = p.Rank; p.Done {
			return p.Object, added
		}
		added++
	}
	t.Fatalf("K %d: rank %d after %d frames", e.K(), rank, 3*e.K()+50)
	return nil, 0
}

func all(uint64) bool { return true }

func loss(seed uint64, percent int) func(uint64) bool {
	r := rand.New(rand.NewPCG(seed, 1))
	return func(uint64) bool { return r.IntN(100) >= percent }
}

func TestEveryNumberOfSymbols(t *testing.T) {
	const size = 40
	for _, k := range []int{1, 2, 3, 4, 5, 6, 7, 10, 31, 64, 200, 700, 3999, 4000, 4001, 9000} {
		data := noise(uint64(k), k*size-min(k/2, size-1))
		e := encoder(t, data, size+overhead)
		if e.K() != k {
			t.Fatalf("K is %d and not %d", e.K(), k)
		}
		for _, start := range []uint64{0, uint64(k) / 2, 1 << 20, 1 << 40} {
			if k > 700 && start > 0 {
				continue
			}
			for _, percent := range []int{0, 30} {
				got, took := feed(t, NewDecoder(Limits{}), e, start, loss(start, percent))
				if !bytes.Equal(got, data) {
					t.Fatalf("K %d from %d, %d %% lost: another object", k, start, percent)
				}
				// Three too many is a chance of 2^-24 for one block; with several,
				// the last one decides.
				if limit := k + 3; k <= maxBlock && took > limit || took > k+k/10+3 {
					t.Errorf("K %d from %d, %d %% lost: %d frames", k, start, percent, took)
				}
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for _, n := range []int{1, 2, 7, 8, 9, 100, 2929, 2930, 5858, 100_000} {
		for _, frameSize := range []int{minFrame, 106, 520, 858, 1465, 1732, MaxFrame, MaxFrame + 100} {
			for name, data := range map[string][]byte{"noise": noise(uint64(n), n), "zeros": make([]byte, n), "text": []byte(strings.Repeat("coldsign ", n/9+1)[:n])} {
				e := encoder(t, data, frameSize)
				if e.FrameSize() > min(frameSize, MaxFrame) {
					t.Fatalf("a frame of %d bytes where %d are allowed", e.FrameSize(), frameSize)
				}
				got, took := feed(t, NewDecoder(Limits{}), e, 0, all)
				if !bytes.Equal(got, data) || took > e.K()+3 {
					t.Errorf("%d bytes of %s in frames of %d: %d frames of %d", n, name, frameSize, took, e.K())
				}
				if name != "noise" && n > 100 && e.K() > 1 && e.length() > n/2 {
					t.Errorf("%d bytes of %s are carried as %d", n, name, e.length())
				}
			}
		}
	}
}

func TestEncoderRefuses(t *testing.T) {
	for _, c := range []struct{ n, frameSize int }{{0, 520}, {MaxObject + 1, 520}, {10, minFrame - 1}, {10, -1}} {
		if _, err := NewEncoder(make([]byte, c.n), c.frameSize); !fault.Is(err, "frame.size") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := NewEncoder(noise(1, 8*MaxSymbols+1), minFrame); !fault.Is(err, "frame.size") {
		t.Errorf("too many symbols: %v", err)
	}
}

func TestOrder(t *testing.T) {
	e := encoder(t, noise(1, 12*100), 100+overhead)
	want := "0 1 2 3 4 12 5 6 7 8 9 13 10 11 14 15 16 17"
	var got []string
	for n := range uint64(18) {
		got = append(got, fmt.Sprint(e.Number(n)))
	}
	if s := strings.Join(got, " "); s != want || e.Pass() != 14 {
		t.Errorf("pass of %d: %s\nwant %s", e.Pass(), s, want)
	}
	if n := e.Number(1<<32 + 1); n != 12+1 {
		t.Errorf("after the last number comes %d", n)
	}
	for n := range uint64(100) {
		if m := e.Mask(n); m < 0 || m > 7 || m == e.Mask(n+e.Pass()) {
			t.Errorf("frame %d has mask %d in two passes", n, m)
		}
	}
}

func TestEveryDamageIsRefused(t *testing.T) {
	f := encoder(t, noise(1, 500), 300).Frame(3)
	refused := func(b []byte, what string, i int) {
		d := NewDecoder(Limits{})
		if _, err := d.Add(b); err == nil || len(d.sessions) != 0 {
			t.Errorf("%s %d was taken: %v", what, i, err)
		}
	}
	for i := range f {
		refused(f[:i], "cut to", i)
	}
	for i := range 8 * len(f) {
		b := bytes.Clone(f)
		b[i/8] ^= 1 << (i % 8)
		refused(b, "bit", i)
	}
	refused(append(bytes.Clone(f), 0), "longer by", 1)
	if !IsFrame(f) || IsFrame(nil) || IsFrame([]byte("ur:bytes/1-2/abc")) || IsFrame([]byte("B$ZP0100")) {
		t.Error("IsFrame")
	}
}

func TestOnly(t *testing.T) {
	data := noise(9, 40*100)
	e := encoder(t, data, 100+overhead)
	d := NewDecoder(Limits{})
	for n := range uint64(e.K()) {
		if n%7 != 0 && n != 1 && n < 38 {
			if _, err := d.Add(e.byNumber(uint32(n))); err != nil {
				t.Fatal(err)
			}
		}
	}
	list := d.Missing(e.ID())
	if list != "0-1,7,14,21,28,35,38-39" {
		t.Fatalf("missing: %s", list)
	}
	only, err := e.Only(list)
	if err != nil {
		t.Fatal(err)
	}
	if only.Pass() != 9 || only.Mask(0) == only.Mask(9) || !bytes.Equal(only.Frame(0), only.Frame(9)) {
		t.Errorf("pass of %d", only.Pass())
	}
	got, took := feed(t, d, only, 0, all)
	if !bytes.Equal(got, data) || took != 9 {
		t.Errorf("%d frames", took)
	}
	if list := d.Missing(e.ID()); list != "" {
		t.Errorf("missing of a finished object: %s", list)
	}
	for _, bad := range []string{"", ",", "40", "3-", "-3", "3,3", "5-4", "4,1-2", "1-3,2", "99999999999", "a\x1b[2J", "0x1", "+1", strings.Repeat("0,", maxList)} {
		if _, err := e.Only(bad); !fault.Is(err, "frame.list") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	if _, err := e.Only(" 1, 2-39"); err != nil {
		t.Error(err)
	}
}
