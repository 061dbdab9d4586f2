package main

import (
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"

	"coldsign/online/internal/apikeys"
	"coldsign/online/internal/replace"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/cli"
)

// replace makes a row that competes with the named one: the same payment with a
// higher fee.
func (a *app) replace() error { return a.compete(replace.Options{}) }

// cancel ends a row that never left, and makes one that takes the place of the
// named one on chain otherwise.
func (a *app) cancel() error { return a.compete(replace.Options{Cancel: true}) }

// wanted reads --fee and --force.
func (a *app) wanted(o replace.Options) (replace.Options, error) {
	o.Force, o.Requester = a.opt.force, "operator"
	if text := a.opt.fee; text != "" {
		fee, ok := new(big.Int).SetString(text, 10)
		if !ok || fee.Sign() <= 0 || strings.Trim(text, "0123456789") != "" {
			return o, cli.Usagef("--fee takes a whole number: satoshi of the whole fee, or wei for each gas")
		}
		o.Fee = fee
	}
	return o, nil
}

func (h *home) maker() (*replace.Maker, error) {
	l, err := h.loop(slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return &replace.Maker{Store: apikeys.New(h.store, h.config.APIKeys, h.now), Intake: h.intake(), Nodes: l.Nodes, Now: h.now}, nil
}

func (a *app) compete(o replace.Options) error {
	id, err := bundle.ParseID(a.args[0])
	if err != nil {
		return err
	}
	if o, err = a.wanted(o); err != nil {
		return err
	}
	cancel := o.Cancel
	return a.with(func(h *home) error {
		m, err := h.maker()
		if err != nil {
			return err
		}
		done, err := m.Make(store.WithActor(h.ctx, "operator"), store.Any, id, o)
		if err != nil {
			return err
		}
		if !done.Made {
			return h.say(map[string]any{"id": id.String(), "state": done.Row.State}, "%s  %s: nothing of it had left\n", id, done.Row.State)
		}
		doc := map[string]any{"id": done.New.ID.String(), "replaces": done.Root.String(), "cancels": cancel, "state": done.New.State,
			"original": map[string]any{"id": id.String(), "state": done.Row.State, "cancelRequested": done.Row.CancelRequested}}
		return h.print(doc, func(w io.Writer) error {
			word := "replaces"
			if cancel {
				word = "cancels"
			}
			_, err := fmt.Fprintf(w, "%s  %s %s\nExport, sign and import it like any other: whichever of them lands, the others cannot.\n", done.New.ID, word, id)
			return err
		})
	})
}
