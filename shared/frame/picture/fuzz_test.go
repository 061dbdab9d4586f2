package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func seeds(f *testing.F, pattern string) {
	names, err := filepath.Glob(filepath.Join(testdata, pattern))
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds %s: %v", pattern, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(b[:len(b)-1])
	}
}

// outcome is what a source gives, as text to compare, at most 50 pictures of it.
func outcome(t *testing.T, r io.Reader) []string {
	var out []string
	src, err := New(r)
	if err != nil {
		return []string{err.Error()}
	}
	for range 50 {
		p, err := src.Next()
		if errors.Is(err, io.EOF) {
			return append(out, "end")
		}
		if err != nil {
			if out = append(out, err.Error()); !IsLost(err) {
				return out
			}
			continue
		}
		if p.Width < 1 || p.Height < 1 || p.Width*p.Height > MaxPixels || p.Stride < p.Width ||
			len(p.Pix) < p.Stride*(p.Height-1)+p.Width || p.Time < 0 {
			t.Fatalf("%d by %d, stride %d, %d bytes, at %v", p.Width, p.Height, p.Stride, len(p.Pix), p.Time)
		}
		out = append(out, string(rows(p)))
	}
	return out
}

// pixels is how many pixels a picture that starts like in may claim: the fuzzer is
// kept from spending its time on clearing memory.
func pixels(in []byte) int {
	if len(in) < 24 {
		return 0
	}
	switch {
	case in[0] == 'G':
		return int(binary.LittleEndian.Uint16(in[6:])) * int(binary.LittleEndian.Uint16(in[8:]))
	case in[0] == 0x89:
		return int(binary.BigEndian.Uint32(in[16:])) * int(binary.BigEndian.Uint32(in[20:]))
	}
	return 0
}

// FuzzNew: nothing panics, planes hold what they say, and it does not matter in
// what portions a stream comes.
func FuzzNew(f *testing.F) {
	seeds(f, "*.*")
	f.Fuzz(func(t *testing.T, in []byte) {
		if pixels(in) > 1<<18 {
			return
		}
		whole := outcome(t, bytes.NewReader(in))
		for i, s := range outcome(t, iotest.HalfReader(bytes.NewReader(in))) {
			if i >= len(whole) || s != whole[i] {
				t.Fatalf("step %d differs in portions", i)
			}
		}
	})
}

// FuzzRaw: what is read as Y4M or PGM writes out to the same picture bytes.
func FuzzRaw(f *testing.F) {
	for _, space := range []string{"mono", "420jpeg", "422", "444", "420p10"} {
		f.Add("YUV4MPEG2 W3 H5 F30:1 C"+space, []byte("FRAME Ip"), bytes.Repeat([]byte("abcdefghijklm"), 10))
	}
	f.Add("YUV4MPEG2 W1 H1 F1000000:60000000", []byte("FRAME"), []byte("abc"))
	f.Add("P5 3 2 255", []byte{}, []byte("abcdef"))
	f.Add("P5\n# x\n#\n 3 2\t255", []byte{}, []byte("abcdef"))
	f.Fuzz(func(t *testing.T, head string, frame, data []byte) {
		in := head + "\n" + string(data)
		if strings.HasPrefix(head, "YUV4MPEG2") {
			in = head + "\n" + string(frame) + "\n" + string(data)
		}
		if strings.ContainsAny(head[min(2, len(head)):]+string(frame), "\n") || strings.HasPrefix(head, "GIF") || len(head) > 900 || len(frame) > 900 {
			return
		}
		src, err := New(strings.NewReader(in))
		if err != nil {
			return
		}
		p, err := src.Next()
		if err != nil {
			return
		}
		if !bytes.HasPrefix(data, p.Pix) && strings.HasPrefix(head, "Y") {
			t.Fatalf("%q: other pixels than those that came in", in)
		}
		if !strings.Contains(in, string(p.Pix)) {
			t.Fatalf("%q: pixels that did not come in", in)
		}
	})
}

// FuzzGIF: pictures cut out of a GIF one by one are those of image/gif, which
// decodes all at once.
func FuzzGIF(f *testing.F) {
	seeds(f, "*.gif")
	f.Fuzz(func(t *testing.T, in []byte) {
		if pixels(in) > 1<<14 {
			return
		}
		g, err := gif.DecodeAll(bytes.NewReader(in))
		if err != nil || len(g.Image) > 50 {
			return
		}
		src, err := New(bytes.NewReader(in))
		if err != nil {
			t.Fatalf("image/gif reads it: %v", err)
		}
		screen := image.NewRGBA(image.Rect(0, 0, g.Config.Width, g.Config.Height))
		draw.Draw(screen, screen.Rect, image.White, image.Point{}, draw.Src)
		for i, m := range g.Image {
			before := image.NewRGBA(screen.Rect)
			copy(before.Pix, screen.Pix)
			draw.Draw(screen, m.Rect, m, m.Rect.Min, draw.Over)
			p, err := src.Next()
			if err != nil {
				t.Fatalf("picture %d: %v", i, err)
			}
			for j, v := range rows(p) {
				want := color.GrayModel.Convert(screen.At(j%p.Width, j/p.Width)).(color.Gray).Y
				if d := int(v) - int(want); d < -1 || d > 1 { // it rounds 16 bits
					t.Fatalf("picture %d, pixel %d: %d, want %d", i, j, v, want)
				}
			}
			switch g.Disposal[i] {
			case gif.DisposalPrevious:
				screen = before
			case gif.DisposalBackground:
				draw.Draw(screen, m.Rect, image.White, image.Point{}, draw.Src)
			}
		}
	})
}
