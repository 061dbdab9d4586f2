package native

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const folder = "../../../testdata/frame-native"

type vector struct {
	object []byte
	frames [][]byte
}

// vectors reads the golden frames, made by a program that is not ours.
func vectors(t testing.TB) map[string]vector {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.frames"))
	if err != nil || len(names) != 5 {
		t.Fatalf("%d files of golden frames, and 5 were made: %v", len(names), err)
	}
	all := map[string]vector{}
	for _, name := range names {
		var v vector
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		name = strings.TrimSuffix(name, ".frames")
		if v.object, err = os.ReadFile(name + ".object"); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Fields(string(text)) {
			f, err := hex.DecodeString(line)
			if err != nil {
				t.Fatal(err)
			}
			v.frames = append(v.frames, f)
		}
		all[filepath.Base(name)] = v
	}
	return all
}

func TestVectors(t *testing.T) {
	for name, v := range vectors(t) {
		frameSize := len(v.frames[0])
		o, _, _, err := parse(v.frames[0])
		if err != nil {
			t.Fatal(err)
		}
		e, err := newEncoder(v.object, 0, frameSize)
		if o.word&deflated != 0 {
			s := newSession(o)
			for _, f := range v.frames {
				_, number, symbol, err := parse(f)
				if err != nil {
					t.Fatal(err)
				}
				s.add(number, symbol)
			}
			carried, ok := s.carried()
			if !ok {
				t.Fatalf("%s: the object is not what its id says", name)
			}
			e, err = newEncoder(carried, deflated, frameSize)
		}
		if err != nil || e.object != o {
			t.Fatalf("%s: we make another object than %+v: %v", name, o, err)
		}
		d := NewDecoder(Limits{})
		for i, f := range v.frames {
			_, number, _, err := parse(f)
			if err != nil {
				t.Fatal(err)
			}
			if ours := e.byNumber(number); !bytes.Equal(ours, f) {
				t.Errorf("%s, line %d: we make\n%x, they\n%x", name, i+1, ours, f)
			}
			if _, err := d.Add(f); err != nil {
				t.Errorf("%s, line %d: %v", name, i+1, err)
			}
		}
		if name != "blocks" { // a few of 8003 frames
			d, got := NewDecoder(Limits{}), []byte(nil)
			for i := len(v.frames) - 1; i >= 0 && got == nil; i-- {
				p, err := d.Add(v.frames[i])
				if err != nil {
					t.Fatal(err)
				}
				got = p.Object
			}
			if !bytes.Equal(got, v.object) {
				t.Errorf("%s: read backwards, %d bytes come out", name, len(got))
			}
		}
	}
}

// FORMAT.md shows the frames of "three", byte for byte.
func TestFormatShowsTheVectors(t *testing.T) {
	page, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	for line := range strings.Lines(string(page)) {
		if b, _, ok := strings.Cut(line, "--"); ok {
			shown.WriteString(strings.TrimSpace(b))
		}
	}
	for i, f := range vectors(t)["three"].frames {
		if !strings.Contains(shown.String(), hex.EncodeToString(f)) {
			t.Errorf("frame %d is not in FORMAT.md: %x", i, f)
		}
	}
}
