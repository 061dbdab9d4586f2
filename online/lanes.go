package main

import (
	"context"
	"fmt"
	"io"

	"coldsign/online/internal/lanes"
	"coldsign/online/internal/quorum"
	"coldsign/online/internal/store"
	"coldsign/shared/chain"
)

// lanes shows the nonces of EVM accounts, and what holds them up.
func (a *app) lanes() error {
	return a.with(func(h *home) error {
		asked := map[chain.ID]*quorum.Quorum{}
		for _, n := range h.config.Networks {
			if n.ID.Namespace() != "eip155" {
				continue
			}
			q, err := nodes(n)
			if err != nil {
				return err
			}
			if err := q.Check(h.ctx); err != nil {
				fmt.Fprintf(h.err, "%s: %v\n", n.ID, err)
				continue
			}
			asked[n.ID] = q
		}
		in := h.intake()
		list, err := lanes.Find(h.ctx, lanes.Source{Rows: h.store, Tenant: store.Any, Uses: in.Uses,
			Next: func(ctx context.Context, network chain.ID, address string) (uint64, bool) {
				q := asked[network]
				if q == nil {
					return 0, false
				}
				next, err := q.Next(ctx, address)
				return next, err == nil
			}})
		if err != nil {
			return err
		}
		return h.print(map[string]any{"lanes": list}, func(w io.Writer) error { return showLanes(w, list) })
	})
}

func showLanes(w io.Writer, list []lanes.Lane) error {
	problems := 0
	for _, l := range list {
		next := "unknown: no node answers"
		if l.Next != nil {
			next = fmt.Sprint(*l.Next)
		}
		fmt.Fprintf(w, "%s  %s  next nonce %s\n", l.Network, l.Address, next)
		for _, s := range l.Slots {
			for _, r := range s.Rows {
				cancel := ""
				if r.Cancelled {
					cancel = " to be cancelled"
				}
				fmt.Fprintf(w, "  %6d  %-12s  %s  %s%s\n", s.Nonce, r.State, r.ID, r.Code, cancel)
			}
		}
		for _, p := range l.Problems {
			problems++
			fmt.Fprintf(w, "  %s: %s\n          %s\n", p.Code, p.Text, p.Cure)
		}
	}
	_, err := fmt.Fprintf(w, "%d lanes, %d problems\n", len(list), problems)
	return err
}
