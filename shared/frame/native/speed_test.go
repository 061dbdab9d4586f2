package native

import (
	"bytes"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// tenMegabytes sends 10 MB at 30 % loss in the densest frames, and gives the
// seconds of CPU that it took and the most memory that the receiving side held
// at a time.
func tenMegabytes(t testing.TB, start uint64) (encode, decode float64, peak int) {
	data := noise(1, 10<<20)
	t0 := cpu(t)
	e := encoder(t, data, MaxFrame)
	keep, d := loss(1, 30), NewDecoder(Limits{})
	before := heap()
	for n := start; ; n++ {
		if !keep(n) {
			e.Frame(n) // the writer does not know
			continue
		}
		f := e.Frame(n)
		t1 := cpu(t)
		p, err := d.Add(f)
		if err != nil {
			t.Fatal(err)
		}
		decode += cpu(t) - t1
		if p.Rank > p.K-3 || n%500 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, int(m.HeapAlloc)-before)
		}
		if p.Done {
			if !bytes.Equal(p.Object, data) {
				t.Fatal("another object")
			}
			return cpu(t) - t0 - decode, decode, peak
		}
	}
}

// cpu gives the seconds of CPU that this process has used: what others do on the
// same machine does not count.
func cpu(t testing.TB) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func TestTenMegabytes(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	encode, decode, peak := tenMegabytes(t, 0)
	t.Logf("encoding %.1f s, decoding %.1f s of CPU, at most %d MB held", encode, decode, peak/1e6)
	if encode+decode > 10 || peak > 5*(10<<20) {
		t.Errorf("encoding %.1f s, decoding %.1f s of CPU, %d bytes held", encode, decode, peak)
	}
}

func BenchmarkTenMegabytes(b *testing.B) {
	for _, start := range []uint64{0, 1 << 20} {
		b.Run(fmt.Sprintf("from%d", start), func(b *testing.B) {
			for b.Loop() {
				encode, decode, peak := tenMegabytes(b, start)
				b.ReportMetric(encode, "encode-s")
				b.ReportMetric(decode, "decode-s")
				b.ReportMetric(float64(peak)/1e6, "held-MB")
			}
		})
	}
}
