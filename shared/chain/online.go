package chain

import "strings"

// What the online half alone asks, and the conformance suite.

// Namespace is what stands before the colon: "bip122", "eip155", "solana".
func (id ID) Namespace() string {
	name, _, _ := strings.Cut(string(id), ":")
	return name
}

// Text is the canonical rendering: one fact a line. Whatever changes a message
// to sign changes this text (chaintest checks it).
func (r Review) Text() string {
	var b strings.Builder
	line := func(parts ...string) { b.WriteString(strings.Join(parts, " ") + "\n") }
	line("network", string(r.Network))
	line("kind", r.Kind)
	for _, w := range r.Warnings {
		line("warning", w.Code+":", w.Text)
	}
	if r.Unproven {
		line("unproven", "input amounts are claimed, not proven")
	}
	for _, e := range r.Effects {
		line(e.Kind.String(), Units(e.Amount, e.Asset), "from", dash(e.From), "to", dash(e.To), "owner", dash(e.Owner), "note", dash(e.Note))
	}
	line("fee", Units(r.Fee.Amount, r.Fee.Asset), "payer", dash(r.Fee.Payer), "rate", dash(r.Fee.Rate))
	line("deadline", r.Deadline.Text)
	for _, o := range r.Opaque {
		line("opaque", o.Code+":", o.What, o.Hex)
	}
	for _, d := range r.Details {
		line("detail", d.Name+":", d.Value)
	}
	return b.String()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
