// Package quote is the one place where text from outside becomes safe to show.
//
// A memo, a label or a node's error text may hold terminal escapes, bidi
// controls, look-alike letters or a fake prompt on a new line. What leaves this
// package is printable ASCII on one line, so no such text can move the cursor
// or reorder what a person reads (CVE-2021-42574, CVE-2021-25743).
package quote

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limit is the most bytes of the original that String shows.
const Limit = 512

// String shows s between double quotes. Printable ASCII stays as it is, save
// the quote and the backslash; a character becomes \u{XXXX}, a byte that is no
// UTF-8 becomes \x{XX}. Past Limit bytes the rest is counted, not shown.
func String(s string) string {
	shown, rest := s, 0
	if len(s) > Limit {
		cut := Limit
		for cut > Limit-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		shown, rest = s[:cut], len(s)-cut
	}
	var b strings.Builder
	b.WriteByte('"')
	for len(shown) > 0 {
		r, n := utf8.DecodeRuneInString(shown)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x{%02X}`, shown[0])
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteByte(byte(r))
		case r >= 0x20 && r < 0x7f:
			b.WriteByte(byte(r))
		default:
			fmt.Fprintf(&b, `\u{%04X}`, r)
		}
		shown = shown[n:]
	}
	b.WriteByte('"')
	if rest > 0 {
		fmt.Fprintf(&b, "... (%d more bytes)", rest)
	}
	return b.String()
}

// Plain reports whether s is printable ASCII on one line, and so safe to show
// as it is.
func Plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// Line shows s as it is when it is Plain and short, else quoted.
func Line(s string) string {
	if Plain(s) && len(s) <= Limit {
		return s
	}
	return String(s)
}
