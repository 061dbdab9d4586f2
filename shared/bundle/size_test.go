package bundle

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"
)

// manyRequests encodes n requests of about 400 bytes.
func manyRequests(t testing.TB, n int) [][]byte {
	items := make([][]byte, n)
	r := sampleRequest(t)
	r.Payload = make([]byte, 280)
	for i := range items {
		binary.BigEndian.PutUint32(r.ID[8:], uint32(i))
		items[i] = encode(t, r)[0]
	}
	return items
}

// TestMemory: a bundle of 100,000 requests opens with less than three times its
// size in all allocations together, so the peak is below that too.
func TestMemory(t *testing.T) {
	const n = 100_000
	d := onlineDevice(t)
	items := manyRequests(t, n)
	raw, err := Seal(Header{Kind: Requests, Recipient: offlineDevice(t).id(), Sequence: 1}, items, d)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) < 38<<20 {
		t.Fatalf("the bundle has only %d bytes", len(raw))
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	b, err := Open(raw, d.Public())
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if err != nil || b.Len() != n {
		t.Fatal(err)
	}
	used := after.TotalAlloc - before.TotalAlloc
	if used > 3*uint64(len(raw)) {
		t.Errorf("opening %d bytes allocated %d", len(raw), used)
	}
	// A dead copy may outlive one collection in a register or a stack slot.
	kept := int64(len(raw)) + 1
	for try := 0; try < 5 && kept > int64(len(raw)); try++ {
		runtime.GC()
		runtime.ReadMemStats(&after)
		kept = int64(after.HeapAlloc) - int64(before.HeapAlloc)
	}
	if kept > int64(len(raw)) {
		t.Errorf("an open bundle of %d bytes keeps %d more", len(raw), kept)
	}
	t.Logf("%d bytes: %v, allocated %.2f times, keeps %.2f times", len(raw), took,
		float64(used)/float64(len(raw)), float64(kept)/float64(len(raw)))
	if _, _, err := b.Request(n - 1); err != nil {
		t.Error(err)
	}
	runtime.KeepAlive(b)
}

// TestHostileMemory: claims of size cost nothing before they are checked.
func TestHostileMemory(t *testing.T) {
	d := onlineDevice(t)
	h := Header{Kind: Requests, Sender: d.id(), Recipient: offlineDevice(t).id(), Sequence: 1}
	p := payloadOf(t, h, nil)
	p = p[:len(p)-1]
	for name, list := range map[string]string{
		"items":   "\x9a\x00\x03\x0d\x40",
		"bytes":   "\x81\x5b\x00\x00\x01\x00\x00\x00\x00\x00",
		"nothing": "\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
	} {
		raw := sealAny(t, p+list, d)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Open(raw, d.Public())
		runtime.ReadMemStats(&after)
		if err == nil || after.TotalAlloc-before.TotalAlloc > 1<<20 {
			t.Errorf("%s: allocated %d bytes: %v", name, after.TotalAlloc-before.TotalAlloc, err)
		}
	}
	deep := []byte("\xa1\x03\x99\x27\x10")
	for range 10_000 {
		deep = append(deep, 0x80)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := decode[Request](deep)
	runtime.ReadMemStats(&after)
	if err == nil || after.TotalAlloc-before.TotalAlloc > 4<<20 {
		t.Errorf("10,000 empty keys allocated %d bytes: %v", after.TotalAlloc-before.TotalAlloc, err)
	}
}

func BenchmarkSeal10000(b *testing.B) {
	items, d := manyRequests(b, 10_000), onlineDevice(b)
	h := Header{Kind: Requests, Recipient: offlineDevice(b).id(), Sequence: 1}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Seal(h, items, d); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen10000 opens the bundle; BenchmarkRead10000 reads every request too.
func BenchmarkOpen10000(b *testing.B) { benchmarkOpen(b, false) }

func BenchmarkRead10000(b *testing.B) { benchmarkOpen(b, true) }

func benchmarkOpen(b *testing.B, items bool) {
	d := onlineDevice(b)
	h := Header{Kind: Requests, Recipient: offlineDevice(b).id(), Sequence: 1}
	raw, err := Seal(h, manyRequests(b, 10_000), d)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		o, err := Open(raw, d.Public())
		if err != nil {
			b.Fatal(err)
		}
		for i := range o.Len() {
			if !items {
				break
			}
			if _, _, err := o.Request(i); err != nil {
				b.Fatal(err)
			}
		}
	}
}
