package screen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"coldsign/shared/fault"
	"coldsign/shared/frame/qr"
)

// person is somebody at a terminal on which a Player plays, in a synctest bubble.
type person struct {
	*Player
	t             *testing.T
	columns, rows int
	vt            *vt
	writes        int
	slow          time.Duration // that a write takes
	asked         []int         // what Make was asked for
	shown         []uint64      // frames, in order
	refuse        int           // versions up to it cannot be made
	keys          chan []byte
	fence         atomic.Int64 // orders what is set here before what the player then does
	cancel        func()
	ended         chan error
}

func (p *person) Write(b []byte) (int, error) {
	if p.vt == nil || p.vt.columns != p.columns || p.vt.rows != p.rows {
		p.vt = newVT(p.t, p.columns, p.rows)
		p.vt.erase(0, len(p.vt.cells))
		for i := range p.vt.cells {
			p.vt.cells[i].r = '@' // what a terminal leaves when it changes its size
		}
	}
	s := string(b)
	if !strings.HasPrefix(s, begin) || !strings.HasSuffix(s, end) {
		p.t.Errorf("a frame is not one write: %.20q", s)
	}
	p.vt.pictures = nil
	p.vt.write(s)
	if p.vt.scrolled {
		p.t.Error("the screen scrolls")
	}
	p.writes++
	time.Sleep(p.slow)
	return len(b), nil
}

// watch sits down at a terminal of a size. The message fits into codes of version
// most, and takes 40 of them.
func watch(t *testing.T, columns, rows, most int) *person {
	p := &person{t: t, columns: columns, rows: rows, keys: make(chan []byte, 1), ended: make(chan error, 1)}
	p.Player = &Player{
		Out: p, Version: 20, PerSecond: 9,
		Size:   func() (int, int, error) { p.fence.Load(); return p.columns, p.rows, nil },
		Status: func(n, pass uint64) string { return fmt.Sprintf("words\x1b %d/%d", n, pass) },
		Make: func(version int) (func(uint64) (qr.Matrix, error), uint64, int, error) {
			p.asked = append(p.asked, version)
			if version <= p.refuse {
				return nil, 0, 0, fault.New("frame.size", "use a larger QR code", "too many frames")
			}
			version = min(version, most)
			return func(n uint64) (qr.Matrix, error) {
				p.shown = append(p.shown, n)
				m, _ := symbol(t, version, int(n))
				return m, nil
			}, 40, version, nil
		},
	}
	return p
}

// plays starts the player. Its terminal is this one, so that time is the bubble's.
func (p *person) plays() *person {
	ctx, cancel := context.WithCancel(p.t.Context())
	p.cancel = cancel
	go func() {
		p.ended <- p.run(ctx, func(d time.Duration) ([]byte, error) {
			late := time.NewTimer(d)
			defer late.Stop()
			select {
			case b := <-p.keys:
				return b, nil
			case <-late.C:
				return nil, nil
			}
		})
	}()
	synctest.Wait()
	return p
}

func (p *person) types(keys string) {
	p.keys <- []byte(keys)
	synctest.Wait()
}

func (p *person) waits(d time.Duration) {
	p.fence.Add(1)
	time.Sleep(d)
	synctest.Wait()
}

func (p *person) quits() {
	p.t.Helper()
	p.types("q")
	if err := <-p.ended; err != nil {
		p.t.Error(err)
	}
	p.cancel()
}

// sees checks the code on the screen and words of the status line.
func (p *person) sees(version int, n uint64, status string) {
	p.t.Helper()
	if got := p.shown[len(p.shown)-1]; got != n {
		p.t.Errorf("frame %d is shown, want %d", got, n)
	}
	_, data := symbol(p.t, version, int(n))
	reads(p.t, p.vt.screenshot(6, 12, 0), data, fmt.Sprintf("version %d, frame %d", version, n))
	if line := p.vt.line(p.rows - 1); !strings.Contains(line, status) {
		p.t.Errorf("the status is %q, without %q", line, status)
	}
	if slices.ContainsFunc(p.vt.cells, func(c cell) bool { return c.r == '@' }) {
		p.t.Error("the screen was not cleared")
	}
}

func TestPlay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watch(t, 120, 60, 40).plays()
		p.sees(20, 0, "words? 0/40  frame 1 of 40  8/s  version 20  space pause")
		p.waits(time.Second + time.Millisecond)
		p.sees(20, 8, "words? 8/40  frame 9 of 40")
		p.waits(5 * time.Second) // from the first frame of a pass on
		if p.writes != 49 || !slices.Equal(p.asked, []int{20}) {
			t.Errorf("%d writes, Make was asked for %v", p.writes, p.asked)
		}
		for i, n := range p.shown {
			if n != uint64(i) {
				t.Fatalf("frames %v", p.shown)
			}
		}
		p.sees(20, 48, "frame 9 of 40")

		p.types(" ")
		p.sees(20, 48, "space go on")
		before := p.writes
		p.waits(3 * time.Second)
		if p.writes != before {
			t.Errorf("%d writes in a pause", p.writes-before)
		}
		p.types("\x1b[C\x1b[C")
		p.sees(20, 50, "space go on")
		p.types("\x1bOD")
		p.sees(20, 49, "frame 10 of 40")
		p.types(" ")
		p.waits(126 * time.Millisecond)
		p.sees(20, 50, "space pause")
		p.quits()
	})
}

func TestSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watch(t, 120, 60, 40)
		p.PerSecond = 0
		p.plays()
		p.sees(20, 0, " 1/s")
		for _, c := range []struct {
			keys  string
			speed int
		}{{"<", 1}, {">", 2}, {".", 3}, {">>>", 6}, {">>>>", 15}, {">", 20}, {">", 20}, {",", 15}, {"<<<", 8}} {
			p.types(c.keys)
			before := len(p.shown)
			p.waits(time.Second + time.Millisecond)
			if got := len(p.shown) - before; got != c.speed {
				t.Errorf("%d frames in a second, want %d", got, c.speed)
			}
			p.sees(20, p.shown[len(p.shown)-1], fmt.Sprintf(" %d/s", c.speed))
		}
		p.quits()
	})
}

// Nothing queues up for a terminal that is slower than the frames, no frame is left
// out, and keys are seen.
func TestSlowTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watch(t, 120, 60, 40)
		p.slow = 400 * time.Millisecond
		p.plays()
		p.waits(4100 * time.Millisecond)
		if len(p.shown) != 11 {
			t.Errorf("%d frames", len(p.shown))
		}
		p.slow = 0
		before := len(p.shown)
		p.waits(400 * time.Millisecond)
		if got := len(p.shown) - before; got > 4 {
			t.Errorf("%d frames at once as soon as the terminal became fast", got)
		}
		before = len(p.shown)
		p.waits(time.Second)
		if got := len(p.shown) - before; got != 8 {
			t.Errorf("%d frames in a second after the terminal became fast", got)
		}
		for i, n := range p.shown {
			if n != uint64(i) {
				t.Fatalf("frames %v", p.shown)
			}
		}
		p.slow = 400 * time.Millisecond
		p.quits()
	})
}

func TestDensity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watch(t, 125, 70, 22)
		p.plays()
		p.types(" ")
		p.sees(20, 0, "version 20")
		p.types("+")
		p.sees(21, 0, "version 21")
		p.types("=++") // of which the last two change nothing: 22 is all that the message takes
		p.sees(22, 0, "version 22")
		for range 6 {
			p.types("+") // the window has room for 25
		}
		p.columns, p.rows = 200, 100
		p.waits(time.Second)
		if got := p.asked[len(p.asked)-1]; got != 26 { // keys that changed nothing are forgotten, but for one
			t.Errorf("asked for version %d", got)
		}
		p.types("-")
		p.sees(21, 0, "version 21")
		p.types("_")
		p.sees(20, 0, "version 20")
		for range 30 {
			p.types("-")
		}
		p.sees(5, 0, "version 5")
		for range 3 {
			p.types("+")
		}
		p.sees(8, 0, "version 8")
		p.quits()
		for _, v := range p.asked {
			if v > 26 || v < 5 {
				t.Errorf("asked for %v", p.asked)
			}
		}
	})
}

// A density for which no frames can be made says so, and another one is a key away.
func TestDensityRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watch(t, 125, 70, 40)
		p.refuse = 18
		p.plays()
		p.waits(time.Second)
		p.types("-")
		p.types("-")
		if got := p.vt.line(0); got != "too many frames; use a larger QR code" || p.vt.line(1) != "" {
			t.Errorf("shows %q", got)
		}
		writes := p.writes
		p.waits(3 * time.Second)
		if p.writes != writes || !slices.Equal(p.asked, []int{20, 19, 18}) {
			t.Errorf("%d writes, asked for %v", p.writes-writes, p.asked)
		}
		p.types("+")
		p.sees(19, 0, "version 19")
		p.quits()

		p = watch(t, 125, 70, 40)
		p.refuse = 40
		p.plays()
		if err := <-p.ended; !fault.Is(err, "frame.size") || p.writes != 0 {
			t.Errorf("%v after %d writes", err, p.writes)
		}
	})
}

func TestResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watch(t, 120, 60, 40).plays()
		p.waits(time.Second)
		p.columns, p.rows = 90, 46 // version 16
		p.waits(130 * time.Millisecond)
		p.types("+")
		p.sees(16, 0, "version 16")
		p.waits(time.Second)
		p.sees(16, 8, "frame 9 of 40")
		p.columns, p.rows = 60, 20
		p.waits(130 * time.Millisecond)
		text := p.vt.line(0) + " " + p.vt.line(1) + p.vt.line(2) + p.vt.line(3)
		for _, want := range []string{"a terminal of 60 columns and 20 rows is too small", "needs 45 and 24", "--qr-dir"} {
			if !strings.Contains(text, want) && !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
				t.Errorf("shows %q, without %q", text, want)
			}
		}
		if got := p.vt.line(19); len(got) != 60 || !strings.HasPrefix(got, "words? ") {
			t.Errorf("the status is %q", got)
		}
		writes, frames := p.writes, len(p.shown)
		p.waits(2 * time.Second)
		if p.writes != writes || len(p.shown) != frames {
			t.Error("something is shown in a window that is too small")
		}
		for _, size := range [][2]int{{5, 2}, {1, 1}, {0, 0}, {300, 1}} {
			p.columns, p.rows = max(size[0], 1), max(size[1], 1)
			p.waits(time.Second)
		}
		p.columns, p.rows = 90, 46
		p.waits(126 * time.Millisecond)
		if p.sees(16, p.shown[len(p.shown)-1], "version 16"); len(p.asked) != 2 {
			t.Errorf("asked for %v", p.asked)
		}
		if n := p.shown[len(p.shown)-1]; n < 8 || n > 10 {
			t.Errorf("goes on with frame %d", n)
		}
		p.columns, p.rows = 200, 100 // what was wanted at first, not more
		p.waits(time.Second)
		p.sees(20, 7, "version 20")
		p.quits()
	})
}

func TestPlayPictures(t *testing.T) {
	for _, graphics := range []string{"kitty", "sixel"} {
		synctest.Test(t, func(t *testing.T) {
			p := watch(t, 80, 24, 40)
			p.Graphics = graphics
			p.plays()
			p.waits(10 * time.Millisecond)
			m, _ := symbol(t, 16, 0)
			if graphics == "kitty" {
				if p.vt.pictures[0]+"\x1b\\" != kittyClear[1:] {
					t.Errorf("starts %q", p.vt.pictures[0])
				}
				img, keys := unkitty(t, p.vt.pictures[1:])
				if matrix(t, img, m); !strings.HasSuffix(keys, ",r=23") {
					t.Errorf("keys %q", keys)
				}
			} else {
				img := unsixel(t, p.vt.pictures[0])
				if matrix(t, img, m); img.Rect.Dx() != 3*89 {
					t.Errorf("%d pixels", img.Rect.Dx())
				}
			}
			p.waits(120 * time.Millisecond)
			if n := len(p.vt.pictures); graphics == "sixel" && n != 1 || graphics == "kitty" && p.vt.pictures[0]+"\x1b\\" == kittyClear[1:] {
				t.Errorf("%d pictures in the next frame, or an empty screen before", n)
			}
			p.types("+-")
			if !strings.Contains(p.vt.line(23), "version 15") {
				t.Errorf("status %q", p.vt.line(23))
			}
			p.quits()
		})
	}
}

func TestQuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, key := range []string{"q", "\x1b", "\x03", "xyz\x1b[A\x1b[15~q"} {
			p := watch(t, 120, 60, 40).plays()
			if p.types(key); len(p.ended) != 1 {
				t.Fatalf("%q does not quit", key)
			}
			if err := <-p.ended; err != nil {
				t.Errorf("%q: %v", key, err)
			}
		}
		p := watch(t, 120, 60, 40).plays()
		for _, key := range []string{"\x1b[A", "\x1b[B", "\x1bOP", "\x1b[15~", "\x1b[1;5C", "\x1bq", "\x1b[", "Q", "\r", "\xff\x00"} {
			if p.types(key); len(p.ended) != 0 {
				t.Fatalf("%q quits: %v", key, <-p.ended)
			}
		}
		p.cancel()
		if p.waits(glance); len(p.ended) != 1 {
			t.Fatal("goes on after its context")
		}
		if err := <-p.ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		broken := errors.New("broken")
		p = watch(t, 120, 60, 40)
		p.Size = func() (int, int, error) { return 0, 0, broken }
		if err := <-p.plays().ended; !errors.Is(err, broken) || !fault.Is(err, "show.terminal") {
			t.Error(err)
		}
		p = watch(t, 120, 60, 40)
		p.Make = func(int) (func(uint64) (qr.Matrix, error), uint64, int, error) {
			return func(uint64) (qr.Matrix, error) { return qr.Matrix{}, broken }, 1, 20, nil
		}
		if err := <-p.plays().ended; !errors.Is(err, broken) {
			t.Error(err)
		}
	})
}

func TestPlain(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{{"a b~", 9, "a b~"}, {"abc", 2, "ab"}, {"a\x1b[2J\u202e\u009b\n\x7f\xff", 20, "a?[2J?????"}, {"abc", 0, ""}, {"abc", -80, ""}} {
		if got := plain(c.in, c.width); got != c.want {
			t.Errorf("%q in %d cells: %q", c.in, c.width, got)
		}
	}
}
