package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"coldsign/online/internal/api"
	"coldsign/online/internal/doctor"
	"coldsign/online/internal/store"
	"coldsign/online/internal/webhook"
	"coldsign/shared/cli"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

func (h *home) guard() webhook.Guard { return webhook.Guard{Allow: h.config.Webhooks} }

func (h *home) hooks() api.Hooks {
	return api.Hooks{Subscriptions: h.store, Events: h.store, CheckURL: h.guard().CheckURL}
}

// tell sends events until stop, which waits for those under way.
func (h *home) tell(log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(h.ctx)
	loop := &webhook.Loop{Store: h.store, Sender: webhook.NewSender(h.guard(), h.now), Log: log, Now: h.now}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		loop.Run(ctx)
	}()
	return func() { cancel(); <-ended }
}

// whose is the tenant that a command is about; every one where none is given.
func (a *app) whose() string { return cmp.Or(a.opt.tenant, store.Any) }

// examineWebhooks says what the application was not told.
func (h *home) examineWebhooks() []doctor.Finding {
	list, err := h.store.Subscriptions(h.ctx, store.Any)
	if err != nil {
		return []doctor.Finding{{Check: "webhooks", Level: doctor.Bad, Code: fault.Code(err), Text: quote.Line(err.Error())}}
	}
	waiting, dead := 0, 0
	for _, s := range list {
		waiting, dead = waiting+s.Waiting, dead+s.Dead
	}
	switch {
	case len(list) == 0:
		return nil
	case dead > 0:
		return []doctor.Finding{{Check: "webhooks", Level: doctor.Warning, Code: "webhook.dead", Text: fmt.Sprintf("%d events could not be told", dead),
			Cure: "look at the receivers with webhook list and webhook test, then webhook retry"}}
	}
	return []doctor.Finding{{Check: "webhooks", Level: doctor.OK, Text: fmt.Sprintf("%d events wait to be told", waiting)}}
}

func (a *app) webhookAdd() error {
	if a.opt.kind == "" || a.opt.url == "" {
		return cli.Usagef("give --type and --url, e.g. --type KMS_COMPLETED_TX --url https://app.example/payments")
	}
	if !slices.Contains(store.EventTypes(), a.opt.kind) {
		return cli.Usagef("--type is one of %s", strings.Join(store.EventTypes(), ", "))
	}
	return a.with(func(h *home) error {
		if err := h.guard().CheckURL(h.opt.url); err != nil {
			return err
		}
		id, secret, err := h.store.Subscribe(store.WithActor(h.ctx, "operator"), cmp.Or(h.opt.tenant, "default"), h.opt.kind, h.opt.url)
		if err != nil {
			return err
		}
		return h.say(map[string]any{"id": id, "secret": secret}, "id      %s\nsecret  %s\nThe secret is shown this once: events are signed with it.\n", id, secret)
	})
}

type hookJSON struct {
	ID      string `json:"id"`
	Tenant  string `json:"tenant"`
	Type    string `json:"type"`
	URL     string `json:"url"`
	Waiting int    `json:"waiting"`
	Dead    int    `json:"dead"`
}

type deadJSON struct {
	ID           string `json:"id"`
	Subscription string `json:"subscription"`
	Transaction  string `json:"transaction"`
	Attempts     int    `json:"attempts"`
	Answer       string `json:"answer"`
}

func (a *app) webhookList() error {
	return a.look(func(h *home) error {
		found, err := h.store.Subscriptions(h.ctx, h.whose())
		if err != nil {
			return err
		}
		dead, err := h.store.Events(h.ctx, store.EventFilter{Tenant: h.whose(), State: store.Dead})
		if err != nil {
			return err
		}
		hooks, lost := []hookJSON{}, []deadJSON{}
		for _, s := range found {
			hooks = append(hooks, hookJSON{s.ID, s.Tenant, s.Type, s.URL, s.Waiting, s.Dead})
		}
		for _, d := range dead {
			lost = append(lost, deadJSON{d.ID, d.Subscription, d.Row.String(), d.Attempts, d.Answer})
		}
		return h.print(map[string]any{"subscriptions": hooks, "dead": lost}, func(w io.Writer) error {
			for _, s := range hooks {
				fmt.Fprintf(w, "%s  %-10s %-16s waiting %d, dead %d  %s\n", s.ID, s.Tenant, s.Type, s.Waiting, s.Dead, quote.Line(s.URL))
			}
			for _, d := range lost {
				fmt.Fprintf(w, "dead  event %s of transaction %s to %s after %d attempts: %s\n", d.ID, d.Transaction, d.Subscription, d.Attempts, quote.Line(d.Answer))
			}
			return nil
		})
	})
}

func (a *app) webhookRemove() error {
	return a.with(func(h *home) error {
		if err := h.store.Unsubscribe(store.WithActor(h.ctx, "operator"), h.whose(), h.args[0]); err != nil {
			return err
		}
		return h.say(map[string]any{"id": h.args[0], "removed": true}, "removed %s\n", h.args[0])
	})
}

// webhookTest sends an event that is about no payment.
func (a *app) webhookTest() error {
	return a.with(func(h *home) error {
		to, err := h.store.Receiver(h.ctx, h.whose(), h.args[0])
		if err != nil {
			return err
		}
		answer, err := webhook.NewSender(h.guard(), h.now).Test(h.ctx, to)
		if err != nil {
			return err
		}
		return h.say(map[string]any{"id": to.ID, "answer": answer}, "the receiver answered %s\n", answer)
	})
}

func (a *app) webhookRetry() error {
	return a.with(func(h *home) error {
		n, err := h.store.Resend(store.WithActor(h.ctx, "operator"), h.whose(), h.operand())
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New("event.missing", "", "no event is dead")
		}
		return h.say(map[string]any{"events": n}, "%d events are sent again by the server\n", n)
	})
}
