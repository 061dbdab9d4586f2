package screen

import "coldsign/shared/frame/qr"

// What a terminal sends for keys without a letter; arrows are told as their signs.
const (
	ctrlC, esc  = 3, 27
	left, right = '\u2190', '\u2192'
)

// speeds are those that a person chooses from, in frames a second.
func speeds() []int { return []int{1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20} }

// key takes the first key off what was typed. A key that means nothing here is 0,
// whatever its sequence holds: an F key must not quit.
func key(b []byte) (rune, []byte) {
	if b[0] != esc || len(b) == 1 {
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
	switch b[i] {
	case 'C':
		return right, b[i+1:]
	case 'D':
		return left, b[i+1:]
	}
	return 0, b[i+1:]
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
	case right:
		s.paused, s.n = true, s.n+1
	case left:
		s.paused, s.n = true, max(s.n, 1)-1
	default:
		return false
	}
	return true
}
