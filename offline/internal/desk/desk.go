// Package desk is a full-screen review: a person pages through everything that a
// batch would do, looks into single requests, says no to some of them, and says yes
// by typing words of the digest, which is possible only once every line was on the
// screen.
//
//	d := desk.New(content)
//	for { draw(d.Screen(columns, rows)); d.Key(k); if d.Over() ... }
//	outcome, err := desk.Play(d, terminal)
//
// It needs no colour, nothing but the keys of any keyboard, and 80 by 24 cells or
// fewer. What it shows are lines of printable ASCII that others have made: it decides
// nothing about them.
package desk

import (
	"fmt"
	"strings"
)

// Content is what a batch is to a person.
type Content struct {
	Title  string
	Lead   []string // warnings, totals, destinations: before the requests
	Items  []Item
	Digest string // words; the first two are typed to say yes
}

// Item is one request.
type Item struct {
	Lines  []string // in the list: a few
	Text   []string // everything, when a person looks into it
	Fixed  bool     // decided before: no longer to be refused
	Signed bool     // would be signed
}

// Outcome is what the person wants.
type Outcome struct {
	Approved bool
	Refused  map[int]string // items, with the reason
}

const (
	leastColumns, leastRows = 40, 10
	maxReason               = 200 // characters that a person may type
)

type mode uint8

const (
	list mode = iota
	inside
	reason
	words
)

// Desk is a review in progress.
type Desk struct {
	content Content
	refused map[int]string

	mode    mode
	at      int // the item that is looked at, or that the cursor is on
	top     int // first line of the list on the screen
	inTop   int // and of the text inside an item
	shown   []bool
	typed   []rune
	said    string // the answer to the last key
	over    bool
	yes     bool
	columns int
	rows    int

	lines  []string // the list, wrapped for columns
	starts []int    // the line that each item starts at
}

// New begins a review.
func New(c Content) *Desk { return &Desk{content: c, refused: map[int]string{}} }

// Over says whether the person is done; Outcome tells how.
func (d *Desk) Over() bool { return d.over }

// Outcome is valid once it is over. Nothing is refused when it was stopped.
func (d *Desk) Outcome() Outcome { return Outcome{d.yes, d.refused} }

// Screen gives the lines of the screen, as many as it has rows, none longer than it
// has columns. A window of another size begins to count anew what was shown.
func (d *Desk) Screen(columns, rows int) []string {
	if columns < leastColumns || rows < leastRows {
		return pad([]string{fmt.Sprintf("make the window larger than %d by %d", leastColumns, leastRows)}, columns, rows)
	}
	if columns != d.columns {
		d.layout(columns)
	}
	d.rows = rows
	body := rows - 3
	var out []string
	switch d.mode {
	case inside:
		text := wrap(d.content.Items[d.at].Text, columns)
		d.inTop = min(d.inTop, max(len(text)-body, 0))
		out = append(out, fmt.Sprintf("REQUEST %d of %d  %s", d.at+1, len(d.content.Items), d.state(d.at)))
		out = append(out, window(text, d.inTop, body)...)
		out = append(out, d.place(d.inTop, body, len(text)), "arrows, space page  r refuse  u undo  esc back")
	default:
		d.follow(body)
		out = append(out, d.content.Title)
		out = append(out, window(d.lines, d.top, body)...)
		for i := d.top; i < min(d.top+body, len(d.lines)); i++ {
			d.shown[i] = true
		}
		out = append(out, d.place(d.top, body, len(d.lines)), d.prompt())
	}
	return pad(out, columns, rows)
}

// prompt is the last line.
func (d *Desk) prompt() string {
	switch d.mode {
	case reason:
		return "why not? " + string(d.typed)
	case words:
		return "type the first two words of the digest: " + string(d.typed)
	}
	if d.said != "" {
		return d.said
	}
	return "arrows, space page  enter look inside  r refuse  u undo  a approve  q stop"
}

// place tells where one is.
func (d *Desk) place(top, body, all int) string {
	s := fmt.Sprintf("-- lines %d to %d of %d", min(top+1, all), min(top+body, all), all)
	if d.mode != inside {
		if n := d.unseen(); n > 0 {
			s += fmt.Sprintf(", %d not shown yet", n)
		} else {
			s += ", all were shown"
		}
		s += fmt.Sprintf(", %d refused by you", len(d.refused))
	}
	return s
}

// layout wraps the list for a width, and forgets what was shown.
func (d *Desk) layout(columns int) {
	d.columns, d.lines, d.starts = columns, wrap(d.content.Lead, columns), nil
	for i, it := range d.content.Items {
		d.starts = append(d.starts, len(d.lines))
		for _, line := range wrap(it.Lines, columns-3) {
			d.lines = append(d.lines, "   "+line)
		}
		d.mark(i)
	}
	d.lines = append(d.lines, wrap([]string{"", "BATCH DIGEST  " + d.content.Digest}, columns)...)
	d.shown = make([]bool, len(d.lines))
	d.top = min(d.top, len(d.lines))
}

// mark sets what stands before an item: the cursor, and an x where it is refused. The
// rest of the line says the same as before: it need not be seen again.
func (d *Desk) mark(i int) {
	m := []byte("   ")
	if i == d.at {
		m[0] = '>'
	}
	if _, no := d.refused[i]; no {
		m[1] = 'x'
	}
	if line := d.starts[i]; line < len(d.lines) {
		d.lines[line] = string(m) + d.lines[line][len(m):]
	}
}

// follow keeps the window within the list.
func (d *Desk) follow(body int) { d.top = max(min(d.top, len(d.lines)-body), 0) }

func (d *Desk) unseen() (n int) {
	for _, s := range d.shown {
		if !s {
			n++
		}
	}
	return n
}

// state says in words what becomes of an item.
func (d *Desk) state(i int) string {
	switch _, no := d.refused[i]; {
	case no:
		return "REFUSED BY YOU: " + d.refused[i]
	case d.content.Items[i].Signed:
		return "would be signed"
	}
	return "is not signed"
}

// wrap breaks lines at a width, what goes on being set in by two.
func wrap(lines []string, columns int) (out []string) {
	for _, line := range lines {
		in := ""
		for len(in)+len(line) > columns {
			at := strings.LastIndexByte(line[:columns-len(in)], ' ')
			if at+len(in) < columns/2 {
				at = columns - len(in)
			}
			out = append(out, in+line[:at])
			line, in = strings.TrimPrefix(line[at:], " "), "  "
		}
		out = append(out, in+line)
	}
	return out
}

func window(lines []string, top, n int) []string {
	out := make([]string, n)
	copy(out, lines[min(top, len(lines)):])
	return out
}

// pad makes exactly rows lines of at most columns characters of printable ASCII.
func pad(lines []string, columns, rows int) []string {
	out := make([]string, max(rows, 0))
	for i := range out {
		if i < len(lines) {
			line := strings.Map(func(r rune) rune {
				if r < ' ' || r > '~' {
					return '?'
				}
				return r
			}, lines[i])
			out[i] = line[:max(min(len(line), columns), 0)]
		}
	}
	return out
}
