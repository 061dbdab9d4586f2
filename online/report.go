package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"

	"coldsign/online/internal/report"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
)

// report reconciles one ceremony with what the nodes show. It changes nothing.
func (a *app) report() error {
	format := a.opt.Format
	if format == "" && a.opt.json {
		format = "json"
	}
	switch {
	case a.opt.bundle < 1:
		return cli.Usagef("give --bundle N, the sequence of a bundle that was exported")
	case format != "" && format != "csv" && format != "json" && format != "html":
		return cli.Usagef("--format is csv, json or html")
	case a.opt.Out != "" && format == "":
		return cli.Usagef("with --out give --format csv, json or html")
	}
	return a.look(func(h *home) error {
		r, err := h.ceremony(uint64(h.opt.bundle))
		if err != nil {
			return err
		}
		if err := h.render(r, format); err != nil {
			return err
		}
		if r.Disagrees > 0 {
			return fault.New("report.disagrees", "see the lines that say so; pay nothing again before you know why",
				"%d of %d transactions of bundle %d are not what the chain shows", r.Disagrees, len(r.Lines), r.Bundle)
		}
		return nil
	})
}

func (h *home) ceremony(seq uint64) (*report.Report, error) {
	raw, err := h.store.Bundle(h.ctx, seq)
	if err != nil {
		return nil, err
	}
	b, err := bundle.Open(raw, h.device.Public())
	if err != nil {
		return nil, err
	}
	loop, err := h.loop(slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	src := report.Source{Rows: h.store, Reader: h.intake(), Chains: h.chain.All(), Nodes: map[chain.ID]report.Looker{}, Now: h.now}
	for id, n := range loop.Nodes {
		src.Nodes[id] = n
	}
	return report.New(h.ctx, src, b)
}

// render writes the report where it was asked for; without a format, as lines.
func (h *home) render(r *report.Report, format string) error {
	var b bytes.Buffer
	var err error
	switch format {
	case "csv":
		err = r.CSV(&b)
	case "html":
		err = r.HTML(&b)
	case "json":
		err = cli.Print(&b, true, r, nil)
	default:
		err = summary(&b, r)
	}
	if err != nil {
		return err
	}
	if h.opt.Out == "" {
		h.opt.Out = "-"
	}
	return durable.WriteOutput(h.opt.Out, h.out, b.Bytes())
}

func summary(w io.Writer, r *report.Report) error {
	fmt.Fprintf(w, "bundle %d of %s, digest %s\n", r.Bundle, r.Exported, r.Digest)
	for _, l := range r.Lines {
		fmt.Fprintf(w, "%s  %-4s %-10s %3d  %s\n", l.ID, l.Chain, l.Outcome, l.Confirmations, l.TxID)
		for _, p := range l.Payments {
			fmt.Fprintf(w, "    %s to %s\n", p.Text, p.To)
		}
		if l.Disagrees != "" {
			fmt.Fprintf(w, "    DISAGREES: %s\n", l.Disagrees)
		}
	}
	for _, t := range r.Totals {
		fmt.Fprintf(w, "total of %s: %s\n", t.Asset, t.Text)
	}
	_, err := fmt.Fprintf(w, "%d transactions, %d compared with the chain, %d disagree\n", len(r.Lines), r.Compared, r.Disagrees)
	return err
}
