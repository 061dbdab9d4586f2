package native

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

func BenchmarkTenMegabytes(b *testing.B) {
	data := noise(1, 10<<20)
	for name, start := range map[string]uint64{"start": 0, "joined": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				e := encoder(b, data, MaxFrame)
				d := NewDecoder(Limits{})
				var frames [][]byte
				t0 := time.Now()
				keep := loss(1, 30)
				for n := start; len(frames) < e.K()+3; n++ {
					if keep(n) {
						frames = append(frames, e.Frame(n))
					}
				}
				t1 := time.Now()
				for _, f := range frames {
					p, err := d.Add(f)
					if err != nil {
						b.Fatal(err)
					}
					if p.Done {
						if !bytes.Equal(p.Object, data) {
							b.Fatal("another object")
						}
						break
					}
				}
				b.ReportMetric(t1.Sub(t0).Seconds(), "encode-s")
				b.ReportMetric(time.Since(t1).Seconds(), "decode-s")
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.Sys)/1e6, "sys-MB")
			}
		})
	}
}
