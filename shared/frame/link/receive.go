package link

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"coldsign/shared/bundle"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/camera"
	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/reader"
	"coldsign/shared/frame/scan"
	"coldsign/shared/hd"
	"coldsign/shared/quote"
)

// saveEvery is how much of a scan a crash can cost; a stop by Ctrl-C costs none.
const saveEvery = 2 * time.Second

// Receive reads the message that operand or a flag names. wanted says what is of
// use; other things in view are named in words, and the scan goes on. A scan that
// ends too early keeps what it has (scan.incomplete), and the same command goes on
// from there. No key need be open meanwhile.
func (e *Ends) Receive(ctx context.Context, s Streams, operand string, wanted func(frame.Message) error) (frame.Message, error) {
	if operand != "" {
		raw, err := durable.ReadInput(operand, s.In, bundle.MaxFile)
		if err != nil {
			return frame.Message{}, err
		}
		return frame.FromFile(raw)
	}
	defer frugal()()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := &receiver{s: s, j: frame.NewJoiner(wanted), start: time.Now()}
	r.saved = r.start
	r.live = terminal(s.Err)
	if err := r.resume(); err != nil {
		return frame.Message{}, err
	}
	err := r.read(ctx, e)
	r.clear()
	if r.message == nil {
		return frame.Message{}, r.short(err)
	}
	if s.State != "" {
		os.Remove(s.State) // it was kept for this message
	}
	r.arrived()
	return *r.message, nil
}

// frugal keeps less memory in reserve until what it gives is called: a bundle of
// 10 MB then takes less than four times its size.
func frugal() func() {
	old := debug.SetGCPercent(40)
	return func() { debug.SetGCPercent(old) }
}

// receiver is a scan under way.
type receiver struct {
	s            Streams
	j            *frame.Joiner
	best         frame.Progress // of the message that is furthest
	message      *frame.Message
	start, saved time.Time
	pieces       int  // codes that were parts of a message
	live, shown  bool // progress is shown in one line of the terminal; there is one
}

func (r *receiver) read(ctx context.Context, e *Ends) error {
	switch {
	case e.Scan != "":
		in, done, err := lines(r.s, e.Scan)
		if err != nil {
			return err
		}
		defer done()
		return scan.Lines(ctx, in, func(line []byte) bool {
			if f, ok := scan.ParseFrameLine(string(line)); ok {
				line = f
			}
			return r.add(line)
		})
	case e.ScanCamera != "":
		src, err := camera.Open(e.ScanCamera)
		if err != nil {
			return err
		}
		defer src.Close()
		return r.watch(ctx, src, true)
	}
	src, closer, err := picture.Open(e.ScanImages, r.s.In)
	if err != nil {
		return err
	}
	defer closer.Close()
	return r.watch(ctx, src, false)
}

// lines opens what --scan names.
func lines(s Streams, name string) (io.Reader, func(), error) {
	if name == "-" {
		return s.In, func() {}, nil
	}
	f, _, err := durable.Open(name)
	if err != nil {
		return nil, nil, err
	}
	return f, func() { f.Close() }, nil
}

func (r *receiver) watch(ctx context.Context, src picture.Source, live bool) error {
	stats, err := scan.Run(ctx, src, reader.New().Read, live, func(symbols []reader.Symbol) bool {
		for _, s := range symbols {
			if r.add(s.Content()) {
				return true
			}
		}
		return false
	})
	if n := stats.Lost + stats.Failed; n > 0 {
		r.say("%d of %d pictures could not be read: %s", n, n+stats.Read, quote.Line(stats.Loss.Error()))
	}
	return err
}

// add takes one content in.
func (r *receiver) add(content []byte) (done bool) {
	e := r.j.Add(content)
	if e.Note != "" {
		r.say("in view: %s", e.Note)
	}
	if p := e.Progress; p.Need > 0 {
		r.pieces++
		if p.Have*max(r.best.Need, 1) >= r.best.Have*p.Need || p.Name == r.best.Name {
			r.best = p
		}
	}
	if e.Message != nil {
		r.message = e.Message
		return true
	}
	if now := time.Now(); now.Sub(r.saved) > saveEvery {
		r.saved = now
		r.save()
	}
	r.progress()
	return false
}

// resume goes on where an earlier scan was cut short. State that is damaged is
// told and dropped: it can be scanned again.
func (r *receiver) resume() error {
	if r.s.State == "" {
		return nil
	}
	b, err := durable.Read(r.s.State, frame.MaxState)
	if fault.Is(err, "file.missing") {
		return nil
	}
	if err == nil {
		err = r.j.Restore(b)
	}
	if err != nil {
		r.say("the scan that was cut short cannot be gone on with: %s", quote.Line(err.Error()))
		return nil
	}
	r.say("going on with the scan that was cut short")
	return nil
}

// save keeps what was read. It is a convenience: a failure costs no more than
// scanning again, and is told.
func (r *receiver) save() {
	if r.s.State == "" || r.pieces == 0 {
		return
	}
	b, err := r.j.Save()
	if err == nil {
		err = durable.Write(r.s.State, b)
	}
	if err != nil {
		r.say("the scan cannot be kept: %s", quote.Line(err.Error()))
	}
}

// short says why there is no message.
func (r *receiver) short(err error) error {
	r.save()
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if r.best.Need == 0 {
		return fault.New("scan.nothing", "hold the codes flat and whole into view, or check that this is where they are", "no part of a message was seen")
	}
	missing := r.best.Missing()
	if missing != "" {
		missing = "; not seen: " + clip(missing, 60)
	}
	return fault.New("scan.incomplete", "run the same command again: what was read is kept",
		"%d of %d pieces were read%s", r.best.Have, r.best.Need, missing)
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}

// say prints a line for people, beside the result.
func (r *receiver) say(format string, args ...any) {
	r.clear()
	r.s.say(format, args...)
}

// clear takes the progress line away.
func (r *receiver) clear() {
	if r.shown {
		fmt.Fprint(r.s.Err, "\r\x1b[K")
		r.shown = false
	}
}

// progress shows, on a terminal, what is there and what is missing.
func (r *receiver) progress() {
	p := r.best
	if !r.live || p.Need == 0 {
		return
	}
	took := time.Since(r.start).Seconds()
	var b strings.Builder
	fmt.Fprintf(&b, "\r\x1b[K%d of %d pieces", p.Have, p.Need)
	if rate := float64(p.Have) / max(took, 0.1); rate > 0 {
		if p.Bytes > 0 {
			fmt.Fprintf(&b, "  %.1f kB/s", rate*float64(p.Bytes)/float64(p.Need)/1000)
		}
		fmt.Fprintf(&b, "  %.0f s left", float64(p.Need-p.Have)/rate)
	}
	if m := p.Missing(); m != "" {
		fmt.Fprintf(&b, "  missing %s", clip(m, 30))
	}
	fmt.Fprint(r.s.Err, b.String())
	r.shown = true
}

// arrived names what came: the words are those that the other screen shows.
func (r *receiver) arrived() {
	took := time.Since(r.start).Seconds()
	r.say("received %s, %d bytes from %d codes in %.1f s; digest %s", r.message, len(r.message.Data), r.pieces, took, Words(r.message.Data))
}

// Words names data by its SHA-256 as both screens do.
func Words(data []byte) string {
	sum := sha256.Sum256(data)
	return strings.Join(hd.Words(sum[:], 8), " ")
}
