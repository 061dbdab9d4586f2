package screen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"coldsign/shared/fault"
	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/show"
)

// Player shows frames one after the other until a person quits.
type Player struct {
	In        *os.File // the terminal, which keys come from
	Out       io.Writer
	Size      func() (columns, rows int, err error)
	Graphics  string                      // see the function
	Version   int                         // the densest code to start with
	PerSecond int                         // frames, to start with
	Status    func(n, pass uint64) string // what the last line says first; may be nil

	// Make gives the frames for codes of a version or smaller ones, after how many
	// all has been shown, and the version that they have. It is called again when
	// a person or the size of the window changes what is wanted.
	Make func(version int) (frames show.Stream, pass uint64, actual int, err error)
}

const (
	// The alternate screen without a cursor, and back.
	enter = "\x1b[?1049h\x1b[?25l"
	leave = reset + "\x1b[?2026l\x1b[?25h\x1b[?1049l"
	// A terminal that knows synchronized output shows a frame at once or not at all.
	begin, end = "\x1b[?2026h", "\x1b[?2026l"

	glance = 100 * time.Millisecond // for how long an end of the context may go unseen
	follow = 20 * time.Millisecond  // within which the rest of a key comes after its escape
)

// Play takes over the terminal and gives it back however it ends. It returns nil
// on q, Esc or Ctrl-C, and the context's error if that ends first: who wants the
// terminal back after SIGTERM lets the signal end the context.
func (p *Player) Play(ctx context.Context) (err error) {
	fd := int(p.In.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return fault.New("show.terminal", "use --qr-gif or --qr-dir", "there is no terminal to show codes on: %w", err)
	}
	defer func() {
		last := leave
		if p.Graphics == "kitty" {
			last = kittyClear + leave
		}
		_, wrote := io.WriteString(p.Out, last)
		err = errors.Join(err, wrote, term.Restore(fd, before))
	}()
	if _, err := io.WriteString(p.Out, enter); err != nil {
		return err
	}
	return p.run(ctx, func(d time.Duration) ([]byte, error) { return Typed(p.In, d) })
}

// Typed waits for keys, and gives none when the time is over. It polls, since a read that is under way when the player
// ends would take the first key of what comes after.
func Typed(in *os.File, d time.Duration) ([]byte, error) {
	fds := []unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int((d+time.Millisecond-1)/time.Millisecond))
	if n == 0 || errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	b := make([]byte, 64)
	if err == nil {
		n, err = in.Read(b)
	}
	if err != nil {
		return nil, fault.New("show.terminal", "", "cannot read keys from the terminal: %w", err)
	}
	if n == 1 && rune(b[0]) == Esc { // alone, or the start of an arrow on a slow line
		more, err := Typed(in, follow)
		return append(b[:1], more...), err
	}
	return b[:n], nil
}

// playing is what a Player is at.
type playing struct {
	*Player
	frames  show.Stream
	n, pass uint64
	wanted  int // the version that a person wants, if it fits
	actual  int // the version that the frames have
	made    error
	speed   int // place in the list
	paused  bool
	stage   stage
	drawn   []byte
}

// stage is what the screen is cleared for when it changes.
type stage struct {
	columns, rows int
	version       int // that Make was asked for
	problem       bool
}

// run shows frames. Each has its deadline; when one is missed, since the terminal
// is slow, the next comes an interval later: nothing queues up, and nothing is
// left out, since leaving out every second of an even number would hide half for
// ever.
func (p *Player) run(ctx context.Context, wait func(time.Duration) ([]byte, error)) error {
	s := &playing{Player: p, wanted: p.Version}
	for s.speed+1 < len(speeds()) && speeds()[s.speed+1] <= p.PerSecond {
		s.speed++
	}
	next := time.Now()
	for ctx.Err() == nil {
		if err := s.draw(); err != nil {
			return err
		}
		interval := time.Second / time.Duration(speeds()[s.speed])
		if next = next.Add(interval); next.Before(time.Now()) {
			next = time.Now()
		}
		for acted := false; !acted && ctx.Err() == nil; {
			keys, err := wait(min(max(time.Until(next), 0), glance))
			if err != nil {
				return err
			}
			for len(keys) > 0 {
				var k rune
				if k, keys = Key(keys); k == 'q' || k == Esc || k == CtrlC {
					return nil
				}
				acted = s.act(k) || acted
			}
			if acted {
				next = time.Now()
			} else if !time.Now().Before(next) {
				if !s.paused && !s.stage.problem {
					s.n++
				}
				break
			}
		}
	}
	return ctx.Err()
}

// draw writes what the screen should show, in one piece, if that has changed.
func (s *playing) draw() error {
	columns, rows, err := s.Size()
	if err != nil {
		return fault.New("show.terminal", "", "cannot tell the size of the terminal: %w", err)
	}
	was := s.stage
	problem := s.prepare(columns, rows)
	if problem != nil && s.frames == nil && s.made != nil {
		return problem
	}
	s.stage.columns, s.stage.rows, s.stage.problem = columns, rows, problem != nil
	body := []byte("\x1b[H")
	if problem != nil {
		body = append(body, plain(problem.Error(), columns*(rows-1))...)
	} else if body, err = s.code(body); err != nil {
		return err
	}
	body = fmt.Appendf(body, "\x1b[%d;1H\x1b[K%s", rows, plain(s.status(), columns))
	clear := ""
	if s.stage != was {
		clear = "\x1b[2J"
		if s.Graphics == "kitty" {
			clear += kittyClear
		}
	} else if bytes.Equal(body, s.drawn) {
		return nil
	}
	s.drawn = body
	_, err = s.Out.Write([]byte(begin + clear + string(body) + end))
	return err
}

// prepare has frames made for what is wanted and fits, or says what is in the way.
func (s *playing) prepare(columns, rows int) error {
	version, err := fit(columns, rows, s.wanted, s.Graphics)
	if err != nil || version == s.stage.version {
		return errors.Join(err, s.made)
	}
	s.stage.version, s.n, s.actual = version, 0, version
	frames, pass, actual, err := s.Make(version)
	if s.made = err; err == nil {
		s.frames, s.pass, s.actual = frames, pass, actual
	}
	return err
}

// code draws the frame that it is the turn of.
func (s *playing) code(b []byte) ([]byte, error) {
	m, err := s.frames(s.n)
	if err != nil {
		return nil, err
	}
	switch s.Graphics {
	case "kitty": // as large as fits if cells are up to two and a half times as high as wide
		return kitty(b, m, min(s.stage.rows-1, s.stage.columns*2/5))
	case "sixel": // whose pixels the terminal does not enlarge: as for need
		return sixel(b, m, min(s.stage.columns*6, (s.stage.rows-1)*12)/(m.Size+2*qr.QuietZone)), nil
	}
	return blocks(b, m, "\r\n"), nil
}

func (s *playing) status() string {
	var b strings.Builder
	if s.frames != nil {
		if s.Status != nil {
			b.WriteString(s.Status(s.n, s.pass) + "  ")
		}
		fmt.Fprintf(&b, "frame %d of %d  ", s.n%s.pass+1, s.pass)
	}
	space := "pause"
	if s.paused {
		space = "go on"
	}
	fmt.Fprintf(&b, "%d/s  version %d  space %s  < > speed  + - density  arrows step  q quit", speeds()[s.speed], s.actual, space)
	return b.String()
}

// plain cuts text to a number of cells, in characters that take one each.
func plain(line string, width int) string {
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, line)
	return line[:max(min(len(line), width), 0)]
}
