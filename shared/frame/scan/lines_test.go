package scan

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"coldsign/shared/fault"
)

func lines(t *testing.T, r io.Reader) (got []string, err error) {
	t.Helper()
	err = Lines(t.Context(), r, func(line []byte) bool { got = append(got, string(line)); return false })
	return got, err
}

func TestLines(t *testing.T) {
	for in, want := range map[string][]string{
		"":                                     nil,
		"\r\n\n\r":                             nil,
		"a\nb\rc\r\nd":                         {"a", "b", "c", "d"},
		" a \n\n\x00b\x00\n\xff\x1b[2J\r":      {" a ", "\x00b\x00", "\xff\x1b[2J"},
		strings.Repeat("x", MaxLine-1) + "\ny": {strings.Repeat("x", MaxLine-1), "y"},
		strings.Repeat("\n", 100_000) + "a":    {"a"},
	} {
		got, err := lines(t, strings.NewReader(in))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%.40q: %.40q, %v", in, got, err)
		}
		if len(in) < 1000 {
			if got, err := lines(t, iotest.OneByteReader(strings.NewReader(in))); err != nil || !slices.Equal(got, want) {
				t.Errorf("%.40q byte by byte: %.40q, %v", in, got, err)
			}
		}
	}
	got, err := lines(t, io.MultiReader(strings.NewReader("a\n"), zeros{}))
	if fault.Code(err) != "scan.line" || !slices.Equal(got, []string{"a"}) {
		t.Errorf("a line without end: %q, %v", got, err)
	}
	broken := errors.New("broken")
	if _, err := lines(t, iotest.ErrReader(broken)); !errors.Is(err, broken) || fault.Code(err) != "file.read" {
		t.Errorf("%v", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// Lines does not wait for a scanner that is silent.
func TestLinesStop(t *testing.T) {
	r, w := io.Pipe()
	go io.WriteString(w, "a\nb\nc\n")
	n := 0
	if err := Lines(t.Context(), r, func([]byte) bool { n++; return n == 2 }); err != nil || n != 2 {
		t.Errorf("%d lines, %v", n, err)
	}
	r.Close()
	r, w = io.Pipe()
	defer r.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go io.WriteString(w, "a\n")
	if err := Lines(ctx, r, func([]byte) bool { cancel(); return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// The vectors of FORMAT.md, from RFC 9285 sections 4.3 and 4.4.
func TestFrameLine(t *testing.T) {
	for frame, line := range map[string]string{
		"AB": "CS1:BB8", "Hello!!": "CS1:%69 VD92EX0", "base-45": "CS1:UJCLQE7W581", "ietf!": "CS1:QED8WEX0", "": "CS1:",
	} {
		if got := FrameLine([]byte(frame)); got != line {
			t.Errorf("%q is written %q", frame, got)
		}
		if got, ok := ParseFrameLine(line); !ok || string(got) != frame {
			t.Errorf("%q is read %q, %v", line, got, ok)
		}
	}
	for _, line := range []string{
		"", "CS1", "cs1:BB8", "CS2:BB8", "BB8", "CS1:B", "CS1:BB8B", "CS1:GGW", "CS1:GGX", "CS1:::", "CS1:bb8",
		"CS1:BB8 ", "CS1:BB8\n", "CS1:B\x008", "CS1:\xff\xff\xff", "ur:bytes/aeae", "B$2P0100",
	} {
		if got, ok := ParseFrameLine(line); ok {
			t.Errorf("%q is read %x", line, got)
		}
	}
	// RFC 9285, section 6: 65535 is "FGW", and "GGW" would be 65536.
	if got, ok := ParseFrameLine("CS1:FGW"); !ok || !bytes.Equal(got, []byte{0xff, 0xff}) {
		t.Errorf("FGW is read %x, %v", got, ok)
	}
}

// FuzzFrameLine: what parses is written the same again; what is written parses,
// and never ends with a space, which terminals and scanners trim.
func FuzzFrameLine(f *testing.F) {
	for _, s := range []string{"CS1:", "CS1:BB8", "CS1:%69 VD92EX0", "CS1:GGW", "CS1:::", "ur:bytes/aeae"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if frame, ok := ParseFrameLine(s); ok && FrameLine(frame) != s {
			t.Fatalf("%q is written %q", s, FrameLine(frame))
		}
		line := FrameLine([]byte(s))
		if frame, ok := ParseFrameLine(line); !ok || string(frame) != s || strings.HasSuffix(line, " ") {
			t.Fatalf("%q is read %q, %v", line, frame, ok)
		}
	})
}

// What follows the last code belongs to whoever reads next.
func TestLinesReadNoFurther(t *testing.T) {
	r := &counting{lines: []string{"a\n", "b\n", "passphrase\n"}}
	if err := Lines(t.Context(), r, func(line []byte) bool { return string(line) == "b" }); err != nil || r.reads != 2 {
		t.Errorf("%d reads, %v", r.reads, err)
	}
}

// counting gives a line for each Read, as a terminal does.
type counting struct {
	lines []string
	reads int
}

func (c *counting) Read(b []byte) (int, error) {
	c.reads++
	return copy(b, c.lines[c.reads-1]), nil
}
