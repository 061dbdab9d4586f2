package desk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"coldsign/shared/fault"
	"coldsign/shared/frame/screen"
)

const (
	// The alternate screen, and back.
	enter = "\x1b[?1049h\x1b[2J"
	leave = "\x1b[0m\x1b[?25h\x1b[?1049l"

	glance = 200 * time.Millisecond // for how long a change of size may go unseen
)

// Play lets a person at a terminal review, and gives the terminal back however it
// ends. What was typed ahead is dropped by fresh, at the start and before the words.
func Play(d *Desk, in *os.File, out io.Writer, fresh func() error) (o Outcome, err error) {
	fd := int(in.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return o, fault.New("console.terminal", "", "there is no terminal to review on: %w", err)
	}
	defer func() {
		_, wrote := io.WriteString(out, leave)
		err = errors.Join(err, wrote, term.Restore(fd, before))
	}()
	if err := fresh(); err != nil {
		return o, err
	}
	if _, err := io.WriteString(out, enter); err != nil {
		return o, err
	}
	var drawn string
	var keys []byte
	for !d.Over() {
		columns, rows, err := term.GetSize(fd)
		if err != nil {
			return o, fault.New("console.terminal", "", "cannot tell the size of the terminal: %w", err)
		}
		// Every key has its page drawn, however fast it came: what counts as shown was.
		if page := render(d.Screen(columns, rows)); page != drawn {
			if _, err := io.WriteString(out, page); err != nil {
				return o, err
			}
			drawn = page
		}
		if len(keys) == 0 {
			if keys, err = screen.Typed(in, glance); err != nil {
				return o, err
			}
			continue
		}
		was := d.mode
		var k rune
		k, keys = screen.Key(keys)
		d.Key(k)
		// What came before a question is no answer to it.
		if d.mode != was && (d.mode == words || d.mode == reason) {
			keys = nil
			if err := fresh(); err != nil {
				return o, err
			}
		}
	}
	return d.Outcome(), nil
}

// render writes every line anew, from the top: nothing of an older page stays.
func render(lines []string) string {
	var b strings.Builder
	b.WriteString("\x1b[?25l")
	for i, line := range lines {
		fmt.Fprintf(&b, "\x1b[%d;1H\x1b[K%s", i+1, line)
	}
	return b.String()
}
