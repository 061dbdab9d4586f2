package reader

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing/common"
	zxing "github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/skip2/go-qrcode"
	"rsc.io/qr/coding"

	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/qr"
)

// The layout of every version and level agrees with gozxing's tables.
func TestLayouts(t *testing.T) {
	levels := [4]zxing.ErrorCorrectionLevel{zxing.ErrorCorrectionLevel_L, zxing.ErrorCorrectionLevel_M, zxing.ErrorCorrectionLevel_Q, zxing.ErrorCorrectionLevel_H}
	for v := qr.MinVersion; v <= qr.MaxVersion; v++ {
		theirs, err := zxing.Version_GetVersionForNumber(v)
		if err != nil {
			t.Fatal(err)
		}
		n := len(theirs.GetAlignmentPatternCenters())
		if want := max(0, n*n-3); len(layouts[v][0]().centres) != want {
			t.Errorf("version %d: %d alignment patterns, not %d", v, len(layouts[v][0]().centres), want)
		}
		for level, name := range levels {
			l, blocks := layouts[v][level](), theirs.GetECBlocksForLevel(name)
			if len(l.words) != theirs.GetTotalCodewords() || l.check != blocks.GetECCodewordsPerBlock() || len(l.blocks) != blocks.GetNumBlocks() {
				t.Errorf("version %d, level %d: %d codewords, %d blocks of %d check codewords", v, level, len(l.words), len(l.blocks), l.check)
			}
		}
	}
}

// Blocks with as many errors and erasures as can be corrected are, and those
// with more are hardly ever "corrected".
func TestCorrect(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	wrong := 0
	for range 3000 {
		check := 7 + rnd.IntN(24)
		n := check + 1 + rnd.IntN(120)
		block := make([]byte, n-check)
		for i := range block {
			block[i] = byte(rnd.Uint32())
		}
		block = withCheck(block, check)
		bad, order := bytes.Clone(block), rnd.Perm(n)
		erased := order[:rnd.IntN(check/2)]
		errors := (check - len(erased)) / 2
		for _, i := range order[:len(erased)+errors] {
			bad[i] ^= byte(1 + rnd.IntN(255))
		}
		if !correct(bad, check, erased, 0) || !bytes.Equal(bad, block) {
			t.Fatalf("%d errors and %d erasures of %d check codewords are not corrected", errors, len(erased), check)
		}
		for i := range bad {
			bad[i] = byte(rnd.Uint32())
		}
		before := bytes.Clone(bad)
		if correct(bad, check, nil, 2) {
			wrong++
		} else if !bytes.Equal(bad, before) {
			t.Fatal("a block that was not corrected has changed")
		}
	}
	if wrong > 3 {
		t.Errorf("%d of 3000 random blocks are taken for codewords", wrong)
	}
}

func withCheck(block []byte, check int) []byte {
	generator := []byte{1}
	for i := range check {
		next := append(bytes.Clone(generator), 0)
		for j, g := range generator {
			next[j+1] ^= coding.Field.Mul(g, coding.Field.Exp(i))
		}
		generator = next
	}
	rem := append(bytes.Clone(block), make([]byte, check)...)
	for i := range block {
		for j, g := range generator[1:] {
			rem[i+1+j] ^= coding.Field.Mul(rem[i], g)
		}
	}
	return append(bytes.Clone(block), rem[len(block):]...)
}

// Symbols of many short segments, as skip2/go-qrcode makes of mixed text.
func TestMixedSegments(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		var text []byte
		for len(text) < 150+rnd.IntN(400) {
			set := []string{"0123456789", "ABCDEF0123456789", "abc\x00\xff\x80 ", "A1 b2"}[rnd.IntN(4)]
			for range rnd.IntN(70) {
				text = append(text, set[rnd.IntN(len(set))])
			}
		}
		code, err := qrcode.New(string(text), qrcode.Low)
		if err != nil {
			t.Fatal(err)
		}
		code.DisableBorder = true
		m := qr.Matrix{Size: len(code.Bitmap())}
		for _, row := range code.Bitmap() {
			m.Dark = append(m.Dark, row...)
		}
		one(t, "mixed", Acquire(clean(m, 3)), text)
	}
}

