package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"unicode/utf16"

	"coldsign/shared/fault"
)

// List is a flag that may be given several times.
type List []string

// String is for package flag, which shows no defaults here.
func (l *List) String() string { return "" }

// Set adds a value.
func (l *List) Set(s string) error { *l = append(*l, s); return nil }

// Print writes v as one JSON document, or calls text.
func Print(w io.Writer, asJSON bool, v any, text func(io.Writer) error) error {
	if !asJSON {
		return text(w)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(ascii(b.Bytes()))
	return err
}

// ascii escapes every character of a JSON document that a terminal could act
// on: controls above ASCII, bidi marks, and all other non-ASCII with them.
func ascii(doc []byte) []byte {
	b := make([]byte, 0, len(doc))
	for _, r := range string(doc) {
		switch {
		case r < 0x7f:
			b = append(b, byte(r))
		case r <= 0xffff:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			hi, lo := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, hi, lo)
		}
	}
	return b
}

// Stdout is standard output whose errors say so.
type Stdout struct{ io.Writer }

// Write writes b.
func (w Stdout) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if err == nil {
		return n, nil
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return n, fault.New("file.write", "", "cannot write to standard output: %w", err)
}
