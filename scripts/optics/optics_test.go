package optics

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math"
	"runtime"
	"testing"
	"time"

	"coldsign/shared/frame/picture"
)

func hash(p *picture.Plane) string {
	sum := sha256.Sum256(p.Pix)
	return hex.EncodeToString(sum[:8])
}

func TestPicturesAreTheSameEachTime(t *testing.T) {
	set := Set()
	if len(set) != 960 {
		t.Fatalf("the set has %d pictures", len(set))
	}
	seen := map[string]bool{}
	for _, c := range set {
		seen[string(c.Payload)] = true
		if len(c.Payload) != Capacity(c.Version) {
			t.Fatalf("%s is not full", c.Name)
		}
	}
	if len(seen) != len(set) {
		t.Errorf("only %d payloads differ", len(seen))
	}
	for i, want := range map[int]string{0: "9dadddf71499d663", 300: "e789c8ea456a8bb3", 470: "d9cb634f86ac533f", 959: "7827523f6cfd8b24"} {
		got := hash(set[i].Picture())
		if again := hash(set[i].Picture()); again != got {
			t.Errorf("%s gave %s, then %s", set[i].Name, got, again)
		}
		// Elsewhere the compiler may fuse multiplication and addition.
		if runtime.GOARCH == "amd64" && got != want {
			t.Errorf("%s is %s, was %s: all measurements start anew", set[i].Name, got, want)
		}
	}
}

// What the view maps onto the panel and back is the same place, and a tracked
// scene is as far away as promised.
func TestViewAndMoves(t *testing.T) {
	for _, c := range Set() {
		if c.Version != 40 {
			continue
		}
		show := c.show()
		_, w, h := show.size()
		v := newView(c.Scene, w, h)
		for _, p := range [][2]float64{{0, 0}, {4, 181}, {92.5, 31}, {185, 185}} {
			x, y := v.panel(v.project(p[0], p[1]))
			if math.Hypot(x-p[0], y-p[1]) > 1e-3 {
				t.Fatalf("%s: %v came back as %g, %g", c.Name, p, x, y)
			}
		}
		before := c.Scene.Moved(show, 0.8, 0.004, c.Scene.Seed)
		a, b := c.Scene, before
		if moved := math.Hypot(a.X-b.X, a.Y-b.Y); moved == 0 || moved > 0.8*c.Size+1e-9 {
			t.Errorf("%s moved %g pixels of %g a module", c.Name, moved, c.Size)
		}
		if scale := math.Abs(b.Fill/a.Fill - 1); scale > 0.004 {
			t.Errorf("%s changed size by %g", c.Name, scale)
		}
	}
}

// A picture is dark where a module is dark, at the place that Where says.
func TestWhereModulesAre(t *testing.T) {
	c := Set()[620] // 1080p, grade A
	show := c.show()
	p, m := c.Picture(), show.Symbols[0]
	wrong := 0
	for y := range m.Size {
		for x := range m.Size {
			px, py := c.Scene.Where(show, 0, float64(x)+0.5, float64(y)+0.5)
			if dark := p.Pix[int(py)*p.Stride+int(px)] < 125; dark != m.At(x, y) {
				wrong++
			}
		}
	}
	if wrong > m.Size*m.Size/100 {
		t.Errorf("%s: %d of %d modules look wrong", c.Name, wrong, m.Size*m.Size)
	}
}

// small is a film of all-dark and all-light panels, quick to take.
func small(f Film) Film {
	dark := make([]bool, 21*21)
	for i := range dark {
		dark[i] = true
	}
	f.Shown = func(i int) Show {
		show := One(Symbol(1, 0, []byte("x")))
		if i%2 == 1 {
			show.Symbols[0].Dark = dark
		}
		return show
	}
	f.Scene = Scene{Width: 160, Height: 120, Pose: Pose{Fill: 0.9}, Look: Look{Gamma: 1, White: 255, Dots: 4}}
	return f
}

// At half the camera's rate every shown picture is seen whole, whatever the phase.
func TestCameraSeesEachShownPicture(t *testing.T) {
	for phase := range 10 {
		f := small(Film{Count: 40, ShownRate: 15, Rate: 30, Readout: 0.8, Exposure: 4 * time.Millisecond, Phase: float64(phase) / 10})
		whole := map[int]bool{}
		for n := 0; ; n++ {
			mix := f.timing(float64(n) / f.Rate)
			first, _ := mix(0)
			last, weight := mix(f.Scene.Height - 1)
			if last >= f.Count {
				break
			}
			if first == last && weight == 0 {
				whole[first] = true
			}
		}
		// The first may be half over when the camera starts.
		if len(whole) < f.Count-1 {
			t.Errorf("phase 0.%d: %d of %d seen", phase, len(whole), f.Count)
		}
	}
}

func TestCameraRollsAndLoses(t *testing.T) {
	f := small(Film{Count: 300, ShownRate: 15, Rate: 30, Readout: 0.8, Exposure: 8 * time.Millisecond, Phase: 0.3,
		Lost: 0.3, Burst: 3, Repeated: 0.1, Drift: 1, Seed: 1})
	c := NewCamera(f)
	var last *picture.Plane
	taken, repeated, torn := 0, 0, 0
	for {
		p, err := c.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		taken++
		if last != nil {
			if p.Time <= last.Time {
				t.Fatalf("time went from %v to %v", last.Time, p.Time)
			}
			if bytes.Equal(p.Pix, last.Pix) {
				repeated++
			}
		}
		middle := func(y int) byte { return p.Pix[y*p.Stride+p.Width/2] }
		if a, b := middle(30), middle(90); a < 20 && b > 235 || a > 235 && b < 20 {
			torn++
		}
		last = p
	}
	// 600 pictures in 20 s; 30 % lost leaves 420, and a tenth comes twice.
	if taken < 400 || taken > 530 || repeated < 20 || repeated > 70 {
		t.Errorf("%d pictures, %d of them twice", taken, repeated)
	}
	if torn == 0 {
		t.Error("no picture holds two shown ones")
	}
}

func BenchmarkPicture(b *testing.B) {
	set := Set()
	for i := 0; b.Loop(); i++ {
		set[(480+i*7)%960].Picture()
	}
}
