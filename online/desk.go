package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"coldsign/online/internal/account"
	"coldsign/online/internal/apikeys"
	"coldsign/online/internal/create"
	"coldsign/online/internal/desk"
	"coldsign/online/internal/doctor"
	"coldsign/online/internal/replace"
	"coldsign/online/internal/store"
	"coldsign/online/internal/tips"
	"coldsign/online/internal/webhook"
	"coldsign/shared/chain"
	"coldsign/shared/cli"
)

// desk puts the operator's desk beside the API, and gives what serve says. There is
// none where anybody on the way could read along: passwords need TLS or loopback.
func (h *home) desk(at net.Addr, calls http.Handler, creator *create.Creator, watched *watch, log *slog.Logger) (http.Handler, map[string]any, error) {
	scheme := "http://"
	if h.config.Certificate != nil {
		scheme = "https://"
	}
	said := map[string]any{"listening": scheme + at.String()}
	tcp, ok := at.(*net.TCPAddr)
	local := ok && tcp.IP.IsLoopback()
	if h.config.DeskOff {
		return calls, said, nil
	}
	if !local && h.config.Certificate == nil {
		log.Info("no desk: this is no loopback address; give tls_cert and tls_key in [server] of config.toml")
		return calls, said, nil
	}
	in := h.intake()
	c := desk.Config{
		Store: h.store, Intake: in, Creator: creator, Hooks: webhook.NewSender(h.guard(), h.now), Replacer: &replace.Maker{Store: apikeys.New(h.store, h.config.APIKeys, h.now), Intake: in, Nodes: creator.Nodes}, Chains: h.chain, Device: h.device,
		Doctor: h.examine, Now: h.now, Log: log, Version: version(), URL: h.config.DeskURL, Listen: at.String(), TLS: h.config.Certificate != nil,
		Nodes: h.tips, Numbers: watched.metrics.Read, Scrape: watched.url(), Rehearsal: h.loud != "", Done: h.ctx.Done(), Depth: map[chain.ID]uint64{},
	}
	for _, n := range h.config.Networks {
		c.Depth[n.ID] = n.Confirmations
	}
	d, err := desk.New(c)
	if err != nil {
		return nil, nil, err
	}
	go d.Run(h.ctx)
	said["desk"] = h.deskAddress(at.String())
	mux := http.NewServeMux()
	mux.Handle("/desk/", d)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/desk/", http.StatusSeeOther) })
	return front{mux, calls}, said, nil
}

// front gives the desk what is the desk's, and the API everything else as it came.
type front struct{ desk, calls http.Handler }

func (f front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if (r.URL.Path == "/" || r.URL.Path == "/desk") && r.Method == http.MethodGet || strings.HasPrefix(r.URL.Path, "/desk/") {
		f.desk.ServeHTTP(w, r)
		return
	}
	f.calls.ServeHTTP(w, r)
}

// deskAddress is where the desk of a listener is opened.
func (h *home) deskAddress(listen string) string {
	if u := h.config.DeskURL; u != nil {
		return u.String() + "/desk/"
	}
	scheme := "http"
	if h.config.Certificate != nil {
		scheme = "https"
	}
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return scheme + "://" + listen + "/desk/"
	}
	return scheme + "://localhost:" + port + "/desk/"
}

// sealed puts TLS on the listener where the configuration has a certificate.
func (h *home) sealed(l net.Listener) net.Listener {
	if h.config.Certificate == nil {
		return l
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*h.config.Certificate}, NextProtos: []string{"h2", "http/1.1"}})
}

func (h *home) examine(ctx context.Context) ([]doctor.Finding, error) {
	p, err := h.patient()
	if err != nil {
		return nil, err
	}
	return doctor.Examine(ctx, p), nil
}

