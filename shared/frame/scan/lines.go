package scan

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"coldsign/shared/fault"
)

// Lines hands over the lines of r, as a hand-held scanner types what it reads:
// one code each, ended by CR, LF or both. Empty lines are passed over. It reads
// nothing more once emit is done: what a person types next, perhaps a passphrase,
// is for somebody else. When ctx ends it does not wait for a Read under way.
func Lines(ctx context.Context, r io.Reader, emit func(line []byte) (done bool)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	more, lines, end := make(chan struct{}, 1), make(chan []byte), make(chan error, 1)
	go func() { end <- split(ctx, r, more, lines) }()
	for {
		more <- struct{}{}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case line := <-lines:
			if len(line) > 0 && emit(line) {
				return nil
			}
		case err := <-end:
			switch {
			case errors.Is(err, bufio.ErrTooLong):
				return fault.New("scan.line", "give what a scanner types, one code on each line",
					"a line has more than the %d bytes allowed", MaxLine)
			case err != nil:
				return fault.New("file.read", "", "cannot read lines: %w", err)
			}
			return nil
		}
	}
}

// split reads a line each time that more asks for one, to the end of r or ctx.
func split(ctx context.Context, r io.Reader, more <-chan struct{}, lines chan<- []byte) (err error) {
	defer contain("scan.panic", &err)
	s := bufio.NewScanner(r)
	s.Buffer(nil, MaxLine)
	s.Split(splitLine)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-more:
		}
		if !s.Scan() {
			return s.Err()
		}
		select {
		case <-ctx.Done():
			return nil
		case lines <- bytes.Clone(s.Bytes()):
		}
	}
}

// splitLine is a bufio.SplitFunc. CR and LF in a row make an empty line between
// them.
func splitLine(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexAny(data, "\r\n"); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// linePrefix begins a native frame as text: see FORMAT.md.
const linePrefix = "CS1:"

const base45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// FrameLine writes a native frame as a line that a scanner can type.
func FrameLine(frame []byte) string {
	var b strings.Builder
	b.WriteString(linePrefix)
	for ; len(frame) > 1; frame = frame[2:] {
		n := int(frame[0])<<8 | int(frame[1])
		b.WriteString(string([]byte{base45[n%45], base45[n/45%45], base45[n/45/45]}))
	}
	if len(frame) == 1 {
		b.WriteString(string([]byte{base45[frame[0]%45], base45[frame[0]/45]}))
	}
	return b.String()
}

// ParseFrameLine reads what FrameLine writes, and nothing else.
func ParseFrameLine(line string) (frame []byte, ok bool) {
	text, ok := strings.CutPrefix(line, linePrefix)
	if !ok || len(text)%3 == 1 {
		return nil, false
	}
	for ; text != ""; text = text[min(3, len(text)):] {
		n := 0
		for i := min(3, len(text)) - 1; i >= 0; i-- {
			digit := strings.IndexByte(base45, text[i])
			if digit < 0 {
				return nil, false
			}
			n = 45*n + digit
		}
		switch {
		case len(text) >= 3 && n <= 0xffff:
			frame = append(frame, byte(n>>8), byte(n))
		case len(text) == 2 && n <= 0xff:
			frame = append(frame, byte(n))
		default:
			return nil, false
		}
	}
	return frame, true
}
