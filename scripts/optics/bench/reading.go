package main

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"coldsign/scripts/optics"
	"coldsign/scripts/optics/peers"
	"coldsign/shared/frame/picture"
)

// shot is a case with its pictures taken.
type shot struct {
	peers.Picture
	c        optics.Case
	previous *picture.Plane
}

// take takes pictures on all cores.
func take(cases []optics.Case) []shot {
	shots := make([]shot, len(cases))
	each(len(cases), func(i int) {
		c := cases[i]
		shots[i] = shot{peers.Picture{Plane: c.Picture(), Payload: c.Payload}, c, c.Previous()}
	})
	return shots
}

// each calls f for 0 to n-1 on all cores.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	jobs := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range jobs {
				f(i)
			}
		})
	}
	for i := range n {
		jobs <- i
	}
	close(jobs)
	wg.Wait()
}

// contestant is a reader in the table.
type contestant struct {
	name string
	run  func([]shot) (peers.Score, error)
}

// contestants are all readers that are there. Without timing, command lines are
// run half as often.
func contestants(timed bool) []contestant {
	plain := func(shots []shot) []peers.Picture {
		pictures := make([]peers.Picture, len(shots))
		for i, s := range shots {
			pictures[i] = s.Picture
		}
		return pictures
	}
	all := []contestant{
		{"ours, tracked", ours(true)},
		{"ours, acquisition", ours(false)},
		{"gozxing, hybrid, try harder", func(s []shot) (peers.Score, error) { return peers.GoZXing(plain(s)), nil }},
	}
	for _, t := range []peers.Tool{peers.ZBar(), peers.ZXing()} {
		if t.Missing() {
			fmt.Printf("%s is not installed: left out\n", t.Name)
			continue
		}
		all = append(all, contestant{t.Name, func(s []shot) (peers.Score, error) { return t.Score(plain(s), timed) }})
	}
	return all
}

// tally adds scores up.
type tally struct {
	read, shown, wrong int
	time               time.Duration
}

func (t *tally) add(s peers.Score) {
	for _, ok := range s.Read {
		t.shown++
		if ok {
			t.read++
		}
	}
	t.wrong += s.Wrong
	t.time += s.Time
}

func (t tally) percent() float64 { return 100 * float64(t.read) / float64(max(1, t.shown)) }

func (t tally) String() string {
	return fmt.Sprintf("%5.1f %5.1f", t.percent(), t.time.Seconds()*1000/float64(max(1, t.shown)))
}

func reading(quick bool) error {
	cases := optics.Set()
	if quick {
		cases = every(cases, 8)
	}
	cell := func(c optics.Case) string { return fmt.Sprintf("%d %c", c.Scene.Height, c.Grade) }
	all := contestants(true)
	cells := map[string][]tally{}
	total := make([]tally, len(all))
	var order []string
	const chunk = 40
	for len(cases) > 0 {
		n := 1
		for n < min(chunk, len(cases)) && cell(cases[n]) == cell(cases[0]) {
			n++
		}
		name, shots := cell(cases[0]), take(cases[:n])
		cases = cases[n:]
		if cells[name] == nil {
			cells[name] = make([]tally, len(all))
			order = append(order, name)
		}
		for i, c := range all {
			s, err := c.run(shots)
			if err != nil {
				return err
			}
			cells[name][i].add(s)
			total[i].add(s)
		}
	}
	fmt.Printf("%-30s", "% ms")
	for _, name := range order {
		fmt.Printf(" | %-11s", name)
	}
	fmt.Printf(" | %-11s | wrong\n", "all")
	for i, c := range all {
		fmt.Printf("%-30s", c.name)
		for _, name := range order {
			fmt.Printf(" | %v", cells[name][i])
		}
		fmt.Printf(" | %v | %d\n", total[i], total[i].wrong)
	}
	return nil
}

func every(cases []optics.Case, n int) (some []optics.Case) {
	for i := 0; i < len(cases); i += n {
		some = append(some, cases[i])
	}
	return some
}
