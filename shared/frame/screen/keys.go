package screen

import "coldsign/shared/frame/qr"

// What a terminal sends for keys without a letter. Those that it spells out are told
// as signs.
const (
	CtrlC, Esc       rune = 3, 27
	Left, Right      rune = '\u2190', '\u2192'
	Up, Down         rune = '\u2191', '\u2193'
	Home, End        rune = '\u21e4', '\u21e5'
	PageUp, PageDown rune = '\u21de', '\u21df'
)

// speeds are those that a person chooses from, in frames a second.
func speeds() []int { return []int{1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20} }

// Key takes the first key off what was typed. A key that means nothing here is 0,
// whatever its sequence holds: an F key must not quit.
func Key(b []byte) (rune, []byte) {
	if rune(b[0]) != Esc || len(b) == 1 {
		return rune(b[0]), b[1:]
	}
	if b[1] != '[' && b[1] != 'O' {
		return 0, b[2:] // with Alt
	}
	i := 2
	for i < len(b) && b[i] < '@' {
		i++
	}
	if i >= len(b) {
		return 0, nil
	}
	named := map[string]rune{
		"A": Up, "B": Down, "C": Right, "D": Left, "H": Home, "F": End, "1~": Home, "4~": End, "5~": PageUp, "6~": PageDown,
	}
	return named[string(b[2:i+1])], b[i+1:]
}

// act does what a key asks for, and reports whether it is one of those that ask
// for something. The keys beside need no shift on some keyboards.
func (s *playing) act(k rune) bool {
	switch k {
	case '+', '=':
		s.wanted = max(s.wanted, min(s.stage.version+1, qr.MaxVersion))
	case '-', '_':
		if s.actual > least {
			s.wanted = s.actual - 1
		}
	case '>', '.':
		s.speed = min(s.speed+1, len(speeds())-1)
	case '<', ',':
		s.speed = max(s.speed-1, 0)
	case ' ':
		s.paused = !s.paused
	case Right:
		s.paused, s.n = true, s.n+1
	case Left:
		s.paused, s.n = true, max(s.n, 1)-1
	default:
		return false
	}
	return true
}
