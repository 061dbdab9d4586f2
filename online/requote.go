package main

import (
	"fmt"
	"io"

	"coldsign/online/internal/replace"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/cli"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// requoteCommand names the command that makes a payment anew.
func requoteCommand(id bundle.ID) string { return "coldsign-online requote " + id.String() }

// maxRequotes is how many payments one command makes anew.
const maxRequotes = 1_000

type requoteJSON struct {
	Of    string `json:"requotes"`
	ID    string `json:"id,omitempty"`
	State string `json:"state,omitempty"`
	// Conflicts says that the first may still land, and that of the two one lands.
	Conflicts bool   `json:"conflicts"`
	Code      string `json:"code,omitempty"` // why there is none
	Error     string `json:"error,omitempty"`
}

// requote makes payments anew whose answers came too late, or that the network does not
// take as they are: each as a request of its own. One that cannot be made anew keeps
// none of the others from it.
func (a *app) requote() error {
	var ids []bundle.ID
	for _, text := range a.args {
		id, err := bundle.ParseID(text)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	o, err := a.wanted(replace.Options{Requote: true})
	if err != nil {
		return err
	}
	if o.Fee != nil && len(ids) > 1 {
		return cli.Usagef("--fee is for one transaction at a time")
	}
	return a.with(func(h *home) error {
		m, err := h.maker()
		if err != nil {
			return err
		}
		list := make([]requoteJSON, len(ids))
		var failed error
		for i, id := range ids {
			list[i].Of = id.String()
			done, err := m.Make(store.WithActor(h.ctx, "operator"), store.Any, id, o)
			if err != nil {
				list[i].Code, list[i].Error, failed = fault.Code(err), err.Error(), err
				continue
			}
			list[i].ID, list[i].State, list[i].Conflicts = done.New.ID.String(), string(done.New.State), done.Root != done.New.ID
		}
		if len(ids) == 1 && failed != nil {
			return failed
		}
		if err := h.print(map[string]any{"requoted": list}, func(w io.Writer) error { return requoted(w, list) }); err != nil || failed == nil {
			return err
		}
		return fault.New("requote.some", "see above", "not every transaction could be quoted anew")
	})
}

func requoted(w io.Writer, list []requoteJSON) error {
	made := 0
	for _, r := range list {
		line := fmt.Sprintf("%s  quotes %s anew", r.ID, r.Of)
		if r.Conflicts {
			line += "; of the two one can land"
		}
		if r.ID == "" {
			line = fmt.Sprintf("%s  %s: %s", r.Of, r.Code, quote.Line(r.Error))
		} else {
			made++
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	if made == 0 {
		return nil
	}
	_, err := fmt.Fprintln(w, "Export, sign and import it like any other.")
	return err
}
