package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"time"

	"coldsign/online/internal/broadcast"
	"coldsign/online/internal/doctor"
	"coldsign/online/internal/foureyes"
	"coldsign/online/internal/signer"
	"coldsign/online/internal/store"
	"coldsign/online/internal/upstream"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// account is a client of the account in [upstream].
func (h *home) account(log *slog.Logger) *upstream.Client {
	c := upstream.NewClient(h.config.Upstream.URL, h.config.Upstream.Key.Reveal())
	told := ""
	c.Notice = func(text string) { // with each answer, until somebody has a newer signer
		if text != told && log != nil {
			log.Info("upstream", "notice", text)
		}
		told = text
	}
	return c
}

// relay has the loop send what an upstream wants by the upstream.
func (h *home) relay(l *broadcast.Loop) {
	if h.config.Upstream != nil {
		l.Relay = &upstream.Relay{Client: h.account(nil), Store: h.store}
	}
}

// poller asks the upstream, with the nodes of the loop.
func (h *home) poller(l *broadcast.Loop, log *slog.Logger) *upstream.Poller {
	u := h.config.Upstream
	p := &upstream.Poller{Client: h.account(log), Store: h.store, Intake: h.intake(), Nodes: l.Nodes, Log: log, Now: h.now, Period: u.Period}
	for _, n := range u.Networks {
		p.Networks = append(p.Networks, n.Network)
	}
	return p
}

// polling polls beside the API, until stop.
func (h *home) polling(loop *broadcast.Loop, log *slog.Logger) (stop func()) {
	if h.config.Upstream == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(h.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.poller(loop, log).Run(ctx)
	}()
	return func() { cancel(); <-ended }
}

func (h *home) wantUpstream() error {
	if h.config.Upstream == nil {
		return fault.New("upstream.none", "add it to config.toml to serve a Tatum account", "there is no [upstream] in the configuration")
	}
	return nil
}

// upstream says what the account has listed, and what it was told.
func (a *app) upstream() error {
	return a.look(func(h *home) error {
		if err := h.wantUpstream(); err != nil {
			return err
		}
		groups, err := h.store.ListedStats(h.ctx)
		if err != nil {
			return err
		}
		wallets, err := h.store.Wallets(h.ctx)
		if err != nil {
			return err
		}
		type asked struct {
			Network chain.ID `json:"network"`
			Chain   string   `json:"chain"`
			Name    string   `json:"name"`
			Wallets int      `json:"wallets"`
		}
		networks := []asked{}
		for _, n := range h.config.Upstream.Networks {
			one := asked{n.ID, n.Chain, n.Network.Name, 0}
			for _, w := range wallets {
				if w.Chain == n.Chain && w.Testnet == n.Testnet {
					one.Wallets++
				}
			}
			networks = append(networks, one)
		}
		if groups == nil {
			groups = []store.ListedGroup{}
		}
		where, _ := url.Parse(h.config.Upstream.URL) // config has parsed it
		return h.print(map[string]any{"host": where.Host, "networks": networks, "listed": groups}, func(w io.Writer) error {
			fmt.Fprintf(w, "asks %s every %s\n", quote.Line(where.Host), h.config.Upstream.Period)
			for _, n := range networks {
				hint := ""
				if n.Wallets == 0 {
					hint = ": not asked for before \"keys import\""
				}
				fmt.Fprintf(w, "  for %d wallets of %s %s%s\n", n.Wallets, n.Chain, n.Name, hint)
			}
			for _, g := range groups {
				fmt.Fprintf(w, "%6d %-13s %s", g.Count, g.State, g.Network)
				if g.Told != "" {
					fmt.Fprintf(w, "  told %s", g.Told)
				}
				if g.Changed > 0 {
					fmt.Fprintf(w, "  ALARM: other content was listed since under %d of them", g.Changed)
				}
				fmt.Fprintln(w)
			}
			return nil
		})
	})
}

// upstreamPoll asks the account once.
func (a *app) upstreamPoll() error {
	return a.with(func(h *home) error {
		if err := h.wantUpstream(); err != nil {
			return err
		}
		log := slog.New(slog.DiscardHandler)
		l, err := h.loop(log)
		if err != nil {
			return err
		}
		p := h.poller(l, log)
		p.TellEach = time.Second // what is not told yet is told now
		p.Blockhash = (&signer.Desk{Store: h.store, Codecs: h.chain, Nodes: l.Nodes}).Blockhash
		sum, first := p.Round(h.ctx)
		err = h.print(sum, func(w io.Writer) error {
			for _, problem := range sum.Problems {
				fmt.Fprintln(w, "problem  "+problem)
			}
			_, err := fmt.Fprintf(w, "listed %d: %d new, %d left for later, %d refused, %d changed, %d withdrawn; told of %d complete and %d failed\n",
				sum.Listed, sum.Taken, sum.Held, sum.Refused, sum.Changed, sum.Withdrawn, sum.Completed, sum.Reported)
			return err
		})
		if err == nil {
			err = first
		}
		return err
	})
}

// examineUpstream is the doctor's question whether the account takes the key.
func (h *home) examineUpstream() []doctor.Finding {
	if h.config.Upstream == nil {
		return nil
	}
	f := doctor.Finding{Check: "upstream", Level: doctor.OK, Text: "the account takes the API key"}
	if err := h.account(nil).Check(h.ctx); err != nil {
		f.Level, f.Code, f.Text = doctor.Bad, fault.Code(err), err.Error()
	}
	return []doctor.Finding{f}
}

// fourEyes has every export of this process ask the approval service first.
func (h *home) fourEyes(warn func(text string)) {
	f := h.config.FourEyes
	if f == nil {
		return
	}
	h.store.Require(foureyes.New(foureyes.Config{URL: f.URL, Method: f.Method, Secret: f.Secret.Reveal(), Key: f.Key, Compat: f.Compat}, h.intake(), warn))
}

// unapproved says how many rows an export has left behind.
func (h *home) unapproved() error {
	n, err := h.store.Unapproved(h.ctx)
	if err == nil && n > 0 {
		fmt.Fprintf(h.err, "note: %d transactions are left, since the approval service has not said yes; see \"coldsign-online pending\"\n", n)
	}
	return err
}
