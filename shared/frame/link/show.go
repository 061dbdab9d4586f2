package link

import (
	"context"

	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/frame"
)

func (e *Ends) show(ctx context.Context, s Streams, m frame.Message) error {
	st, err := frame.NewStream(m, frame.Shape{Format: m.Format, Version: 27, Only: e.Only})
	if err != nil {
		return err
	}
	if e.Text != "" {
		return durable.WriteOutput(e.Text, s.Out, textLines(st))
	}
	return cli.Usagef("not yet")
}
