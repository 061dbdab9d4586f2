// Package codes counts the frames that erasure codes need: how many must be
// shown, from the moment that a reader looks, until it has the object.
//
//	codes.Table(os.Stdout, 400)
package codes

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"coldsign/shared/frame/native"
)

// Code is one way to cut an object of K pieces into frames.
type Code interface {
	Name() string
	// Needed gives the number of frames that are shown until the object is
	// there. The reader sees frame start+i of the stream if received(i).
	Needed(k int, received func(i int) bool, start int) int
}

// Ideal needs any K frames, and no code needs fewer.
type Ideal struct{}

func (Ideal) Name() string { return "ideal MDS" }

func (Ideal) Needed(k int, received func(i int) bool, _ int) int {
	for i := 0; ; i++ {
		if received(i) {
			if k--; k == 0 {
				return i + 1
			}
		}
	}
}

// Loop shows the pieces over and over, as BBQr does.
type Loop struct{}

func (Loop) Name() string { return "plain loop" }

func (Loop) Needed(k int, received func(i int) bool, start int) int {
	seen, missing := make([]bool, k), k
	for i := 0; ; i++ {
		if at := (start + i) % k; received(i) && !seen[at] {
			seen[at] = true
			if missing--; missing == 0 {
				return i + 1
			}
		}
	}
}

// Native is shared/frame/native itself, encoder and decoder.
type Native struct {
	encoders map[int]*native.Encoder
	frames   map[[2]int][]byte
}

// NewNative makes the row of the native code.
func NewNative() *Native {
	return &Native{map[int]*native.Encoder{}, map[[2]int][]byte{}}
}

func (*Native) Name() string { return "native" }

func (c *Native) Needed(k int, received func(i int) bool, start int) int {
	e := c.encoders[k]
	if e == nil {
		const size = native.MinSymbol
		e, _ = native.NewEncoder(noise(size*k), 24+size) // no number of pieces used here is too large
		c.encoders[k] = e
	}
	d := native.NewDecoder(native.Limits{})
	for i := 0; ; i++ {
		if !received(i) {
			continue
		}
		at := [2]int{k, start + i}
		if c.frames[at] == nil {
			c.frames[at] = e.Frame(uint64(start + i))
		}
		if p, err := d.Add(c.frames[at]); err != nil {
			panic(err) // it made the frame itself
		} else if p.Done {
			return i + 1
		}
	}
}

// noise does not deflate, so that the pieces are as many as asked for.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// Pieces, losses and starts that Table and its test go through.
var (
	Pieces = []int{2, 5, 10, 50, 200, 1000}
	Losses = []int{0, 10, 30, 50}
)

// Cell is one code under one condition, with its trials in ascending order.
type Cell struct {
	Code    string
	K, Loss int // Loss in percent
	Mid     bool
	Shown   []int
}

// Percentile gives the frames after which p percent of the trials were done.
func (c Cell) Percentile(p int) int {
	return c.Shown[min((len(c.Shown)*p+99)/100, len(c.Shown))-1]
}

// Run counts for all codes on the same losses, from the first frame of a stream
// and from somewhere in it.
func Run(k, loss int, mid bool, trials int, codes []Code) []Cell {
	cells := make([]Cell, len(codes))
	for i, c := range codes {
		cells[i] = Cell{Code: c.Name(), K: k, Loss: loss, Mid: mid}
	}
	for trial := range trials {
		r := rand.New(rand.NewPCG(uint64(trial), uint64(k*1000+loss)))
		start := 0
		if mid {
			start = r.IntN(8 * k)
		}
		var pattern []bool
		received := func(i int) bool {
			for len(pattern) <= i {
				pattern = append(pattern, r.IntN(100) >= loss)
			}
			return pattern[i]
		}
		for i, c := range codes {
			cells[i].Shown = append(cells[i].Shown, c.Needed(k, received, start))
		}
	}
	for i := range cells {
		slices.Sort(cells[i].Shown)
	}
	return cells
}

// Table prints, for the ideal code, the native one, the plain loop and those
// given, how many frames are shown for 50, 95 and 99 % of the trials. Large
// objects get fewer trials: an eighth above 100 pieces, a fortieth above 500.
func Table(w io.Writer, trials int, more ...Code) {
	codes := append([]Code{Ideal{}, NewNative(), Loop{}}, more...)
	fmt.Fprintf(w, "frames shown until the object is there, 50/95/99 %% of the trials\n%-6s%-6s%-7s", "K", "loss", "from")
	for _, c := range codes {
		fmt.Fprintf(w, "%-18s", c.Name())
	}
	fmt.Fprintln(w)
	for _, k := range Pieces {
		n := trials
		switch {
		case k > 500:
			n = max(trials/40, 2)
		case k > 100:
			n = max(trials/8, 2)
		}
		for _, loss := range Losses {
			for _, mid := range []bool{false, true} {
				from := map[bool]string{false: "start", true: "middle"}[mid]
				fmt.Fprintf(w, "%-6d%-6d%-7s", k, loss, from)
				for _, c := range Run(k, loss, mid, n, codes) {
					fmt.Fprintf(w, "%-18s", fmt.Sprintf("%d/%d/%d", c.Percentile(50), c.Percentile(95), c.Percentile(99)))
				}
				fmt.Fprintln(w)
			}
		}
	}
}
