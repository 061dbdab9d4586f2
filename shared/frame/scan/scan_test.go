package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"coldsign/shared/fault"
	"coldsign/shared/frame/picture"
)

// source gives n pictures that hold their number, then err.
type source struct {
	n, next int
	every   time.Duration // between two pictures
	lose    map[int]bool
	err     error
}

func (s *source) Next() (*picture.Plane, error) {
	time.Sleep(s.every)
	if s.next == s.n {
		return nil, s.err
	}
	s.next++
	if s.lose[s.next-1] {
		return nil, picture.Lost(fmt.Errorf("picture %d is lost", s.next-1))
	}
	return &picture.Plane{Width: s.next - 1}, nil
}

func number(p *picture.Plane) []int { return []int{p.Width} }

// collect runs a scan to its end, in a bubble in which time passes only when all
// wait, and which no goroutine may outlive.
func collect(t *testing.T, src picture.Source, live bool, read func(*picture.Plane) []int) (got []int, s Stats, err error) {
	t.Helper()
	s, err = Run(t.Context(), src, read, live, func(n []int) bool { got = append(got, n...); return false })
	return got, s, err
}

func count(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

func TestOrderIsThatOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		var inFlight, most atomic.Int32
		got, s, err := collect(t, &source{n: 500, err: io.EOF}, false, func(p *picture.Plane) []int {
			n := inFlight.Add(1)
			defer inFlight.Add(-1)
			mu.Lock()
			most.Store(max(most.Load(), n))
			d := time.Duration(rng.IntN(50)) * time.Millisecond
			mu.Unlock()
			time.Sleep(d)
			return number(p)
		})
		if err != nil || !slices.Equal(got, count(500)) || s != (Stats{Read: 500}) {
			t.Errorf("%v, %+v, %v", got, s, err)
		}
		if n := int(most.Load()); n < 2 || n > 2*runtime.GOMAXPROCS(0) {
			t.Errorf("%d pictures in flight", n)
		}
	})
}

// A camera does not wait: what comes too fast is dropped, and what is handed over
// is still in order. A file loses nothing.
func TestOnlyLiveSourcesDrop(t *testing.T) {
	slow := func(p *picture.Plane) []int { time.Sleep(time.Second); return number(p) }
	synctest.Test(t, func(t *testing.T) {
		got, s, err := collect(t, &source{n: 300, every: 33 * time.Millisecond, err: io.EOF}, true, slow)
		if err != nil || !slices.IsSorted(got) || s.Read != len(got) || s.Dropped == 0 || s.Read+s.Dropped != 300 {
			t.Errorf("%v, %+v, %v", got, s, err)
		}
		if s.Read < 9 { // ten seconds of one second each, on one core at least
			t.Errorf("only %d read", s.Read)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		got, s, err := collect(t, &source{n: 50, every: 33 * time.Millisecond, err: io.EOF}, false, slow)
		if err != nil || !slices.Equal(got, count(50)) || s.Dropped != 0 {
			t.Errorf("%v, %+v, %v", got, s, err)
		}
	})
}

func TestLossesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, s, err := collect(t, &source{n: 6, lose: map[int]bool{1: true, 2: true, 5: true}, err: io.EOF}, false, number)
		if err != nil || !slices.Equal(got, []int{0, 3, 4}) || s.Read != 3 || s.Lost != 3 || s.Loss.Error() != "picture 1 is lost" {
			t.Errorf("%v, %+v, %v", got, s, err)
		}
	})
}

// What was seen before a source fails is handed over first.
func TestSourceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := fault.New("camera.lost", "", "gone")
		got, _, err := collect(t, &source{n: 7, err: lost}, true, number)
		if err != lost || len(got) == 0 {
			t.Errorf("%v, %v", got, err)
		}
		got, _, err = collect(t, &source{n: 40, err: lost}, false, number)
		if err != lost || !slices.Equal(got, count(40)) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestReaderPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, s, err := collect(t, &source{n: 20, err: io.EOF}, false, func(p *picture.Plane) []int {
			if p.Width%4 == 1 {
				panic("\x1b[2J")
			}
			return number(p)
		})
		if err != nil || len(got) != 15 || s.Read != 15 || s.Failed != 5 || fault.Code(s.Loss) != "scan.panic" {
			t.Errorf("%v, %+v, %v", got, s, err)
		}
	})
}

type broken struct{}

func (broken) Next() (*picture.Plane, error) { panic("broken") }

func TestSourcePanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if _, _, err := collect(t, broken{}, false, number); fault.Code(err) != "picture.panic" {
			t.Errorf("%v", err)
		}
	})
}

// A picture on which the reader hangs is not waited for; when that happens too
// often the scan ends, for each keeps a core busy.
func TestReaderHangs(t *testing.T) {
	for _, hung := range []int{maxAbandoned, maxAbandoned + 1} {
		synctest.Test(t, func(t *testing.T) {
			forever := make(chan bool)
			start := time.Now()
			got, s, err := collect(t, &source{n: 20, err: io.EOF}, false, func(p *picture.Plane) []int {
				if p.Width < hung {
					<-forever
				}
				return number(p)
			})
			if d := time.Since(start); d < patience || d > 2*time.Duration(hung)*patience {
				t.Errorf("took %v", d)
			}
			close(forever)
			if hung <= maxAbandoned && (err != nil || len(got) != 20-hung || s.Failed != hung || fault.Code(s.Loss) != "scan.stuck") {
				t.Errorf("%d hung: %v, %+v, %v", hung, got, s, err)
			}
			if hung > maxAbandoned && fault.Code(err) != "scan.stuck" {
				t.Errorf("%d hung: %v, %+v, %v", hung, got, s, err)
			}
		})
	}
}

// Run returns at once when emit is done or the context ends, be the source stuck
// or not, and everything that it started ends.
func TestStopsAtOnce(t *testing.T) {
	for name, every := range map[string]time.Duration{"fast source": 0, "stuck source": time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			src := &source{n: 1000, every: every, err: io.EOF}
			start, seen := time.Now(), 0
			_, err := Run(t.Context(), src, number, false, func([]int) bool { seen++; return seen == 3 })
			if err != nil || seen != 3 || time.Since(start) != 3*every {
				t.Errorf("%s: seen %d after %v, %v", name, seen, time.Since(start), err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			forever := make(chan bool)
			defer close(forever)
			start = time.Now()
			_, err = Run(ctx, &source{n: 1000, every: every, err: io.EOF}, func(*picture.Plane) []int { <-forever; return nil }, false,
				func([]int) bool { return false })
			if every == 0 { // the reader hangs: given up before the minute is over
				if fault.Code(err) != "scan.stuck" {
					t.Errorf("%s: %v", name, err)
				}
			} else if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
			time.Sleep(2 * every) // until the Next under way is over
		})
	}
}