// Damaged symbols are read rightly or not at all.
func TestDamaged(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	read, wrong := 0, 0
	const trials = 300
	for i := range trials {
		version, level := 1+rnd.IntN(12), coding.Level(i%4)
		want := full(version, level, uint64(i))
		m := symbol(t, version, level, i%8, coding.String(want))
		for range rnd.IntN(m.Size * m.Size / 10) {
			m.Dark[rnd.IntN(len(m.Dark))] = rnd.IntN(2) == 0
		}
		if i%3 == 0 { // a corner is cut off
			for k := range m.Size * m.Size {
				if k%m.Size+k/m.Size > 2*m.Size-m.Size/4 {
					m.Dark[k] = false
				}
			}
		}
		for _, s := range Acquire(clean(m, 3)) {
			if read++; !bytes.Equal(s.Content(), want) {
				wrong++
			}
		}
	}
	if read < trials/4 || read > trials*9/10 || wrong > 0 {
		t.Errorf("of %d damaged symbols %d are read, %d wrongly", trials, read, wrong)
	}
}

func TestRefusesWhatNoEncoderMakes(t *testing.T) {
	for name, words := range map[string][]byte{
		"structured append":         {0x31, 0x23, 0x40, 0x00, 0xec},
		"FNC1":                      {0x50, 0x00, 0xec, 0x11},
		"count beyond the end":      {0x4f, 0xf4, 0x10},
		"digits above 999":          {0x10, 0x0f, 0xff, 0xc0, 0xec},
		"padding of something else": {0x40, 0x14, 0x10, 0xec, 0x12},
		"ECI of four bytes":         {0x7f, 0x04, 0x01, 0x41, 0x00},
		"ECI cut short":             {0x7c},
	} {
		if s, ok := parse(words, 1); ok {
			t.Errorf("%s: %v", name, s)
		}
	}
	for name, words := range map[string][]byte{
		"nothing":          {0x00, 0xec, 0x11},
		"an empty segment": {0x40, 0x00, 0xec},
		"ECI 26, a byte":   {0x71, 0xa4, 0x01, 0x41, 0x00, 0xec, 0x11},
		"Kanji":            {0x80, 0x1d, 0x9f, 0x00, 0xec}, // one character
	} {
		if _, ok := parse(words, 1); !ok {
			t.Errorf("%s is refused", name)
		}
	}
	// The character 点 of ISO/IEC 18004:2015, 7.4.6: 0x935f is 0x0d9f.
	if s, _ := parse([]byte{0x80, 0x10 | 0x0d9f>>9, 0x0d9f >> 1 & 0xff, 0x0d9f << 7 & 0xff, 0xec}, 1); len(s) != 1 || !bytes.Equal(s[0].Data, []byte{0x93, 0x5f}) {
		t.Errorf("Kanji: %v", s)
	}
}

func TestOddPictures(t *testing.T) {
	for _, size := range [][2]int{{0, 0}, {1, 1}, {16, 16}, {17, 3000}, {3000, 17}, {16, 1}} {
		p := &picture.Plane{Width: size[0], Height: size[1], Stride: size[0], Pix: make([]byte, size[0]*size[1])}
		for i := range p.Pix {
			p.Pix[i] = byte(i * 7)
		}
		if s := Acquire(p); len(s) != 0 {
			t.Errorf("%v: %v", size, s)
		}
	}
	if s := Acquire(&picture.Plane{Width: 1 << 40, Height: 1 << 40, Stride: 1 << 40}); len(s) != 0 {
		t.Errorf("a picture too large to read: %v", s)
	}
	// A stride longer than a row, and a plane that ends with its last row.
	want := full(5, coding.L, 1)
	tight := clean(symbol(t, 5, coding.L, 1, coding.String(want)), 4)
	wide := &picture.Plane{Width: tight.Width, Height: tight.Height, Stride: tight.Width + 13}
	for y := range tight.Height {
		wide.Pix = append(wide.Pix, tight.Pix[y*tight.Stride:][:tight.Width]...)
		if y < tight.Height-1 {
			wide.Pix = append(wide.Pix, make([]byte, 13)...)
		}
	}
	one(t, "stride", Acquire(wide), want)
}

