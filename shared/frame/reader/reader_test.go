package reader

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"rsc.io/qr/coding"

	"coldsign/scripts/optics"
	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/qr"
)

// symbol makes a symbol with an encoder that is not ours.
func symbol(t testing.TB, version int, level coding.Level, mask int, text ...coding.Encoding) qr.Matrix {
	t.Helper()
	plan, err := coding.NewPlan(coding.Version(version), level, coding.Mask(mask))
	if err != nil {
		t.Fatal(err)
	}
	code, err := plan.Encode(text...)
	if err != nil {
		t.Fatal(err)
	}
	m := qr.Matrix{Size: code.Size, Dark: make([]bool, code.Size*code.Size)}
	for i := range m.Dark {
		m.Dark[i] = code.Black(i%code.Size, i/code.Size)
	}
	return m
}

// full is as many random bytes as a version holds at a level.
func full(version int, level coding.Level, seed uint64) []byte {
	v := coding.Version(version)
	b := make([]byte, v.DataBytes(level)-(coding.String("").Bits(v)+7)/8)
	rnd := rand.New(rand.NewPCG(seed, uint64(version)))
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

// clean draws a symbol with whole pixels.
func clean(m qr.Matrix, scale int) *picture.Plane {
	side := (m.Size + 2*qr.QuietZone) * scale
	p := &picture.Plane{Width: side, Height: side, Stride: side, Pix: make([]byte, side*side)}
	for i := range p.Pix {
		p.Pix[i] = 255
		if m.At(i%side/scale-qr.QuietZone, i/side/scale-qr.QuietZone) {
			p.Pix[i] = 0
		}
	}
	return p
}

func one(t *testing.T, name string, symbols []Symbol, want []byte) Symbol {
	t.Helper()
	if len(symbols) != 1 || !bytes.Equal(symbols[0].Content(), want) {
		t.Errorf("%s: %d symbols, or not the one that was shown", name, len(symbols))
		return Symbol{}
	}
	return symbols[0]
}

func TestClean(t *testing.T) {
	for version := qr.MinVersion; version <= qr.MaxVersion; version++ {
		for k := range 8 {
			level, mask, scale := coding.Level((version+k)%4), k, 1+(version/4+k)%8
			if version > 20 {
				scale = 1 + scale%4
			}
			want := full(version, level, uint64(k))
			name := fmt.Sprintf("version %d, level %v, mask %d, %d pixels", version, level, mask, scale)
			s := one(t, name, Acquire(clean(symbol(t, version, level, mask, coding.String(want)), scale)), want)
			if s.Version != version || s.Level != level.String()[0] || s.Mask != mask {
				t.Errorf("%s: read as version %d, level %c, mask %d", name, s.Version, s.Level, s.Mask)
			}
			far := float64(scale * (qr.QuietZone + qr.Size(version)))
			for i, c := range [4]Point{{far, far}, {far, far}, {far, far}, {far, far}} {
				c.X, c.Y = [4]float64{far - float64(scale*qr.Size(version)), far, far, far - float64(scale*qr.Size(version))}[i], [4]float64{far - float64(scale*qr.Size(version)), far - float64(scale*qr.Size(version)), far, far}[i]
				if d := math.Hypot(s.Corners[i].X-c.X, s.Corners[i].Y-c.Y); d > float64(scale) {
					t.Errorf("%s: corner %d is %.1f pixels off", name, i, d)
				}
			}
		}
	}
}

func TestModes(t *testing.T) {
	for _, parts := range [][]coding.Encoding{
		{coding.Num("0123456789012"), coding.Alpha("HTTP://A.B/$%*+-. Z"), coding.String("\x00\xff\x80ab")},
		{coding.Num("1")}, {coding.Num("12")}, {coding.Alpha("A")}, {coding.String("")}, {coding.Alpha("AB:"), coding.Num("007")}, {},
	} {
		m := symbol(t, 6, coding.M, 3, parts...)
		found := Acquire(clean(m, 3))
		if len(found) != 1 || len(found[0].Segments) != len(parts) {
			t.Fatalf("%v: %v", parts, found)
		}
		for i, s := range found[0].Segments {
			want, mode := "", Mode(0)
			switch p := parts[i].(type) {
			case coding.Num:
				want, mode = string(p), Numeric
			case coding.Alpha:
				want, mode = string(p), Alphanumeric
			case coding.String:
				want, mode = string(p), Byte
			}
			if string(s.Data) != want || s.Mode != mode {
				t.Errorf("%v: segment %d is %q in mode %d", parts, i, s.Data, s.Mode)
			}
		}
	}
}

func TestPoses(t *testing.T) {
	look := optics.Look{Blur: 0.7, Gamma: 1, Black: 30, White: 220, Gradient: 0.2, Noise: 4, JPEG: 80, Dots: 5}
	for _, c := range []struct {
		name    string
		version int
		pose    optics.Pose
		blur    float64
	}{
		{"upside down", 10, optics.Pose{Fill: 0.8, Rotation: 180}, 0},
		{"quarter turn", 20, optics.Pose{Fill: 0.8, Rotation: 90}, 0},
		{"45 degrees", 15, optics.Pose{Fill: 0.6, Rotation: 45}, 0},
		{"30 degrees", 27, optics.Pose{Fill: 0.7, Rotation: -30}, 0},
		{"smallest, 45 degrees", 1, optics.Pose{Fill: 0.3, Rotation: 45, TiltX: 20}, 0},
		{"small, tilted", 3, optics.Pose{Fill: 0.5, TiltX: 25, TiltY: 25}, 0},
		{"tilted", 20, optics.Pose{Fill: 0.8, TiltX: 30, TiltY: -20}, 0},
		{"far tilted", 30, optics.Pose{Fill: 0.8, TiltY: 35}, 0},
		{"barrel", 40, optics.Pose{Fill: 0.9, Lens: 0.1}, 0},
		{"pincushion", 40, optics.Pose{Fill: 0.8, Lens: -0.08, TiltX: 10}, 0},
		{"two pixels a module", 40, optics.Pose{Fill: 0.52, Rotation: 5}, 0},
		{"blurred", 27, optics.Pose{Fill: 0.9}, 3},
	} {
		want := full(c.version, coding.L, 1)
		show := optics.One(optics.Symbol(c.version, 2, want))
		s := optics.Scene{Width: 1280, Height: 720, Pose: c.pose, Look: look, Seed: 5}
		if c.blur > 0 {
			s.Width, s.Height, s.Blur = 1920, 1080, c.blur
		}
		got := one(t, c.name, Acquire(optics.Render(s, show)), want)
		for i, p := range [4][2]float64{{0, 0}, {1, 0}, {1, 1}, {0, 1}} {
			n := float64(qr.Size(c.version))
			x, y := s.Where(show, 0, p[0]*n, p[1]*n)
			if d := math.Hypot(got.Corners[i].X-x, got.Corners[i].Y-y); d > 1.5 && d > 0.5*s.ModuleSize(show) {
				t.Errorf("%s: corner %d is %.1f pixels off", c.name, i, d)
			}
		}
	}
}

// Of the fixed set, a few of each kind.
func TestSet(t *testing.T) {
	set := optics.Set()
	read := map[optics.Grade]int{}
	followed, shown := map[optics.Grade]int{}, map[optics.Grade]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := 7; i < len(set); i += 31 {
		c := set[i]
		wg.Go(func() {
			p, r := c.Picture(), New()
			r.Read(c.Previous())
			found, tracked := Acquire(p), r.Read(p)
			mu.Lock()
			defer mu.Unlock()
			shown[c.Grade]++
			for _, s := range append(found, tracked...) {
				if !bytes.Equal(s.Content(), c.Payload) {
					t.Errorf("%s: read wrongly", c.Name)
				}
			}
			read[c.Grade] += len(found)
			followed[c.Grade] += len(tracked)
		})
	}
	wg.Wait()
	for g, least := range map[optics.Grade]int{optics.GradeA: 100, optics.GradeB: 100, optics.GradeC: 80} {
		if read[g]*100 < shown[g]*least || followed[g]*100 < shown[g]*least {
			t.Errorf("grade %c: %d acquired and %d followed of %d", g, read[g], followed[g], shown[g])
		}
	}
}

func TestGrids(t *testing.T) {
	for _, c := range []struct{ version, columns, rows int }{{27, 2, 2}, {30, 2, 2}, {40, 2, 2}, {27, 3, 2}, {30, 3, 2}} {
		show := optics.Show{Columns: c.columns}
		want := map[string]bool{}
		for i := range c.columns * c.rows {
			b := full(c.version, coding.L, uint64(i))
			want[string(b)] = true
			show.Symbols = append(show.Symbols, optics.Symbol(c.version, i%8, b))
		}
		for _, g := range []optics.Grade{optics.GradeA, optics.GradeB} {
			scene, r := g.Scene(1920, 1080, show, 3), New()
			for frame := range 3 {
				got := 0
				for _, s := range r.Read(optics.Render(scene.Moved(show, 0.8, 0.004, uint64(frame)), show)) {
					if !want[string(s.Content())] {
						t.Errorf("version %d, %d by %d, grade %c: read wrongly", c.version, c.columns, c.rows, g)
					}
					got++
				}
				if got < len(want) {
					t.Errorf("version %d, %d by %d, grade %c, picture %d: %d read", c.version, c.columns, c.rows, g, frame, got)
				}
			}
		}
	}
}

// A symbol that moves and changes is followed, one that appears elsewhere is
// found again, and goroutines may share a reader.
func TestStream(t *testing.T) {
	r := New()
	var mu sync.Mutex
	missed := 0
	for frame := range 24 {
		want := full(15, coding.L, uint64(frame))
		show := optics.One(optics.Symbol(15, frame%8, want))
		pose := optics.Pose{Fill: 0.7, X: float64(frame * 3), Rotation: float64(frame) / 4}
		if frame >= 12 {
			pose.X, pose.Rotation = -150, 90
		}
		s := optics.Scene{Width: 1280, Height: 720, Pose: pose, Seed: uint64(frame),
			Look: optics.Look{Blur: 1, Gamma: 1, Black: 40, White: 200, Noise: 4, Dots: 5}}
		p := optics.Render(s, show)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				found := r.Read(p)
				mu.Lock()
				defer mu.Unlock()
				if len(found) != 1 || !bytes.Equal(found[0].Content(), want) {
					missed++
				}
			})
		}
		wg.Wait()
	}
	if missed > 0 {
		t.Errorf("%d of 48 not read", missed)
	}
	blank := clean(qr.Matrix{}, 90)
	if found := r.Read(blank); len(found) != 0 || len(r.tracks) != 0 {
		t.Errorf("nothing in view: %d symbols, %d followed", len(found), len(r.tracks))
	}
}
