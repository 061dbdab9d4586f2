// Package link is where a message leaves and enters a program: as a file, as
// codes in a terminal, in pictures or on paper, from a camera, from pictures, or
// from a scanner that types. Both halves take the same flags.
//
//	e.Define(flags, "qr-gif")                          // and the others of OutFlags, InFlags
//	m, err := e.Receive(ctx, streams, operand, wanted) // what came in
//	err = e.Send(ctx, streams, message)                // what goes out
package link

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/term"

	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/frame"
)

// Streams are those of the process.
type Streams struct {
	In       *os.File
	Out, Err io.Writer
	Env      func(string) string
	State    string // the file that keeps a scan that was cut short; "" for none
	Notes    *Notes
	Warning  string // said first on the screen that shows codes
}

// Notes are lines for people beside the result. On a terminal they are told at
// once; elsewhere they wait, since a script that reads one line of error gets one.
type Notes struct{ lines []string }

// Flush tells what waits: for commands that succeeded.
func (n *Notes) Flush(w io.Writer) {
	for _, line := range n.lines {
		fmt.Fprintln(w, line)
	}
	n.lines = nil
}

// terminal reports whether a person reads w.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (s Streams) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if s.Notes == nil || terminal(s.Err) {
		fmt.Fprintln(s.Err, line)
		return
	}
	s.Notes.lines = append(s.Notes.lines, line)
}

// Ends are the flags by which a message goes out and comes in.
type Ends struct {
	Out                          string // a file; "-" is standard output
	QR                           bool   // in the terminal
	Dir, GIF, HTML, PDF, Text    string // numbered pictures, an animation, a page for a second screen, sheets, lines to type
	Format, Profile, Only        string
	Scan, ScanImages, ScanCamera string
}

var formats = []frame.Format{frame.Native, frame.UR, frame.BBQr, frame.Parts, frame.Plain}

// OutFlags names the flags of a command that gives a message.
func OutFlags(more ...string) []string {
	return append([]string{"out", "qr", "qr-dir", "qr-gif", "qr-html", "qr-pdf", "qr-text", "format", "profile", "only"}, more...)
}

// InFlags names the flags of a command that takes a message.
func InFlags(more ...string) []string {
	return append([]string{"scan", "scan-images", "camera"}, more...)
}

// Define adds the flag with the given name to fs, if it is one of these.
func (e *Ends) Define(fs *flag.FlagSet, name string) bool {
	text := map[string]*string{
		"out": &e.Out, "qr-dir": &e.Dir, "qr-gif": &e.GIF, "qr-html": &e.HTML, "qr-pdf": &e.PDF, "qr-text": &e.Text,
		"format": &e.Format, "profile": &e.Profile, "only": &e.Only,
		"scan": &e.Scan, "scan-images": &e.ScanImages, "camera": &e.ScanCamera,
	}
	if to := text[name]; to != nil {
		fs.StringVar(to, name, "", "")
		return true
	}
	if name == "qr" {
		fs.BoolVar(&e.QR, name, false, "")
		return true
	}
	return false
}

// Sends reports whether a way out is given, and refuses two, or one that json
// leaves no room for.
func (e *Ends) Sends(json bool) (bool, error) {
	n := 0
	for _, given := range []bool{e.Out != "", e.QR, e.Dir != "", e.GIF != "", e.HTML != "", e.PDF != "", e.Text != ""} {
		if given {
			n++
		}
	}
	switch {
	case e.Format != "" && !slices.Contains(formats, frame.Format(e.Format)):
		return true, cli.Usagef("--format is one of native, ur, bbqr, parts, plain")
	case n > 1:
		return true, cli.Usagef("give one of --out, --qr, --qr-dir, --qr-gif, --qr-html, --qr-pdf, --qr-text")
	case json && (e.Out == "-" || e.Text == "-"):
		return true, cli.Usagef("--json and --out - both want standard output")
	case json && e.QR:
		return true, cli.Usagef("--json and --qr both want standard output")
	}
	return n == 1, nil
}

// MustSend refuses a command line without a way out.
func (e *Ends) MustSend(json bool) error {
	ok, err := e.Sends(json)
	if err == nil && !ok {
		err = cli.Usagef("give --out FILE, or --qr, --qr-dir DIR, --qr-gif FILE")
	}
	return err
}

// Receives reports whether a way in is given beside operand, and refuses two.
func (e *Ends) Receives(operand string) (bool, error) {
	n := 0
	for _, s := range []string{operand, e.Scan, e.ScanImages, e.ScanCamera} {
		if s != "" {
			n++
		}
	}
	if n > 1 {
		return true, cli.Usagef("give one of a FILE, --scan, --scan-images, --camera")
	}
	return n == 1, nil
}

// MustReceive refuses a command line without a way in.
func (e *Ends) MustReceive(operand string) error {
	ok, err := e.Receives(operand)
	if err == nil && !ok {
		err = cli.Usagef("give a FILE, or --scan -, --scan-images DIR, --camera DEVICE")
	}
	return err
}

// Direction says for a command that does either whether it sends, and refuses both
// and neither. operand is the FILE that comes in.
func (e *Ends) Direction(json bool, operand string) (sends bool, err error) {
	if sends, err = e.Sends(json); err != nil {
		return false, err
	}
	receives, err := e.Receives(operand)
	if err == nil && sends == receives {
		err = cli.Usagef("give either --out FILE or --in FILE, or codes in place of one")
	}
	return sends, err
}

// Printed reports whether the message itself is what standard output is for. Codes
// in a terminal are over when the result is told.
func (e *Ends) Printed() bool { return e.Out == "-" || e.Text == "-" }

// Where names the way out for a document: the file or folder.
func (e *Ends) Where() string {
	for _, s := range []string{e.Out, e.Dir, e.GIF, e.HTML, e.PDF, e.Text} {
		if s != "" {
			return s
		}
	}
	return "terminal"
}

// Writable tells beforehand whether Send has a chance: what follows may be final.
func (e *Ends) Writable() error {
	for _, s := range []string{e.Out, e.GIF, e.HTML, e.PDF, e.Text} {
		if s != "" {
			return durable.Writable(s)
		}
	}
	if e.Dir != "" {
		return durable.Writable(filepath.Clean(e.Dir) + ".frames")
	}
	return nil
}

// Help is the part of a program's usage that tells of these flags.
const Help = `
In place of --out FILE: --qr in the terminal, --qr-dir DIR as numbered PNG, --qr-gif FILE animated (or FILE.png),
  --qr-html FILE as a page, --qr-pdf FILE on paper, --qr-text FILE as lines to type; --format native|ur|bbqr, --profile NAME (a wrong name lists them),
  --only LIST for the pieces that the other side misses.
In place of a FILE that comes in: --scan - what a scanner types, --scan-images DIR|FILE|- pictures, GIF, MJPEG,
  Y4M, --camera /dev/video0. A scan that is cut short is gone on with.`