// What gozxing alone reads is read too: here one seen in a mirror.
func TestSecondOpinion(t *testing.T) {
	want := full(4, coding.L, 9)
	m := symbol(t, 4, coding.L, 1, coding.String(want))
	turned := qr.Matrix{Size: m.Size, Dark: make([]bool, len(m.Dark))}
	for i := range m.Dark {
		turned.Dark[i] = m.At(i/m.Size, i%m.Size)
	}
	s := one(t, "mirrored", Acquire(clean(turned, 5)), want)
	if s.Version != 4 || s.Level != 'L' || s.Mask != -1 {
		t.Errorf("read as version %d, level %c, mask %d", s.Version, s.Level, s.Mask)
	}
}

// A picture full of finder patterns costs no more than is allowed for.
func TestWorkIsBounded(t *testing.T) {
	tile := clean(symbol(t, 1, coding.L, 0, coding.String("x")), 2)
	p := &picture.Plane{Width: 1920, Height: 1080, Stride: 1920, Pix: make([]byte, 1920*1080)}
	for i := range p.Pix {
		// Only the top left finder pattern of it, over and over, and a little noise.
		p.Pix[i] = tile.Pix[i/1920%20*tile.Stride+i%1920%20] ^ byte(i*i>>7&31)
	}
	start := time.Now()
	Acquire(p)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0x40, 0x14, 0x10, 0xec, 0x11}, uint8(1))
	f.Add([]byte{0x71, 0xa4, 0x01, 0x41, 0x00}, uint8(1))
	f.Add([]byte{0x10, 0x0c, 0x1e, 0xc0, 0x20, 0x11, 0x40, 0x00}, uint8(9))
	f.Add([]byte{0x80, 0x1d, 0x9f, 0x00, 0xec}, uint8(27))
	f.Fuzz(func(t *testing.T, words []byte, v uint8) {
		version := 1 + int(v)%40
		segments, ok := parse(words, version)
		if !ok {
			return
		}
		if total := len(Symbol{Segments: segments}.Content()); total > 3*len(words) {
			t.Fatalf("%d codewords gave %d bytes", len(words), total)
		}
		theirVersion, err := zxing.Version_GetVersionForNumber(version)
		if err != nil {
			t.Fatal(err)
		}
		var r *common.DecoderResult
		func() {
			defer func() { recover() }()
			r, err = zxing.DecodedBitStreamParser_Decode(words, theirVersion, zxing.ErrorCorrectionLevel_L, nil)
		}()
		if err != nil || r == nil {
			return
		}
		var ours [][]byte
		for _, s := range segments {
			if s.Mode == Byte {
				ours = append(ours, s.Data)
			}
		}
		theirs := r.GetByteSegments()
		if len(ours) != len(theirs) {
			t.Fatalf("%d byte segments, gozxing has %d", len(ours), len(theirs))
		}
		for i := range ours {
			if !bytes.Equal(ours[i], theirs[i]) {
				t.Fatalf("segment %d: %q, gozxing has %q", i, ours[i], theirs[i])
			}
		}
	})
}

// FuzzRead reads arbitrary pictures, and symbols with some modules overwritten.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x00\xff\x80"), uint8(2), false)
	f.Add([]byte{1, 200, 3, 77, 0}, uint8(6), true)
	f.Add([]byte{}, uint8(0), true)
	f.Fuzz(func(t *testing.T, noise []byte, v uint8, damaged bool) {
		if len(noise) > 1<<16 {
			return
		}
		p := &picture.Plane{Width: 16 + int(v), Height: 16 + len(noise)/64, Stride: 16 + int(v)}
		p.Pix = make([]byte, p.Width*p.Height)
		copy(p.Pix, noise)
		var want []byte
		if damaged {
			version := 1 + int(v)%10
			want = full(version, coding.L, 1)
			m := symbol(t, version, coding.L, int(v)%8, coding.String(want))
			for i := 0; i+1 < len(noise); i += 2 {
				m.Dark[(int(noise[i])<<8|int(noise[i+1]))%len(m.Dark)] = i%4 == 0
			}
			p = clean(m, 2)
		}
		r := New()
		for range 2 {
			for _, s := range r.read(p) {
				if damaged && len(noise) == 0 && !bytes.Equal(s.Content(), want) {
					t.Fatal("read wrongly")
				}
			}
		}
	})
}
