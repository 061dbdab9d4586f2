package link

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/cli"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
)

// ends parses a command line as both programs do.
func ends(t *testing.T, args ...string) *Ends {
	t.Helper()
	var e Ends
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	for _, name := range OutFlags(InFlags()...) {
		if !e.Define(fs, name) {
			t.Fatalf("flag %s is not defined", name)
		}
	}
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &e
}

func message(n int) frame.Message {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{7})
	r.Read(b)
	b[0] = 0xd2
	return frame.Message{Format: frame.Native, Data: b}
}

func send(t *testing.T, m frame.Message, args ...string) {
	t.Helper()
	if err := ends(t, args...).Send(t.Context(), Streams{Out: io.Discard, Err: io.Discard}, m); err != nil {
		t.Fatal(err)
	}
}

// receive reads a bundle, and gives the notes too.
func receive(t *testing.T, state string, args ...string) (frame.Message, string, error) {
	t.Helper()
	var notes Notes
	m, err := ends(t, args...).Receive(t.Context(), Streams{Err: io.Discard, State: state, Notes: &notes}, "", frame.IsBundle)
	var b bytes.Buffer
	notes.Flush(&b)
	return m, b.String(), err
}

// Every way out is read by the way in that fits.
func TestThereAndBack(t *testing.T) {
	dir := t.TempDir()
	m := message(5000)
	for _, c := range []struct{ out, in, format, profile string }{
		{"qr-text", "scan", "native", "default"}, {"qr-text", "scan", "ur", "sparrow"}, {"qr-text", "scan", "bbqr", "coldcard"},
		{"qr-dir", "scan-images", "native", "default"}, {"qr-dir", "scan-images", "native", "fastest"},
		{"qr-gif", "scan-images", "native", "dense"}, {"qr-gif", "scan-images", "bbqr", "default"}, {"qr-gif", "scan-images", "ur", "default"},
	} {
		name := filepath.Join(dir, strings.Join([]string{c.out, c.format, c.profile}, "-"))
		send(t, m, "--"+c.out, name, "--format", c.format, "--profile", c.profile)
		got, notes, err := receive(t, "", "--"+c.in, name)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if raw, err := got.Bundle(); err != nil || !bytes.Equal(raw, m.Data) {
			t.Errorf("%+v: another bundle: %v", c, err)
		}
		if c.format == "native" && !strings.Contains(notes, "digest "+Words(m.Data)) {
			t.Errorf("%+v: the words are not told: %q", c, notes)
		}
	}
	if err := ends(t, "--qr-gif", filepath.Join(dir, "x"), "--profile", "nope").Send(t.Context(), Streams{}, m); !fault.Is(err, "show.profile") {
		t.Errorf("%v", err)
	}
}

// A scan that is cut short keeps what it has, and the same command goes on.
func TestGoesOn(t *testing.T) {
	dir := t.TempDir()
	all, part, state := filepath.Join(dir, "all"), filepath.Join(dir, "part"), filepath.Join(dir, "state")
	m := message(20_000)
	send(t, m, "--qr-text", all, "--profile", "terminal")
	b, err := os.ReadFile(all)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSpace(string(b)), "\n")
	pieces := 0
	for i := 0; i < len(lines); i += 7 {
		if err := os.WriteFile(part, []byte(strings.Join(lines[i:min(i+7, len(lines))], "")), 0o600); err != nil {
			t.Fatal(err)
		}
		got, notes, err := receive(t, state, "--scan", part)
		if err == nil {
			if !bytes.Equal(got.Data, m.Data) || !strings.Contains(notes, "going on with the scan") {
				t.Errorf("another message, or not gone on: %q", notes)
			}
			if _, err := os.Stat(state); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the state stays: %v", err)
			}
			return
		}
		if !fault.Is(err, "scan.incomplete") || !strings.Contains(err.Error(), "run the same command again") {
			t.Fatal(err)
		}
		pieces++
	}
	t.Errorf("%d parts were not enough", pieces)
}

func TestCutShort(t *testing.T) {
	dir := t.TempDir()
	all, state := filepath.Join(dir, "all"), filepath.Join(dir, "state")
	send(t, message(5000), "--qr-text", all)
	if err := os.WriteFile(state, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, notes, err := receive(t, state, "--scan", all); err != nil || !strings.Contains(notes, "cannot be gone on with") {
		t.Errorf("a damaged state: %q, %v", notes, err)
	}
	// Ctrl-C: the context ends while the scanner is silent.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := os.ReadFile(all)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	go io.WriteString(w, first+"\n")
	_, err = ends(t, "--scan", "-").Receive(ctx, Streams{In: r, Err: io.Discard, State: state, Notes: &Notes{}}, "", func(m frame.Message) error {
		seen++
		cancel()
		return nil
	})
	w.Close()
	if !fault.Is(err, "scan.incomplete") || seen != 1 {
		t.Errorf("%v after %d codes", err, seen)
	}
	if _, err := os.Stat(state); err != nil {
		t.Errorf("what was read is lost: %v", err)
	}
	if _, _, err := receive(t, "", "--scan", os.DevNull); !fault.Is(err, "file.type") {
		t.Errorf("a device as a file of lines: %v", err)
	}
	if err := os.WriteFile(all, []byte("https://example.org/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := receive(t, "", "--scan", all); !fault.Is(err, "scan.nothing") {
		t.Errorf("%v", err)
	}
	if _, _, err := receive(t, "", "--camera", filepath.Join(dir, "no-camera")); !fault.Is(err, "camera.missing") {
		t.Errorf("%v", err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{}, {"--out", "a", "--qr"}, {"--qr-gif", "a", "--qr-dir", "b"}, {"--out", "a", "--format", "morse"},
	} {
		if _, ok := errors.AsType[*cli.UsageError](ends(t, args...).MustSend(false)); !ok {
			t.Errorf("%q is taken", args)
		}
	}
	for _, args := range [][]string{{"--out", "-"}, {"--qr"}, {"--qr-text", "-"}} {
		if ends(t, args...).MustSend(true) == nil || ends(t, args...).MustSend(false) != nil || ends(t, args...).Printed() != (args[0] != "--qr") {
			t.Errorf("%q with --json", args)
		}
	}
	if ends(t).MustReceive("") == nil || ends(t, "--scan", "-").MustReceive("file") == nil || ends(t, "--camera", "x").MustReceive("") != nil {
		t.Error("ways in")
	}
	if got := ends(t, "--qr-dir", "d").Where(); got != "d" || ends(t, "--qr").Where() != "terminal" {
		t.Errorf("%q", got)
	}
}

// A pipe in place of a terminal gets one pass of codes, one below the other.
func TestPrinted(t *testing.T) {
	var out bytes.Buffer
	if err := ends(t, "--qr").Send(t.Context(), Streams{Out: &out, Env: func(string) string { return "" }}, message(2000)); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), " of "); n < 3 || !strings.Contains(out.String(), "\u2580") {
		t.Errorf("%d codes", n)
	}
	if !slices.Contains(formats, frame.UR) {
		t.Error("formats")
	}
}