// tips looks at every node of every network.
func (h *home) tips(ctx context.Context) ([]tips.Seen, error) {
	var list []tips.Network
	for _, n := range h.config.Networks {
		clients, err := members(n)
		if err != nil {
			return nil, err
		}
		one := tips.Network{ID: n.ID, Chain: n.Chain, Name: n.Name, Views: n.Views}
		for i, m := range n.Nodes() {
			one.Nodes = append(one.Nodes, tips.Node{Name: m.Label, Address: m.RPC, Node: clients[i].Node})
		}
		list = append(list, one)
	}
	return tips.Look(ctx, list, h.now), nil
}

const enrolTime = 24 * time.Hour // for which an enrolment code is taken

func (a *app) userAdd() error {
	role, err := account.ParseRole(a.opt.role)
	if a.opt.role == "" {
		return cli.Usagef("give --role, one of %s", strings.Join(account.Roles(), ", "))
	}
	if err != nil {
		return err
	}
	if err := account.CheckName(a.args[0]); err != nil {
		return err
	}
	return a.with(func(h *home) error {
		code := account.NewCode()
		u, err := h.store.CreateUser(store.WithActor(h.ctx, "operator"), h.args[0], role.String(), account.CodeDigest(code), h.now().Add(enrolTime))
		if err != nil {
			return err
		}
		return h.enrolment(u, code)
	})
}

func (h *home) enrolment(u store.User, code string) error {
	link := h.deskAddress(cmp.Or(h.opt.listen, h.config.Listen, defaultListen)) + "enrol#" + code
	until := h.now().Add(enrolTime).UTC().Format(time.RFC3339)
	return h.say(map[string]any{"id": u.ID, "name": u.Name, "role": u.Role, "code": code, "link": link, "until": until},
		"%s, %s\ncode  %s\nlink  %s\nThe code is shown this once and works once, until %s.\n", u.Name, u.Role, code, link, until)
}

func (a *app) userReset() error {
	return a.with(func(h *home) error {
		u, err := h.store.UserNamed(h.ctx, h.args[0])
		if err != nil {
			return err
		}
		code := account.NewCode()
		if err := h.store.ResetUser(store.WithActor(h.ctx, "operator"), u.ID, account.CodeDigest(code), h.now().Add(enrolTime)); err != nil {
			return err
		}
		return h.enrolment(u, code)
	})
}

func (a *app) userRemove() error { return a.userChange((*store.Store).RemoveUser, "removed") }
func (a *app) userLock() error   { return a.userChange((*store.Store).LockUser, "locked") }
func (a *app) userUnlock() error { return a.userChange((*store.Store).UnlockUser, "unlocked") }

func (a *app) userChange(change func(*store.Store, context.Context, string) error, done string) error {
	return a.with(func(h *home) error {
		u, err := h.store.UserNamed(h.ctx, h.args[0])
		if err == nil {
			err = change(h.store, store.WithActor(h.ctx, "operator"), u.ID)
		}
		if err != nil {
			return err
		}
		return h.say(map[string]any{"name": u.Name, done: true}, "%s %s\n", done, u.Name)
	})
}

type userJSON struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Role    string `json:"role"`
	Created string `json:"created"`
	Login   string `json:"login"` // "ready", "locked" by an administrator, or "enrolling" or "none" where nothing is set yet
}

func (a *app) userList() error {
	return a.look(func(h *home) error {
		users, err := h.store.Users(h.ctx)
		if err != nil {
			return err
		}
		list := make([]userJSON, len(users))
		for i, u := range users {
			list[i] = userJSON{u.ID, u.Name, u.Role, u.Created.UTC().Format(time.RFC3339), "ready"}
			keys, err := h.store.Passkeys(h.ctx, u.ID)
			if err != nil {
				return err
			}
			if u.Password == "" && len(keys) == 0 {
				if list[i].Login = "none"; h.now().Before(u.EnrolUntil) {
					list[i].Login = "enrolling"
				}
			}
			if u.Barred() {
				list[i].Login = "locked"
			}
		}
		return h.print(list, func(w io.Writer) error {
			for _, u := range list {
				if _, err := fmt.Fprintf(w, "%-20s %-10s %-10s %s\n", u.Name, u.Role, u.Login, u.Created); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
