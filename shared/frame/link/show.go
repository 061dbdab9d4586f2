package link

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/frame"
	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/screen"
	"coldsign/shared/frame/show"
)

// profile is the one named, or the default of the way out: less dense in a
// terminal, whose cells are coarse.
func (e *Ends) profile() (show.Profile, error) {
	switch {
	case e.Profile != "":
		return show.ProfileByName(e.Profile)
	case e.QR:
		return show.ProfileByName("terminal")
	}
	return show.ProfileByName("default")
}

// show gives m out as codes.
func (e *Ends) show(ctx context.Context, s Streams, m frame.Message) error {
	p, err := e.profile()
	if err == nil && e.Format == "" && p.Format != "" && e.Profile != "" {
		m, err = m.As(frame.Format(p.Format))
	}
	if err != nil {
		return err
	}
	if e.QR {
		return e.inTerminal(ctx, s, m, p)
	}
	st, err := e.stream(m, p, p.Version)
	if err != nil {
		return err
	}
	s.say("%s as %d codes of version %d; digest %s", m, st.Pass, st.Version, Words(m.Data))
	l := show.Layout{Columns: p.Columns, Rows: p.Rows}
	each := uint64(max(p.Columns, 1) * max(p.Rows, 1))
	pictures := (st.Pass + each - 1) / each
	var b []byte
	name := e.Where()
	switch {
	case e.Dir != "":
		return show.Folder(e.Dir, l, st.Frame, pictures)
	case e.GIF != "" && strings.HasSuffix(strings.ToLower(e.GIF), "png"):
		b, err = show.APNG(l, st.Frame, pictures, p.PerSecond)
	case e.GIF != "":
		b, err = show.GIF(l, st.Frame, pictures, p.PerSecond)
	case e.HTML != "":
		b, err = l.HTML(title(m), st.Frame, st.Pass, p.PerSecond)
	case e.PDF != "":
		b, err = show.PDF(title(m), st.Frame, st.Pass)
	default:
		b = textLines(st)
	}
	if err != nil {
		return err
	}
	return durable.WriteOutput(name, s.Out, b)
}

func (e *Ends) stream(m frame.Message, p show.Profile, version int) (*frame.Stream, error) {
	return frame.NewStream(m, frame.Shape{Format: m.Format, Version: version, Fragment: p.Fragment, Only: e.Only})
}

// title is what stands beside codes: the words that the other side will show.
func title(m frame.Message) string { return m.String() + ": " + Words(m.Data) }

// inTerminal plays codes where a person looks on; elsewhere it writes one pass of
// them, one below the other.
func (e *Ends) inTerminal(ctx context.Context, s Streams, m frame.Message, p show.Profile) error {
	out := s.Out
	if w, ok := out.(cli.Stdout); ok {
		out = w.Writer
	}
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || s.In == nil || !term.IsTerminal(int(s.In.Fd())) {
		return e.printed(s.Out, s.Warning, m, p)
	}
	player := &screen.Player{
		In: s.In, Out: f, Graphics: screen.Graphics(s.Env), PerSecond: int(p.PerSecond), Version: p.Version,
		Size:   func() (int, int, error) { return term.GetSize(int(f.Fd())) },
		Status: func(n, pass uint64) string { return strings.TrimSpace(s.Warning + "  " + Words(m.Data)) },
		Make: func(version int) (func(uint64) (qr.Matrix, error), uint64, int, error) {
			st, err := e.stream(m, p, version)
			if err != nil {
				return nil, 0, 0, err
			}
			return st.Frame, st.Pass, st.Version, nil
		},
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return player.Play(ctx)
}

func (e *Ends) printed(w io.Writer, warning string, m frame.Message, p show.Profile) error {
	if warning != "" {
		if _, err := fmt.Fprintln(w, "WARNING: "+warning); err != nil {
			return err
		}
	}
	st, err := e.stream(m, p, p.Version)
	if err != nil {
		return err
	}
	for n := range st.Pass {
		code, err := st.Frame(n)
		if err == nil {
			err = screen.Write(w, code)
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "%d of %d\n", n+1, st.Pass)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
