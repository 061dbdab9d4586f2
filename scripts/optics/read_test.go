package optics_test

import (
	"bytes"
	"runtime"
	"sync"
	"testing"

	"coldsign/scripts/optics"
	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/reader"
)

// Our reader on every 16th picture of the set, alone and right after the one
// before. The bench reads all of them, and there the goals are 95 and 85 %.
func TestReaderReadsTheSet(t *testing.T) {
	const step, tracked, acquired = 16, 90, 85 // percent
	set := optics.Set()
	var mu sync.Mutex
	var group sync.WaitGroup
	total, follow, alone := 0, 0, 0
	jobs := make(chan optics.Case)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for c := range jobs {
				p := c.Picture()
				a := reads(t, reader.Acquire(p), c)
				r := reader.New()
				r.Read(c.Previous())
				f := reads(t, r.Read(p), c)
				mu.Lock()
				total, follow, alone = total+1, follow+f, alone+a
				mu.Unlock()
			}
		})
	}
	for i := 0; i < len(set); i += step {
		jobs <- set[i]
	}
	close(jobs)
	group.Wait()
	t.Logf("of %d pictures %d were read when tracked, %d alone", total, follow, alone)
	if total != len(set)/step || 100*follow < tracked*total || 100*alone < acquired*total {
		t.Errorf("of %d pictures %d were read when tracked, %d alone: wanted %d and %d %%", total, follow, alone, tracked, acquired)
	}
}

// reads is 1 if the symbol was read, and nothing else.
func reads(t *testing.T, symbols []reader.Symbol, c optics.Case) int {
	read := 0
	for _, s := range symbols {
		if !bytes.Equal(s.Content(), c.Payload) {
			t.Errorf("%s: read %d bytes that were never shown", c.Name, len(s.Content()))
			continue
		}
		read = 1
	}
	return read
}

// A grid in which the camera rolls over changes: every symbol that comes back is
// one that was shown, and most do.
func TestReaderReadsAFilmedGrid(t *testing.T) {
	const pictures, each = 12, 6
	shown := map[string]bool{}
	film := optics.Film{Count: pictures, ShownRate: 15, Rate: 30, Readout: 0.8, Phase: 0.4, Drift: 2, Seed: 3}
	film.Shown = func(i int) optics.Show {
		show := optics.Show{Columns: 3}
		for k := range each {
			payload := optics.Random(optics.Capacity(27), uint64(i*each+k))
			shown[string(payload)] = true
			show.Symbols = append(show.Symbols, optics.Symbol(27, k, payload))
		}
		return show
	}
	film.Scene = optics.GradeA.Scene(1920, 1080, film.Shown(0), 3)
	var camera picture.Source = optics.NewCamera(film)
	r, read := reader.New(), map[string]bool{}
	for {
		p, err := camera.Next()
		if err != nil {
			break
		}
		for _, s := range r.Read(p) {
			if !shown[string(s.Content())] {
				t.Errorf("read %d bytes that were never shown", len(s.Content()))
			}
			read[string(s.Content())] = true
		}
	}
	if len(read) < len(shown)*9/10 {
		t.Errorf("%d of %d symbols were read", len(read), len(shown))
	}
}
