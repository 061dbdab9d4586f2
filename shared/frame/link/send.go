package link

import (
	"context"
	"strings"

	"coldsign/shared/durable"
	"coldsign/shared/frame"
	"coldsign/shared/frame/scan"
	"coldsign/shared/frame/ur"
)

// Send gives m out where the flags say. A bundle takes the form of --format; what
// another wallet asked for keeps its own.
func (e *Ends) Send(ctx context.Context, s Streams, m frame.Message) error {
	if e.Format != "" {
		var err error
		if m, err = m.As(frame.Format(e.Format)); err != nil {
			return err
		}
	}
	defer frugal()()
	if e.Out != "" {
		return durable.WriteOutput(e.Out, s.Out, FileForm(m))
	}
	return e.show(ctx, s, m)
}

// FileForm is a message as a file: a bundle or a PSBT in binary, any other UR as
// text.
func FileForm(m frame.Message) []byte {
	if raw, err := m.Bundle(); err == nil {
		return raw
	}
	if raw, ok := m.PSBT(); ok {
		return raw
	}
	if m.Format == frame.UR {
		return []byte(strings.ToLower(ur.Encode(m.Type, m.Data)) + "\n")
	}
	return m.Data
}

// lines writes one pass of a stream as the texts that a scanner would type.
func textLines(st *frame.Stream) []byte {
	var b strings.Builder
	for n := range st.Pass {
		if text, ok := st.Text(n); ok {
			b.WriteString(text + "\n")
		} else {
			b.WriteString(scan.FrameLine(st.Content(n)) + "\n")
		}
	}
	return []byte(b.String())
}
