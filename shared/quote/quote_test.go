package quote

import (
	"strings"
	"testing"
)

func TestString(t *testing.T) {
	for in, want := range map[string]string{
		"":                        `""`,
		"invoice 4711":            `"invoice 4711"`,
		"a\"b\\c":                 `"a\"b\\c"`,
		"\x1b[2J\r\n\x07\x7f\x9b": `"\u{001B}[2J\u{000D}\u{000A}\u{0007}\u{007F}\x{9B}"`,
		"\u202eexe.txt\u2066":     `"\u{202E}exe.txt\u{2066}"`,
		"p\u0430y":                `"p\u{0430}y"`, // a Cyrillic letter
		"\U0001f600":              `"\u{1F600}"`,
		"\xff\xfe":                `"\x{FF}\x{FE}"`,
		"\ufffd":                  `"\u{FFFD}"`,
	} {
		if got := String(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	long := strings.Repeat("a", Limit-1) + "é" + strings.Repeat("b", 100)
	if got := String(long); !strings.HasSuffix(got, `a"... (102 more bytes)`) || strings.Contains(got, "b\"") {
		t.Errorf("cut: ...%s", got[len(got)-40:])
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{"plain text": "plain text", "two\nlines": `"two\u{000A}lines"`} {
		if got := Line(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
	if got := Line(strings.Repeat("x", Limit+1)); !strings.HasSuffix(got, "(1 more bytes)") {
		t.Errorf("a long line: %d bytes", len(got))
	}
}

// Whatever comes in, what goes out is one line of printable ASCII and bounded;
// and different short texts never look the same.
func FuzzString(f *testing.F) {
	f.Add("a", "b")
	f.Add("\x1b[0m", `\u{001B}[0m`)
	f.Add("\xff", `\x{FF}`)
	f.Add(strings.Repeat("\U0010ffff", 200), "")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := String(a), String(b)
		if !Plain(x) || len(x) > 10*Limit {
			t.Errorf("%d bytes: %q", len(x), x)
		}
		if a != b && x == y && len(a) <= Limit && len(b) <= Limit {
			t.Errorf("%q and %q both show as %s", a, b, x)
		}
	})
}
