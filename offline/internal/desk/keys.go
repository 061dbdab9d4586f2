package desk

import (
	"fmt"
	"slices"
	"strings"

	"coldsign/shared/frame/screen"
)

const enterKey, deleteKey = '\r', 0x7f

// Key acts on a key that was pressed.
func (d *Desk) Key(k rune) {
	d.said = ""
	switch d.mode {
	case inside:
		d.keyInside(k)
	case reason, words:
		d.keyTyped(k)
	default:
		d.keyList(k)
	}
}

func (d *Desk) keyList(k rune) {
	body := max(d.rows-3, 1)
	switch k {
	case screen.Down, 'j':
		d.move(1)
	case screen.Up, 'k':
		d.move(-1)
	case ' ', screen.PageDown, 'n':
		d.top += body
	case 'b', screen.PageUp, 'p':
		d.top -= body
	case screen.Home, 'g':
		d.top = 0
	case screen.End, 'G':
		d.top = len(d.lines)
	case enterKey, '\n':
		if len(d.content.Items) > 0 {
			d.mode, d.inTop = inside, 0
		}
	case 'r':
		d.ask()
	case 'u':
		d.undo()
	case 'a':
		d.approve()
	case 'q', screen.Esc, screen.CtrlC:
		d.over, d.refused = true, map[int]string{}
	}
	d.follow(body)
}

func (d *Desk) keyInside(k rune) {
	body := max(d.rows-3, 1)
	switch k {
	case screen.Down, 'j':
		d.inTop++
	case screen.Up, 'k':
		d.inTop--
	case ' ', screen.PageDown, 'n':
		d.inTop += body
	case 'b', screen.PageUp, 'p':
		d.inTop -= body
	case 'r':
		d.mode = list
		d.ask()
	case 'u':
		d.undo()
	case 'q', screen.Esc, enterKey, '\n':
		d.mode = list
	}
	d.inTop = max(d.inTop, 0)
}

// move puts the cursor on another item and brings it into view.
func (d *Desk) move(by int) {
	if len(d.content.Items) == 0 {
		return
	}
	was := d.at
	d.at = max(min(d.at+by, len(d.content.Items)-1), 0)
	d.mark(was)
	d.mark(d.at)
	line, body := d.starts[d.at], max(d.rows-3, 1)
	if line < d.top {
		d.top = line
	}
	if last := line + len(wrap(d.content.Items[d.at].Lines, d.columns-3)); last > d.top+body {
		d.top = last - body
	}
}

// ask asks for the reason of a refusal.
func (d *Desk) ask() {
	switch {
	case len(d.content.Items) == 0:
	case d.content.Items[d.at].Fixed:
		d.said = fmt.Sprintf("request %d was decided before, and that stands", d.at+1)
	default:
		d.mode, d.typed = reason, nil
	}
}

func (d *Desk) undo() {
	if _, ok := d.refused[d.at]; ok {
		delete(d.refused, d.at)
		d.mark(d.at)
		d.said = fmt.Sprintf("request %d is no longer refused by you", d.at+1)
	}
}

// approve asks for the words, if everything was on the screen.
func (d *Desk) approve() {
	if n := d.unseen(); n > 0 {
		d.said = fmt.Sprintf("not yet: %d lines were not shown, from line %d on; space and b turn pages", n, slices.Index(d.shown, false)+1)
		return
	}
	d.mode, d.typed = words, nil
}

func (d *Desk) keyTyped(k rune) {
	switch {
	case k == screen.Esc || k == screen.CtrlC:
		d.mode, d.said = list, "nothing was changed"
	case k == deleteKey || k == '\b':
		d.typed = d.typed[:max(len(d.typed)-1, 0)]
	case k >= ' ' && k <= '~' && len(d.typed) < maxReason:
		d.typed = append(d.typed, k)
	case (k == enterKey || k == '\n') && d.mode == reason:
		d.refuse(strings.Join(strings.Fields(string(d.typed)), " "))
	case k == enterKey || k == '\n':
		d.say(string(d.typed))
	}
}

func (d *Desk) refuse(why string) {
	d.mode = list
	if why == "" {
		d.said = "not refused: a reason is wanted"
		return
	}
	d.refused[d.at] = why
	d.mark(d.at)
	d.said = fmt.Sprintf("request %d is refused by you", d.at+1)
}

// say takes the typed words for a yes, or not.
func (d *Desk) say(typed string) {
	d.mode = list
	first := strings.Fields(d.content.Digest)
	if len(first) < 2 || !strings.EqualFold(strings.Join(strings.Fields(typed), " "), first[0]+" "+first[1]) {
		d.said = "these are not the first two words: nothing was approved"
		return
	}
	d.over, d.yes = true, true
}
